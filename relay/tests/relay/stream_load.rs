//! Readers that are cut off, that are slow, and that are many.

use std::time::Duration;

use regard_core::id::DocumentId;
use regard_core::record::{Kind, genesis};
use regard_core::visibility::{StreamEvent, StreamId, StreamLine, Visible};
use regard_core::wire::{Unit, UnitChange};
use regard_relay::Settings;
use tokio::task::JoinSet;

use crate::reading::{Ask, Reading};
use crate::stream::log;
use crate::support::{Device, Growing, Running, Seed, team, unit};

/// Longer than anything takes that is not broken.
const PATIENCE: Duration = Duration::from_mins(1);
/// Times that a reader is cut off or the relay ends.
const CUTS: usize = 40;
const READERS: usize = 1_000;
/// Changes of which a reader's and a relay's sockets do not hold all: the system keeps up to some 4 MB, and these are 8 MB.
const MANY: u32 = 16_000;

#[tokio::test]
async fn cut_at_random_a_reader_gets_every_change_once_and_in_order() {
    let mut seed = Seed::of("cut_at_random_a_reader_gets_every_change_once_and_in_order");
    let data = tempfile::tempdir().expect("a folder");
    let mut relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[]).await;
    let mut record = Growing::new(11);
    let mut owner = Device::connect(relay.address, &tokens[0]).await;
    owner.push(&[unit(0, vec![record.genesis()])]).await;
    let (mut read, mut last): (Vec<Visible>, Option<StreamId>) = (Vec::new(), None);
    let mut written = 1;
    for _ in 0..CUTS {
        let pushes: Vec<Vec<Unit>> = (0..seed.below(6))
            .map(|number| {
                let mut one = || unit(1, (0..=number % 3).map(|_| record.edit()).collect());
                (0..=number % 2).map(|_| one()).collect()
            })
            .collect();
        written += pushes.iter().flatten().map(|unit| unit.changes.len()).sum::<usize>();
        // What is written while it is read.
        let writing = tokio::spawn(async move {
            for push in pushes {
                owner.push(&push).await;
            }
            owner
        });
        let mut reading = Reading::must(relay.address, &tokens[0], &Ask::after(last)).await;
        let until = read.len() + seed.below(written - read.len() + 1);
        while read.len() < until {
            let line = reading.line().await.expect("the stream goes on");
            last = line.id.or(last);
            if let StreamEvent::Visible(visible) = line.event {
                read.push(visible);
            }
        }
        if seed.below(2) == 0 {
            drop(reading);
            owner = writing.await.expect("no panic");
            continue;
        }
        owner = writing.await.expect("no panic");
        drop(reading);
        drop(owner);
        if seed.below(2) == 0 {
            relay.kill();
        } else {
            relay.stop().await;
        }
        relay = Running::start(data.path()).await;
        owner = Device::connect(relay.address, &tokens[0]).await;
    }
    let (rest, _) = Reading::must(relay.address, &tokens[0], &Ask::after(last)).await.history().await;
    read.extend(rest);
    let (whole, end) = log(&relay, &tokens[0]).await;
    assert_eq!((end.seq, read.len()), (written as u64, written));
    assert_eq!(read, whole);
}

