//! Encrypted connections between client and relay, on real sockets: who is trusted, what is said where nobody is, and that
//! slow ones hold up nobody.

mod slow;
mod support;
mod trust;
