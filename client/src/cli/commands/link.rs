use super::super::Context;
use super::super::error::Failure;
use super::NOTHING;
use crate::api::Method;
use crate::api::types::LinkAnswer;

/// Send and fetch everything once, and end.
#[derive(Debug, clap::Args)]
pub(crate) struct Sync {}

/// Work offline: nothing is sent and nothing fetched until `regard online`. Editing goes on as always.
#[derive(Debug, clap::Args)]
pub(crate) struct Offline {}

/// Be online again: what waits is sent, what others saved is fetched.
#[derive(Debug, clap::Args)]
pub(crate) struct Online {}

impl Sync {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let mut client = context.client().await?;
        client.serve()?;
        let answer: LinkAnswer = client.call(Method::POST, "/v1/sync", NOTHING).await?;
        client.close().await;
        context.output.answer(&answer, |_| "Everything is sent, and everything is here.".into())?;
        if answer.outbox.refused > 0 {
            context.output.warning(format!(
                "The relay refused {} of your saves; `regard status` says more.",
                answer.outbox.refused
            ));
        }
        Ok(())
    }
}

impl Offline {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let client = context.client().await?;
        let answer: LinkAnswer = client.call(Method::POST, "/v1/offline", NOTHING).await?;
        client.close().await;
        context.output.answer(&answer, |_| "You are offline. What you save stays here until `regard online`.".into())
    }
}

impl Online {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let client = context.client().await?;
        let runs = client.workspace().is_none();
        let answer: LinkAnswer = client.call(Method::POST, "/v1/online", NOTHING).await?;
        client.close().await;
        let waiting = answer.outbox.waiting;
        context.output.answer(&answer, |_| match waiting {
            _ if !runs || waiting == 0 => "You are no longer offline by choice.".into(),
            1 => "You are no longer offline by choice. One save goes out as soon as the relay is reached.".into(),
            _ => {
                format!("You are no longer offline by choice. {waiting} saves go out as soon as the relay is reached.")
            }
        })?;
        if !runs {
            context.output.hint("Nothing runs here now: `regard up` keeps you current, `regard sync` does so once.");
        }
        Ok(())
    }
}
