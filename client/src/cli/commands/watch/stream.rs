//! What the relay's visibility stream says, for people.

use regard_core::id::{DocumentId, UnitId};
use regard_core::visibility::{PeerReached, ResetReason, StreamEvent, StreamLine, Visible};
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::super::Context;
use super::super::super::error::Failure;
use super::super::super::output::{data, one_line, plain};
use super::super::super::times::ago;
use super::super::NOTHING;
use crate::api::types::RecordLine;
use crate::api::{Client, Method, Next};
use crate::unix;

/// Which part of the stream is wanted.
#[derive(Debug, clap::Args)]
pub(crate) struct Wanted {
    /// Follow the relay's own stream instead: each change that becomes visible, and how far the devices are.
    #[arg(long)]
    pub(super) stream: bool,
    /// The log to follow: records (default) or address-book.
    #[arg(long, requires = "stream")]
    scope: Option<String>,
    /// From where: start (default), now, or behind the event with this id.
    #[arg(long, requires = "stream", value_name = "ID")]
    since: Option<String>,
    /// Only records of this kind. May be repeated.
    #[arg(long, requires = "stream")]
    kind: Vec<String>,
    /// Only this record, by the beginning of its id. May be repeated.
    #[arg(long, requires = "stream", value_name = "ID")]
    record: Vec<String>,
    /// Only what this member's devices made. May be repeated.
    #[arg(long, requires = "stream", value_name = "NAME-OR-ID")]
    member: Vec<String>,
}

impl Wanted {
    pub(super) async fn run(self, context: &Context<'_>, client: &Client) -> Result<(), Failure> {
        let path = format!("/v1/visibility?{}", self.query(!context.output.is_json()));
        let mut failed = None;
        let mut show = |text: Option<String>| match text.map_or(Ok(()), |text| data(&text)) {
            Ok(()) => Next::Go,
            Err(failure) => {
                failed = Some(failure);
                Next::Stop
            }
        };
        let mut telling = Telling::default();
        let ended = async {
            if context.output.is_json() {
                let each = |line: Box<RawValue>| Ok(show(Some(line.get().to_owned())));
                return client.lines(Method::GET, &path, NOTHING, each).await;
            }
            client.lines(Method::GET, &path, NOTHING, |line: Value| Ok(show(telling.people(&line)))).await
        };
        tokio::select! {
            ended = ended => ended?,
            () = unix::told_to_stop() => {}
        }
        failed.map_or(Ok(()), Err)
    }

    fn query(&self, has_names: bool) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.scope.iter().map(|value| ("scope", value)));
        query.extend_pairs(self.since.iter().map(|value| ("since", value)));
        query.extend_pairs(self.kind.iter().map(|value| ("kind", value)));
        query.extend_pairs(self.record.iter().map(|value| ("record", value)));
        query.extend_pairs(self.member.iter().map(|value| ("member", value)));
        if has_names {
            query.append_pair("names", "true");
        }
        query.finish()
    }
}

/// What has been said, so that it is not said once a change of the same save.
#[derive(Debug, Default)]
struct Telling {
    last: Option<(UnitId, DocumentId)>,
}

impl Telling {
    /// The event in a sentence; none where it says nothing to people.
    fn people(&mut self, line: &Value) -> Option<String> {
        let detail = || plain(line["detail"].as_str().unwrap_or_default());
        match line["event"].as_str() {
            Some("interrupted") => return Some(format!("interrupted: {}; trying again", detail())),
            Some("ended") => return Some(format!("the relay lets this device read no more: {}", detail())),
            _ => {}
        }
        let names = &line["names"];
        let device = || plain(names["device"].as_str().unwrap_or("a device"));
        let StreamLine { event, .. } = serde_json::from_value(line.clone()).ok()?;
        Some(match event {
            StreamEvent::Visible(visible) => {
                let part = (visible.save, visible.record);
                if self.last.replace(part) == Some(part) {
                    return None;
                }
                saved(&visible, names)
            }
            StreamEvent::Applied(reached) => format!("{} has {}", device(), everything(&reached)),
            StreamEvent::Online(presence) => format!("{} is online since {}", device(), ago(presence.since)),
            StreamEvent::Offline(presence) => format!("{} is offline since {}", device(), ago(presence.since)),
            StreamEvent::Reset(reset) => {
                let why = match reset.reason {
                    ResetReason::Epoch => "the relay's log has begun anew",
                    ResetReason::End => "the relay was restored from an older copy",
                };
                format!("{why}: everything from its start follows, up to #{}", reset.head.seq)
            }
            StreamEvent::CaughtUp(caught_up) => {
                format!("up to here (#{}) it was there; from now on it is new", caught_up.head.seq)
            }
            StreamEvent::Position | StreamEvent::Ended(_) | StreamEvent::Unknown => return None,
        })
    }
}

