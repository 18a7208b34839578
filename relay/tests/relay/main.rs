//! The relay on real sockets and real files.

mod connections;
mod joining;
mod live;
mod log;
mod reading;
mod reconciling;
mod refusals;
mod stream;
mod stream_load;
mod support;
