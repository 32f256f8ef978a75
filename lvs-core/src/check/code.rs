//! What a finding is called, and the areas findings belong to.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Severity;
use super::table::TABLE;
use crate::error::InvalidValue;

/// The lasting name of a kind of finding: `LVS001`. A code is never given to anything else.
///
/// ```
/// use lvs_core::check::Code;
/// let code: Code = "LVS001".parse()?;
/// assert_eq!(code, Code::ARP_IGNORE);
/// assert!(code.explanation().contains("arp_ignore"));
/// # Ok::<(), lvs_core::InvalidValue>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Code(pub(super) u16);

/// What is known of a code, whatever the cluster.
pub(super) struct Entry {
    pub(super) code: Code,
    pub(super) severity: Severity,
    pub(super) area: Area,
    pub(super) title: &'static str,
    pub(super) impact: &'static str,
    pub(super) explanation: &'static str,
}

/// For a number that is in no table, which only a future version's JSON can bring.
const UNKNOWN: Entry = Entry {
    code: Code(0),
    severity: Severity::Note,
    area: Area::Upkeep,
    title: "not known to this version",
    impact: "this version does not know",
    explanation: "This code is of a later version.",
};

impl Code {
    /// All codes in their order.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|entry| entry.code)
    }

    /// What is wrong, in a few words.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.entry().title
    }

    /// Why it matters: one sentence without its full stop.
    #[must_use]
    pub fn impact(self) -> &'static str {
        self.entry().impact
    }

    /// A paragraph: how it comes about, how it shows, what to do.
    #[must_use]
    pub fn explanation(self) -> &'static str {
        self.entry().explanation
    }

    /// How bad it is, unless a finding says otherwise.
    #[must_use]
    pub fn severity(self) -> Severity {
        self.entry().severity
    }

    /// What it is about.
    #[must_use]
    pub fn area(self) -> Area {
        self.entry().area
    }

    fn entry(self) -> &'static Entry {
        let found = TABLE.iter().find(|entry| entry.code == self);
        found.unwrap_or(&UNKNOWN)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("LVS{:03}", self.0))
    }
}

impl FromStr for Code {
    type Err = InvalidValue;
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let digits = text
            .strip_prefix("LVS")
            .or_else(|| text.strip_prefix("lvs"));
        digits
            .and_then(|digits| digits.parse().ok().map(Self))
            .filter(|code| TABLE.iter().any(|entry| entry.code == *code))
            .ok_or_else(|| {
                let last = TABLE.last().map_or(Self(0), |entry| entry.code);
                InvalidValue::new("code", text, format!("is not one of LVS001 to {last}"))
            })
    }
}

crate::text::serde_as_text!(Code);

/// What a check looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Area {
    /// Addresses and their prefixes.
    Addresses,
    /// Who answers, and who asks, in the virtual IP's name.
    Arp,
    /// The ways of requests and answers.
    Routing,
    /// The services and who takes their connections.
    Services,
    /// What connections there are say.
    Traffic,
    /// The time.
    Clock,
    /// That the machine is, and stays, as the file says.
    Upkeep,
}

impl Area {
    /// What is said where nothing was found.
    #[must_use]
    pub const fn reassurance(self) -> &'static str {
        match self {
            Self::Addresses => "every address is where it belongs",
            Self::Arp => "nobody but the director speaks for the virtual IPs",
            Self::Routing => "requests and answers find their way",
            Self::Services => "every service has somebody who takes connections",
            Self::Traffic => "connections come through",
            Self::Clock => "the time is agreed on",
            Self::Upkeep => "the machine is as the file says, and nobody else manages it",
        }
    }
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Addresses => "addresses",
            Self::Arp => "arp",
            Self::Routing => "routing",
            Self::Services => "services",
            Self::Traffic => "traffic",
            Self::Clock => "clock",
            Self::Upkeep => "upkeep",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_numbered_without_gaps() {
        let numbers: Vec<_> = Code::all().map(|code| code.0).collect();
        let expected: Vec<_> = (1..).take(numbers.len()).collect();
        assert_eq!(numbers, expected);
    }

    #[test]
    fn every_code_explains_itself() {
        for code in Code::all() {
            assert!(code.explanation().len() > 150, "{code} says little");
            assert!(code.explanation().ends_with('.'), "{code}");
            assert!(!code.impact().ends_with('.'), "{code}");
            assert!(!code.title().ends_with('.'), "{code}");
        }
    }

    #[test]
    fn only_codes_that_exist_are_read() {
        assert_eq!("lvs013".parse(), Ok(Code::NAT_GATEWAY));
        for bad in ["", "LVS", "LVS000", "LVS999", "13", "LVS99999999"] {
            assert!(bad.parse::<Code>().is_err(), "{bad:?}");
        }
    }
}