fn saved(visible: &Visible, names: &Value) -> String {
    let author = plain(names["author"].as_str().unwrap_or("another program"));
    let as_it_says = if visible.verified || visible.author.is_none() { "" } else { " (as it says)" };
    let record = serde_json::from_value::<RecordLine>(names["record"].clone());
    let record =
        record.map_or_else(|_| format!("{} {}", &visible.record.to_hex()[..8], visible.kind), |line| one_line(&line));
    let (saved, since) = (ago(visible.saved_at), ago(visible.visible_at));
    let ahead = if visible.saved_at.is_ahead_of(visible.visible_at) { " by a clock that is ahead" } else { "" };
    format!("{author}{as_it_says} saved {record} {saved}{ahead}; visible since {since} (#{})", visible.seq)
}

fn everything(reached: &PeerReached) -> String {
    match reached.except.len() {
        0 => format!("everything up to #{}", reached.seq),
        1 => format!("everything up to #{} but one change, which it set aside", reached.seq),
        many => format!("everything up to #{} but {many} changes, which it set aside", reached.seq),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const EPOCH: &str = "02020202-0202-0202-0202-020202020202";
    const ID: &str = "01010101-0101-0101-0101-010101010101";

    fn visible(seq: u64, save: &str) -> Value {
        json!({
            "event": "visible", "id": format!("{EPOCH}:{seq}"), "scope": "records", "epoch": EPOCH, "seq": seq,
            "record": ID, "kind": "task", "change": "05".repeat(32), "save": save, "author": ID,
            "author_member": null, "carrier": ID, "verified": true, "saved_at": "2001-02-03T04:05:06.000Z",
            "visible_at": "2001-02-03T04:05:07.000Z", "names": { "author": "Ben (laptop)" },
        })
    }

    #[test]
    fn a_save_is_told_once_a_record_however_many_changes_it_has() {
        let mut telling = Telling::default();
        let told = telling.people(&visible(7, ID)).expect("a sentence");
        assert!(told.starts_with("Ben (laptop) saved 01010101 task 3 February 2001 "), "{told}");
        assert!(told.ends_with(" (#7)"), "{told}");
        assert_eq!(telling.people(&visible(8, ID)), None);
        assert!(telling.people(&visible(9, EPOCH)).is_some());
    }

    #[test]
    fn what_says_nothing_to_people_is_left_out_and_the_rest_is_a_sentence() {
        let mut telling = Telling::default();
        let id = format!("{EPOCH}:5");
        let reached = json!({ "event": "applied", "device": ID, "member": null, "scope": "records", "epoch": EPOCH,
            "seq": 5, "except": [3], "at": "2001-02-03T04:05:06.000Z", "names": { "device": "Ben\u{1b}[2J (laptop)" } });
        for (line, told) in [
            (json!({ "event": "position", "id": id }), None),
            (json!({ "event": "weather" }), None),
            (reached, Some("Ben\u{fffd}[2J (laptop) has everything up to #5 but one change, which it set aside")),
            (
                json!({ "event": "reset", "epoch": EPOCH, "head": id, "reason": "epoch" }),
                Some("the relay's log has begun anew: everything from its start follows, up to #5"),
            ),
            (
                json!({ "event": "caught-up", "id": id, "head": id }),
                Some("up to here (#5) it was there; from now on it is new"),
            ),
            (
                json!({ "event": "interrupted", "cause": "unavailable", "detail": "the relay is stopping" }),
                Some("interrupted: the relay is stopping; trying again"),
            ),
        ] {
            assert_eq!(telling.people(&line).as_deref(), told, "{line}");
        }
    }
}
