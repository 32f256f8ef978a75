//! `destinations`: which nodes serve a service, and how packets reach them.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::service::ServiceContext;
use super::value::{number, weight};
use crate::cluster::model::{
    DestinationCheck, DocumentError, DocumentErrorKind, Mistakes, NodeName, VirtualDestination,
    invalid,
};
use crate::ipvs::{Encapsulation, Forwarding, Thresholds};
use crate::suggest::nearest;

/// Holds an entry of `destinations` as written.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DestinationTable {
    /// The name of a real server, or of the director itself. Either this, `group` or `file-sd`.
    #[serde(default)]
    pub real_server: Option<String>,
    /// The name of a group: every real server whose `groups` has it.
    #[serde(default)]
    pub group: Option<String>,
    /// A file of targets that another program writes, in the JSON format of Prometheus' `file_sd`: its absolute path, as
    /// `"/run/web.json"`. A label `weight` is the destination's weight, a label `name` the name of the one real server of
    /// its group; others are named by their address. A file that is absent, wrong or without targets is a mistake of this
    /// file.
    #[serde(default)]
    pub file_sd: Option<String>,
    /// The destination's port, with nat only; absent: the service's.
    #[serde(default)]
    pub port: Option<i64>,
    /// The destination's weight; absent: the real server's.
    #[serde(default)]
    pub weight: Option<i64>,
    /// The forwarding method; absent: the cluster's.
    #[serde(default)]
    pub forwarding: Option<String>,
    /// The number of connections from which on it gets no new ones; 0 or absent is never.
    #[serde(default)]
    pub upper_threshold: i64,
    /// The number of connections below which it gets new ones again; 0 or absent is three quarters of the
    /// upper threshold.
    #[serde(default)]
    pub lower_threshold: i64,
    /// Only `false`, in a service with `check`: this destination is never tested and is taken as up, and with a weight
    /// above 0 for `minimum` too; absent: the checks of the service test it.
    #[serde(default)]
    pub check: Option<NotChecked>,
}

/// Holds the one value of `check` in an entry of `destinations`: `false`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NotChecked;

impl Serialize for NotChecked {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(false)
    }
}

impl<'de> Deserialize<'de> for NotChecked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl Visitor<'_> for NotChecked {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("false, as checks are those of the service")
    }

    fn visit_bool<E: de::Error>(self, is_checked: bool) -> Result<Self, E> {
        match is_checked {
            true => Err(E::invalid_value(de::Unexpected::Bool(true), &self)),
            false => Ok(self),
        }
    }
}

/// Holds the real servers of each group, in the order of the file.
pub(super) type Groups = BTreeMap<String, Vec<NodeName>>;

impl DestinationTable {
    /// Returns the destinations of the entry: one, or those of its group.
    pub(super) fn destinations(
        &self,
        context: &ServiceContext<'_>,
        mistakes: &mut Mistakes,
    ) -> Option<Vec<VirtualDestination>> {
        let method = self.forwarding.as_deref();
        let method = method
            .map(|text| forwarding(text, context.tunnel))
            .transpose();
        let method = mistakes.keep(method);
        let port = self.port.map(|port| number(port, "port", 1..=65535));
        let port = mistakes.keep(port.transpose()).flatten();
        let weight = mistakes.keep(self.weight.map(weight).transpose()).flatten();
        let thresholds = self.thresholds(mistakes).unwrap_or(Thresholds::OFF);
        let check = match &self.check {
            Some(NotChecked) => DestinationCheck::Never,
            None => DestinationCheck::OfService,
        };
        let destination = |name| VirtualDestination {
            // Whether a port makes sense is not known without the method.
            port: port.filter(|_| method.is_some()),
            weight,
            thresholds,
            check,
            ..VirtualDestination::new(name, method.flatten().unwrap_or(context.forwarding))
        };
        let names = mistakes.keep(self.names(context))?;
        Some(names.into_iter().map(destination).collect())
    }

    fn names(&self, context: &ServiceContext<'_>) -> Result<Vec<NodeName>, DocumentError> {
        if self.file_sd.is_some() {
            let kind = DocumentErrorKind::InvalidValue;
            return Err(
                DocumentError::new(kind, "file-sd", "files of targets are not read here")
                    .with_hint("name the real servers"),
            );
        }
        match (&self.real_server, &self.group) {
            (Some(name), None) => {
                let name = NodeName::new(name).map_err(invalid("real-server"))?;
                Ok(vec![name])
            }
            (None, Some(group)) => match context.groups.get(group) {
                Some(names) => Ok(names.clone()),
                None if context.may_lack_groups => Ok(Vec::new()),
                None => Err(unknown_group(group, context.groups)),
            },
            (Some(_), Some(_)) => Err(DocumentError::new(
                DocumentErrorKind::Conflict,
                "group",
                "a destination is either a real server or a group",
            )
            .with_hint("leave one of them out")),
            (None, None) => {
                Err(DocumentError::missing("real-server").with_hint("add it, or group"))
            }
        }
    }

    fn thresholds(&self, mistakes: &mut Mistakes) -> Option<Thresholds> {
        let range = || 0..=i64::from(i32::MAX);
        let upper = mistakes.keep(number(self.upper_threshold, "upper-threshold", range()));
        let lower = mistakes.keep(number(self.lower_threshold, "lower-threshold", range()));
        let thresholds = Thresholds::new(upper?, lower?).map_err(|value| {
            let kind = DocumentErrorKind::Conflict;
            DocumentError::new(kind, "lower-threshold", value.to_string())
        });
        mistakes.keep(thresholds)
    }
}

fn unknown_group(group: &str, groups: &Groups) -> DocumentError {
    let names = || groups.keys().map(String::as_str);
    DocumentError::new(
        DocumentErrorKind::UnknownName,
        "group",
        format!("no real server is in the group {group:?}"),
    )
    .with_hint(match nearest(group, names()) {
        Some(near) => format!("did you mean {near:?}?"),
        None if groups.is_empty() => format!("add groups = [{group:?}] to real servers"),
        None => format!("the groups are {}", names().collect::<Vec<_>>().join(" ")),
    })
}

/// Parses the key `forwarding` of the cluster or of a destination; `tunnel` means the cluster's encapsulation.
pub(super) fn forwarding(text: &str, tunnel: Encapsulation) -> Result<Forwarding, DocumentError> {
    let word = text.to_ascii_lowercase();
    match (word.as_str(), word.parse()) {
        ("tunnel", _) => Ok(Forwarding::Tunnel(tunnel)),
        ("ipip", Ok(method))
        | (_, Ok(method @ (Forwarding::Masquerade | Forwarding::DirectRouting))) => Ok(method),
        _ => Err(DocumentError::new(
            DocumentErrorKind::UnknownName,
            "forwarding",
            format!("unknown forwarding method {text:?}"),
        )
        .with_hint("the methods are nat, dr and tunnel")),
    }
}
