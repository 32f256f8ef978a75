//! The permanent names of the kinds of findings.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The permanent name of a kind of finding: `LVS` and a number of three digits. A code is never given to another
/// kind.
///
/// ```
/// use lvs_core::check::Code;
/// let code: Code = Code::ARP_IGNORE.to_string().parse()?;
/// assert_eq!(code, Code::ARP_IGNORE);
/// assert!(code.explanation().contains("arp_ignore"));
/// # Ok::<(), lvs_core::InvalidValue>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub(super) &'static str);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}
