//! The relay on real sockets and real files.

mod connections;
mod joining;
mod live;
mod log;
mod operations;
mod refusals;
mod support;
