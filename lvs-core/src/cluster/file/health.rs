//! `[health]` and the keys of a service that say how its destinations are tested, and what follows.

use std::fmt;
use std::num::{NonZeroU8, NonZeroU32};

use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::ServiceTable;
use super::value::{each, number};
use crate::cluster::checks::{
    BelowMinimum, Check, CheckDefaults, CheckTable, Interval, OnFailure, Percent, Policy,
    ProbeRoute, SlowStart, Timeout, Timing,
};
use crate::cluster::model::{DocumentError, DocumentErrorKind, Mistakes, NodeName, invalid};
use crate::cluster::probe_path::Marks;
use crate::error::InvalidValue;
use crate::suggest::nearest;

/// Holds `[health]` as written: the defaults of every check.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HealthTable {
    /// The time between two probes, 100 ms to 1 day; 2 s if absent.
    #[serde(default)]
    pub interval: Option<Interval>,
    /// The same while results are being counted; absent: the interval.
    #[serde(default)]
    pub fast_interval: Option<Interval>,
    /// The time after which a probe has failed, 10 ms to 5 minutes; 1 s if absent.
    #[serde(default)]
    pub timeout: Option<Timeout>,
    /// So many successes in a row make a destination up; 2 if absent.
    #[serde(default)]
    pub rise: Option<NonZeroU8>,
    /// So many failures in a row make it down; 3 if absent.
    #[serde(default)]
    pub fall: Option<NonZeroU8>,
    /// By up to so many percent an interval is shortened; 10 if absent.
    #[serde(default)]
    pub jitter: Option<Percent>,
    /// The way of probes, `service` (as clients, the default) or `server` (straight to the real server).
    #[serde(default)]
    pub path: Option<ProbeRoute>,
    /// The first firewall mark of probe services; 0x4C560000 if absent.
    #[serde(default)]
    pub marks: Option<i64>,
}

impl HealthTable {
    pub(super) fn defaults(&self, mistakes: &mut Mistakes) -> CheckDefaults {
        let usual = Timing::default();
        let interval = self.interval.unwrap_or(usual.interval);
        let timing = Timing {
            interval,
            fast_interval: self.fast_interval.unwrap_or(interval),
            timeout: self.timeout.unwrap_or(usual.timeout),
            rise: self.rise.unwrap_or(usual.rise),
            fall: self.fall.unwrap_or(usual.fall),
            jitter: self.jitter.unwrap_or(usual.jitter),
        };
        let is_right = mistakes.keep(timing.check().map_err(at_its_key)).is_some();
        CheckDefaults {
            timing: if is_right { timing } else { usual },
            route: self.path.unwrap_or_default(),
        }
    }

    pub(super) fn marks(&self) -> Result<Marks, DocumentError> {
        let Some(first) = self.marks else {
            return Ok(Marks::default());
        };
        let first: u32 = number(first, "marks", 1..=Marks::LAST.into())?;
        NonZeroU32::new(first)
            .map_or_else(|| Ok(Marks::default()), Marks::new)
            .map_err(invalid("marks"))
    }
}

/// Puts a mistake of a timing at its key, which its value is named by.
fn at_its_key(value: InvalidValue) -> DocumentError {
    let key = match value.what() {
        "fast-interval" => "fast-interval",
        "jitter" => "jitter",
        _ => "",
    };
    DocumentError::from(value).within(key)
}

/// Holds `check` as written: one check, or a list of them that must all hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ChecksTable {
    /// `check = "tcp"`, or `check = { type = "http", path = "/healthz" }`.
    One(Box<CheckTable>),
    /// `check = ["tcp", { type = "http" }]`.
    All(Vec<CheckTable>),
}

impl ChecksTable {
    fn into_checks(self, defaults: &CheckDefaults, mistakes: &mut Mistakes) -> Vec<Check> {
        match self {
            Self::One(table) => {
                let check = table.check(defaults).map_err(at_its_key);
                mistakes
                    .keep(check.map_err(|mistake| mistake.within("check")))
                    .into_iter()
                    .collect()
            }
            Self::All(tables) => {
                if tables.is_empty() {
                    let kind = DocumentErrorKind::Missing;
                    mistakes.push(
                        DocumentError::new(kind, "check", "the list is empty")
                            .with_hint("write check = \"tcp\", or leave it out"),
                    );
                }
                let checks = each("check", tables, mistakes, |table, mistakes| {
                    mistakes.keep(table.check(defaults).map_err(at_its_key))
                });
                checks.into_iter().map(|(_, check)| check).collect()
            }
        }
    }
}

/// By hand, because serde's untagged enums lose what was wrong and where.
impl<'de> Deserialize<'de> for ChecksTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ChecksVisitor)
    }
}

struct ChecksVisitor;

