use regard_core::record::Kind;

use super::super::Context;
use super::super::error::Failure;
use super::list::plain_table;
use super::{NOTHING, kind};
use crate::api::Method;
use crate::api::types::RecordList;

/// Find records by words in titles, second lines, companies, addresses and categories; the best first.
///
/// All words must be there, whatever the case. First come records whose title begins so, then those with words that do.
#[derive(Debug, clap::Args)]
pub(crate) struct Search {
    /// The words.
    #[arg(required = true)]
    words: Vec<String>,
    /// Only this kind.
    #[arg(long, short, value_parser = kind)]
    kind: Option<Kind>,
    /// How many at most [default: 50, a setting].
    #[arg(long, short)]
    limit: Option<usize>,
}

impl Search {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let client = context.client().await?;
        let limit = self.limit.unwrap_or(context.loaded.settings.list_limit);
        let mut query = vec![("words", self.words.join(" ")), ("limit", limit.to_string())];
        query.extend(self.kind.map(|kind| ("kind", kind.to_string())));
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        let list: RecordList = client.call(Method::GET, &format!("/v1/search?{query}"), NOTHING).await?;
        if list.records.is_empty() {
            context.output.note("No records match.");
        }
        if !list.records.is_empty() || context.output.is_json() {
            context.output.answer(&list, |list| plain_table(&list.records))?;
        }
        if list.more {
            context.output.hint("There are more: a further word, or a larger --limit.");
        }
        client.close().await;
        Ok(())
    }
}
