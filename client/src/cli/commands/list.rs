use regard_core::record::{Kind, Life};

use super::super::Context;
use super::super::error::Failure;
use super::super::output::{self, id};
use super::kind;
use crate::api::Method;
use crate::api::types::{RecordLine, RecordList};

/// List records, newest first.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// Only this kind.
    #[arg(value_parser = kind)]
    kind: Option<Kind>,
    /// Only those whose title or second line holds this.
    #[arg(long, short, value_name = "TEXT")]
    text: Option<String>,
    /// Deleted ones too.
    #[arg(long)]
    deleted: bool,
    /// How many at most [default: 50].
    #[arg(long, short)]
    limit: Option<usize>,
    /// How many to pass over.
    #[arg(long, default_value_t = 0)]
    offset: usize,
}

impl List {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let client = context.client().await?;
        let limit = self.limit.unwrap_or(context.loaded.settings.list_limit);
        let mut query = vec![("limit", limit.to_string()), ("offset", self.offset.to_string())];
        query.push(("deleted", self.deleted.to_string()));
        query.extend(self.kind.map(|kind| ("kind", kind.to_string())));
        query.extend(self.text.map(|text| ("text", text)));
        let path =
            format!("/v1/records?{}", form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish());
        let list: RecordList = client.call(Method::GET, &path, super::NOTHING).await?;
        if list.records.is_empty() {
            context.output.note("No records match.");
        }
        if !list.records.is_empty() || context.output.is_json() {
            context.output.answer(&list, |list| table(&list.records))?;
        }
        if list.more {
            let next = self.offset + list.records.len();
            context.output.hint(format!("There are more: --offset {next}, or a larger --limit."));
        }
        client.close().await;
        Ok(())
    }
}

fn table(records: &[RecordLine]) -> String {
    let mut table = output::table(&["ID", "KIND", "TITLE", "DETAIL", "DATE", ""]);
    for record in records {
        let date = record.moment.clone().unwrap_or_default();
        let (kind, title, detail) = (record.kind.to_string(), record.title.clone(), record.detail.clone());
        table.add_row(output::row([id(record), kind, title, detail, date, marks(record)]));
    }
    table.to_string()
}

/// What a person should see at once.
fn marks(record: &RecordLine) -> String {
    let life = match record.life {
        Life::Live => None,
        Life::Deleted => Some("deleted".to_owned()),
        Life::Undecided => Some("deleted and edited: decide".to_owned()),
    };
    let conflicts = (record.conflicts > 0).then(|| format!("{} in conflict", record.conflicts));
    life.into_iter().chain(conflicts).collect::<Vec<_>>().join(", ")
}