/// Pushes records that have nothing but their first change.
async fn push_records(device: &mut Device, numbers: std::ops::Range<u32>) {
    let document = |number: u32| {
        let mut bytes = [9; 16];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        DocumentId::from_bytes(bytes)
    };
    let change = |number| UnitChange { document: document(number), bytes: genesis::bytes(Kind::Contact).to_vec() };
    let changes: Vec<_> = numbers.map(change).collect();
    for units in changes.chunks(1_000) {
        let units: Vec<_> = units.chunks(500).map(|changes| unit(1, changes.to_vec())).collect();
        device.push(&units).await;
    }
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_cut_off_and_others_go_on() {
    let data = tempfile::tempdir().expect("a folder");
    // Room for the writer, the slow reader and one more.
    let settings = Settings { peer_patience: Duration::from_millis(500), connections_max: 3, ..Settings::default() };
    let relay = Running::start_with(data.path(), settings).await;
    let tokens = team(&relay, &[]).await;
    let mut owner = Device::connect(relay.address, &tokens[0]).await;
    push_records(&mut owner, 0..MANY).await;
    let slow = Ask { receive_buffer: Some(4 << 10), ..Ask::lines("") };
    let mut slow = Reading::must(relay.address, &tokens[0], &slow).await;
    let mut quick = Reading::must(relay.address, &tokens[0], &Ask::lines("")).await;
    assert_eq!(quick.written(MANY as usize).await.len(), MANY as usize);
    // The place of the slow one becomes free when it is cut off, and not before.
    let third = async {
        loop {
            match Reading::open(relay.address, &tokens[0], &Ask::lines("since=now")).await {
                Ok(reading) => break reading,
                Err((status, body)) => assert_eq!(status, 503, "{body}"),
            }
            push_records(&mut owner, 0..1).await;
        }
    };
    let third = tokio::time::timeout(PATIENCE, third).await.expect("the slow one is cut off");
    push_records(&mut owner, MANY..MANY + 1).await;
    assert_eq!(quick.changes(1).await[0].seq, u64::from(MANY) + 1);
    drop(third);

    let (mut got, mut last) = (Vec::new(), None);
    while let Some(line) = slow.line().await {
        assert!(!matches!(line.event, StreamEvent::CaughtUp(_)), "it was cut off");
        last = line.id.or(last);
        if let StreamEvent::Visible(visible) = line.event {
            got.push(visible.seq);
        }
    }
    assert!(got.len() < MANY as usize, "{} changes were sent to a reader who took none", got.len());
    drop(slow);
    let (rest, _) = Reading::must(relay.address, &tokens[0], &Ask::after(last)).await.history().await;
    got.extend(rest.iter().map(|visible| visible.seq));
    assert!(got.into_iter().eq(1..=u64::from(MANY) + 1), "what it got and what it resumed are the log");
}

#[tokio::test]
async fn a_thousand_readers_get_the_same_and_cost_no_more_as_it_goes_on() {
    let data = tempfile::tempdir().expect("a folder");
    // Both ends of every connection are in this process.
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let wanted = (2 * READERS + 200) as u64;
    if limit.current.is_some_and(|current| current < wanted) {
        let raised = rustix::process::Rlimit { current: Some(wanted), ..limit };
        rustix::process::setrlimit(rustix::process::Resource::Nofile, raised).expect("that many files may be open");
    }
    let relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[]).await;
    let mut owner = Device::connect(relay.address, &tokens[0]).await;
    push_records(&mut owner, 0..100).await;
    let mut readings = Vec::new();
    for number in 0..READERS {
        let query = ["", "since=start", "format=ndjson"][number % 3];
        let mut reading = Reading::must(relay.address, &tokens[0], &Ask::lines(query)).await;
        assert_eq!(reading.written(100).await.len(), 100);
        readings.push(reading);
    }
    let (mut next, mut memory) = (100, Vec::new());
    for _ in 0..5 {
        let all: JoinSet<_> =
            readings.drain(..).map(async |mut reading| (reading.written(150).await, reading)).collect();
        for _ in 0..30 {
            push_records(&mut owner, next..next + 5).await;
            next += 5;
        }
        let mut first: Option<Vec<String>> = None;
        for (changes, reading) in all.join_all().await {
            assert_eq!(first.get_or_insert_with(|| changes.clone()), &changes);
            readings.push(reading);
        }
        let lines = first.expect("readers");
        let read = |line: &String| serde_json::from_str::<StreamLine>(line).expect("an event").id.map(|id| id.seq);
        let seqs = lines.iter().filter_map(read);
        assert!(seqs.eq(u64::from(next) - 149..=u64::from(next)));
        memory.extend(resident_megabytes());
    }
    println!("{READERS} readers, resident megabytes after each round: {memory:?}");
    if let [_, second, .., last] = memory.as_slice() {
        // A round is 80 megabytes of text to all of them together.
        assert!(last - second < 48., "memory grows with what is sent: {memory:?}");
    }
}

/// Where the system tells.
fn resident_megabytes() -> Option<f64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u32 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(f64::from(pages) * 4. / 1024.)
}
