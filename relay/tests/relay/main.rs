//! The relay on real sockets and real files.

mod connections;
mod host;
mod joining;
mod keys;
mod live;
mod log;
mod refusals;
mod rights;
mod support;
