//! The relay on real sockets and real files.

mod connections;
mod joining;
mod live;
mod log;
mod reconciling;
mod refusals;
mod support;
