//! A relay on a real socket and real files, and a device that speaks to it.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use regard_core::gate;
use regard_core::id::{Actor, ChangeHash, DeviceId, DocumentId, MemberId, UnitId, WorkspaceId, to_hex};
use regard_core::record::{Document, Edit, Kind, Scalar, genesis};
use regard_core::time::Timestamp;
use regard_core::wire::access::keys;
use regard_core::wire::access::{InviteRequest, InviteResponse, JoinRequest, JoinResponse, Secret};
use regard_core::wire::{
    self, Applied, ClientFrame, Cursor, Excerpt, Excerpted, Fetch, Hello, InventoryEntry, PROTOCOL_VERSION, Push,
    RelayFrame, Role, Scope, Segment, Subscribe, Unit, UnitChange, UnitOutcome, Welcome,
};
use regard_relay::{Relay, Settings};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

pub(crate) const WORKSPACE: WorkspaceId = WorkspaceId::from_bytes([7; 16]);
pub(crate) const SCOPE: Scope = Scope::Records;
/// Longer than anything takes that is not broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// A relay that runs in a runtime of its own, so that it can be killed: everything that it does ends at once.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) founding: Option<Secret>,
    runtime: Option<tokio::runtime::Runtime>,
    stop: Option<oneshot::Sender<()>>,
    stopped: Option<tokio::task::JoinHandle<Result<(), regard_relay::RelayError>>>,
}

impl Running {
    pub(crate) async fn start(data: &Path) -> Self {
        let peers_interval = Duration::from_millis(20);
        Self::start_with(data, Settings { peers_interval, ..Settings::default() }).await
    }

    pub(crate) async fn start_with(data: &Path, settings: Settings) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("one");
        let relay = Relay::open_with(data, settings).expect("a relay");
        let founding = if relay.has_workspace(WORKSPACE).expect("an answer") {
            None
        } else {
            Some(relay.create_workspace(WORKSPACE, "Test team").expect("a workspace"))
        };
        let (stop, stopping) = oneshot::channel();
        let (bound, listening) = oneshot::channel();
        let stopped = runtime.spawn(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            bound.send(listener.local_addr().expect("an address")).expect("somebody waits");
            relay.serve(listener, async move { drop(stopping.await) }).await
        });
        let address = listening.await.expect("an address");
        Self { address, founding, runtime: Some(runtime), stop: Some(stop), stopped: Some(stopped) }
    }

    /// Ends it as it wants to end.
    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        self.stopped.take().expect("a task").await.expect("no panic").expect("a clean end");
        self.kill();
    }

    /// Ends it where it stands. The files are free afterwards.
    pub(crate) fn kill(mut self) {
        self.drop_runtime();
    }

    fn drop_runtime(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A runtime may not be dropped where one is running.
            std::thread::spawn(move || drop(runtime)).join().expect("an end");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.drop_runtime();
    }
}

/// One HTTP request: status and body.
pub(crate) async fn http(to: SocketAddr, method: &str, path: &str, token: Option<&str>, body: &str) -> (u16, String) {
    let (status, body) = http_bytes(to, method, path, token, body.as_bytes().to_vec()).await;
    (status, String::from_utf8(body).expect("text"))
}

/// The same for bodies that are no text.
pub(crate) async fn http_bytes(
    to: SocketAddr,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: Vec<u8>,
) -> (u16, Vec<u8>) {
    let stream = TcpStream::connect(to).await.expect("a relay");
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("HTTP");
    tokio::spawn(connection);
    let mut request = hyper::Request::builder().method(method).uri(path).header("host", "relay");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = request.header("content-type", "application/json").body(Full::new(Bytes::from(body)));
    let response = sender.send_request(request.expect("a request")).await.expect("a response");
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    (status, body.to_vec())
}

/// The secret half of a device's key pair.
pub(crate) fn signing_key(device: u8) -> [u8; 32] {
    [device; 32]
}

pub(crate) fn join_request(secret: &str, device: u8) -> JoinRequest {
    JoinRequest {
        invitation: secret.into(),
        device: DeviceId::from_bytes([device; 16]),
        device_name: format!("device {device}"),
        member: regard_core::id::MemberId::from_bytes([device; 16]),
        member_name: format!("member {device}"),
        public_key: to_hex(&keys::public_key(&signing_key(device))),
        // The first device of every test founds the workspace.
        founds: device == 1,
    }
}

