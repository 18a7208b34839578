use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures_util::{SinkExt, StreamExt};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

/// A proxy before a relay that passes everything on, until it is told to swallow: then what the relay sends over a WebSocket
/// is lost, while its probes are answered and plain requests go on.
#[derive(Debug)]
pub struct Swallower {
    address: SocketAddr,
    state: Arc<State>,
    _runtime: tokio::runtime::Runtime,
}

#[derive(Debug)]
struct State {
    relay: SocketAddr,
    swallows: AtomicBool,
    swallowed: AtomicUsize,
}

impl Swallower {
    /// Starts it before the relay at this address.
    ///
    /// # Panics
    /// Where no port is free.
    #[must_use]
    pub fn start(relay: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("one");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State { relay, swallows: AtomicBool::new(false), swallowed: AtomicUsize::new(0) });
        let accepting = Arc::clone(&state);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(pass(stream, Arc::clone(&accepting)));
            }
        });
        Self { address, state, _runtime: runtime }
    }

    /// Where devices reach it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on nothing that is pushed arrives.
    pub fn swallow(&self) {
        self.state.swallows.store(true, Ordering::SeqCst);
    }

    /// How many frames were swallowed.
    #[must_use]
    pub fn swallowed(&self) -> usize {
        self.state.swallowed.load(Ordering::SeqCst)
    }
}

async fn pass(stream: TcpStream, state: Arc<State>) {
    let mut head = [0; 1024];
    let Ok(read) = stream.peek(&mut head).await else { return };
    if String::from_utf8_lossy(&head[..read]).contains("/sync ") {
        // Whoever is cut off tries again.
        let _ = pass_frames(stream, &state).await;
    } else {
        let _ = pass_bytes(stream, &state).await;
    }
}

async fn pass_bytes(mut stream: TcpStream, state: &State) -> std::io::Result<()> {
    let mut relay = TcpStream::connect(state.relay).await?;
    tokio::io::copy_bidirectional(&mut stream, &mut relay).await?;
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.map(drop)
}

async fn pass_frames(stream: TcpStream, state: &State) -> Result<(), tokio_tungstenite::tungstenite::Error> {
    let mut asked = None;
    // The type is the library's.
    #[allow(clippy::result_large_err)]
    let keep = |request: &Request, response: Response| {
        asked = Some((request.uri().clone(), request.headers().get("authorization").cloned()));
        Ok(response)
    };
    let device = tokio_tungstenite::accept_hdr_async(stream, keep).await?;
    let Some((uri, token)) = asked else { return Ok(()) };
    let mut request = format!("ws://{}{}", state.relay, uri.path()).into_client_request()?;
    request
        .headers_mut()
        .extend(token.map(|token| (tokio_tungstenite::tungstenite::http::header::AUTHORIZATION, token)));
    let (relay, _) = tokio_tungstenite::connect_async(request).await?;
    let ((mut to_device, mut from_device), (mut to_relay, mut from_relay)) = (device.split(), relay.split());
    loop {
        tokio::select! {
            Some(message) = from_device.next() => to_relay.send(message?).await?,
            Some(message) = from_relay.next() => match message? {
                Message::Binary(_) if state.swallows.load(Ordering::SeqCst) => {
                    state.swallowed.fetch_add(1, Ordering::SeqCst);
                }
                message => to_device.send(message).await?,
            },
            else => return Ok(()),
        }
    }
}
