use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use regard_core::error::Refusal;
use regard_core::id::{DeviceId, DocumentId, Entropy, MemberId};
use regard_core::visibility::{Query, StreamEvent, StreamLine};
use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::Workspace;
use super::control::no_relay;
use super::problem::Failure;
use super::records::resolve;
use super::types::{Problem, ProblemCode, RecordLine};
use super::watch::{line, lines_response};
use crate::engine::Notice;
use crate::names::Names;
use crate::relay_stream::{Following, Heard};
use crate::store::{Store, StoreError};
use crate::system::SystemEntropy;

/// The relay's visibility stream, a line of JSON an event, for as long as the caller stays. Records may be named by the
/// beginning of their ids and members by their names. With `names=true` each line also has what people call them.
pub(super) async fn visibility(
    State(workspace): State<Workspace>,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let mut has_names = false;
    let mut asked: Vec<(String, String)> = Vec::new();
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        let value = match &*name {
            "names" => {
                has_names = value == "true";
                continue;
            }
            "record" => record(&workspace, &value).await?.to_string(),
            "member" => member(&workspace, &value).await?.to_string(),
            _ => value.into_owned(),
        };
        asked.push((name.into_owned(), value));
    }
    let asked = form_urlencoded::Serializer::new(String::new()).extend_pairs(asked).finish();
    check(&asked)?;
    let access = workspace.in_store(|store| Ok(store.settings()?.relay)).await?.ok_or_else(no_relay)?;
    let mut seed = [0; 8];
    SystemEntropy.fill(&mut seed);
    let id = workspace.store.identity().workspace;
    let following = Following::open(access, id, asked, u64::from_be_bytes(seed)).await?;
    let telling = Telling { following, store: workspace.store, engine: workspace.engine.notices(), has_names };
    let lines = futures_util::stream::unfold(telling, async |mut telling| Some((telling.next().await?, telling)));
    Ok(lines_response(Body::from_stream(lines)))
}

/// The relay would refuse it too; here it is known that the caller is to blame.
fn check(asked: &str) -> Result<(), Failure> {
    let pairs: Vec<_> = form_urlencoded::parse(asked.as_bytes()).collect();
    let read = Query::read(pairs.iter().map(|(name, value)| (&**name, &**value)), None);
    read.map(drop).map_err(|refusal| Problem::new(ProblemCode::Invalid, refusal.detail).into())
}

/// A whole id stands for itself, since the record may not be here yet.
async fn record(workspace: &Workspace, key: &str) -> Result<DocumentId, Failure> {
    match key.parse() {
        Ok(id) => Ok(id),
        Err(_) => Ok(resolve(workspace, key.to_owned()).await?.id),
    }
}

async fn member(workspace: &Workspace, name: &str) -> Result<MemberId, Failure> {
    if let Ok(id) = name.parse() {
        return Ok(id);
    }
    let directory = workspace.in_store(Store::directory).await?;
    let wanted = name.to_lowercase();
    let found: Vec<_> = directory.members.iter().filter(|member| member.name.to_lowercase() == wanted).collect();
    match found.as_slice() {
        [member] => Ok(member.id),
        [] => {
            let mut names: Vec<_> = directory.members.iter().map(|member| member.name.as_str()).collect();
            names.sort_unstable();
            let problem = Problem::new(ProblemCode::NotFound, format!("there is no member “{name}”"));
            Err(problem.hint(format!("The members are: {}.", names.join(", "))).into())
        }
        several => {
            let ids: Vec<_> = several.iter().map(|member| member.id.to_string()).collect();
            let problem = Problem::new(ProblemCode::Ambiguous, format!("several members are called “{name}”"));
            Err(problem.hint(format!("Name one by its id: {}.", ids.join(", "))).into())
        }
    }
}

/// A stream on its way to a caller. It must not hold the engine: it ends when the engine does.
struct Telling {
    following: Following,
    store: Arc<Store>,
    engine: broadcast::Receiver<Notice>,
    has_names: bool,
}

impl Telling {
    async fn next(&mut self) -> Option<Result<String, serde_json::Error>> {
        let next = self.following.next();
        tokio::pin!(next);
        let heard = loop {
            tokio::select! {
                heard = &mut next => break heard?,
                notice = self.engine.recv() => if matches!(notice, Err(RecvError::Closed)) { return None },
            }
        };
        Some(match heard {
            Heard::Line { text, line } if self.has_names => named(&self.store, &text, line).await,
            Heard::Line { text, .. } => Ok(text + "\n"),
            Heard::Interrupted(refusal) => own_line("interrupted", &refusal),
            Heard::Ended(refusal) => own_line("ended", &refusal),
        })
    }
}

/// What this side has to say, in the form of the relay's lines.
fn own_line(event: &str, refusal: &Refusal) -> Result<String, serde_json::Error> {
    line(&json!({ "event": event, "cause": refusal.cause, "detail": refusal.detail }))
}

async fn named(store: &Arc<Store>, text: &str, heard: StreamLine) -> Result<String, serde_json::Error> {
    let mut value: Value = serde_json::from_str(text)?;
    let store = Arc::clone(store);
    let found = tokio::task::spawn_blocking(move || names(&store, &heard.event)).await;
    match found.map_err(|error| error.to_string()).and_then(|found| found.map_err(|error| error.to_string())) {
        Ok(names) => value["names"] = names,
        // Names are an addition: an event without them is better than none.
        Err(error) => tracing::warn!(error, "the names of an event are not known"),
    }
    line(&value)
}

fn names(store: &Store, event: &StreamEvent) -> Result<Value, StoreError> {
    let names = Names::read(store)?;
    let name = |device: DeviceId| names.device(device);
    Ok(match event {
        StreamEvent::Visible(visible) => {
            let listed = match store.listed(visible.record) {
                Ok(listed) => Some(RecordLine::from(listed)),
                Err(StoreError::NoRecord(_)) => None,
                Err(error) => return Err(error),
            };
            json!({ "author": visible.author.map(name), "carrier": name(visible.carrier), "record": listed })
        }
        StreamEvent::Applied(reached) => json!({ "device": name(reached.device) }),
        StreamEvent::Online(presence) | StreamEvent::Offline(presence) => json!({ "device": name(presence.device) }),
        _ => json!({}),
    })
}
