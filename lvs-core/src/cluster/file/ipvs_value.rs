//! A value of `[ipvs]` that goes to a sysctl: what it is as written, and which the kernel accepts.

use std::fmt;
use std::ops::RangeInclusive;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};

use super::value::seconds;
use crate::cluster::model::{DocumentError, DocumentErrorKind};

/// Holds the value of a sysctl as written.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum SysctlValue {
    /// `1`
    Number(i64),
    /// `true`
    Flag(bool),
    /// `"3 50"`
    Text(String),
}

impl fmt::Display for SysctlValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Text(text) => write!(f, "{text:?}"),
        }
    }
}

/// Says which values a sysctl accepts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Accepts {
    /// A number in this range, or true and false for 1 and 0.
    Number(i64, i64),
    /// A power of two up to this one.
    PowerOfTwo(i64),
    /// Whole seconds, or text like `"1d"`.
    Span,
    /// Two numbers, the first below the second unless that is 0: `"3 50"`.
    Threshold,
    /// A list of processors: `"0-3,8"`.
    Processors,
}

use Accepts::{Number, PowerOfTwo, Processors, Threshold};

pub(super) const ANY: Accepts = Number(i32::MIN as i64, i32::MAX as i64);
pub(super) const NATURAL: Accepts = Number(0, i32::MAX as i64);
const NATURAL_RANGE: RangeInclusive<i64> = 0..=i32::MAX as i64;
pub(super) const MODE: Accepts = Number(0, 3);

impl Accepts {
    /// Returns a value as a file has it.
    pub(super) fn written(self, value: &str) -> SysctlValue {
        let is_text = matches!(self, Threshold | Processors);
        value
            .parse()
            .ok()
            .filter(|_| !is_text)
            .map_or_else(|| SysctlValue::Text(value.to_owned()), SysctlValue::Number)
    }

    /// Returns the kernel's text for a value.
    pub(super) fn value(self, name: &str, value: &SysctlValue) -> Result<String, DocumentError> {
        match (self, value) {
            (Number(..), SysctlValue::Flag(flag)) => Ok(u8::from(*flag).to_string()),
            (Number(from, to), SysctlValue::Number(number)) if (from..=to).contains(number) => {
                Ok(number.to_string())
            }
            (Self::Span, SysctlValue::Number(number)) if NATURAL_RANGE.contains(number) => {
                Ok(number.to_string())
            }
            (Self::Span, SysctlValue::Text(text)) => text
                .parse()
                .map_err(|_| self.refusal(name, value))
                .and_then(|span| seconds(span, name, NATURAL_RANGE))
                .map(|seconds| seconds.0.to_string()),
            (PowerOfTwo(most), SysctlValue::Number(number))
                if (1..=most).contains(number) && number & (number - 1) == 0 =>
            {
                Ok(number.to_string())
            }
            (Threshold, SysctlValue::Text(text)) => {
                threshold(text).ok_or_else(|| self.refusal(name, value))
            }
            (Processors, SysctlValue::Text(text)) if is_list(text) => Ok(text.clone()),
            _ => Err(self.refusal(name, value)),
        }
    }

    fn refusal(self, name: &str, value: &SysctlValue) -> DocumentError {
        if let (Number(..), SysctlValue::Text(text)) = (self, value) {
            return no_number(name, text);
        }
        let (kind, expected) = match self {
            Number(from, to) => (DocumentErrorKind::OutOfRange, format!("in {from}..{to}")),
            PowerOfTwo(most) => (
                DocumentErrorKind::InvalidValue,
                format!("a power of two up to {most}"),
            ),
            Self::Span => (
                DocumentErrorKind::InvalidValue,
                "a time in seconds, or like \"1d\"".to_owned(),
            ),
            Threshold => (
                DocumentErrorKind::InvalidValue,
                "two numbers like \"3 50\", the first below the second".to_owned(),
            ),
            Processors => (
                DocumentErrorKind::InvalidValue,
                "a list of processors like \"0-3,8\"".to_owned(),
            ),
        };
        DocumentError::new(kind, name, format!("{value} is not {expected}"))
    }
}

/// Refuses text where a number is due, in the words of other files or in quotes.
fn no_number(name: &str, text: &str) -> DocumentError {
    let hint = match text.to_ascii_lowercase().as_str() {
        "yes" | "on" | "true" | "enabled" => "write true".to_owned(),
        "no" | "off" | "false" | "disabled" => "write false".to_owned(),
        other if other.parse::<i64>().is_ok() => format!("write {other}, without quotes"),
        _ => "write a number, true or false".to_owned(),
    };
    let problem = format!("{text:?} is text, not a number");
    DocumentError::new(DocumentErrorKind::WrongType, name, problem).with_hint(hint)
}

fn threshold(text: &str) -> Option<String> {
    let numbers: Vec<Option<u32>> = text
        .split_whitespace()
        .map(|word| word.parse().ok())
        .collect();
    match numbers.as_slice() {
        [Some(threshold), Some(period)] if *period == 0 || threshold < period => {
            Some(format!("{threshold} {period}"))
        }
        _ => None,
    }
}

fn is_list(text: &str) -> bool {
    text.chars()
        .all(|c| c.is_ascii_digit() || c == '-' || c == ',')
}

#[cfg(feature = "schema")]
impl Accepts {
    pub(super) fn schema(self) -> serde_json::Value {
        use serde_json::json;
        match self {
            ANY => json!({"type": ["integer", "boolean"], "examples": [true]}),
            Number(from, to) => json!({
                "type": ["integer", "boolean"], "examples": [1], "minimum": from, "maximum": to
            }),
            PowerOfTwo(most) => json!({
                "type": "integer", "examples": [4], "minimum": 1, "maximum": most
            }),
            Self::Span => json!({"type": ["number", "string"], "examples": ["1d"]}),
            Threshold => json!({"type": "string", "examples": ["3 50"]}),
            Processors => json!({"type": "string", "examples": ["0-3,8"]}),
        }
    }
}

impl<'de> Deserialize<'de> for SysctlValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl Visitor<'_> for ValueVisitor {
    type Value = SysctlValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, true, false or text")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<SysctlValue, E> {
        Ok(SysctlValue::Number(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<SysctlValue, E> {
        i64::try_from(number)
            .map(SysctlValue::Number)
            .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(number), &self))
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<SysctlValue, E> {
        Ok(SysctlValue::Flag(flag))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<SysctlValue, E> {
        Ok(SysctlValue::Text(text.to_owned()))
    }
}
