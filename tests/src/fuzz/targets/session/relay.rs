//! What a relay that says anything can say, and what else can happen.

use std::time::Duration;

use minicbor::bytes::ByteVec;
use regard_core::error::{Cause, Refusal};
use regard_core::id::{DeviceId, DocumentId, EpochId, UnitId, WorkspaceId};
use regard_core::sync::Event;
use regard_core::time::Timestamp;
use regard_core::wire::{
    Cursor, Directory, HeadsDigest, LogHead, PollAnswer, RelayFrame, Scope, Segment, Unit, UnitChange, UnitOutcome,
    Welcome, pack_inventory,
};

use super::world::{Socket, World, closed};

/// An input as choices, one byte each.
pub(super) struct Choices<'a>(std::slice::Iter<'a, u8>);

impl<'a> Choices<'a> {
    pub(super) fn new(input: &'a [u8]) -> Self {
        Self(input.iter())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.len() == 0
    }

    /// Zero where there are no more.
    pub(super) fn byte(&mut self) -> u8 {
        self.0.next().copied().unwrap_or(0)
    }
}

const CAUSES: [Cause; 12] = [
    Cause::Unavailable,
    Cause::Malformed,
    Cause::NotAllowed,
    Cause::Version,
    Cause::Unknown,
    Cause::Replaced,
    Cause::Copied,
    Cause::Revoked,
    Cause::OverQuota,
    Cause::SequenceTaken,
    Cause::MissingDependency,
    Cause::Untrusted,
];

/// A place of one of a few logs.
pub(super) fn cursor(scope: Scope, epoch: u8, seq: u64) -> Cursor {
    let start = Cursor::start(WorkspaceId::from_bytes([1; 16]), scope, EpochId::from_bytes([epoch; 16]));
    Cursor { seq, ..start }
}

/// The next thing that can happen; none where it cannot now.
pub(super) fn event(choices: &mut Choices<'_>, world: &mut World) -> Option<Event> {
    let (what, how) = (choices.byte() % 24, choices.byte());
    let scope = if how & 0x40 == 0 { Scope::Records } else { Scope::AddressBook };
    match what {
        0 => Some(Event::GoOnline),
        1 => Some(Event::GoOffline),
        2 => {
            let at = world.wake?;
            world.passes(at.since(world.now));
            Some(Event::Timer)
        }
        3 => {
            // The engine looks when it should have, however long it slept.
            world.passes(Duration::from_secs(1 << (how % 24)));
            world.wake.filter(|at| *at <= world.now).map(|_| Event::Timer)
        }
        4 if world.socket == Socket::Opening => {
            world.socket = Socket::Open;
            Some(Event::Connected { instance: u64::from(how) })
        }
        5 if world.socket != Socket::Closed => {
            world.closed();
            Some(Event::Closed { reason: refusal(how) })
        }
        6 => Some(Event::Heard),
        18 | 19 => Some(world.saves(scope)),
        20 => Some(Event::Redone { scope, healed: vec![u64::from(how)] }),
        21 if std::mem::take(&mut world.is_polling) => Some(Event::Polled { answers: answers(how, world) }),
        22 if std::mem::take(&mut world.is_separating) => {
            Some(if how & 1 == 0 { Event::Separated } else { closed("it could not be made") })
        }
        _ if world.socket == Socket::Open => frame(what, how, scope, world).map(Event::Frame),
        _ => None,
    }
}

fn frame(what: u8, how: u8, scope: Scope, world: &mut World) -> Option<RelayFrame> {
    let last = how & 0x80 != 0;
    Some(match what {
        7 => RelayFrame::Welcome(Welcome {
            version: if how == 255 { 2 } else { 1 },
            now: Timestamp(0),
            logs: Scope::ALL.into_iter().map(|scope| LogHead { scope, cursor: place(how, scope, world) }).collect(),
            directory: Directory::default(),
            features: Vec::new(),
        }),
        8 => {
            let (number, places) = world.stored(scope).in_flight.front()?.clone();
            pushed(scope, number, places.len(), how, world)
        }
        9 => pushed(scope, u64::from(how & 7), usize::from(how >> 3 & 3), how, world),
        10 => RelayFrame::Segment { scope, packed: segment(how, scope, world) },
        11 => RelayFrame::Advanced { scope, cursor: place(how, scope, world), after: u64::from(how & 15) },
        12 => RelayFrame::CaughtUp { scope, cursor: place(how, scope, world) },
        13 => RelayFrame::CursorVoid { scope, head: place(how, scope, world) },
        14 => {
            let entries: Vec<_> =
                (0..how & 7).map(|n| (DocumentId::from_bytes([how & 0x18 | n; 16]), HeadsDigest::of(&[]))).collect();
            RelayFrame::Inventory { scope, at: cursor(scope, 0, 9), entries: pack_inventory(&entries), last }
        }
        15 => RelayFrame::Excerpt { scope, packed: Vec::new(), last },
        16 => RelayFrame::Refused(refusal(how)),
        17 => RelayFrame::Peers(Vec::new()),
        _ => RelayFrame::Directory(Directory::default()),
    })
}

/// A place near the device's own, or anywhere.
fn place(how: u8, scope: Scope, world: &mut World) -> Cursor {
    let own = world.stored(scope).cursor.unwrap_or(cursor(scope, 0, 0));
    let epoch = if how & 0x20 != 0 { how & 3 } else { own.epoch.as_bytes()[0] };
    let seq = match how & 7 {
        7 => u64::MAX,
        6 => 0,
        5 => own.seq.saturating_sub(1),
        ahead => own.seq.saturating_add(u64::from(ahead)),
    };
    cursor(scope, epoch, seq)
}

fn pushed(scope: Scope, number: u64, count: usize, how: u8, world: &mut World) -> RelayFrame {
    let outcome = |n: usize| {
        if how & 0x10 != 0 && n == count / 2 {
            return UnitOutcome::Refused(refusal(how & 0xf));
        }
        UnitOutcome::Visible { seqs: vec![n as u64], at: Timestamp(0) }
    };
    RelayFrame::Pushed {
        scope,
        number,
        outcomes: (0..count).map(outcome).collect(),
        head: place(how & 7, scope, world),
    }
}

fn segment(how: u8, scope: Scope, world: &mut World) -> Vec<u8> {
    if how & 0x88 == 0x88 {
        return vec![how; 5];
    }
    let before = place(how, scope, world);
    let change = |_| UnitChange { document: DocumentId::from_bytes([how; 16]), bytes: vec![how] };
    let changes = (0..=(how >> 4 & 3)).map(change).collect();
    let unit =
        Unit { id: UnitId::from_bytes([how; 16]), author: None, saved_at: Timestamp(0), changes, signature: None };
    let first_seq = before.seq.saturating_add(1);
    let segment = Segment {
        carrier: DeviceId::from_bytes([9; 16]),
        visible_at: Timestamp(0),
        first_seq,
        before: before.hash,
        units: vec![unit],
    };
    segment.pack()
}

fn answers(how: u8, world: &mut World) -> Vec<PollAnswer> {
    let answer = |scope: Scope, world: &mut World| {
        let segments = (0..how & 3).map(|n| ByteVec::from(segment(n, scope, world))).collect();
        PollAnswer { scope, head: place(how, scope, world), is_valid: how & 8 == 0, segments, more: how & 0x80 != 0 }
    };
    if how & 4 != 0 { Vec::new() } else { Scope::ALL.into_iter().map(|scope| answer(scope, world)).collect() }
}

fn refusal(how: u8) -> Refusal {
    Refusal::new(CAUSES[usize::from(how) % CAUSES.len()], "as chosen")
}
