//! What a reader of the visibility stream is told.

use std::time::Duration;

use regard_core::error::Cause;
use regard_core::gate;
use regard_core::id::{DeviceId, DocumentId, MemberId};
use regard_core::record::{Kind, genesis};
use regard_core::visibility::{ResetReason, StreamEvent, StreamId, StreamLine, Visible};
use regard_core::wire::{Cursor, Role, Segment, UnitChange};
use regard_relay::Settings;

use crate::reading::{Ask, Reading, visible};
use crate::support::{Device, Growing, Running, SCOPE, team, unit};

const OWNER: DeviceId = DeviceId::from_bytes([1; 16]);
const OWNING_MEMBER: MemberId = MemberId::from_bytes([1; 16]);

/// What the stream should tell of a log, by what a device gets of it. All records are contacts of the owner's.
pub(crate) fn expected(segments: &[Vec<u8>], end: Cursor) -> Vec<Visible> {
    let segments = segments.iter().map(|packed| Segment::unpack(packed).expect("a segment"));
    let changes = segments.flat_map(|segment| {
        let carrier = segment.carrier;
        let units = segment.units.into_iter();
        let changes = units.flat_map(|unit| unit.changes.clone().into_iter().map(move |change| (unit.clone(), change)));
        let visible = (segment.first_seq..).zip(changes).map(move |(seq, (unit, change))| Visible {
            scope: SCOPE,
            epoch: end.epoch,
            seq,
            record: change.document,
            kind: Kind::Contact,
            change: gate::check(&change.bytes).expect("a change").header.hash,
            save: unit.id,
            author: unit.author,
            author_member: Some(OWNING_MEMBER),
            carrier,
            verified: unit.author == Some(carrier),
            saved_at: unit.saved_at,
            visible_at: segment.visible_at,
        });
        visible.collect::<Vec<_>>()
    });
    changes.collect()
}

/// The log as a device gets it.
pub(crate) async fn log(relay: &Running, token: &str) -> (Vec<Visible>, StreamId) {
    let (segments, end) = Device::connect(relay.address, token).await.catch_up(None).await;
    (expected(&segments, end), StreamId { epoch: end.epoch, seq: end.seq })
}

async fn push_some(device: &mut Device) {
    let (mut ana, mut ben) = (Growing::new(11), Growing::new(12));
    device.push(&[unit(1, vec![ana.genesis(), ana.edit(), ben.genesis()])]).await;
    device.push(&[unit(2, vec![ben.edit()]), unit(3, vec![ana.edit(), ben.edit()])]).await;
    for number in 4..8 {
        device.push(&[unit(number, vec![ana.edit(), ana.edit()])]).await;
    }
}

#[tokio::test]
async fn a_reader_is_told_the_state_then_the_log_then_what_comes() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[Role::Reader]).await;
    let mut owner = Device::connect(relay.address, &tokens[0]).await;
    push_some(&mut owner).await;
    let (whole, end) = log(&relay, &tokens[1]).await;
    let mut reading = Reading::must(relay.address, &tokens[1], &Ask::lines("")).await;
    assert_eq!(reading.content_type, "application/x-ndjson");
    let mut state = Vec::new();
    let mut told = Vec::new();
    let head = loop {
        let StreamLine { id, event } = reading.line().await.expect("an event");
        match event {
            StreamEvent::Visible(visible) => {
                assert_eq!(id, Some(visible.id()));
                told.push(visible);
            }
            StreamEvent::CaughtUp(caught_up) => break caught_up.head,
            event => {
                assert!(told.is_empty() && id.is_none(), "{event:?}");
                state.push(event);
            }
        }
    };
    assert_eq!((told, head), (whole, end));
    let is_owner_online = |event: &StreamEvent| matches!(event, StreamEvent::Online(p) if p.device == OWNER && p.member == Some(OWNING_MEMBER));
    assert!(state.iter().any(is_owner_online), "{state:?}");

    let record = Growing::new(13);
    owner.push(&[unit(9, vec![record.genesis()])]).await;
    let next = reading.wait(visible).await;
    assert_eq!((next.seq, next.record, next.verified), (end.seq + 1, record.id, true));
    let (_, cursor) = owner.catch_up(None).await;
    owner.applied(cursor).await;
    reading
        .wait(|line| match &line.event {
            StreamEvent::Applied(reached) if reached.device == OWNER => {
                assert_eq!((reached.seq, reached.epoch, line.id), (cursor.seq, cursor.epoch, None));
                Some(())
            }
            _ => None,
        })
        .await;
    drop(owner);
    reading.wait(|line| matches!(&line.event, StreamEvent::Offline(p) if p.device == OWNER).then_some(())).await;
}