/// Joins by an invitation.
pub(crate) async fn join(to: SocketAddr, secret: &str, device: u8) -> Result<JoinResponse, (u16, String)> {
    let body = serde_json::to_string(&join_request(secret, device)).expect("JSON");
    let (status, body) = http(to, "POST", &format!("/v1/workspaces/{WORKSPACE}/devices"), None, &body).await;
    if status == 200 { Ok(serde_json::from_str(&body).expect("a response")) } else { Err((status, body)) }
}

/// Asks for an invitation.
pub(crate) async fn invite(
    to: SocketAddr,
    token: &str,
    member: Option<MemberId>,
    role: Role,
) -> Result<InviteResponse, (u16, String)> {
    let body = serde_json::to_string(&InviteRequest { member, role }).expect("JSON");
    let (status, body) = http(to, "POST", &format!("/v1/workspaces/{WORKSPACE}/invitations"), Some(token), &body).await;
    if status == 200 { Ok(serde_json::from_str(&body).expect("a response")) } else { Err((status, body)) }
}

/// The tokens of an owner (device 1) and of one more member for each role given (devices 2, 3, …).
pub(crate) async fn team(relay: &Running, roles: &[Role]) -> Vec<String> {
    let founding = relay.founding.as_ref().expect("a new relay").reveal();
    let mut tokens = vec![join(relay.address, &founding, 1).await.expect("joined").token];
    for (device, role) in (2..).zip(roles) {
        let secret = invite(relay.address, &tokens[0], None, *role).await.expect("an invitation").secret;
        tokens.push(join(relay.address, &secret, device).await.expect("joined").token);
    }
    tokens
}

/// A device's connection.
pub(crate) struct Device {
    pub(crate) welcome: Option<Welcome>,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pushes: u64,
    /// What came while something else was waited for.
    aside: Vec<RelayFrame>,
}

