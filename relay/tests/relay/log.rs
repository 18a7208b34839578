//! What is pushed is durable, has one place, and can be read from every place.

use regard_core::wire::{Cursor, RelayFrame, RunningHash, Scope, UnitOutcome};

use crate::support::{Device, Growing, Running, SCOPE, WORKSPACE, cursors, seqs, team, unit};

/// Pushes of one, two and three units, of one and of several changes.
async fn push_some(device: &mut Device) -> u64 {
    let (mut ana, mut ben) = (Growing::new(11), Growing::new(12));
    let first = unit(1, vec![ana.genesis(), ana.edit(), ben.genesis()]);
    assert_eq!(seqs(&device.push(&[first]).await[0]), [1, 2, 3]);
    let outcomes = device.push(&[unit(2, vec![ben.edit()]), unit(3, vec![ana.edit(), ben.edit()])]).await;
    assert_eq!([seqs(&outcomes[0]), seqs(&outcomes[1])], [&[4][..], &[5, 6]]);
    for number in 4..10 {
        device.push(&[unit(number, vec![ana.edit(), ana.edit()])]).await;
    }
    18
}

#[tokio::test]
async fn what_is_acknowledged_is_there_after_a_kill() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[]).await;
    let mut device = Device::connect(relay.address, &tokens[0]).await;
    let head = push_some(&mut device).await;
    relay.kill();
    let relay = Running::start(data.path()).await;
    let mut device = Device::connect(relay.address, &tokens[0]).await;
    let (segments, end) = device.catch_up(None).await;
    let start = Cursor::start(WORKSPACE, SCOPE, end.epoch);
    assert_eq!(cursors(&segments, start).last(), Some(&end), "the running hash verifies over the whole log");
    assert_eq!(end.seq, head);
}

#[tokio::test]
async fn a_duplicate_is_answered_with_its_first_place_and_time_also_after_a_kill() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[]).await;
    let mut device = Device::connect(relay.address, &tokens[0]).await;
    let mut ana = Growing::new(11);
    let (one, two) = (unit(1, vec![ana.genesis(), ana.edit()]), unit(2, vec![ana.edit()]));
    let first = device.push(&[one.clone(), two.clone()]).await;
    assert_eq!(device.push(std::slice::from_ref(&one)).await, first[..1]);
    relay.kill();
    let relay = Running::start(data.path()).await;
    let mut device = Device::connect(relay.address, &tokens[0]).await;
    assert_eq!(device.push(&[one.clone(), two]).await, first);
    let mut changes = one.changes;
    changes.push(ana.edit());
    assert_eq!(seqs(&device.push(&[unit(3, changes)]).await[0]), [1, 2, 4], "the new part of a save is logged");
    let mut device = Device::connect(relay.address, &tokens[0]).await;
    let (segments, end) = device.catch_up(None).await;
    assert_eq!((segments.len(), end.seq), (2, 4), "what is all duplicates is not logged");
}

#[tokio::test]
async fn from_every_cursor_the_rest_comes_whole_from_memory_and_from_disk() {
    let data = tempfile::tempdir().expect("a folder");
    let mut relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[]).await;
    let mut device = Device::connect(relay.address, &tokens[0]).await;
    push_some(&mut device).await;
    let mut seen = None;
    for _ in 0..2 {
        let mut reader = Device::connect(relay.address, &tokens[0]).await;
        let (all, end) = reader.catch_up(None).await;
        let places = cursors(&all, Cursor::start(WORKSPACE, SCOPE, end.epoch));
        let ends: Vec<u64> =
            all.iter().map(|packed| regard_core::wire::Segment::unpack(packed).expect("one").last_seq()).collect();
        for place in &places {
            let (rest, caught_up) = reader.catch_up(Some(*place)).await;
            let sent_before = ends.iter().filter(|last| **last <= place.seq).count();
            assert_eq!((rest.as_slice(), caught_up), (&all[sent_before..], end), "from {place:?}");
        }
        assert_eq!(*seen.get_or_insert(all.clone()), all, "the same bytes as before the restart");
        drop(reader);
        relay.kill();
        relay = Running::start(data.path()).await;
    }
}

#[tokio::test]
async fn a_cursor_of_another_log_is_void() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[]).await;
    let mut device = Device::connect(relay.address, &tokens[0]).await;
    push_some(&mut device).await;
    let mut reader = Device::connect(relay.address, &tokens[0]).await;
    let (all, end) = reader.catch_up(None).await;
    let places = cursors(&all, Cursor::start(WORKSPACE, SCOPE, end.epoch));
    let other_epoch = regard_core::id::EpochId::from_bytes([1; 16]);
    let wrong = RunningHash::start(WORKSPACE, Scope::AddressBook, end.epoch);
    let mut void: Vec<Cursor> = places.iter().map(|place| Cursor { hash: wrong, ..*place }).collect();
    void.extend([
        Cursor { epoch: other_epoch, ..end },
        Cursor { seq: end.seq + 1, ..end },
        Cursor { seq: u64::MAX, ..end },
        Cursor::start(WORKSPACE, SCOPE, other_epoch),
    ]);
    for cursor in void {
        reader.subscribe(Some(cursor)).await;
        let head = reader
            .wait(|frame| match frame {
                RelayFrame::CursorVoid { head, .. } => Some(*head),
                _ => None,
            })
            .await;
        assert_eq!(head, end);
    }
}

#[tokio::test]
async fn pushes_of_many_devices_at_once_keep_one_chain() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[regard_core::wire::Role::Member; 3]).await;
    let mut devices = Vec::new();
    for token in &tokens {
        devices.push(Device::connect(relay.address, token).await);
    }
    let work = devices.into_iter().zip(20..).map(|(mut device, number)| {
        tokio::spawn(async move {
            let mut record = Growing::new(number);
            device.push(&[unit(0, vec![record.genesis()])]).await;
            for _ in 0..30 {
                // Several on the way, so that commits take in more than one.
                for _ in 0..3 {
                    device.send_push(&[unit(1, vec![record.edit()]), unit(2, vec![record.edit()])]).await;
                }
                let last = device.push(&[unit(3, vec![record.edit()])]).await;
                assert!(matches!(last[0], UnitOutcome::Visible { .. }), "{last:?}");
            }
        })
    });
    for task in work.collect::<Vec<_>>() {
        task.await.expect("no panic");
    }
    let mut reader = Device::connect(relay.address, &tokens[0]).await;
    let (segments, end) = reader.catch_up(None).await;
    assert_eq!(end.seq, 4 * (1 + 30 * 7));
    assert_eq!(cursors(&segments, Cursor::start(WORKSPACE, SCOPE, end.epoch)).last(), Some(&end));
}