#[tokio::test]
async fn a_replay_from_every_place_equals_what_was_read_live_also_after_a_restart() {
    let data = tempfile::tempdir().expect("a folder");
    let mut relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[]).await;
    let mut owner = Device::connect(relay.address, &tokens[0]).await;
    let mut reading = Reading::must(relay.address, &tokens[0], &Ask::lines("since=now")).await;
    let (before, start) = reading.history().await;
    assert_eq!((before.len(), start.seq), (0, 0));
    push_some(&mut owner).await;
    let live = reading.changes(14).await;
    assert_eq!(live, log(&relay, &tokens[0]).await.0);
    drop(owner);
    for _ in 0..2 {
        for seq in 0..=live.len() {
            let id = StreamId { seq: seq as u64, ..start };
            for ask in [Ask::after(Some(id)), Ask::lines(&format!("since={id}"))] {
                let (rest, head) = Reading::must(relay.address, &tokens[0], &ask).await.history().await;
                assert_eq!((rest.as_slice(), head.seq), (&live[seq..], 14), "from {id}");
            }
        }
        relay.kill();
        relay = Running::start(data.path()).await;
    }
}

#[tokio::test]
async fn server_sent_events_have_their_numbers_names_and_heartbeats() {
    let data = tempfile::tempdir().expect("a folder");
    let settings = Settings { keepalive: Duration::from_millis(50), ..Settings::default() };
    let relay = Running::start_with(data.path(), settings).await;
    let tokens = team(&relay, &[]).await;
    let mut owner = Device::connect(relay.address, &tokens[0]).await;
    owner.push(&[unit(1, vec![Growing::new(11).genesis()])]).await;
    let (whole, end) = log(&relay, &tokens[0]).await;
    drop(owner);
    let mut reading = Reading::must(relay.address, &tokens[0], &Ask::default()).await;
    assert_eq!(reading.content_type, "text/event-stream");
    let mut blocks = vec![Vec::new()];
    while !blocks.iter().any(|block: &Vec<String>| block.iter().any(|line| line == ": keepalive")) {
        match reading.text_line().await.expect("a line").as_str() {
            "" => blocks.push(Vec::new()),
            line => blocks.last_mut().expect("one").push(line.to_owned()),
        }
    }
    let block = |name: &str| {
        let wanted = format!("event: {name}");
        blocks.iter().find(|block| block.contains(&wanted)).unwrap_or_else(|| panic!("no {name}: {blocks:?}"))
    };
    let [id, _, data] = block("visible").as_slice() else { panic!("three lines: {blocks:?}") };
    assert_eq!(id, &format!("id: {end}"));
    let data: Visible = serde_json::from_str(data.strip_prefix("data: ").expect("data")).expect("JSON");
    assert_eq!([data], whole.as_slice());
    assert_eq!(block("caught-up")[..2], [format!("id: {end}"), "event: caught-up".into()]);
    for block in blocks.iter().filter(|block| block.iter().any(|line| line.contains("line"))) {
        assert!(block[0].starts_with("event: "), "state has no number: {block:?}");
    }
}

#[tokio::test]
async fn at_a_new_epoch_and_beyond_the_end_a_reader_is_told_and_gets_everything() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[]).await;
    let mut owner = Device::connect(relay.address, &tokens[0]).await;
    owner.push(&[unit(1, vec![Growing::new(11).genesis()])]).await;
    drop(owner);
    relay.stop().await;
    let copy = std::fs::read(data.path().join("log.redb")).expect("a copy");
    let relay = Running::start(data.path()).await;
    let mut owner = Device::connect(relay.address, &tokens[0]).await;
    push_some(&mut owner).await;
    let (_, last) = log(&relay, &tokens[0]).await;
    drop(owner);
    relay.stop().await;

    for (restored, reason) in [(Some(&copy), ResetReason::End), (None, ResetReason::Epoch)] {
        let file = data.path().join("log.redb");
        std::fs::remove_file(&file).expect("removed");
        if let Some(copy) = restored {
            std::fs::write(&file, copy).expect("restored");
        }
        let relay = Running::start(data.path()).await;
        let mut reading = Reading::must(relay.address, &tokens[0], &Ask::after(Some(last))).await;
        let first = reading.line().await.expect("an event");
        let StreamEvent::Reset(reset) = first.event else { panic!("no reset but {first:?}") };
        assert_eq!((reset.reason, reset.head.seq), (reason, u64::from(restored.is_some())));
        assert_eq!(reset.epoch == last.epoch, restored.is_some());
        let (changes, head) = reading.history().await;
        assert_eq!((changes.len() as u64, head), (reset.head.seq, reset.head));
        // Another try before anything came is answered alike.
        let again = Reading::must(relay.address, &tokens[0], &Ask::after(Some(last))).await.line().await;
        assert!(matches!(again.expect("an event").event, StreamEvent::Reset(_)));
        relay.stop().await;
    }
}

