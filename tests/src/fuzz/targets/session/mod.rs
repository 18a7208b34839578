//! A device's session between an honest store and a relay that says anything, and afterwards a relay that is honest.

mod honest;
mod relay;
mod world;

use regard_core::sync::Link;

use crate::fuzz::{Form, Target};
use relay::Choices;
use world::World;

pub(super) const TARGET: Target = Target {
    name: "session",
    promise: "whatever a relay says, a session answers with few effects, settles only what it pushed on this connection and as it was \
              answered, sends only while there is a connection, never lets a cursor go back in a log that was not called void, always \
              knows when it looks again or is at rest, and with an honest relay it ends up with everything sent and applied",
    form: Form::Bytes,
    words: &[
        // Going online, connected, greeted, caught up.
        b"\x00\x00\x04\x00\x07\x00\x0c\x00",
        b"\x13\x00",
        b"\x08\x00",
        b"\x0d\x00",
        b"\x0e\x01",
        b"\x0f\x01",
        b"\x02\x00",
        b"\x05\x0a",
    ],
    seeds,
    run,
    short_run: 3_000,
};

/// Steps of one input.
const STEPS_MAX: usize = 400;

fn run(input: &[u8]) -> String {
    let mut choices = Choices::new(input);
    let mut world = World::new(&mut choices);
    let mut steps = 0;
    while !choices.is_empty() && steps < STEPS_MAX {
        steps += 1;
        if let Some(event) = relay::event(&mut choices, &mut world) {
            world.happens(event);
        }
    }
    let seen = world.seen();
    let state = match world.session.link() {
        Link::Offline { .. } => "offline",
        Link::Waiting { .. } => "waiting",
        Link::Ended { .. } => "ended",
        Link::Connecting { .. } => "connecting",
        Link::Live { .. } => "live",
    };
    honest::settles(&mut world);
    format!("{state} {seen}")
}

fn seeds() -> Vec<Vec<u8>> {
    let live = [0, 0, 4, 0, 7, 0, 12, 0];
    let with = |rest: &[u8]| [&[3][..], &live, rest].concat();
    vec![
        with(&[]),
        with(&[19, 0, 8, 0, 11, 1, 19, 0, 9, 1, 8, 0]),
        with(&[10, 1, 10, 2, 11, 0, 12, 5, 2, 0]),
        with(&[13, 0, 14, 3, 14, 130, 15, 1, 15, 128, 12, 0]),
        with(&[5, 0, 2, 0, 4, 0, 7, 0, 13, 0, 13, 0, 13, 0, 13, 0]),
        with(&[16, 13, 22, 0, 4, 0, 7, 0, 16, 14, 0, 0]),
        with(&[2, 0, 2, 0, 21, 3, 21, 131, 20, 1, 17, 0, 18, 0, 6, 0]),
        vec![0, 0, 0, 4, 0, 2, 0, 2, 0, 2, 0, 1, 0],
    ]
}
