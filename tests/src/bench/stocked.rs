//! A store with many records of several kinds, made once and opened anew for each figure.

use std::path::{Path, PathBuf};

use regard_client::store::{Identity, Save, Store, Work};
use regard_client::system::SystemEntropy;
use regard_core::id::DocumentId;
use regard_core::record::{Edit, Kind};
use regard_core::time::Timestamp;
use tempfile::TempDir;

use super::Failure;
use super::plan::{Doing, Plan, made_once, rate, timed};

/// Saves in one transaction: large ones cost a flush seldom, and take little memory still.
const SAVES_TOGETHER: usize = 2_048;
/// When the first of the records was saved, in seconds since 1970.
const FIRST_AT_SECONDS: i64 = 1_700_000_000;
/// Companies among which the contacts are spread.
pub(super) const COMPANIES: usize = 997;

/// A person's folder with a store at rest.
#[derive(Debug)]
pub(super) struct Stocked {
    folder: TempDir,
    pub(super) records: usize,
    /// A record in the middle.
    pub(super) some: DocumentId,
}

impl Stocked {
    pub(super) fn of(plan: &Plan) -> Result<&Self, Failure> {
        made_once(&plan.stocked, || Self::make(plan))
    }

    fn make(plan: &Plan) -> Result<Self, Failure> {
        let (folder, records) = (plan.fresh_folder()?, plan.stock());
        let path = folder.path().join("ana");
        let identity = Identity::found("Bench", "Ana", "laptop", &mut SystemEntropy);
        let store = Store::create(&path, identity).doing("creating a store")?;
        plan.tell(&format!("making {records} records"));
        let mut some = None;
        let ((), seconds) = timed(|| {
            for from in (0..records).step_by(SAVES_TOGETHER) {
                let numbers = from..records.min(from + SAVES_TOGETHER);
                let saves: Vec<_> = numbers.map(|number| (number, DocumentId::random(&mut SystemEntropy))).collect();
                some = saves.iter().find(|(number, _)| *number == records / 2).map(|(_, id)| *id).or(some);
                let saves = saves.into_iter().map(|(number, id)| creation(id, number)).collect();
                let saved = store.save_all(saves, &mut SystemEntropy).doing("filling a store")?;
                saved.into_iter().try_for_each(|saved| saved.map(drop)).doing("filling a store")?;
            }
            Ok::<_, Failure>(())
        })?;
        plan.tell(&format!("made {:.0}/s", rate(records, seconds)));
        let some = some.ok_or_else(|| Failure::new("no record was made"))?;
        Ok(Self { folder, records, some })
    }

    /// Where the person's folder lies.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn store(&self) -> PathBuf {
        self.folder.path().join("ana")
    }
}

/// Of ten records five are mails, three contacts, one a task and one an appointment.
fn creation(id: DocumentId, number: usize) -> Save {
    let set = |name: &str, value: String| Edit::Set(name.into(), value.into());
    let day = format!("20{:02}-{:02}-{:02}", 20 + number % 7, 1 + number % 12, 1 + number % 28);
    let (kind, edits) = match number % 10 {
        0..5 => {
            let edits = vec![
                set("subject", format!("Subject of message {number}")),
                set("from", format!("Person {0} <person{0}@example.org>", number % 5_003)),
                set("to", "ana@example.org".into()),
                set("date", format!("{day}T09:30:00Z")),
                set("message_id", format!("{number}@mail.example.org")),
            ];
            (Kind::Email, edits)
        }
        5..8 => {
            let email = format!("person{number}@example.org");
            let edits = vec![
                set("full_name", format!("{} Number {number}", ["Ana", "Ben", "Carla", "Dora", "Emil"][number % 5])),
                set("company", format!("Company {}", number % COMPANIES)),
                set("job_title", "Engineer".into()),
                Edit::Put { field: "emails".into(), item: email.clone(), member: None, value: email.into() },
            ];
            (Kind::Contact, edits)
        }
        8 => (Kind::Task, vec![set("summary", format!("Task {number}")), set("due", day)]),
        _ => (
            Kind::Appointment,
            vec![set("summary", format!("Meeting {number}")), set("start", format!("{day}T10:00:00"))],
        ),
    };
    let seconds = FIRST_AT_SECONDS + i64::try_from(number).unwrap_or(0);
    let works = vec![Work::Create { id, kind, notes: String::new(), edits }];
    Save { at: Timestamp::from_seconds(seconds), works }
}