#[tokio::test]
async fn filters_leave_out_changes_and_move_no_numbers() {
    let data = tempfile::tempdir().expect("a folder");
    let settings = Settings { keepalive: Duration::from_millis(50), ..Settings::default() };
    let relay = Running::start_with(data.path(), settings).await;
    let tokens = team(&relay, &[Role::Member]).await;
    let (mut ana, mut ben) = (Growing::new(11), Growing::new(12));
    let task = DocumentId::from_bytes([13; 16]);
    let task_genesis = UnitChange { document: task, bytes: genesis::bytes(Kind::Task).to_vec() };
    let mut owner = Device::connect(relay.address, &tokens[0]).await;
    let mut member = Device::connect(relay.address, &tokens[1]).await;
    owner.push(&[unit(1, vec![ana.genesis(), task_genesis, ben.genesis()])]).await;
    let mut by_member = unit(2, vec![ana.edit(), ben.edit()]);
    by_member.author = Some(DeviceId::from_bytes([2; 16]));
    member.push(&[by_member]).await;
    // Carried by another, and by nobody known.
    let mut carried = unit(3, vec![ben.edit()]);
    carried.author = None;
    owner.push(&[carried]).await;
    owner.push(&[unit(4, vec![ana.edit()])]).await;
    let head = 7;
    let (ana, ben) = (ana.id, ben.id);
    let (one, two) = (OWNING_MEMBER, MemberId::from_bytes([2; 16]));
    for (query, seqs) in [
        ("kind=task".to_owned(), vec![2]),
        ("kind=tasks,contact".into(), vec![1, 2, 3, 4, 5, 6, 7]),
        ("kind=email".into(), vec![]),
        (format!("record={ana}"), vec![1, 4, 7]),
        (format!("record={ana}&record={task}"), vec![1, 2, 4, 7]),
        (format!("member={two}"), vec![4, 5]),
        (format!("member={one},{two}&kind=contact"), vec![1, 3, 4, 5, 7]),
        (format!("member={one}&record={ben}"), vec![3]),
        ("scope=address-book".into(), vec![]),
    ] {
        let mut reading = Reading::must(relay.address, &tokens[0], &Ask::lines(&query)).await;
        let (changes, end) = reading.history().await;
        assert_eq!(changes.iter().map(|change| change.seq).collect::<Vec<_>>(), seqs, "{query}");
        assert_eq!(end.seq, if query.starts_with("scope") { 0 } else { head }, "{query}");
    }

    let mut reading = Reading::must(relay.address, &tokens[0], &Ask::lines("kind=task&since=now")).await;
    reading.history().await;
    let mut new = Growing::new(14);
    owner.push(&[unit(5, vec![new.genesis(), new.edit()])]).await;
    let position = |line: &StreamLine| matches!(line.event, StreamEvent::Position).then_some(line.id).flatten();
    let mut place = reading.wait(position).await;
    if place.seq == head + 1 {
        place = reading.wait(position).await;
    }
    assert_eq!(place.seq, head + 2, "a filtered reader may go on from behind what was not for it");
    let rest = Reading::must(relay.address, &tokens[0], &Ask::after(Some(place))).await.history().await.0;
    assert!(rest.is_empty());
}

#[tokio::test]
async fn a_wish_that_makes_no_sense_is_refused_with_a_reason() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start_with(data.path(), Settings { connections_max: 1, ..Settings::default() }).await;
    let tokens = team(&relay, &[]).await;
    for (token, query, status, words) in [
        ("ab".repeat(32).as_str(), "", 401, "token"),
        (&tokens[0], "kind=letter", 400, "`kind`"),
        (&tokens[0], "since=yesterday", 400, "`since`"),
        (&tokens[0], "format=xml", 400, "`format`"),
        (&tokens[0], "token=abc", 400, "`token`"),
    ] {
        let refused = Reading::open(relay.address, token, &Ask::lines(query)).await.err().expect(query);
        assert_eq!(refused.0, status, "{refused:?}");
        assert!(refused.1.contains(words), "{refused:?}");
    }
    let _one = Reading::must(relay.address, &tokens[0], &Ask::lines("")).await;
    let (status, body) = Reading::open(relay.address, &tokens[0], &Ask::lines("")).await.err().expect("no place");
    assert!(status == 503 && body.contains("no place"), "{status} {body}");
}

#[tokio::test]
async fn a_relay_that_stops_ends_its_streams_with_a_word() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[]).await;
    let mut reading = Reading::must(relay.address, &tokens[0], &Ask::lines("")).await;
    reading.history().await;
    let last = async {
        let cause = reading.wait(|line| match &line.event {
            StreamEvent::Ended(refusal) => Some(refusal.cause),
            _ => None,
        });
        let cause = cause.await;
        assert_eq!(reading.line().await, None);
        cause
    };
    let ((), cause) = tokio::join!(relay.stop(), last);
    assert_eq!(cause, Cause::Unavailable);
}
