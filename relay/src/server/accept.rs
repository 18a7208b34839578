//! Connections before they carry a request: each is counted, has little time for its first words, and waits for nobody
//! else's.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use regard_core::error::{Cause, Refusal};
use regard_core::limits::{CONNECTIONS_SPARE, HANDSHAKES_MAX};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::body::TimedBody;
use super::patient::Patient;
use super::{Served, router, stopped};
use crate::metering::{self, Present};
use crate::tls::Tls;

/// Wait after the system has refused to give a connection, mostly since the process has as many files open as it may.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
/// The first byte of every TLS handshake; no HTTP request begins with it.
const HANDSHAKE_BYTE: u8 = 22;
/// How long a peer has for reading the last word.
const LAST_WORD_PATIENCE: Duration = Duration::from_millis(500);
/// Bytes read in one go and thrown away, behind the last word.
const DISCARDED_BYTES: usize = 1 << 10;

/// A connection's place among those that the relay takes; free again when all who hold it have dropped it.
#[derive(Clone)]
pub(super) struct Place(#[expect(dead_code, reason = "held, never looked at")] Arc<(OwnedSemaphorePermit, Present)>);

/// What requests can ask about the connection that they came by.
#[derive(Clone)]
struct Guest {
    place: Place,
    peer: SocketAddr,
}

/// Takes connections in, and answers each in a task of its own.
pub(super) struct Acceptor {
    listener: TcpListener,
    places: Arc<Semaphore>,
    stopping: watch::Receiver<bool>,
    front: Front,
}

/// What every connection needs.
#[derive(Clone)]
struct Front {
    router: Router,
    /// Where connections are encrypted, what answers handshakes, and how many at once.
    tls: Option<(TlsAcceptor, Arc<Semaphore>)>,
    served: Served,
}

impl Acceptor {
    pub(super) fn new(listener: TcpListener, tls: Option<&Tls>, served: Served) -> Self {
        let places =
            served.relay.settings.connections_max.saturating_add(CONNECTIONS_SPARE).min(Semaphore::MAX_PERMITS);
        let tls = tls.map(|tls| (tls.acceptor(), Arc::new(Semaphore::new(HANDSHAKES_MAX))));
        Self {
            listener,
            places: Arc::new(Semaphore::new(places)),
            stopping: served.stopping.clone(),
            front: Front { router: router(served.clone()), tls, served },
        }
    }

    /// Goes on until the relay is told to stop.
    pub(super) async fn run(self) {
        let stopped = stopped(self.stopping.clone());
        tokio::select! {
            () = self.accept() => {}
            () = stopped => {}
        }
    }

    async fn accept(&self) {
        // The semaphore is never closed.
        while let Ok(place) = Arc::clone(&self.places).acquire_owned().await {
            match self.listener.accept().await {
                Ok((socket, peer)) => {
                    let guest = Guest { place: Place(Arc::new((place, Present::socket()))), peer };
                    tokio::spawn(self.front.clone().begin(socket, guest));
                }
                Err(error) if is_of_the_peer(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "the relay can take no more connections for now");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// The peer took too long for a request's head, or for reading an answer.
fn is_of_patience(error: &hyper::Error) -> bool {
    let first: &(dyn std::error::Error + 'static) = error;
    error.is_timeout()
        || std::iter::successors(Some(first), |error| error.source())
            .filter_map(|error| error.downcast_ref::<io::Error>())
            .any(|error| error.kind() == io::ErrorKind::TimedOut)
}

/// The peer has gone before it was taken in.
fn is_of_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

impl Front {
    async fn begin(self, socket: TcpStream, guest: Guest) {
        // Frames are whole messages: waiting for more to send only costs time.
        let _ = socket.set_nodelay(true);
        let Some((acceptor, turns)) = &self.tls else { return self.answer(socket, guest).await };
        let handshake = handshake(socket, acceptor, turns);
        let shaken = tokio::select! {
            shaken = timeout(self.served.relay.settings.peer_patience, handshake) => shaken,
            () = stopped(self.served.stopping.clone()) => return,
        };
        match shaken {
            Ok(Ok(Some(stream))) => self.answer(stream, guest).await,
            Ok(Ok(None)) => {}
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => {
                metering::socket_cut("handshake");
                tracing::debug!("a TLS handshake did not end in time");
            }
        }
    }

    async fn answer(self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, guest: Guest) {
        let patience = self.served.relay.settings.peer_patience;
        let router = TowerToHyperService::new(self.router);
        let service = service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(|body| TimedBody::new(body, patience));
            request.extensions_mut().insert(guest.place.clone());
            request.extensions_mut().insert(ConnectInfo(guest.peer));
            router.call(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(patience)
            .serve_connection(TokioIo::new(Patient::new(stream, patience)), service)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = &mut connection => ended,
            () = stopped(self.served.stopping.clone()) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            if is_of_patience(&error) {
                metering::socket_cut("request");
            }
            tracing::debug!(%error, "a connection ended early");
        }
    }
}

/// Nothing where the peer has gone, or does not want to speak TLS: it is told in plain words then.
async fn handshake(
    mut socket: TcpStream,
    acceptor: &TlsAcceptor,
    turns: &Semaphore,
) -> io::Result<Option<tokio_rustls::server::TlsStream<TcpStream>>> {
    let mut first = [0];
    if socket.peek(&mut first).await? == 0 {
        return Ok(None);
    }
    if first[0] != HANDSHAKE_BYTE {
        tell_to_encrypt(&mut socket).await?;
        return Ok(None);
    }
    let _turn = turns.acquire().await.map_err(io::Error::other)?;
    acceptor.accept(socket).await.map(Some)
}

async fn tell_to_encrypt(socket: &mut TcpStream) -> io::Result<()> {
    let detail = "the relay speaks TLS here: its address begins with https://";
    let body = serde_json::to_string(&Refusal::new(Cause::Malformed, detail))?;
    let head = "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length:";
    socket.write_all(format!("{head} {}\r\n\r\n{body}", body.len()).as_bytes()).await?;
    socket.shutdown().await?;
    // A socket that is dropped with unread input resets the connection, and takes back what was sent.
    let mut discarded = [0; DISCARDED_BYTES];
    let reading = async {
        while socket.read(&mut discarded).await? > 0 {}
        io::Result::Ok(())
    };
    timeout(LAST_WORD_PATIENCE, reading).await.unwrap_or(Ok(()))
}
