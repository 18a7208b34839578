//! What a record says about how it came to be tracked: who, when, and why.

use regard_core::record::Edit;
use regard_core::time::Timestamp;

use crate::store::Identity;

/// The edits that note it. `rule` names what made the record; `evidence` is what the rule went by.
#[must_use]
pub(crate) fn evidence(identity: &Identity, at: Timestamp, rule: &str, evidence: Option<&str>) -> Vec<Edit> {
    let note = |item: &str, value: String| Edit::Put {
        field: "tracking".into(),
        item: item.into(),
        member: None,
        value: value.into(),
    };
    let mut edits =
        vec![note("by", identity.member.to_string()), note("at", at.to_string()), note("rule", rule.into())];
    edits.extend(evidence.map(|evidence| note("evidence", evidence.into())));
    edits
}