impl<'de> Visitor<'de> for ChecksVisitor {
    type Value = ChecksTable;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a check like \"tcp\", a table with a type, or a list of them")
    }

    fn visit_str<E: de::Error>(self, kind: &str) -> Result<ChecksTable, E> {
        Ok(ChecksTable::One(Box::new(CheckTable::named(kind))))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ChecksTable, A::Error> {
        let table = CheckTable::deserialize(de::value::MapAccessDeserializer::new(map))?;
        Ok(ChecksTable::One(Box::new(table)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<ChecksTable, A::Error> {
        Vec::deserialize(de::value::SeqAccessDeserializer::new(list)).map(ChecksTable::All)
    }
}

/// The rules of a service, once they are checked.
#[derive(Default)]
pub(super) struct ServiceHealth {
    pub(super) checks: Vec<Check>,
    pub(super) policy: Policy,
    pub(super) fallback: Option<NodeName>,
}

impl ServiceTable {
    /// Takes the keys about health; without a check the others have no effect.
    pub(super) fn take_health(
        &mut self,
        defaults: &CheckDefaults,
        mistakes: &mut Mistakes,
    ) -> ServiceHealth {
        let Some(checks) = self.check.take() else {
            self.refuse_without_check(mistakes);
            return ServiceHealth::default();
        };
        let usual = Policy::DEFAULT;
        let minimum = self
            .minimum
            .map(|count| number(count, "minimum", 0..=i64::from(u16::MAX)));
        let on_failure = self.on_failure.as_deref();
        let on_failure = on_failure.map(|text| word("on-failure", text, &ON_FAILURE));
        let has_fallback = self.fallback.is_some();
        let fallback = self.fallback.take().map(NodeName::new).transpose();
        ServiceHealth {
            checks: checks.into_checks(defaults, mistakes),
            policy: Policy {
                minimum: mistakes
                    .keep(minimum.unwrap_or(Ok(usual.minimum)))
                    .unwrap_or_default(),
                below_minimum: mistakes
                    .keep(self.below_minimum(has_fallback))
                    .unwrap_or_default(),
                on_failure: mistakes
                    .keep(on_failure.unwrap_or(Ok(usual.on_failure)))
                    .unwrap_or_default(),
                slow_start: self.slow_start.map(SlowStart),
            },
            fallback: mistakes
                .keep(fallback.map_err(invalid("fallback")))
                .flatten(),
        }
    }

    fn refuse_without_check(&self, mistakes: &mut Mistakes) {
        let given = [
            (self.minimum.is_some(), "minimum"),
            (self.below_minimum.is_some(), "below-minimum"),
            (self.fallback.is_some(), "fallback"),
            (self.on_failure.is_some(), "on-failure"),
            (self.slow_start.is_some(), "slow-start"),
        ];
        let given = given.into_iter().filter(|(is_given, _)| *is_given);
        let given = given.map(|(_, key)| (key.to_owned(), "has no effect without check"));
        let destinations = self.destinations.iter().flatten().enumerate();
        let excluded = destinations
            .filter(|(_, table)| table.check.is_some())
            .map(|(i, _)| format!("destinations[{i}].check"))
            .map(|key| (key, "has no effect, as the service has no check"));
        for (key, problem) in given.chain(excluded) {
            mistakes.push(
                DocumentError::new(DocumentErrorKind::Conflict, key, problem)
                    .without("check")
                    .with_hint("add check = \"tcp\", or leave it out"),
            );
        }
    }

    /// A fallback is meant to be used.
    fn below_minimum(&self, has_fallback: bool) -> Result<BelowMinimum, DocumentError> {
        let given = self
            .below_minimum
            .as_deref()
            .map(|text| word("below-minimum", text, &BELOW_MINIMUM))
            .transpose()?;
        match (given, has_fallback) {
            (Some(BelowMinimum::Fallback), false) => Err(DocumentError::new(
                DocumentErrorKind::Missing,
                "below-minimum",
                "the key `fallback` is missing",
            )
            .with_hint("add fallback = \"NAME\" with the name of a real server")),
            (None | Some(BelowMinimum::Fallback), true) => Ok(BelowMinimum::Fallback),
            (Some(_), true) => Err(DocumentError::new(
                DocumentErrorKind::Conflict,
                "fallback",
                "has no effect beside this below-minimum",
            )
            .with_hint("write below-minimum = \"fallback\", or leave one of them out")),
            (given, false) => Ok(given.unwrap_or_default()),
        }
    }
}

const BELOW_MINIMUM: [(&str, BelowMinimum); 4] = [
    ("serve-all", BelowMinimum::ServeAll),
    ("fallback", BelowMinimum::Fallback),
    ("withdraw", BelowMinimum::Withdraw),
    ("refuse", BelowMinimum::Refuse),
];

const ON_FAILURE: [(&str, OnFailure); 2] =
    [("drain", OnFailure::Drain), ("remove", OnFailure::Remove)];

fn word<T: Copy>(key: &str, text: &str, words: &[(&str, T)]) -> Result<T, DocumentError> {
    words
        .iter()
        .find(|(word, _)| *word == text)
        .map(|(_, value)| *value)
        .ok_or_else(|| {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            DocumentError::new(
                DocumentErrorKind::UnknownName,
                key,
                format!("{text:?} is unknown"),
            )
            .with_hint(match nearest(text, words.iter().copied()) {
                Some(near) => format!("did you mean {near:?}?"),
                None => format!("write one of {}", words.join(", ")),
            })
        })
}
