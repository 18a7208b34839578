//! What a record says about how it came to be tracked: who, when, and why.

use regard_core::record::Edit;
use regard_core::time::Timestamp;

use crate::store::Identity;

/// The edits that note it. `rule` names what made the record; `evidence` is what the rule went by.
#[must_use]
pub(crate) fn evidence(identity: &Identity, at: Timestamp, rule: &str, evidence: Option<&str>) -> Vec<Edit> {
    // Each device writes under its own key: two people who track the same thing are no conflict.
    let device = identity.device.to_string();
    let note = |member: &str, value: String| Edit::Put {
        field: "tracking".into(),
        item: device.clone(),
        member: Some(member.into()),
        value: value.into(),
    };
    let mut edits =
        vec![note("by", identity.member.to_string()), note("at", at.to_string()), note("rule", rule.into())];
    edits.extend(evidence.map(|evidence| note("evidence", evidence.into())));
    edits
}
