//! HTTP requests and the answers that count as healthy.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::text::{Needle, checked_text, refused, visible};
use crate::error::InvalidValue;

checked_text! {
    /// Holds the target of a request: a path and perhaps a query, 1 to 2048 visible ASCII characters that
    /// begin with a slash.
    HttpPath, "path", |text| visible(text, 2048)
        .or_else(|| (!text.starts_with('/')).then_some("does not begin with /"))
}

checked_text! {
    /// Holds the value of the header `Host`: a name or address and perhaps a port, at most 255 visible ASCII
    /// characters.
    HostName, "host", |text| visible(text, 255)
        .or_else(|| text.contains(['/', '@', ',']).then_some("has a character that no host has"))
}

/// The method of a request.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum HttpMethod {
    /// GET, the default.
    #[default]
    Get,
    /// HEAD: the answer has no body.
    Head,
    /// OPTIONS.
    Options,
}

impl fmt::Display for HttpMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
        })
    }
}

/// Holds the statuses that count as healthy: `200-299`, or several like `200,301-302`.
///
/// ```
/// use lvs_core::cluster::checks::StatusRanges;
/// let statuses: StatusRanges = "200-299,401".parse()?;
/// assert!(statuses.contains(204) && statuses.contains(401) && !statuses.contains(500));
/// # Ok::<(), lvs_core::InvalidValue>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StatusRanges(Vec<(u16, u16)>);

impl StatusRanges {
    /// Returns whether a status is in one of the ranges.
    #[must_use]
    pub fn contains(&self, status: u16) -> bool {
        self.0
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&status))
    }
}

impl Default for StatusRanges {
    fn default() -> Self {
        Self(vec![(200, 299)])
    }
}

impl fmt::Display for StatusRanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (first, last)) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            if first == last {
                write!(f, "{comma}{first}")?;
            } else {
                write!(f, "{comma}{first}-{last}")?;
            }
        }
        Ok(())
    }
}

impl FromStr for StatusRanges {
    type Err = InvalidValue;
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        const STATUSES: RangeInclusive<u16> = 100..=599;
        const MOST: usize = 32;
        let range = |part: &str| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let range: (u16, u16) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
            let is_range =
                range.0 <= range.1 && STATUSES.contains(&range.0) && STATUSES.contains(&range.1);
            is_range.then_some(range)
        };
        text.split(',')
            .map(range)
            .collect::<Option<Vec<_>>>()
            .filter(|ranges| ranges.len() <= MOST)
            .map(Self)
            .ok_or_else(|| refused("status", text, "is not like \"200-299\" or \"200,301-302\""))
    }
}

crate::text::serde_as_text!(StatusRanges);

/// Describes an HTTP/1.1 request and the answer that counts as healthy.
///
/// A header `LVS-Weight: 0..100` in the answer is the share of its weight that the real server asks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HttpCheck {
    /// The method, GET unless given.
    pub method: HttpMethod,
    /// The path, `/` unless given.
    pub path: HttpPath,
    /// The header `Host`; unless given the address that clients connect to.
    pub host: Option<HostName>,
    /// The statuses that count as healthy, 200-299 unless given.
    pub status: StatusRanges,
    /// A text that the first 64 KiB of the body must contain.
    pub contains: Option<Needle>,
}

impl Default for HttpCheck {
    fn default() -> Self {
        Self {
            method: HttpMethod::Get,
            path: HttpPath("/".to_owned()),
            host: None,
            status: StatusRanges::default(),
            contains: None,
        }
    }
}

impl HttpCheck {
    /// Refuses what makes no sense together.
    ///
    /// # Errors
    /// Content of a body that HEAD does not return.
    pub fn check(&self) -> Result<(), InvalidValue> {
        match &self.contains {
            Some(needle) if self.method == HttpMethod::Head => {
                let problem = "is never found: an answer to HEAD has no body";
                Err(refused("contains", needle.as_str(), problem))
            }
            _ => Ok(()),
        }
    }
}

impl HostName {
    /// Returns the host without its port, as a name for a certificate.
    pub(super) fn server_name(&self) -> Option<super::ServerName> {
        let text = self.as_str();
        let bare = match text.strip_prefix('[') {
            Some(bracketed) => bracketed.split(']').next(),
            None => text.split(':').next(),
        };
        bare.and_then(|bare| super::ServerName::new(bare).ok())
    }
}
