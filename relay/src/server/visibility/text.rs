//! How events are written.

use axum::body::Bytes;
use regard_core::visibility::{StreamEvent, StreamId, StreamLine};
use serde::Serialize;

use super::request::Form;

impl Form {
    /// Writes an event behind what is there.
    pub(super) fn write(
        self,
        into: &mut Vec<u8>,
        id: Option<StreamId>,
        event: StreamEvent,
    ) -> Result<(), serde_json::Error> {
        match self {
            Self::Lines => {
                serde_json::to_writer(&mut *into, &StreamLine { id, event })?;
                into.push(b'\n');
            }
            Self::Events => {
                if let Some(id) = id {
                    into.extend_from_slice(format!("id: {id}\n").as_bytes());
                }
                into.extend_from_slice(format!("event: {}\ndata: ", name(&event)).as_bytes());
                write_data(into, &event)?;
                into.extend_from_slice(b"\n\n");
            }
        }
        Ok(())
    }

    /// What tells a reader that the relay is there, and the relay that the reader is.
    pub(super) fn heartbeat(self) -> Bytes {
        match self {
            Self::Events => Bytes::from_static(b": keepalive\n\n"),
            Self::Lines => Bytes::from_static(b"\n"),
        }
    }
}

fn name(event: &StreamEvent) -> &'static str {
    match event {
        StreamEvent::Visible(_) => "visible",
        StreamEvent::Applied(_) => "applied",
        StreamEvent::Online(_) => "online",
        StreamEvent::Offline(_) => "offline",
        StreamEvent::Reset(_) => "reset",
        StreamEvent::CaughtUp(_) => "caught-up",
        StreamEvent::Position => "position",
        StreamEvent::Ended(_) => "ended",
        StreamEvent::Unknown => "unknown",
    }
}

/// The name stands in a line of its own, so that it is not repeated here.
fn write_data(into: &mut Vec<u8>, event: &StreamEvent) -> Result<(), serde_json::Error> {
    #[derive(Serialize)]
    struct Nothing {}
    match event {
        StreamEvent::Visible(visible) => serde_json::to_writer(into, visible),
        StreamEvent::Applied(reached) => serde_json::to_writer(into, reached),
        StreamEvent::Online(presence) | StreamEvent::Offline(presence) => serde_json::to_writer(into, presence),
        StreamEvent::Reset(reset) => serde_json::to_writer(into, reset),
        StreamEvent::CaughtUp(caught_up) => serde_json::to_writer(into, caught_up),
        StreamEvent::Ended(refusal) => serde_json::to_writer(into, refusal),
        StreamEvent::Position | StreamEvent::Unknown => serde_json::to_writer(into, &Nothing {}),
    }
}

#[cfg(test)]
mod tests {
    use regard_core::id::{DeviceId, EpochId};
    use regard_core::time::Timestamp;
    use regard_core::visibility::{CaughtUp, PeerPresence};

    use super::*;

    #[track_caller]
    fn check(id: Option<StreamId>, event: StreamEvent, events: &str, lines: &str) {
        for (form, expected) in [(Form::Events, events), (Form::Lines, lines)] {
            let mut text = Vec::new();
            form.write(&mut text, id, event.clone()).expect("JSON");
            assert_eq!(String::from_utf8(text).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn an_event_has_a_number_only_where_a_reader_may_go_on_behind_it() {
        let head = StreamId { epoch: EpochId::from_bytes([2; 16]), seq: 7 };
        let number = "02020202-0202-0202-0202-020202020202:7";
        check(
            Some(head),
            StreamEvent::CaughtUp(CaughtUp { head }),
            &format!("id: {number}\nevent: caught-up\ndata: {{\"head\":\"{number}\"}}\n\n"),
            &format!("{{\"id\":\"{number}\",\"event\":\"caught-up\",\"head\":\"{number}\"}}\n"),
        );
        check(
            Some(head),
            StreamEvent::Position,
            &format!("id: {number}\nevent: position\ndata: {{}}\n\n"),
            &format!("{{\"id\":\"{number}\",\"event\":\"position\"}}\n"),
        );
        let presence = PeerPresence { device: DeviceId::from_bytes([1; 16]), member: None, since: Timestamp(0) };
        let fields = "\"device\":\"01010101-0101-0101-0101-010101010101\",\"member\":null,\"since\":\"1970-01-01T00:00:00.000Z\"";
        check(
            None,
            StreamEvent::Online(presence),
            &format!("event: online\ndata: {{{fields}}}\n\n"),
            &format!("{{\"event\":\"online\",{fields}}}\n"),
        );
    }
}
