//! Peers of a relay that mean it no good, all at the same time, until they are dropped.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use regard_client::store::Store;
use regard_core::id::WorkspaceId;
use regard_core::limits::FRAME_BYTES_MAX;
use regard_core::wire::{ClientFrame, Hello, PROTOCOL_VERSION, Scope, Subscribe, encode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::Person;

/// Between two bytes of those who trickle.
const TRICKLE: Duration = Duration::from_secs(1);
/// Before somebody who was let go comes again.
const PAUSE: Duration = Duration::from_millis(100);
/// Bytes that somebody who never reads leaves room for.
const RECEIVE_BYTES: u32 = 4 << 10;
/// A message that is begun and never ended; most of it is sent.
const BEGUN_BYTES: usize = FRAME_BYTES_MAX - (1 << 20);
const GARBAGE_BYTES: usize = 64 << 10;
const HEADERS_BYTES: usize = 1 << 20;
const PIECE_BYTES: usize = 64 << 10;
/// How often somebody who cuts frames looks whether it is still wanted.
const LAST_WORD: Duration = Duration::from_secs(1);

/// What one attacker does, again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attack {
    /// Connects and says nothing.
    Silence,
    /// Sends a request's head, a byte a second.
    SlowHead,
    /// Sends a request's body, a byte a second.
    SlowBody,
    /// Begins a TLS handshake and goes on with a byte a second.
    SlowHandshake,
    /// Sends a request's head without an end.
    EndlessHead,
    /// Sends what means nothing.
    Garbage,
    /// A member's device: opens a WebSocket and says nothing.
    Unannounced,
    /// A member's device: sends almost all of its first message, as large as one may be, and then nothing.
    LargeAndUnended,
    /// A member's device: sends a message, a byte a second.
    SlowMessage,
    /// A member's device: announces a message larger than one may be.
    TooLarge,
    /// A member's device: leaves in the middle of a message.
    CutMessage,
    /// A member's device: asks for everything and reads nothing.
    NeverReads,
}

impl Attack {
    /// All of them, each by so many attackers that the relay's places and bounds are felt.
    pub const ALL: [(Self, usize); 12] = [
        (Self::Silence, 100),
        (Self::SlowHead, 100),
        (Self::SlowBody, 50),
        (Self::SlowHandshake, 50),
        (Self::EndlessHead, 4),
        (Self::Garbage, 4),
        (Self::Unannounced, 4),
        (Self::LargeAndUnended, 40),
        (Self::SlowMessage, 4),
        (Self::TooLarge, 4),
        (Self::CutMessage, 4),
        (Self::NeverReads, 4),
    ];
}

/// A device of a member who turns on the relay.
#[derive(Debug, Clone)]
pub struct Insider {
    /// The workspace that it may enter.
    pub workspace: WorkspaceId,
    /// Its token.
    pub token: String,
}

impl Insider {
    /// The device of this person, whose `regard up` does not run.
    ///
    /// # Panics
    /// Where the store cannot be read or knows no relay.
    #[must_use]
    pub fn of(person: &Person) -> Self {
        let store = Store::open(person.folder()).expect("the store");
        let relay = store.settings().expect("settings").relay.expect("a relay");
        Self { workspace: store.identity().workspace, token: relay.token }
    }

    fn upgrade(&self) -> Vec<u8> {
        let Self { workspace, token } = self;
        let head = format!(
            "GET /v1/workspaces/{workspace}/sync HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
             connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        head.into_bytes()
    }
}

/// Attackers at work.
#[derive(Debug)]
pub struct Attackers {
    tally: Arc<Tally>,
    _runtime: tokio::runtime::Runtime,
}

#[derive(Debug, Default)]
struct Tally {
    begun: AtomicUsize,
    ended: AtomicUsize,
}

impl Attackers {
    /// Begins all of these attacks on a relay.
    ///
    /// # Panics
    /// Where no thread can be started.
    #[must_use]
    pub fn start(relay: SocketAddr, insider: &Insider, attacks: &[(Attack, usize)]) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("one");
        let tally = Arc::new(Tally::default());
        for (attack, count) in attacks {
            for _ in 0..*count {
                let (attack, insider, tally) = (*attack, insider.clone(), Arc::clone(&tally));
                runtime.spawn(async move {
                    loop {
                        tally.begun.fetch_add(1, Ordering::SeqCst);
                        // An attacker that is let go, in whatever way, comes again.
                        let _ = attack.once(relay, &insider).await;
                        tally.ended.fetch_add(1, Ordering::SeqCst);
                        tokio::time::sleep(PAUSE).await;
                    }
                });
            }
        }
        Self { tally, _runtime: runtime }
    }

