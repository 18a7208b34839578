//! Regard's core: records, gate, wire format and synchronization, without sockets, files, clock, threads or randomness.
//!
//! Time and entropy are arguments. A state machine takes an event and the time and answers with effects; whoever holds the
//! socket and the store performs them. This is the loop that a client writes around [`sync::Session`]:
//!
//! ```
//! use regard_core::sync::{Effect, Event, Session, Start};
//! use regard_core::time::Timestamp;
//! use std::collections::VecDeque;
//!
//! let freshness_bound = std::time::Duration::from_mins(15);
//! let start = Start { program: "example".into(), scopes: Vec::new(), freshness_bound, seed: 7 };
//! let mut session = Session::new(start, Timestamp(0));
//! let mut events = VecDeque::from([Event::GoOnline]);
//! let mut connects = 0;
//! while let Some(event) = events.pop_front() {
//!     for effect in session.handle(event, Timestamp(0)) {
//!         match effect {
//!             Effect::Connect => connects += 1,  // open a socket, then push Event::Connected or Event::Closed
//!             Effect::Send(_frame) => {}         // write it to the socket
//!             Effect::Wake(_at) => {}            // push Event::Timer at that time
//!             _ => {}                            // read from or write to the store, durably, and push the answer
//!         }
//!     }
//! }
//! assert_eq!(connects, 1);
//! ```
//!
//! From the bottom up: [`id`], [`time`], [`limits`], [`error`]; then [`wire`] and [`record`]; then [`gate`], [`import`] and [`export`];
//! then [`sync`], [`visibility`] and [`inspect`]. A module knows those below it and nothing above.

pub mod error;
pub mod export;
pub mod gate;
pub mod id;
pub mod import;
pub mod inspect;
pub mod limits;
pub mod record;
pub mod sync;
pub mod time;
pub mod visibility;
pub mod wire;
