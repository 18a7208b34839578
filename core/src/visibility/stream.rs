use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::{BadId, DocumentId, EpochId, MemberId};
use crate::limits::STREAM_SKIPPED_MAX;
use crate::record::Kind;

/// The number of an event, `epoch:seq`: a place of one life of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StreamId {
    /// The log's life.
    pub epoch: EpochId,
    /// The place; zero before the first change.
    pub seq: u64,
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.epoch, self.seq)
    }
}

impl FromStr for StreamId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let (epoch, seq) = text.split_once(':').ok_or_else(|| bad_id(text))?;
        // `u64` itself would also take a sign.
        let is_number = !seq.is_empty() && seq.bytes().all(|byte| byte.is_ascii_digit());
        let seq = seq.parse().ok().filter(|_| is_number).ok_or_else(|| bad_id(text))?;
        Ok(Self { epoch: epoch.parse().map_err(|_| bad_id(text))?, seq })
    }
}

fn bad_id(text: &str) -> BadId {
    BadId { text: text.chars().take(80).collect(), expected: "an event's id, as `epoch:seq`" }
}

impl Serialize for StreamId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StreamId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// From where a reader wants the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Since {
    /// From its first change.
    #[default]
    Start,
    /// Only what comes from now on.
    Now,
    /// Behind an event that the reader has.
    After(StreamId),
}

impl FromStr for Since {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        match text {
            "start" => Ok(Self::Start),
            "now" => Ok(Self::Now),
            id => id
                .parse()
                .map(Self::After)
                .map_err(|error: BadId| BadId { expected: "`start`, `now` or an event's id, as `epoch:seq`", ..error }),
        }
    }
}

/// Where a stream begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// Behind this place.
    After(u64),
    /// At the start, and the reader is told why.
    Reset(ResetReason),
}

/// Why a reader cannot go on from where it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResetReason {
    /// The log has begun anew since.
    Epoch,
    /// The log ends before that place: the relay was restored from an older copy.
    End,
}

impl Since {
    /// Where a stream begins on a log that ends at `head`.
    #[must_use]
    pub fn begin(self, head: StreamId) -> Begin {
        match self {
            Self::Start => Begin::After(0),
            Self::Now => Begin::After(head.seq),
            Self::After(id) if id.epoch != head.epoch => Begin::Reset(ResetReason::Epoch),
            Self::After(id) if id.seq > head.seq => Begin::Reset(ResetReason::End),
            Self::After(id) => Begin::After(id.seq),
        }
    }
}

/// Which changes a reader wants. What is not named is not asked about; several values of one sort are alternatives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Kinds of records.
    pub kinds: BTreeSet<Kind>,
    /// Records.
    pub records: BTreeSet<DocumentId>,
    /// Members whose devices made the change.
    pub members: BTreeSet<MemberId>,
}

impl Filter {
    /// Whether everything passes.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.kinds.is_empty() && self.records.is_empty() && self.members.is_empty()
    }

    /// Whether a change of this record by this member passes. A change by nobody known passes no filter by member.
    #[must_use]
    pub fn passes(&self, kind: Kind, record: DocumentId, member: Option<MemberId>) -> bool {
        let by_kind = self.kinds.is_empty() || self.kinds.contains(&kind);
        let by_record = self.records.is_empty() || self.records.contains(&record);
        let by_member = self.members.is_empty() || member.is_some_and(|member| self.members.contains(&member));
        by_kind && by_record && by_member
    }
}

/// From where a reader could go on, and how much was passed over since it was told so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResumePoint {
    told: u64,
    passed: u64,
}

impl ResumePoint {
    /// A reader that begins behind `place`.
    #[must_use]
    pub fn new(place: u64) -> Self {
        Self { told: place, passed: place }
    }

    /// The reader has the number `place`: nothing before it is owed.
    pub fn told(&mut self, place: u64) {
        *self = Self::new(place);
    }

    /// Nothing up to `place` was for the reader.
    pub fn passed(&mut self, place: u64) {
        self.passed = place;
    }

    /// The place up to which everything was told or passed over.
    #[must_use]
    pub fn place(&self) -> u64 {
        self.passed
    }

