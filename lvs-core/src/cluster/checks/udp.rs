//! UDP datagrams.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::text::{Needle, refused};
use crate::error::InvalidValue;

/// Holds the payload of a datagram: text, or `hex:` and an even number of hexadecimal digits; at most
/// 1,200 bytes, which every network takes in one packet.
///
/// ```
/// use lvs_core::cluster::checks::Payload;
/// assert_eq!("hex:0d0A".parse::<Payload>()?.bytes(), b"\r\n");
/// assert_eq!("ping".parse::<Payload>()?.bytes(), b"ping");
/// # Ok::<(), lvs_core::InvalidValue>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Payload(Vec<u8>);

impl Payload {
    /// The largest payload in bytes.
    pub const MAX_LENGTH: usize = 1200;

    /// Checks the length.
    ///
    /// # Errors
    /// Refuses more than 1,200 bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, InvalidValue> {
        let bytes = bytes.into();
        if bytes.len() > Self::MAX_LENGTH {
            let length = format!("{} bytes", bytes.len());
            return Err(refused("payload", length, "is longer than 1200 bytes"));
        }
        Ok(Self(bytes))
    }

    /// Returns the bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match std::str::from_utf8(&self.0) {
            Ok(text) if !text.starts_with("hex:") && !text.contains(char::is_control) => {
                f.write_str(text)
            }
            _ => {
                f.write_str("hex:")?;
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

impl FromStr for Payload {
    type Err = InvalidValue;
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let Some(digits) = text.strip_prefix("hex:") else {
            return Self::new(text);
        };
        digits
            .as_bytes()
            .chunks(2)
            .map(|pair| {
                let pair = std::str::from_utf8(pair)
                    .ok()
                    .filter(|pair| pair.len() == 2)?;
                pair.bytes()
                    .all(|byte| byte.is_ascii_hexdigit())
                    .then(|| u8::from_str_radix(pair, 16).ok())
                    .flatten()
            })
            .collect::<Option<Vec<u8>>>()
            .ok_or_else(|| {
                refused(
                    "payload",
                    text,
                    "is not hex: and pairs of hexadecimal digits",
                )
            })
            .and_then(Self::new)
    }
}

crate::text::serde_as_text!(Payload);

/// Describes a UDP datagram. An ICMP message "port unreachable" is a failure; without an expected answer,
/// silence until the timeout is healthy.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UdpCheck {
    /// What is sent; an empty datagram unless given.
    pub payload: Payload,
    /// A text that the answer must contain.
    pub answer: Option<Needle>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_text_or_hexadecimal_digits() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("stats", b"stats"),
            ("hex:00ff", b"\x00\xff"),
            ("hex:6865783a", b"hex:"),
        ] {
            let payload: Payload = text.parse().unwrap();
            assert_eq!(payload.bytes(), bytes);
            assert_eq!(payload.to_string().parse(), Ok(payload));
        }
        for bad in ["hex:0", "hex:0g", "hex:+1", "hex:\u{e9}", &"a".repeat(1201)] {
            assert!(bad.parse::<Payload>().is_err(), "{bad:?}");
        }
    }
}
