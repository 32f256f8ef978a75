//! Attributes that are kept as the kernel's own bytes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::InvalidValue;

/// Holds an attribute of a netlink message in the kernel's form: what is restored, but not understood.
///
/// Its text is the type, a colon and the bytes: `11:00000005`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RawAttribute {
    /// The type without flags.
    pub kind: u16,
    /// The value in the byte order of the host that it was read on.
    pub value: Vec<u8>,
}

impl fmt::Display for RawAttribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.kind)?;
        self.value
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for RawAttribute {
    type Err = InvalidValue;
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let parsed = text.split_once(':').and_then(|(kind, value)| {
            Some(Self {
                kind: kind.parse().ok()?,
                value: bytes(value)?,
            })
        });
        parsed.ok_or_else(|| InvalidValue::new("attribute", text, "is not like 11:00000005"))
    }
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Vec<_> = hex
        .chars()
        .map(|digit| {
            digit
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        })
        .collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks();
    rest.is_empty()
        .then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

crate::text::serde_as_text!(RawAttribute);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_read_back() {
        for value in [vec![], vec![0, 0xff, 0x10]] {
            let attribute = RawAttribute { kind: 22, value };
            assert_eq!(attribute.to_string().parse(), Ok(attribute));
        }
        for bad in ["", "1", "1:0", "x:00", "1:0g", "70000:00"] {
            assert!(bad.parse::<RawAttribute>().is_err(), "{bad}");
        }
    }
}