    /// Whether the reader would go on from before that.
    #[must_use]
    pub fn is_owed(&self) -> bool {
        self.passed > self.told
    }

    /// Whether it is so much that the reader should be told at once.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.passed - self.told >= STREAM_SKIPPED_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(epoch: u8, seq: u64) -> StreamId {
        StreamId { epoch: EpochId::from_bytes([epoch; 16]), seq }
    }

    #[test]
    fn an_id_reads_back_and_nothing_else_does() {
        for seq in [0, 1, u64::MAX] {
            assert_eq!(id(9, seq).to_string().parse(), Ok(id(9, seq)));
        }
        let epoch = EpochId::from_bytes([9; 16]);
        let wrong =
            ["", ":", "7", "start", "x:7", ":7", &format!("{epoch}"), &format!("{epoch}:"), &format!("{epoch}:+7")];
        for wrong in
            wrong.into_iter().chain([format!("{epoch}:18446744073709551616").as_str(), &format!("{epoch}:7:7")])
        {
            assert!(wrong.parse::<StreamId>().is_err(), "{wrong}");
        }
        let error = "yesterday".parse::<Since>().expect_err("no place").to_string();
        assert_eq!(error, "“yesterday” is not `start`, `now` or an event's id, as `epoch:seq`");
    }

    #[test]
    fn a_stream_begins_where_its_reader_ended_or_says_why_not() {
        let head = id(1, 10);
        for (since, begin) in [
            (Since::Start, Begin::After(0)),
            (Since::Now, Begin::After(10)),
            (Since::After(id(1, 0)), Begin::After(0)),
            (Since::After(id(1, 10)), Begin::After(10)),
            (Since::After(id(1, 11)), Begin::Reset(ResetReason::End)),
            (Since::After(id(2, 3)), Begin::Reset(ResetReason::Epoch)),
            (Since::After(id(2, 0)), Begin::Reset(ResetReason::Epoch)),
            (Since::After(id(2, 11)), Begin::Reset(ResetReason::Epoch)),
        ] {
            assert_eq!(since.begin(head), begin, "{since:?}");
        }
    }

    #[test]
    fn what_is_named_must_match_and_what_is_not_named_need_not() {
        let (record, other) = (DocumentId::from_bytes([1; 16]), DocumentId::from_bytes([2; 16]));
        let (ana, ben) = (MemberId::from_bytes([3; 16]), MemberId::from_bytes([4; 16]));
        let none = Filter::default();
        assert!(none.is_open() && none.passes(Kind::Task, record, None));
        let tasks = Filter { kinds: [Kind::Task, Kind::Lead].into(), ..none.clone() };
        assert!(!tasks.is_open());
        assert_eq!(
            [Kind::Task, Kind::Lead, Kind::Email].map(|kind| tasks.passes(kind, record, None)),
            [true, true, false]
        );
        let of_record = Filter { records: [record].into(), ..none.clone() };
        assert_eq!([record, other].map(|record| of_record.passes(Kind::Task, record, None)), [true, false]);
        let by_ana = Filter { members: [ana].into(), ..none };
        assert_eq!([Some(ana), Some(ben), None].map(|by| by_ana.passes(Kind::Task, record, by)), [true, false, false]);
        let all = Filter { kinds: [Kind::Task].into(), records: [record].into(), members: [ana].into() };
        assert!(all.passes(Kind::Task, record, Some(ana)));
        assert!(!all.passes(Kind::Lead, record, Some(ana)) && !all.passes(Kind::Task, other, Some(ana)));
    }

    #[test]
    fn a_position_is_owed_for_what_was_passed_over_and_due_when_that_is_much() {
        let mut resume = ResumePoint::new(5);
        assert!(!resume.is_owed() && !resume.is_due());
        resume.passed(6);
        assert!(resume.is_owed() && !resume.is_due());
        resume.passed(5 + STREAM_SKIPPED_MAX - 1);
        assert!(!resume.is_due());
        resume.passed(5 + STREAM_SKIPPED_MAX);
        assert!(resume.is_due());
        resume.told(resume.place());
        assert!(!resume.is_owed() && !resume.is_due());
    }
}