impl Device {
    /// Connects and says nothing.
    pub(crate) async fn silent(to: SocketAddr, token: &str) -> Self {
        let address = format!("ws://{to}/v1/workspaces/{WORKSPACE}/sync");
        let mut request = address.into_client_request().expect("a request");
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().expect("a header"));
        let (socket, _) = tokio_tungstenite::connect_async(request).await.expect("a socket");
        Self { welcome: None, socket, pushes: 0, aside: Vec::new() }
    }

    /// Asks for a connection that the relay does not want: status and body of its answer.
    pub(crate) async fn turned_away(to: SocketAddr, token: &str) -> (u16, String) {
        let address = format!("ws://{to}/v1/workspaces/{WORKSPACE}/sync");
        let mut request = address.into_client_request().expect("a request");
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().expect("a header"));
        match tokio_tungstenite::connect_async(request).await {
            Err(tokio_tungstenite::tungstenite::Error::Http(response)) => {
                let body = response.body().clone().unwrap_or_default();
                (response.status().as_u16(), String::from_utf8(body).expect("text"))
            }
            other => panic!("not turned away: {:?}", other.map(drop)),
        }
    }

    /// Connects and is welcome.
    pub(crate) async fn connect(to: SocketAddr, token: &str) -> Self {
        let mut device = Self::silent(to, token).await;
        device.send(&hello((PROTOCOL_VERSION, PROTOCOL_VERSION))).await;
        match device.next().await {
            RelayFrame::Welcome(welcome) => device.welcome = Some(welcome),
            other => panic!("no welcome but {other:?}"),
        }
        device
    }

    pub(crate) async fn send(&mut self, frame: &ClientFrame) {
        self.send_raw(Message::binary(wire::encode(frame))).await;
    }

    pub(crate) async fn send_raw(&mut self, message: Message) {
        self.socket.send(message).await.expect("a relay that reads");
    }

    /// Sends what the relay need not take to its end.
    pub(crate) async fn send_oversized(&mut self, bytes: Vec<u8>) {
        let _ = self.socket.send(Message::binary(bytes)).await;
    }

    /// The next frame.
    pub(crate) async fn next(&mut self) -> RelayFrame {
        self.try_next().await.expect("a frame")
    }

    /// The next frame; none where the relay closed the connection.
    pub(crate) async fn try_next(&mut self) -> Option<RelayFrame> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("in time");
            match message {
                Some(Ok(Message::Binary(bytes))) => return Some(wire::decode(&bytes, "frame").expect("a frame")),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                _ => return None,
            }
        }
    }

    /// The next frame of the wanted sort; others are kept for later.
    pub(crate) async fn wait<T>(&mut self, mut wanted: impl FnMut(&RelayFrame) -> Option<T>) -> T {
        for at in 0..self.aside.len() {
            if let Some(found) = wanted(&self.aside[at]) {
                self.aside.remove(at);
                return found;
            }
        }
        loop {
            let frame = self.next().await;
            if let Some(found) = wanted(&frame) {
                return found;
            }
            self.aside.push(frame);
        }
    }

    /// Why the relay ends the connection; it must end it.
    pub(crate) async fn end(&mut self) -> Option<regard_core::error::Refusal> {
        let mut reason = None;
        while let Some(frame) = self.try_next().await {
            if let RelayFrame::Refused(refusal) = frame {
                reason = Some(refusal);
            }
        }
        reason
    }

    pub(crate) async fn send_push(&mut self, units: &[Unit]) -> u64 {
        self.pushes += 1;
        let push = Push { scope: SCOPE, number: self.pushes, units: wire::encode_batch(&units.to_vec()) };
        self.send(&ClientFrame::Push(push)).await;
        self.pushes
    }

    /// Pushes, where the relay still takes something in.
    pub(crate) async fn try_push(&mut self, units: &[Unit]) -> Result<(), tokio_tungstenite::tungstenite::Error> {
        self.pushes += 1;
        let push = Push { scope: SCOPE, number: self.pushes, units: wire::encode_batch(&units.to_vec()) };
        self.socket.send(Message::binary(wire::encode(&ClientFrame::Push(push)))).await
    }

    /// The next outcomes of a push; none where the relay closed the connection.
    pub(crate) async fn outcomes(&mut self) -> Option<Vec<UnitOutcome>> {
        loop {
            if let RelayFrame::Pushed { outcomes, .. } = self.try_next().await? {
                return Some(outcomes);
            }
        }
    }

    /// The end of the log when the device connected.
    pub(crate) fn head(&self) -> u64 {
        self.welcome.as_ref().map_or(0, |welcome| welcome.logs[0].cursor.seq)
    }

    /// Pushes, and waits for the outcomes.
    pub(crate) async fn push(&mut self, units: &[Unit]) -> Vec<UnitOutcome> {
        let expected = self.send_push(units).await;
        self.wait(|frame| match frame {
            RelayFrame::Pushed { number, outcomes, .. } if *number == expected => Some(outcomes.clone()),
            _ => None,
        })
        .await
    }

    pub(crate) async fn subscribe(&mut self, from: Option<Cursor>) {
        self.send(&ClientFrame::Subscribe(Subscribe { scope: SCOPE, from, witness: None })).await;
    }

    pub(crate) async fn applied(&mut self, cursor: Cursor) {
        self.send(&ClientFrame::Applied(Applied { scope: SCOPE, cursor, except: Vec::new() })).await;
    }

    /// Subscribes and takes everything up to the end of the log: the packed segments that others (or this device, before it
    /// connected) brought, and the end.
    pub(crate) async fn catch_up(&mut self, from: Option<Cursor>) -> (Vec<Vec<u8>>, Cursor) {
        self.subscribe(from).await;
        let mut packed = Vec::new();
        loop {
            match self.next().await {
                RelayFrame::Segment { packed: one, .. } => packed.push(one),
                RelayFrame::CaughtUp { cursor, .. } => return (packed, cursor),
                RelayFrame::Peers(_) | RelayFrame::Advanced { .. } => {}
                other => panic!("neither a segment nor the end but {other:?}"),
            }
        }
    }

    /// All documents of the log, and its end.
    pub(crate) async fn inventory(&mut self) -> (Cursor, Vec<InventoryEntry>) {
        self.send(&ClientFrame::Reconcile(SCOPE)).await;
        let mut all = Vec::new();
        loop {
            let piece = self.wait(|frame| match frame {
                RelayFrame::Inventory { at, entries, last, .. } => Some((*at, entries.clone(), *last)),
                _ => None,
            });
            let (at, entries, last) = piece.await;
            all.extend(wire::unpack_inventory(&entries).expect("a list"));
            if last {
                return (at, all);
            }
        }
    }

    /// All changes of some documents.
    pub(crate) async fn fetch(&mut self, documents: &[DocumentId]) -> Vec<Excerpted> {
        self.send(&ClientFrame::Fetch(Fetch { scope: SCOPE, documents: documents.to_vec() })).await;
        let mut all = Vec::new();
        loop {
            let piece = self.wait(|frame| match frame {
                RelayFrame::Excerpt { packed, last, .. } => Some((packed.clone(), *last)),
                _ => None,
            });
            let (packed, last) = piece.await;
            all.extend(Excerpt::unpack(&packed).expect("an excerpt").units);
            if last {
                return all;
            }
        }
    }

    /// The next segment.
    pub(crate) async fn segment(&mut self) -> Vec<u8> {
        self.wait(|frame| match frame {
            RelayFrame::Segment { packed, .. } => Some(packed.clone()),
            _ => None,
        })
        .await
    }
}

