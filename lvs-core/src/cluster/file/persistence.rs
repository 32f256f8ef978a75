//! `persistence`: a time alone, or a table.

use std::fmt;

use serde::de::{self, Deserializer, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::value::{number, seconds};
use crate::cluster::checks::Span;
use crate::cluster::model::{DocumentError, Mistakes, invalid};
use crate::ipvs::{EngineName, Family, Netmask, Persistence};

/// Holds `persistence = { timeout = "5m", netmask = 32, engine = "sip" }`, or `persistence = "5m"`, as written.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(deny_unknown_fields))]
pub struct PersistenceTable {
    /// The time after the last connection, in whole seconds.
    pub timeout: Span,
    /// The prefix length of the clients that count as one; absent: each client by itself.
    pub netmask: Option<i64>,
    /// The persistence engine, which distinguishes clients by more than their address.
    pub engine: Option<String>,
}

impl PersistenceTable {
    /// Returns the table of a persistence.
    pub(super) fn of(persistence: &Persistence, engine: Option<&EngineName>) -> Self {
        let netmask = persistence.netmask;
        let is_masked = netmask != Netmask::host(netmask.family());
        Self {
            timeout: Span::of_seconds(persistence.timeout),
            netmask: netmask.prefix().filter(|_| is_masked).map(i64::from),
            engine: engine.map(ToString::to_string),
        }
    }

    /// Returns the persistence; in place of a wrong one some other, because the service is meant to have one.
    pub(super) fn persistence(&self, family: Family, mistakes: &mut Mistakes) -> Persistence {
        let range = 0..=Persistence::LONGEST.0.into();
        let timeout = mistakes.keep(seconds(self.timeout, "timeout", range));
        let netmask = self.netmask.map(|length| netmask(length, family));
        Persistence {
            timeout: timeout.unwrap_or(Persistence::LONGEST),
            netmask: mistakes
                .keep(netmask.transpose())
                .flatten()
                .unwrap_or_else(|| Netmask::host(family)),
        }
    }

    pub(super) fn engine(&self) -> Result<Option<EngineName>, DocumentError> {
        self.engine
            .clone()
            .map(EngineName::new)
            .transpose()
            .map_err(invalid("engine"))
    }
}

fn netmask(length: i64, family: Family) -> Result<Netmask, DocumentError> {
    let length = number(length, "netmask", 1..=family.bits().into())?;
    Netmask::from_prefix(family, length).map_err(invalid("netmask"))
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct FullPersistence {
    timeout: Span,
    #[serde(default)]
    netmask: Option<i64>,
    #[serde(default)]
    engine: Option<String>,
}

impl From<Span> for PersistenceTable {
    fn from(timeout: Span) -> Self {
        Self {
            timeout,
            netmask: None,
            engine: None,
        }
    }
}

/// Written by hand, because serde's untagged enums lose what was wrong and where.
impl<'de> Deserialize<'de> for PersistenceTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PersistenceVisitor)
    }
}

/// Writes a time alone where there is no more.
impl Serialize for PersistenceTable {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (&self.netmask, &self.engine) {
            (None, None) => self.timeout.serialize(serializer),
            (netmask, engine) => FullPersistence {
                timeout: self.timeout,
                netmask: *netmask,
                engine: engine.clone(),
            }
            .serialize(serializer),
        }
    }
}

struct PersistenceVisitor;

impl<'de> Visitor<'de> for PersistenceVisitor {
    type Value = PersistenceTable;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "seconds, text like \"5m\", or { timeout = \"5m\", netmask = LENGTH, engine = \"sip\" }",
        )
    }

    fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<PersistenceTable, E> {
        Span::deserialize(seconds.into_deserializer()).map(PersistenceTable::from)
    }

    fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<PersistenceTable, E> {
        Span::deserialize(seconds.into_deserializer()).map(PersistenceTable::from)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<PersistenceTable, E> {
        Span::deserialize(text.into_deserializer()).map(PersistenceTable::from)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<PersistenceTable, A::Error> {
        let full = FullPersistence::deserialize(de::value::MapAccessDeserializer::new(map))?;
        Ok(PersistenceTable {
            timeout: full.timeout,
            netmask: full.netmask,
            engine: full.engine,
        })
    }
}
