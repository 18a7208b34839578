//! The relay on real sockets and real files, and its decisions without either.

mod attacks;
mod connections;
mod desk;
mod host;
mod joining;
mod kept;
mod keys;
mod live;
mod log;
mod memory;
mod operations;
mod reading;
mod reconciling;
mod refusals;
mod rights;
mod stream;
mod stream_load;
mod support;
