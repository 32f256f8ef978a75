//! `persistence`: seconds alone, or a table.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use super::value::number;
use crate::cluster::checks::whole_seconds;
use crate::cluster::model::{DocumentError, invalid};
use crate::ipvs::{EngineName, Family, Netmask, Persistence, Seconds};

/// Holds `persistence = { timeout = 300, netmask = 32, engine = "sip" }`, `persistence = 300` or `"5m"`, as written.
#[derive(Clone, Debug, PartialEq)]
pub struct PersistenceTable {
    /// Seconds after the last connection.
    pub timeout: i64,
    /// The prefix length of the clients that count as one; absent: each client by itself.
    pub netmask: Option<i64>,
    /// The persistence engine, which distinguishes clients by more than their address.
    pub engine: Option<String>,
}

impl PersistenceTable {
    pub(super) fn persistence(&self, family: Family) -> Result<Persistence, DocumentError> {
        let netmask = match self.netmask {
            Some(length) => {
                let length = number(length, "netmask", 1..=family.bits().into())?;
                Netmask::from_prefix(family, length).map_err(invalid("netmask"))?
            }
            None => Netmask::host(family),
        };
        let timeout = number(self.timeout, "timeout", 0..=Persistence::LONGEST.0.into())?;
        Ok(Persistence {
            timeout: Seconds(timeout),
            netmask,
        })
    }

    pub(super) fn engine(&self) -> Result<Option<EngineName>, DocumentError> {
        self.engine
            .clone()
            .map(EngineName::new)
            .transpose()
            .map_err(invalid("engine"))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct FullPersistence {
    timeout: i64,
    #[serde(default)]
    netmask: Option<i64>,
    #[serde(default)]
    engine: Option<String>,
}

/// Written by hand, because serde's untagged enums lose what was wrong and where.
impl<'de> Deserialize<'de> for PersistenceTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PersistenceVisitor)
    }
}

struct PersistenceVisitor;

impl<'de> Visitor<'de> for PersistenceVisitor {
    type Value = PersistenceTable;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("seconds, text like \"5m\", or { timeout = SECONDS, netmask = LENGTH, engine = \"sip\" }")
    }

    fn visit_i64<E: de::Error>(self, timeout: i64) -> Result<PersistenceTable, E> {
        Ok(PersistenceTable {
            timeout,
            netmask: None,
            engine: None,
        })
    }

    fn visit_str<E: de::Error>(self, timeout: &str) -> Result<PersistenceTable, E> {
        whole_seconds(timeout)
            .map_err(E::custom)
            .and_then(|timeout| self.visit_i64(timeout))
    }

    fn visit_u64<E: de::Error>(self, timeout: u64) -> Result<PersistenceTable, E> {
        self.visit_i64(i64::try_from(timeout).unwrap_or(i64::MAX))
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
