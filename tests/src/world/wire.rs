//! The way between a device and the relay.

use std::collections::VecDeque;

use regard_core::wire::Subscribe;
use regard_relay::Connection;

use crate::harness::Seed;

/// Frames on their way, either way; a relay's answers wait in the relay beyond that, as they do behind a full socket.
pub const FRAMES_ON_THE_WAY_MAX: usize = 8;

/// One device's way to the relay.
#[derive(Debug, Default)]
pub struct Wire {
    /// How far the connection is.
    pub stage: Stage,
    /// To the relay.
    pub up: VecDeque<Vec<u8>>,
    /// To the device.
    pub down: VecDeque<Vec<u8>>,
    /// What the device asked beside its connection, and is not answered yet.
    pub asked: Option<Asked>,
    /// Nothing gets through, and nobody is told so.
    pub is_parted: bool,
    /// What happens to single frames.
    pub mischief: Mischief,
    /// Whether it happened to one of this connection.
    pub is_tampered_with: bool,
}

/// How far a connection is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Stage {
    /// There is none.
    #[default]
    Closed,
    /// The device tries.
    Asked,
    /// The socket stands; the relay has not been greeted.
    Open,
    /// The relay knows who it is.
    Greeted(Connection),
    /// The relay has gone, and the device does not know.
    Forsaken,
}

/// What a device asks beside its connection.
#[derive(Debug, Clone)]
pub enum Asked {
    /// What a subscription would bring.
    Poll(Vec<Subscribe>),
    /// To be a device of its own.
    Separate,
}

/// What something between device and relay does to frames, each so many times in a hundred. TCP does none of it: this is a
/// broken proxy, or somebody who wants it so.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mischief {
    /// They get lost.
    pub drops: usize,
    /// They come twice.
    pub doubles: usize,
    /// They come before the one before.
    pub swaps: usize,
    /// A bit of them is another one.
    pub flips: usize,
}

impl Wire {
    /// Forgets a connection and all that is on its way. Answers what the relay has to forget.
    pub fn reset(&mut self, stage: Stage) -> Option<Connection> {
        self.up.clear();
        self.down.clear();
        self.is_tampered_with = false;
        match std::mem::replace(&mut self.stage, stage) {
            Stage::Greeted(connection) => Some(connection),
            _ => None,
        }
    }

    /// Whether nothing is on its way.
    #[must_use]
    pub fn is_still(&self) -> bool {
        self.up.is_empty() && self.down.is_empty() && self.asked.is_none() && self.stage != Stage::Asked
    }
}

impl Mischief {
    /// The next frame of a queue as it arrives, if it does, and whether anything happened to it.
    pub fn take(self, queue: &mut VecDeque<Vec<u8>>, seed: &mut Seed) -> (Option<Vec<u8>>, bool) {
        let mut happened = queue.len() > 1 && seed.chance(self.swaps, 100);
        if happened {
            queue.swap(0, 1);
        }
        let Some(mut frame) = queue.pop_front() else { return (None, happened) };
        if seed.chance(self.doubles, 100) {
            queue.push_front(frame.clone());
            happened = true;
        }
        if seed.chance(self.drops, 100) {
            return (None, true);
        }
        if !frame.is_empty() && seed.chance(self.flips, 100) {
            let at = seed.below(frame.len());
            frame[at] ^= 1 << seed.below(8);
            happened = true;
        }
        (Some(frame), happened)
    }
}
