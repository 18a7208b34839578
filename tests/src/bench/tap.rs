//! A wire between a device and a relay that counts what passes, and delays it like a long link where that is wanted.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};

use super::Failure;
use super::plan::Doing;

/// Pieces on a delayed wire: more than a window of TCP holds.
const PIECES_MAX: usize = 1024;
const PIECE_BYTES: usize = 64 << 10;
/// More than the numbers of frames that there are.
const FRAMES: usize = 16;
/// Connections end when the device has left; one that does not is a fault.
const PATIENCE: Duration = Duration::from_secs(10);

/// A listening wire.
pub(super) struct Tap {
    address: SocketAddr,
    seen: Arc<[Mutex<Seen>; 2]>,
    stop: oneshot::Sender<()>,
    passing: JoinHandle<()>,
}

/// What passed in one direction.
#[derive(Debug, Default, Clone)]
pub(super) struct Seen {
    /// Bytes of the contents of data messages.
    pub(super) payload: usize,
    /// When the answer that opened the last WebSocket, or the question for it, had passed.
    pub(super) opened: Option<Instant>,
    /// When a protocol frame of each number passed for the first and for the last time.
    frames: [Option<(Instant, Instant)>; FRAMES],
}

impl Tap {
    /// Starts a wire to the relay, on which everything takes this long each way.
    pub(super) async fn start(relay: SocketAddr, delay: Duration) -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").await.doing("listening on loopback")?;
        let address = listener.local_addr().doing("listening on loopback")?;
        let seen = Arc::new([Mutex::default(), Mutex::default()]);
        let (stop, mut stopped) = oneshot::channel();
        let counting = Arc::clone(&seen);
        let passing = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    _ = &mut stopped => break,
                    Ok((near, _)) = listener.accept() => {
                        connections.spawn(pass(near, relay, delay, Arc::clone(&counting)));
                    }
                }
            }
            while connections.join_next().await.is_some() {}
        });
        Ok(Self { address, seen, stop, passing })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until the connections have ended, and answers what passed to the relay and what to the device.
    pub(super) async fn finish(self) -> Result<[Seen; 2], Failure> {
        drop(self.stop);
        let ended = tokio::time::timeout(PATIENCE, self.passing).await;
        ended.doing("waiting for the end of a connection")?.doing("passing bytes on")?;
        Ok([0, 1].map(|direction| lock(&self.seen[direction]).clone()))
    }
}

impl Seen {
    /// When a frame of this number passed for the first time.
    pub(super) fn first(&self, frame: u8) -> Result<Instant, Failure> {
        self.passed(frame).map(|(first, _)| first)
    }

    /// When a frame of this number passed for the last time.
    pub(super) fn last(&self, frame: u8) -> Result<Instant, Failure> {
        self.passed(frame).map(|(_, last)| last)
    }

    fn passed(&self, frame: u8) -> Result<(Instant, Instant), Failure> {
        let passed = self.frames.get(usize::from(frame)).copied().flatten();
        passed.ok_or_else(|| Failure::new(format!("no frame {frame} passed")))
    }

