//! Spans of time with limits, as the cluster file writes them: whole seconds, or text like `"500ms"`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};

use crate::error::InvalidValue;
use crate::ipvs::Seconds;

/// Holds a span of time as the cluster file has it: seconds, or text like `"500ms"`, `"90s"` or `"5m"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(Duration);

impl Span {
    /// Returns the span.
    #[must_use]
    pub const fn get(self) -> Duration {
        self.0
    }

    /// Returns so many seconds.
    pub(in crate::cluster) fn of_seconds(seconds: Seconds) -> Self {
        Self(Duration::from_secs(u64::from(seconds.0)))
    }
}

impl Serialize for Span {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl From<Duration> for Span {
    fn from(span: Duration) -> Self {
        Self(span)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&text(self.0))
    }
}

impl FromStr for Span {
    type Err = InvalidValue;
    fn from_str(written: &str) -> Result<Self, InvalidValue> {
        parse(written).map(Self)
    }
}

/// Declares a span of time within limits; one type each, so that an interval is never taken for a timeout.
macro_rules! limited_span {
    ($(#[$doc:meta])* $name:ident, $what:literal, $least:expr, $most:expr, $range:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        #[serde(try_from = "Span")]
        pub struct $name(Duration);

        impl $name {
            /// Checks the range.
            ///
            /// # Errors
            /// Refuses a span outside the range.
            pub fn new(span: Duration) -> Result<Self, InvalidValue> {
                if !($least..=$most).contains(&span) {
                    let problem = concat!("is not in ", $range);
                    return Err(InvalidValue::new($what, text(span), problem));
                }
                Ok(Self(span))
            }

            /// Returns the span.
            #[must_use]
            pub const fn get(self) -> Duration {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&text(self.0))
            }
        }

        impl FromStr for $name {
            type Err = InvalidValue;
            fn from_str(written: &str) -> Result<Self, InvalidValue> {
                Self::new(parse(written)?)
            }
        }

        impl TryFrom<Span> for $name {
            type Error = InvalidValue;
            fn try_from(span: Span) -> Result<Self, InvalidValue> {
                Self::new(span.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    };
}

limited_span! {
    /// Holds the time between the beginnings of two probes: 100 ms to 1 day.
    Interval, "interval", Duration::from_millis(100), Duration::from_secs(86_400), "100ms..1d"
}

limited_span! {
    /// Holds the time after which a probe has failed: 10 ms to 5 minutes.
    Timeout, "timeout", Duration::from_millis(10), Duration::from_secs(300), "10ms..5m"
}

limited_span! {
    /// Holds the time over which a weight rises: 1 second to 1 day.
    SlowStartTime, "slow-start", Duration::from_secs(1), Duration::from_secs(86_400), "1s..1d"
}

impl Interval {
    /// The default of the cluster file, 2 seconds.
    pub const DEFAULT: Self = Self(Duration::from_secs(2));
}

impl Timeout {
    /// The default of the cluster file, 1 second.
    pub const DEFAULT: Self = Self(Duration::from_secs(1));
}

const UNITS: [(&str, u64); 5] = [
    // Before "s", for "500ms" ends in that too.
    ("ms", 1),
    ("s", 1000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

fn parse(written: &str) -> Result<Duration, InvalidValue> {
    let (number, factor) = UNITS
        .iter()
        .find_map(|(unit, factor)| Some((written.strip_suffix(unit)?, *factor)))
        .unwrap_or((written, 1000));
    number
        .parse::<u32>()
        .map(|number| Duration::from_millis(u64::from(number) * factor))
        .map_err(|_| {
            InvalidValue::new(
                "duration",
                written,
                "is not like \"500ms\", \"2s\" or \"5m\"",
            )
        })
}

/// Returns the text with the largest unit of which the span is a whole number.
fn text(span: Duration) -> String {
    let milliseconds = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    UNITS
        .iter()
        .rev()
        .find(|(_, factor)| milliseconds >= *factor && milliseconds % factor == 0)
        .map_or_else(
            || format!("{milliseconds}ms"),
            |(unit, factor)| format!("{}{unit}", milliseconds / factor),
        )
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SpanVisitor)
    }
}

struct SpanVisitor;

impl Visitor<'_> for SpanVisitor {
    type Value = Span;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("seconds, or text like \"500ms\", \"2s\" or \"5m\"")
    }

    fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Span, E> {
        Ok(Span(Duration::from_secs(seconds)))
    }

    fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Span, E> {
        u64::try_from(seconds)
            .map_err(|_| E::invalid_value(de::Unexpected::Signed(seconds), &self))
            .and_then(|seconds| self.visit_u64(seconds))
    }

    fn visit_str<E: de::Error>(self, written: &str) -> Result<Span, E> {
        parse(written).map(Span).map_err(E::custom)
    }

    fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Span, E> {
        Duration::try_from_secs_f64(seconds)
            .map(Span)
            .map_err(|_| E::invalid_value(de::Unexpected::Float(seconds), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_seconds_or_text() {
        for (written, text) in [
            ("2", "2s"),
            ("\"2s\"", "2s"),
            ("\"500ms\"", "500ms"),
            ("\"120s\"", "2m"),
            ("\"1500ms\"", "1500ms"),
        ] {
            let interval: Interval = serde_json::from_str(written).unwrap();
            assert_eq!(interval.to_string(), text);
            assert_eq!(text.parse::<Interval>().unwrap(), interval);
        }
    }

    #[test]
    fn other_spans_are_refused() {
        for (written, message) in [
            ("\"50ms\"", "interval \"50ms\" is not in 100ms..1d"),
            ("0", "interval \"0ms\" is not in 100ms..1d"),
            ("\"soon\"", "duration \"soon\" is not like"),
            ("-1", "invalid value: integer `-1`"),
            ("18446744073709551615", "is not in 100ms..1d"),
        ] {
            let error = serde_json::from_str::<Interval>(written).unwrap_err();
            assert!(error.to_string().contains(message), "{error}");
        }
    }
}
