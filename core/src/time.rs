//! Points in time, as claims: wall clocks never decide and never refuse anything in Regard.

use std::fmt;
use std::time::Duration;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::limits::CLAIM_AHEAD_MAX;

/// Milliseconds since 1970-01-01T00:00:00Z, as some machine's clock told them. Core reads no clock: callers hand it in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode)]
#[cbor(transparent)]
pub struct Timestamp(#[n(0)] pub i64);

impl Timestamp {
    /// The time `span` later; the last time there is where that would be too far.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long ago `earlier` was; zero where it was not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Whether this, a time that somebody claims, lies so far behind `clock` in the future that it is flagged. It is never
    /// refused for that, and nothing is decided by it.
    #[must_use]
    pub fn is_ahead_of(self, clock: Self) -> bool {
        self.since(clock) > CLAIM_AHEAD_MAX
    }

    /// Whole seconds since 1970, as Automerge's changes carry them.
    #[must_use]
    pub fn as_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The time of a change, which is in seconds.
    #[must_use]
    pub fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC; a time beyond the calendar is written as its milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(time) => write!(f, "{time:.3}"),
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if let Some(millis) = text.strip_suffix("ms").and_then(|digits| digits.parse().ok()) {
            return Ok(Self(millis));
        }
        let time: jiff::Timestamp = text.parse().map_err(serde::de::Error::custom)?;
        Ok(Self(time.as_millisecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_claim_of_more_than_ten_minutes_ahead_is_flagged() {
        let clock = Timestamp(1_790_000_000_000);
        for (claimed, is_flagged) in [
            (clock, false),
            (Timestamp(clock.0 + 600_000), false),
            (Timestamp(clock.0 + 600_001), true),
            (Timestamp(i64::MAX), true),
            (Timestamp(i64::MIN), false),
        ] {
            assert_eq!(claimed.is_ahead_of(clock), is_flagged, "{claimed}");
        }
    }

    #[test]
    fn no_time_is_too_far_to_reckon_with() {
        let ends = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX];
        for (one, other) in ends.into_iter().flat_map(|one| ends.map(|other| (Timestamp(one), Timestamp(other)))) {
            assert_eq!(one.since(other) > Duration::ZERO, one > other, "{one} since {other}");
            assert!(one.after(Duration::MAX) >= one && one.after(Duration::ZERO) == one);
            assert_eq!(Timestamp::from_seconds(one.as_seconds()).0.cmp(&0), one.as_seconds().cmp(&0));
            assert!(!one.is_ahead_of(other) || one > other);
        }
        assert_eq!(Timestamp::from_seconds(i64::MAX), Timestamp(i64::MAX));
        assert_eq!(Timestamp::from_seconds(i64::MIN), Timestamp(i64::MIN));
    }

    #[test]
    fn every_time_survives_json() {
        for millis in [0, -1, 1_790_000_000_123, i64::MAX, i64::MIN] {
            let json = serde_json::to_string(&Timestamp(millis)).expect("a string");
            let back: Timestamp = serde_json::from_str(&json).expect("what was just written");
            assert_eq!(back, Timestamp(millis), "{json}");
        }
    }
}