    fn message(&mut self, length: usize, first: [u8; 2]) {
        self.payload += length;
        let now = Instant::now();
        // A frame is `[number, content]`.
        if let (0x82, Some(frame)) = (first[0], self.frames.get_mut(usize::from(first[1]))) {
            frame.get_or_insert((now, now)).1 = now;
        }
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn pass(near: TcpStream, relay: SocketAddr, delay: Duration, seen: Arc<[Mutex<Seen>; 2]>) {
    // Whoever is not connected notices it itself.
    let Ok(far) = TcpStream::connect(relay).await else { return };
    if near.set_nodelay(true).and_then(|()| far.set_nodelay(true)).is_err() {
        return;
    }
    let ((from_device, to_device), (from_relay, to_relay)) = (near.into_split(), far.into_split());
    tokio::join!(
        one_way(from_device, to_relay, delay, &seen[0]), //
        one_way(from_relay, to_device, delay, &seen[1]),
    );
}

async fn one_way(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: Duration, seen: &Mutex<Seen>) {
    let (pieces, mut waiting) = mpsc::channel::<(Instant, Vec<u8>)>(PIECES_MAX);
    let read = async move {
        let mut piece = vec![0; PIECE_BYTES];
        while let Ok(count @ 1..) = from.read(&mut piece).await {
            if pieces.send((Instant::now() + delay, piece[..count].to_vec())).await.is_err() {
                return;
            }
        }
    };
    let write = async move {
        let mut messages = Messages::default();
        while let Some((due, piece)) = waiting.recv().await {
            if !delay.is_zero() {
                tokio::time::sleep_until(due.into()).await;
            }
            messages.take(&piece, &mut lock(seen));
            if to.write_all(&piece).await.is_err() {
                return;
            }
        }
        // Dropping the half tells the other side that no more comes.
    };
    tokio::join!(read, write);
}

/// Finds the messages in what passes one way: an HTTP head, then WebSocket frames.
#[derive(Default)]
struct Messages {
    is_open: bool,
    /// The beginning of something that is not whole: a head, or a frame's header with two bytes behind it.
    begun: Vec<u8>,
    /// Bytes of the current frame that are still to come.
    rest: usize,
}

impl Messages {
    fn take(&mut self, piece: &[u8], seen: &mut Seen) {
        let skipped = self.rest.min(piece.len());
        self.rest -= skipped;
        self.begun.extend_from_slice(&piece[skipped..]);
        if !self.is_open {
            let end = self.begun.windows(4).position(|four| four == b"\r\n\r\n");
            let Some(end) = end else { return };
            self.begun.drain(..end + 4);
            self.is_open = true;
            seen.opened = Some(Instant::now());
        }
        let mut at = 0;
        while let Some(frame) = Frame::read(&self.begun[at..]) {
            if frame.is_data {
                seen.message(frame.length, frame.first);
            }
            let end = at + frame.header + frame.length;
            at = end.min(self.begun.len());
            self.rest = end - at;
        }
        self.begun.drain(..at);
    }
}

/// The beginning of a WebSocket frame.
struct Frame {
    header: usize,
    length: usize,
    is_data: bool,
    first: [u8; 2],
}

impl Frame {
    /// Nothing where too little of it is there.
    fn read(bytes: &[u8]) -> Option<Self> {
        const CONTROL: u8 = 8;
        const MASKED: u8 = 0x80;
        let (kind, second) = (*bytes.first()?, *bytes.get(1)?);
        let (length, behind) = match second & !MASKED {
            126 => (usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)), 4),
            127 => (usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?, 10),
            short => (usize::from(short), 2),
        };
        let (mask, header): ([u8; 4], usize) = if second & MASKED == 0 {
            ([0; 4], behind)
        } else {
            (bytes.get(behind..behind + 4)?.try_into().ok()?, behind + 4)
        };
        let mut first = [0; 2];
        for at in 0..length.min(2) {
            first[at] = *bytes.get(header + at)? ^ mask[at];
        }
        Some(Self { header, length, is_data: kind & CONTROL == 0, first })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_counted_however_the_bytes_are_cut() {
        let mut stream = b"HTTP/1.1 101 Switching\r\n\r\n".to_vec();
        stream.extend([0x82, 3, 0x82, 4, 0]);
        // Masked, longer than one byte can tell.
        stream.extend([0x82, 0x80 | 0x7e, 1, 0, 7, 7, 7, 7, 0x82 ^ 7, 9 ^ 7]);
        stream.extend([7; 254]);
        // A ping does not count.
        stream.extend([0x89, 0]);
        stream.extend([0x82, 2, 0x82, 4]);
        for cut in [1, 2, 3, 7, 64, stream.len()] {
            let (mut messages, mut seen) = (Messages::default(), Seen::default());
            stream.chunks(cut).for_each(|piece| messages.take(piece, &mut seen));
            assert_eq!(seen.payload, 3 + 256 + 2, "cut every {cut}");
            assert!(seen.first(4).expect("twice") <= seen.last(4).expect("twice"));
            assert!(seen.first(9).is_ok() && seen.first(1).is_err() && seen.opened.is_some());
            assert!(messages.begun.is_empty() && messages.rest == 0);
        }
    }
}