pub(crate) fn hello(versions: (u16, u16)) -> ClientFrame {
    hello_of(versions, 0)
}

/// The greeting of a store that counts its connections.
pub(crate) fn hello_of(versions: (u16, u16), instance: u64) -> ClientFrame {
    ClientFrame::Hello(Hello { versions, instance, program: "test".into(), features: Vec::new() })
}

/// A record that grows by one change after another.
pub(crate) struct Growing {
    pub(crate) id: DocumentId,
    document: Document,
    actor: Actor,
    edits: u32,
}

impl Growing {
    pub(crate) fn new(number: u8) -> Self {
        let actor = Actor::of_device(DeviceId::from_bytes([number; 16]), [number; 4]);
        Self { id: DocumentId::from_bytes([number; 16]), document: Document::new(Kind::Contact), actor, edits: 0 }
    }

    pub(crate) fn genesis(&self) -> UnitChange {
        UnitChange { document: self.id, bytes: genesis::bytes(Kind::Contact).to_vec() }
    }

    pub(crate) fn heads(&self) -> Vec<ChangeHash> {
        self.document.heads()
    }

    pub(crate) fn edit(&mut self) -> UnitChange {
        self.edits += 1;
        self.edit_to(&format!("Ana {}", self.edits))
    }

    pub(crate) fn edit_to(&mut self, name: &str) -> UnitChange {
        let edit = Edit::Set("full_name".into(), Scalar::Text(name.into()));
        let change = self.document.edit(&[edit], &self.actor, Timestamp(1_000)).expect("an edit").expect("a change");
        UnitChange { document: self.id, bytes: change.bytes }
    }
}

pub(crate) fn unit(number: u8, changes: Vec<UnitChange>) -> Unit {
    let (id, author) = (UnitId::from_bytes([number; 16]), Some(DeviceId::from_bytes([1; 16])));
    Unit { id, author, saved_at: Timestamp(5), changes, signature: None }
}

/// The places of a visible unit.
pub(crate) fn seqs(outcome: &UnitOutcome) -> &[u64] {
    match outcome {
        UnitOutcome::Visible { seqs, .. } => seqs,
        UnitOutcome::Refused(refusal) => panic!("refused: {refusal}"),
    }
}

/// Every cursor of the log that these segments are, from its beginning to its end.
pub(crate) fn cursors(segments: &[Vec<u8>], start: Cursor) -> Vec<Cursor> {
    let mut cursors = vec![start];
    let mut end = start;
    for packed in segments {
        let segment = Segment::unpack(packed).expect("a segment");
        assert_eq!((segment.before, segment.first_seq), (end.hash, end.seq + 1), "the log has no gap");
        for logged in segment.logged() {
            for change in &logged.unit.changes {
                let hash: ChangeHash = gate::check(&change.bytes).expect("a change").header.hash;
                let (id, author) = (logged.unit.id, logged.unit.author);
                end.hash = end.hash.then(change.document, hash, id, author, segment.carrier);
                end.seq += 1;
                cursors.push(end);
            }
        }
    }
    cursors
}

/// Choices that look random and can be made again: the seed is printed, and taken from `REGARD_SEED` where that is set.
pub(crate) struct Seed(u64);

impl Seed {
    pub(crate) fn of(test: &str) -> Self {
        use std::hash::{BuildHasher, Hasher};
        let random = || std::collections::hash_map::RandomState::new().build_hasher().finish();
        let seed = std::env::var("REGARD_SEED").ok().map(|seed| seed.parse().expect("REGARD_SEED is a number"));
        let seed = seed.unwrap_or_else(random);
        println!("{test}: REGARD_SEED={seed}");
        Self(seed)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        // SplitMix64, by Sebastiano Vigna.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % bound as u64).expect("below a usize")
    }
}
