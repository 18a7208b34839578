mod stream;

use super::super::Context;
use super::super::error::Failure;
use super::super::output::{data, plain};
use super::super::times::ago;
use super::NOTHING;
use crate::api::{Client, Method, Next};
use crate::engine::Notice;
use crate::system::now;
use crate::unix;
use regard_core::sync::Link;

/// Show what happens, as it happens, until it is interrupted. With --json one object a line.
#[derive(Debug, clap::Args)]
pub(crate) struct Watch {
    #[command(flatten)]
    wanted: stream::Wanted,
}

impl Watch {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let mut client = context.client().await?;
        client.serve()?;
        if let Some(workspace) = client.workspace()
            && !workspace.store.settings()?.offline
        {
            workspace.engine.go_online().await;
        }
        let watched =
            if self.wanted.stream { self.wanted.run(context, &client).await } else { notices(context, &client).await };
        client.close().await;
        watched
    }
}

async fn notices(context: &Context<'_>, client: &Client) -> Result<(), Failure> {
    let mut failed = None;
    let each = |notice: Notice| {
        let line = if context.output.is_json() {
            serde_json::to_string(&notice).unwrap_or_default()
        } else {
            format!("{} {}", ago(now()), people(&notice))
        };
        Ok(match data(&line) {
            Ok(()) => Next::Go,
            Err(failure) => {
                failed = Some(failure);
                Next::Stop
            }
        })
    };
    tokio::select! {
        ended = client.lines(Method::GET, "/v1/watch", NOTHING, each) => ended?,
        () = unix::told_to_stop() => {}
    }
    failed.map_or(Ok(()), Err)
}

fn people(notice: &Notice) -> String {
    let count = |count: usize, what: &str| if count == 1 { format!("one {what}") } else { format!("{count} {what}s") };
    match notice {
        Notice::Saved { records, .. } => format!("saved here: {}", count(records.len(), "record")),
        Notice::Imported { saves } => format!("imported: {}", count(*saves, "record")),
        Notice::Visible { save } => format!("visible to everybody: save {save}"),
        Notice::Refused { save, reason } => format!("refused by the relay: save {save}: {}", reason.detail),
        Notice::Arrived { records, set_aside: 0 } => format!("arrived: {}", count(records.len(), "changed record")),
        Notice::Arrived { records, set_aside } => {
            format!("arrived: {}; {} set aside", count(records.len(), "changed record"), count(*set_aside, "change"))
        }
        Notice::SetAside { save, name } => format!("{} could not apply your save {save}", plain(name)),
        Notice::MadeAgain { save, again: Some(again) } => format!("made again for others: save {save}, as {again}"),
        Notice::MadeAgain { save, again: None } => format!("not made again for others: save {save}"),
        Notice::Healed { changes: 1 } => "applied after all: one change that was set aside".into(),
        Notice::Healed { changes } => format!("applied after all: {changes} changes that were set aside"),
        Notice::Link { link: Link::Live { .. } } => "online".into(),
        Notice::Link { link: Link::Connecting { .. } } => "connecting".into(),
        Notice::Link { link: Link::Waiting { reason, .. } } => format!("offline: {}", plain(&reason.detail)),
        Notice::Link { link: Link::Ended { reason, .. } } => format!("shut out: {}", plain(&reason.detail)),
        Notice::Link { link: Link::Offline { .. } } => "offline by choice".into(),
        Notice::Peer { name, online, .. } => format!("{name} is {}", if *online { "online" } else { "offline" }),
        Notice::Missed { count } => format!("{count} events were too many to show"),
    }
}
