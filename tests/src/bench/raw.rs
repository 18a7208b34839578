//! A client without a store: it speaks the protocol and does nothing else.

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use regard_client::store::RelayAccess;
use regard_core::id::WorkspaceId;
use regard_core::limits::FRAME_BYTES_MAX;
use regard_core::wire::{
    Applied, ClientFrame, Cursor, Hello, PROTOCOL_VERSION, RelayFrame, Scope, Segment, Subscribe, UnitOutcome, decode,
    encode,
};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderValue, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use super::Failure;
use super::plan::Doing;

/// A change that has not come by then will not come.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection that has been greeted.
pub(crate) struct Raw {
    socket: WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>,
}

impl Raw {
    pub(crate) async fn connect(access: &RelayAccess, workspace: WorkspaceId) -> Result<Self, Failure> {
        let address = access.address.replacen("http", "ws", 1);
        let url = format!("{address}/v1/workspaces/{workspace}/sync");
        let mut request = url.into_client_request().doing("asking for a socket")?;
        let token = HeaderValue::from_str(&format!("Bearer {}", access.token)).doing("asking for a socket")?;
        request.headers_mut().insert(header::AUTHORIZATION, token);
        let config =
            WebSocketConfig::default().max_message_size(Some(FRAME_BYTES_MAX)).max_frame_size(Some(FRAME_BYTES_MAX));
        let opened = connect_async_with_config(request, Some(config), true).await;
        let (mut socket, _) = opened.doing("opening a socket")?;
        let versions = (PROTOCOL_VERSION, PROTOCOL_VERSION);
        let hello = Hello { versions, instance: 0, program: "bench".into(), features: Vec::new() };
        socket.send(message(&ClientFrame::Hello(hello))).await.doing("greeting")?;
        match next(&mut socket).await? {
            RelayFrame::Welcome(_) => Ok(Self { socket }),
            other => Err(Failure::new(format!("the relay greets with {other:?}"))),
        }
    }

    /// Sends pushes, at most `in_flight` of them unanswered, and answers how many changes became durable.
    pub(crate) async fn push(&mut self, pushes: Vec<Message>, in_flight: usize) -> Result<usize, Failure> {
        let (mut unanswered, mut accepted) = (pushes.len(), 0);
        let mut pushes = pushes.into_iter();
        for push in pushes.by_ref().take(in_flight) {
            self.socket.feed(push).await.doing("pushing")?;
        }
        self.socket.flush().await.doing("pushing")?;
        while unanswered > 0 {
            let RelayFrame::Pushed { outcomes, .. } = next(&mut self.socket).await? else { continue };
            unanswered -= 1;
            if let Some(push) = pushes.next() {
                self.socket.send(push).await.doing("pushing")?;
            }
            for outcome in outcomes {
                match outcome {
                    UnitOutcome::Visible { seqs, .. } => accepted += seqs.len(),
                    UnitOutcome::Refused(refusal) => return Err(Failure::new(format!("refused: {refusal}"))),
                }
            }
        }
        Ok(accepted)
    }

    /// The next answer to a push: the push's number, and what became of its units.
    pub(crate) async fn answer(&mut self) -> Result<(u64, Vec<UnitOutcome>), Failure> {
        loop {
            if let RelayFrame::Pushed { number, outcomes, .. } = next(&mut self.socket).await? {
                return Ok((number, outcomes));
            }
        }
    }

    /// Sends one frame.
    pub(crate) async fn send(&mut self, frame: Message) -> Result<(), Failure> {
        self.socket.send(frame).await.doing("sending a frame")
    }

    /// The whole log of a scope, packed as it came, with its end.
    pub(crate) async fn log(&mut self, scope: Scope) -> Result<(Cursor, Vec<Vec<u8>>), Failure> {
        self.subscribe(scope, None).await
    }

    /// Says that a scope's log is applied up to here, and waits until the relay has heard it.
    pub(crate) async fn report(&mut self, scope: Scope, cursor: Cursor) -> Result<(), Failure> {
        let applied = ClientFrame::Applied(Applied { scope, cursor, except: Vec::new() });
        self.socket.send(message(&applied)).await.doing("reporting")?;
        self.subscribe(scope, Some(cursor)).await.map(drop)
    }

    async fn subscribe(&mut self, scope: Scope, from: Option<Cursor>) -> Result<(Cursor, Vec<Vec<u8>>), Failure> {
        let subscribe = ClientFrame::Subscribe(Subscribe { scope, from, witness: None });
        self.socket.send(message(&subscribe)).await.doing("subscribing")?;
        let mut segments = Vec::new();
        loop {
            match next(&mut self.socket).await? {
                RelayFrame::Segment { packed, .. } => segments.push(packed),
                RelayFrame::CaughtUp { cursor, .. } => return Ok((cursor, segments)),
                _ => {}
            }
        }
    }

    /// Takes in what comes behind a log's end, and answers when the last of so many changes had come. Nothing is unpacked
    /// before `over`: other devices would not take the relay's processor for it either.
    pub(crate) async fn follow(mut self, expected: usize, mut over: watch::Receiver<bool>) -> Result<Instant, Failure> {
        let (mut segments, mut came) = (Vec::new(), Instant::now());
        loop {
            tokio::select! {
                packed = self.segment() => {
                    segments.push(packed?);
                    came = Instant::now();
                }
                ended = over.wait_for(|over| *over) => {
                    ended.doing("following the log")?;
                    break;
                }
            }
        }
        let mut count = 0;
        for packed in segments {
            count += changes_in(&packed)?;
        }
        while count < expected {
            let packed = timeout(PATIENCE, self.segment()).await;
            count += changes_in(&packed.doing(&format!("waiting for {expected} changes, of which {count} came"))??)?;
            came = Instant::now();
        }
        if count == expected { Ok(came) } else { Err(Failure::new(format!("{count} changes came of {expected}"))) }
    }

    /// The next segment, packed as it came.
    pub(crate) async fn segment(&mut self) -> Result<Vec<u8>, Failure> {
        loop {
            if let RelayFrame::Segment { packed, .. } = next(&mut self.socket).await? {
                return Ok(packed);
            }
        }
    }
}

fn changes_in(packed: &[u8]) -> Result<usize, Failure> {
    let segment = Segment::unpack(packed).doing("reading a segment")?;
    Ok(segment.units.iter().map(|unit| unit.changes.len()).sum())
}

/// A frame as a message, encoded.
pub(crate) fn message(frame: &ClientFrame) -> Message {
    Message::Binary(encode(frame).into())
}

async fn next(
    socket: &mut (impl StreamExt<Item = Result<Message, tungstenite::Error>> + Unpin),
) -> Result<RelayFrame, Failure> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Binary(bytes))) => {
                return match decode(&bytes, "relay's frame").doing("reading")? {
                    RelayFrame::Refused(refusal) => Err(Failure::new(format!("the relay ends it: {refusal}"))),
                    frame => Ok(frame),
                };
            }
            Some(Ok(Message::Close(_))) | None => return Err(Failure::new("the relay closed the connection")),
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(Failure::new(format!("the connection broke: {error}"))),
        }
    }
}