    /// How many attacks were begun so far, and how many of them the relay has ended.
    #[must_use]
    pub fn begun_and_ended(&self) -> (usize, usize) {
        // Ended first: none can have ended that is not counted as begun.
        let ended = self.tally.ended.load(Ordering::SeqCst);
        (self.tally.begun.load(Ordering::SeqCst), ended)
    }
}

impl Attack {
    async fn once(self, relay: SocketAddr, insider: &Insider) -> std::io::Result<()> {
        let socket = TcpSocket::new_v4()?;
        if self == Self::NeverReads {
            socket.set_recv_buffer_size(RECEIVE_BYTES)?;
        }
        let mut stream = socket.connect(relay).await?;
        match self {
            Self::Silence => rest(&mut stream).await,
            Self::SlowHead => trickle(stream, b"GET / HTTP/1.1\r\nx: ").await,
            Self::SlowBody => {
                let head = "POST /v1/workspaces/x/devices HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                            content-length: 100000\r\n\r\n";
                trickle(stream, head.as_bytes()).await
            }
            Self::SlowHandshake => trickle(stream, &[22, 3, 1, 2, 0]).await,
            Self::EndlessHead => {
                stream.write_all(b"GET / HTTP/1.1\r\nx: ").await?;
                stream.write_all(&vec![b'x'; HEADERS_BYTES]).await?;
                rest(&mut stream).await
            }
            Self::Garbage => {
                let garbage: Vec<u8> = (0..GARBAGE_BYTES).map(|at| (at * at % 251).to_le_bytes()[0]).collect();
                stream.write_all(&garbage).await?;
                rest(&mut stream).await
            }
            _ => self.within(stream, insider).await,
        }
    }

    /// What needs a token.
    async fn within(self, mut stream: TcpStream, insider: &Insider) -> std::io::Result<()> {
        stream.write_all(&insider.upgrade()).await?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await?;
        if &answer != b"HTTP/1.1 101" {
            return rest(&mut stream).await;
        }
        match self {
            Self::LargeAndUnended => {
                stream.write_all(&head(FRAME_BYTES_MAX)).await?;
                let piece = vec![0; PIECE_BYTES];
                for _ in 0..BEGUN_BYTES / PIECE_BYTES {
                    stream.write_all(&piece).await?;
                }
            }
            Self::SlowMessage => {
                stream.write_all(&greeting()).await?;
                return trickle(stream, &head(1 << 20)).await;
            }
            Self::TooLarge => stream.write_all(&[greeting(), head(FRAME_BYTES_MAX + 1)].concat()).await?,
            Self::CutMessage => {
                stream.write_all(&[greeting(), head(1 << 20), vec![0; PIECE_BYTES]].concat()).await?;
                tokio::time::sleep(LAST_WORD).await;
                return Ok(());
            }
            Self::NeverReads => {
                let subscribe = Subscribe { scope: Scope::Records, from: None, witness: None };
                let subscribe = encode(&ClientFrame::Subscribe(subscribe));
                stream.write_all(&[greeting(), head(subscribe.len()), subscribe].concat()).await?;
                // It notices that it was cut off only by what it sends.
                loop {
                    tokio::time::sleep(TRICKLE).await;
                    stream.write_all(&PONG).await?;
                }
            }
            _ => {}
        }
        rest(&mut stream).await
    }
}

/// An empty masked pong.
const PONG: [u8; 6] = [0x8a, 0x80, 0, 0, 0, 0];

/// The head of a masked binary message of so many bytes, whose mask changes nothing.
fn head(bytes: usize) -> Vec<u8> {
    [&[0x82, 0xff][..], &(bytes as u64).to_be_bytes(), &[0; 4]].concat()
}

fn greeting() -> Vec<u8> {
    let versions = (PROTOCOL_VERSION, PROTOCOL_VERSION);
    let hello = Hello { versions, instance: 0, program: "attacker".into(), features: Vec::new() };
    let hello = encode(&ClientFrame::Hello(hello));
    [head(hello.len()), hello].concat()
}

/// Reads until the relay ends the connection.
async fn rest(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut discarded = [0; 1 << 10];
    while stream.read(&mut discarded).await? > 0 {}
    Ok(())
}

/// Sends a byte a second, after `first`, until the relay ends the connection.
async fn trickle(stream: TcpStream, first: &[u8]) -> std::io::Result<()> {
    let (mut from, mut into) = stream.into_split();
    into.write_all(first).await?;
    let writing = async move {
        loop {
            tokio::time::sleep(TRICKLE).await;
            into.write_all(b"x").await?;
        }
    };
    let mut discarded = [0; 1 << 10];
    let reading = async move {
        while from.read(&mut discarded).await? > 0 {}
        Ok(())
    };
    tokio::select! {
        ended = writing => ended,
        ended = reading => ended,
    }
}
