//! What must hold at the end, checked against both stores themselves and not against what the commands say.

use std::collections::BTreeSet;
use std::path::Path;

use regard_core::id::{ChangeHash, DocumentId};
use serde_json::Value;

use super::cast::problem;
use crate::api::types::Problem;
use crate::store::Store;

/// A change that a person's device made and was told to be durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Promised {
    pub(super) document: DocumentId,
    pub(super) change: ChangeHash,
}

/// All changes of a record, from `regard inspect doc --json`.
pub(super) fn changes(report: &Value) -> Result<Vec<Promised>, Problem> {
    let report: regard_core::inspect::DocumentReport = serde_json::from_value(report.clone())
        .map_err(|error| problem(format!("`inspect doc` is not understood: {error}")))?;
    Ok(report.changes.iter().map(|change| Promised { document: report.id, change: change.hash }).collect())
}

/// Compares two stores that nobody has open: the same records, the same heads, and every promised change in both.
pub(super) fn check_stores(ana: &Path, ben: &Path, promised: &[Promised]) -> Result<Compared, Problem> {
    let (ana, ben) = (Store::open(ana)?, Store::open(ben)?);
    let (ids, others) = (ana.ids()?, ben.ids()?);
    if ids != others {
        let (ids, others): (BTreeSet<_>, BTreeSet<_>) = (ids.into_iter().collect(), others.into_iter().collect());
        let differ: Vec<_> = ids.symmetric_difference(&others).take(5).collect();
        return Err(problem(format!("the stores do not hold the same records: {differ:?}")));
    }
    let mut compared = Compared { records: ids.len(), changes: 0, promised: promised.len() };
    for id in ids {
        let (one, other) = (ana.document(id)?, ben.document(id)?);
        if one.heads() != other.heads() {
            return Err(problem(format!("record {id} differs between the two stores")));
        }
        compared.changes += one.changes_since(&[]).len();
    }
    for promise in promised {
        for store in [&ana, &ben] {
            if !store.document(promise.document)?.has(promise.change) {
                let folder = store.folder().display();
                return Err(problem(format!(
                    "change {} of record {} is lost in {folder}",
                    promise.change, promise.document
                )));
            }
        }
    }
    Ok(compared)
}

/// What was compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Compared {
    pub(super) records: usize,
    pub(super) changes: usize,
    pub(super) promised: usize,
}
