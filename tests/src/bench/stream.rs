//! From a push to the `visible` event at a reader of the stream over HTTP, alone and beside a thousand others.

use std::time::{Duration, Instant};

use regard_client::relay_stream::{Following, Heard};
use regard_client::store::RelayAccess;
use regard_client::system::SystemEntropy;
use regard_core::id::{Actor, DocumentId, UnitId, WorkspaceId};
use regard_core::time::Timestamp;
use regard_core::visibility::StreamEvent;
use regard_core::wire::{ClientFrame, Push, Scope, Subscribe, Unit as Saved, UnitChange, encode_batch};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::disk::{Bare, Phases};
use super::plan::{Doing, Plan};
use super::raw::{Raw, message};
use super::stage::Stage;
use super::{Failure, Group, Report, Series, Unit, records};

/// Between two pushes, so that what the first leaves to do does not disturb the second.
const PAUSE: Duration = Duration::from_millis(4);
/// Whatever takes longer will not come.
const PATIENCE: Duration = Duration::from_secs(10);
/// Readers beside the one that is measured.
const IDLE: usize = 1_000;
/// What each idle reader asks for: they hear of no change, and those that read hear of all.
const CROWDS: [(&str, usize, &str); 3] = [
    ("alone", 0, ""),
    ("1,000 idle readers beside", IDLE, "since=now&kind=lead"),
    ("1,000 readers of all beside", IDLE, "since=now"),
];

pub(super) fn run(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    for (crowd, readers, query) in CROWDS {
        let stage = plan.wait(Stage::open(plan))?;
        let measured = plan.wait(measure(plan, &stage, readers, query))?;
        let mut bare = Bare::create(&stage.folder().join("bare.redb"))?;
        let commits = (0..plan.choose(60, 200)).map(|_| bare.commit([&[7; 200][..]], Phases::Two));
        let commits = Series::of(commits.collect::<Result<_, _>>()?);
        plan.wait(stage.close())?;
        for (part, hundredths) in [("median", 50), ("p99", 99)] {
            let limits = [
                ("the WebSocket's segment for the same push", measured.socket.percentile(hundredths)),
                ("one two-phase redb commit", commits.percentile(hundredths)),
            ];
            let name = format!("push to visible event, {crowd}, {part}");
            report.note(Group::Stream, &name, Unit::Seconds, measured.stream.percentile(hundredths), &limits);
            let name = format!("acknowledged to visible event, {crowd}, {part}");
            let limits = [("push to acknowledgement", measured.acknowledged.percentile(hundredths))];
            report.note(Group::Stream, &name, Unit::Seconds, measured.behind.percentile(hundredths), &limits);
        }
    }
    Ok(())
}

/// Seconds, of each sample.
struct Measured {
    /// From the push to the event.
    stream: Series,
    /// From the push to its segment at another device.
    socket: Series,
    /// From the push to its acknowledgement.
    acknowledged: Series,
    /// From the acknowledgement to the event; zero where that came first.
    behind: Series,
}

async fn measure(plan: &Plan, stage: &Stage, readers: usize, query: &str) -> Result<Measured, Failure> {
    let (author, other) = (stage.join().await?, stage.join().await?);
    let mut pushing = Raw::connect(&author.access, stage.workspace).await?;
    let mut following = Raw::connect(&other.access, stage.workspace).await?;
    following
        .send(message(&ClientFrame::Subscribe(Subscribe { scope: Scope::Records, from: None, witness: None })))
        .await?;
    let mut crowd = Vec::new();
    for _ in 0..readers {
        crowd.push(idle(&other.access, stage.workspace, query).await?);
    }
    let opened = Following::open(other.access.clone(), stage.workspace, "since=now".into(), 1).await;
    let mut stream = opened.doing("opening the stream")?;
    let samples = plan.choose(60, 200);
    let history = records::history(&Actor::of_device(author.identity.device, [0; _]), 1, samples);
    let document = DocumentId::random(&mut SystemEntropy);
    let (mut told, mut seen, mut acknowledged, mut behind) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (number, change) in (1..).zip(history.doing("preparing changes")?) {
        let changes = vec![UnitChange { document, bytes: change.bytes }];
        let (id, author) = (UnitId::random(&mut SystemEntropy), Some(author.identity.device));
        let unit = Saved { id, author, saved_at: Timestamp(0), changes, signature: None };
        let units = encode_batch(&vec![unit]);
        let push = message(&ClientFrame::Push(Push { scope: Scope::Records, number, units }));
        let begun = Instant::now();
        let since = || begun.elapsed().as_secs_f64();
        let pushed = async { pushing.push(vec![push], 1).await.map(|_| since()) };
        let segment = async { following.segment().await.map(|_| since()) };
        let event = async { visible(&mut stream).await.map(|()| since()) };
        let all = async { tokio::try_join!(pushed, segment, event) };
        let (pushed, segment, event) = timeout(PATIENCE, all).await.doing("waiting for a change")??;
        told.push(event);
        seen.push(segment);
        acknowledged.push(pushed);
        behind.push((event - pushed).max(0.));
        tokio::time::sleep(PAUSE).await;
    }
    crowd.iter().for_each(JoinHandle::abort);
    let [stream, socket, acknowledged, behind] = [told, seen, acknowledged, behind].map(Series::of);
    Ok(Measured { stream, socket, acknowledged, behind })
}

async fn visible(stream: &mut Following) -> Result<(), Failure> {
    loop {
        match stream.next().await {
            Some(Heard::Line { line, .. }) if matches!(line.event, StreamEvent::Visible(_)) => return Ok(()),
            Some(Heard::Line { .. }) => {}
            other => return Err(Failure::new(format!("the stream ends with {other:?}"))),
        }
    }
}

/// A reader that looks at nothing of what it gets.
async fn idle(access: &RelayAccess, workspace: WorkspaceId, query: &str) -> Result<JoinHandle<()>, Failure> {
    let to = access.address.trim_start_matches("http://").to_owned();
    let mut socket = TcpStream::connect(&to).await.doing("connecting a reader")?;
    let path = format!("/v1/workspaces/{workspace}/visibility?{query}");
    let request = format!("GET {path} HTTP/1.0\r\nHost: {to}\r\nAuthorization: Bearer {}\r\n\r\n", access.token);
    socket.write_all(request.as_bytes()).await.doing("asking for a stream")?;
    let mut bytes = vec![0; 4096];
    let count = socket.read(&mut bytes).await.doing("reading a stream")?;
    if !bytes[..count].starts_with(b"HTTP/1.0 200") {
        return Err(Failure::new(String::from_utf8_lossy(&bytes[..count]).into_owned()));
    }
    Ok(tokio::spawn(async move { while let Ok(1..) = socket.read(&mut bytes).await {} }))
}
