//! Instants as they were written, and lengths.
//!
//! An [`Instant`] keeps the digits of the line: a time without a zone stays *naive* (digits read as if UTC) until a source
//! profile says which zone it is in. It guarantees nanosecond arithmetic in `i64` (years 1678 to 2261); times outside that range
//! never become an `Instant`. It never reads the clock.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UnixNanos(pub i64);

impl UnixNanos {
    /// RFC 3339 in UTC with nine decimals: `2026-11-20T09:12:44.120000000Z`.
    pub fn to_rfc3339(self) -> String {
        DateTime::<Utc>::from_timestamp_nanos(self.0).to_rfc3339_opts(SecondsFormat::Nanos, true)
    }
}

/// RFC 3339 in UTC with three decimals, of milliseconds since 1970; any that nanoseconds in `i64` could hold, and some more.
pub fn rfc3339_of_ms(ms: i64) -> String {
    DateTime::<Utc>::from_timestamp_millis(ms).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Millis, true)
}

impl Serialize for UnixNanos {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_rfc3339())
    }
}

/// Reads back what is written, and a bare number of nanoseconds.
impl<'de> Deserialize<'de> for UnixNanos {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Nanos(i64),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Nanos(ns) => Ok(Self(ns)),
            Written::Text(text) => {
                let at = DateTime::parse_from_rfc3339(&text).map_err(serde::de::Error::custom)?;
                at.timestamp_nanos_opt().map(Self).ok_or_else(|| serde::de::Error::custom("the instant lies outside 1678 to 2261"))
            }
        }
    }
}

/// A point in time as one line states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instant {
    /// The written digits in nanoseconds, in UTC when the zone is known, else as if they were UTC.
    pub unix_ns: i64,
    /// The resolution of the digits seen: 1 s, 1 ms, 1 µs, 1 ns … in nanoseconds, at least 1.
    pub quantum_ns: u64,
    /// No zone was written.
    pub naive: bool,
}

/// A length of time as one line states it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Length {
    /// Nanoseconds when the unit is known (by name, value, or convention), else `None`.
    pub ns: Option<i64>,
    /// The bare number as written, when the unit is unknown.
    pub bare: f64,
    /// Resolution of the digits in nanoseconds (1 when unknown).
    pub quantum_ns: u64,
}

impl Length {
    /// A length whose unit is known.
    pub fn known(ns: i64, quantum_ns: u64) -> Self {
        Self { ns: Some(ns), bare: 0.0, quantum_ns: quantum_ns.max(1) }
    }

    /// A number whose unit nobody states.
    pub fn bare(number: f64) -> Self {
        Self { ns: None, bare: number, quantum_ns: 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_reads_back_what_it_writes() {
        for ns in [0, 1_795_443_667_012_000_001, -1, i64::MAX, i64::MIN] {
            let text = serde_json::to_string(&UnixNanos(ns)).unwrap();
            assert_eq!(serde_json::from_str::<UnixNanos>(&text).unwrap(), UnixNanos(ns), "{text}");
        }
        assert_eq!(serde_json::from_str::<UnixNanos>("17").unwrap(), UnixNanos(17));
        assert!(serde_json::from_str::<UnixNanos>("\"9999-01-01T00:00:00Z\"").is_err());
    }
}
