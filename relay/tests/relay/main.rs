//! The relay on real sockets and real files.

mod attacks;
mod connections;
mod host;
mod joining;
mod kept;
mod keys;
mod live;
mod log;
mod operations;
mod reading;
mod reconciling;
mod refusals;
mod rights;
mod stream;
mod stream_load;
mod support;
