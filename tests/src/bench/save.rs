//! From the call of [`Store::save`] until it returns: the save is durable then.

use regard_client::store::{Identity, Save, Store};
use regard_client::system::SystemEntropy;
use regard_core::id::DocumentId;

use super::disk::{Bare, Flushed, Phases};
use super::plan::{Doing, Plan, timed};
use super::{Failure, Group, Report, Series, Unit, records};

/// How many records are edited again and again: they stay loaded.
const LOADED: usize = 50;

pub(super) fn run(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    let folder = plan.fresh_folder()?;
    let identity = Identity::found("Bench", "Ana", "laptop", &mut SystemEntropy);
    let store = Store::create(&folder.path().join("store"), identity).doing("creating a store")?;
    let saves = plan.choose(60, 200);
    // The last ones made are loaded, the first ones have long been put away.
    let ids = records::fill(&store, plan.choose(600, 2_000))?;
    let limits = Limits {
        bare: Bare::create(&folder.path().join("bare.redb"))?,
        flushed: Flushed::create(&folder.path().join("flushed"))?,
    };
    let mut case = Case { store: &store, limits, report };
    let (far, near) = (&ids[..saves], &ids[ids.len() - LOADED..]);
    let edits = (0..saves).map(|at| (near[at % LOADED], records::edit(near[at % LOADED], at)));
    case.measure("one edit, record loaded", edits)?;
    case.measure("one edit, record not loaded", far.iter().map(|id| (*id, records::edit(*id, 1))))?;
    let made = (0..saves).map(|at| {
        let id = DocumentId::random(&mut SystemEntropy);
        (id, records::creation(id, ids.len() + at))
    });
    case.measure("a record made", made)
}

struct Limits {
    bare: Bare,
    flushed: Flushed,
}

struct Case<'a> {
    store: &'a Store,
    limits: Limits,
    report: &'a mut Report,
}

impl Case<'_> {
    /// Limits are measured after each save, so that all see the same disk.
    fn measure(&mut self, name: &str, all: impl Iterator<Item = (DocumentId, Save)>) -> Result<(), Failure> {
        let (mut saved, mut committed, mut flushed) = (Vec::new(), Vec::new(), Vec::new());
        for (id, save) in all {
            saved.push(timed(|| records::save(self.store, save))?.1);
            let change = records::last_change(self.store, id)?;
            committed.push(self.limits.bare.commit([change.as_slice()], Phases::One)?);
            flushed.push(self.limits.flushed.flush()?);
        }
        let [saved, committed, flushed] = [saved, committed, flushed].map(|values| Series::of(values).median());
        let limits = [("redb commit of the change", committed), ("fdatasync of 4 KB", flushed)];
        self.report.note(Group::Save, name, Unit::Seconds, saved, &limits);
        Ok(())
    }
}
