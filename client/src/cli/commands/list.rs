use regard_core::record::{Kind, Life};

use super::super::Context;
use super::super::error::Failure;
use super::super::output::{self, id, plain};
use super::super::times::{ago, moment, zone};
use crate::api::Method;
use crate::api::types::{RecordLine, RecordList};

/// List records: all, or those for which a filter holds.
///
/// For example: `regard list 'kind:contact company:Acme due:<friday -tag:vip'`
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// Words and field:value, all of which must hold; a kind may stand first. Values with spaces go into quotes.
    #[arg(value_name = "FILTER")]
    filter: Vec<String>,
    /// Only those whose title or second line holds this.
    #[arg(long, short, value_name = "TEXT")]
    text: Option<String>,
    /// Deleted ones too.
    #[arg(long)]
    deleted: bool,
    /// changed, date (also due, start), title or added; with a - before it the greatest first [default: -changed].
    #[arg(long, short, value_name = "ORDER", allow_hyphen_values = true)]
    sort: Option<String>,
    /// What is shown: id, kind, title, detail, date, changed, life, or fields, with commas between them.
    #[arg(long, short, value_name = "COLUMNS", value_delimiter = ',')]
    columns: Vec<String>,
    /// How many at most [default: 50, a setting].
    #[arg(long, short)]
    limit: Option<usize>,
    /// How many to pass over.
    #[arg(long, default_value_t = 0)]
    offset: usize,
    /// Go on behind this place, which the list before has told.
    #[arg(long, value_name = "PLACE", conflicts_with = "offset")]
    after: Option<String>,
}

/// What lists show where nobody chose.
const SHOWN: [&str; 5] = ["id", "kind", "title", "detail", "date"];
/// What every record of a list has at hand.
const HELD: [&str; 14] = [
    "id",
    "kind",
    "title",
    "detail",
    "date",
    "changed",
    "life",
    "regarding",
    "parent",
    "company",
    "owner",
    "status",
    "categories",
    "address",
];

impl List {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let client = context.client().await?;
        let path = self.path(self.limit.unwrap_or(context.loaded.settings.list_limit));
        let list: RecordList = client.call(Method::GET, &path, super::NOTHING).await?;
        if list.records.is_empty() {
            context.output.note("No records match.");
        }
        if !list.records.is_empty() || context.output.is_json() {
            context.output.answer(&list, |list| self.table(&list.records))?;
        }
        let next = list.next.as_deref().unwrap_or_default();
        if let Some(opened) = list.stopped_after {
            context.output.hint(format!(
                "Lists do not hold all these fields: {opened} records were opened, and that is as far as it looked. It goes on with --after {next}"
            ));
        } else if list.more && self.after.is_some() {
            context.output.hint(format!("There are more: --after {next}"));
        } else if list.more {
            let next = self.offset + list.records.len();
            context.output.hint(format!("There are more: --offset {next}, or a larger --limit."));
        }
        client.close().await;
        Ok(())
    }

    fn path(&self, limit: usize) -> String {
        let mut filter = self.filter.as_slice();
        let kind = filter.first().and_then(|first| first.parse::<Kind>().ok());
        if kind.is_some() {
            filter = &filter[1..];
        }
        let further = self.columns.iter().map(|name| name.trim()).filter(|name| !HELD.contains(name));
        let further: Vec<&str> = further.collect();
        let query = [
            ("limit", Some(limit.to_string())),
            ("offset", Some(self.offset.to_string())),
            ("deleted", Some(self.deleted.to_string())),
            ("kind", kind.map(|kind| kind.to_string())),
            ("text", self.text.clone()),
            ("filter", (!filter.is_empty()).then(|| filter.join(" "))),
            ("sort", self.sort.clone()),
            ("after", self.after.clone()),
            ("columns", (!further.is_empty()).then(|| further.join(","))),
            ("zone", zone().iana_name().map(str::to_owned)),
        ];
        let query = query.into_iter().filter_map(|(name, value)| Some((name, value?)));
        format!("/v1/records?{}", form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish())
    }

    fn table(&self, records: &[RecordLine]) -> String {
        let chosen = self.columns.iter().map(|name| name.trim()).filter(|name| !name.is_empty());
        let mut columns: Vec<&str> = chosen.collect();
        if columns.is_empty() {
            columns.extend(SHOWN);
        }
        table(records, &columns)
    }
}

/// Records in columns, and what a person should see at once behind them.
pub(super) fn table(records: &[RecordLine], columns: &[&str]) -> String {
    let names: Vec<String> = columns.iter().map(|name| name.to_uppercase()).chain([String::new()]).collect();
    let mut table = output::table(&names.iter().map(String::as_str).collect::<Vec<_>>());
    for record in records {
        let cells = columns.iter().map(|name| cell(record, name)).chain([marks(record)]);
        table.add_row(output::row(cells));
    }
    table.to_string()
}

/// As [`table`] with what lists show where nobody chose.
pub(super) fn plain_table(records: &[RecordLine]) -> String {
    table(records, &SHOWN)
}

fn cell(record: &RecordLine, column: &str) -> String {
    let link = |target: Option<regard_core::id::DocumentId>| target.map(|id| id.to_hex()[..8].to_owned());
    match column {
        "id" => id(record),
        "kind" => record.kind.to_string(),
        "title" => record.title.clone(),
        "detail" => record.detail.clone(),
        "date" => record.moment.as_deref().map(moment).unwrap_or_default(),
        "changed" => ago(record.changed_at),
        "life" => record.life.to_string(),
        "regarding" => link(record.regarding).unwrap_or_default(),
        "parent" => link(record.parent).unwrap_or_default(),
        "company" => record.company.clone().unwrap_or_default(),
        "owner" => record.owner.clone().unwrap_or_default(),
        "status" => record.status.clone().unwrap_or_default(),
        "categories" => record.categories.join(", "),
        "address" => record.addresses.join(", "),
        other => plain(record.columns.get(other).map_or("", String::as_str)).replace('\n', " "),
    }
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
