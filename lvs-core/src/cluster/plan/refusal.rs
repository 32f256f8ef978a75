//! Why a plan must not be carried out.

use std::fmt;
use std::net::IpAddr;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::cluster::change::ObjectId;
use crate::net::AddressId;

/// A reason why a plan must not be carried out, found before anything was changed.
///
/// Its text is `link eth9 does not exist on this node; the node has eth0 lo; correct the file or create the
/// interface first`; serialized it is `{what, name, problem, hint}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Refusal {
    /// What stands in the way.
    pub obstacle: Obstacle,
    /// What is wrong with it.
    pub problem: String,
    /// What to do next.
    pub hint: String,
}

/// What stands in the way of a plan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Obstacle {
    /// An object that exists and must not, or must exist and does not.
    Object(ObjectId),
    /// A floating address that another host answers for, while this director only remembers that it was active.
    Floating(AddressId),
    /// A virtual IP that another cluster has on this node.
    VirtualIp(IpAddr),
}

impl Obstacle {
    /// Returns its kind: that of the object, or `virtual IP`.
    #[must_use]
    pub const fn what(&self) -> &'static str {
        match self {
            Self::Object(id) => id.what(),
            Self::Floating(_) => "address",
            Self::VirtualIp(_) => "virtual IP",
        }
    }
}

/// The name without the kind.
impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object(id) => fmt::Display::fmt(id, f),
            Self::Floating(id) => fmt::Display::fmt(id, f),
            Self::VirtualIp(ip) => fmt::Display::fmt(ip, f),
        }
    }
}

impl Refusal {
    pub(in crate::cluster) fn of(
        object: ObjectId,
        problem: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            obstacle: Obstacle::Object(object),
            problem: problem.into(),
            hint: hint.into(),
        }
    }
}

/// So many objects are named that are refused for the same reason.
const NAMED: usize = 5;

impl Refusal {
    /// Returns refusals as text, a line for each kind: of many with the same problem the first, the names of some, and
    /// their count.
    #[must_use]
    pub fn listed(refusals: &[Self]) -> String {
        let mut kinds: Vec<(&Self, Vec<&Self>)> = Vec::new();
        for refusal in refusals {
            let is_same = |other: &Self| {
                let what = |refusal: &Self| refusal.obstacle.what();
                what(other) == what(refusal)
                    && (&other.problem, &other.hint) == (&refusal.problem, &refusal.hint)
            };
            match kinds.iter_mut().find(|(first, _)| is_same(first)) {
                Some((_, others)) => others.push(refusal),
                None => kinds.push((refusal, Vec::new())),
            }
        }
        let line = |(first, others): &(&Self, Vec<&Self>)| {
            let named = others
                .iter()
                .take(NAMED)
                .map(|other| other.obstacle.to_string());
            let named = named.collect::<Vec<_>>().join(", ");
            match others.len() {
                0 => first.to_string(),
                count if count <= NAMED => format!("{first}; so too: {named}"),
                count => format!("{first}; so too: {named} and {} more", count - NAMED),
            }
        };
        kinds.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            obstacle,
            problem,
            hint,
        } = self;
        write!(f, "{} {obstacle} {problem}; {hint}", obstacle.what())
    }
}

impl Serialize for Refusal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut refusal = serializer.serialize_struct("Refusal", 4)?;
        refusal.serialize_field("what", self.obstacle.what())?;
        refusal.serialize_field("name", &self.obstacle.to_string())?;
        refusal.serialize_field("problem", &self.problem)?;
        refusal.serialize_field("hint", &self.hint)?;
        refusal.end()
    }
}
