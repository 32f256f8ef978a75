//! How a record stores changes: `{"address": {"before": …, "after": …}}`, the kind word first.

use crate::cluster::ById;
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Deserializer, Serialize};

use super::{BoundDestination, Change, LinkState, Object, Setting};
use crate::ipvs::{Daemon, Service, Timeouts};
use crate::net::{Address, GueListener, Route, Tunnel};

struct Tagged<'a>(&'a Change<Object>);

impl Serialize for Tagged<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tagged = serializer.serialize_map(Some(1))?;
        tagged.serialize_entry(self.0.id().what(), self.0)?;
        tagged.end()
    }
}

/// A stored change: both states are of one kind.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Stored {
    Tunnel(Change<Tunnel>),
    Listener(Change<GueListener>),
    Link(Change<LinkState>),
    Sysctl(Change<Setting>),
    Address(Change<Address>),
    Route(Change<Route>),
    Timeouts(Change<Timeouts>),
    Daemon(Change<Daemon>),
    Service(Change<Service>),
    Destination(Change<BoundDestination>),
}

/// A change that was stored: much smaller than what it is read as, and there may be tens of thousands.
#[derive(Deserialize)]
#[serde(from = "Stored")]
struct Untagged(Change<Object>);

impl From<Stored> for Untagged {
    fn from(stored: Stored) -> Self {
        Self(match stored {
            Stored::Tunnel(change) => change.map(Object::Tunnel),
            Stored::Listener(change) => change.map(Object::Listener),
            Stored::Link(change) => change.map(Object::Link),
            Stored::Sysctl(change) => change.map(Object::Sysctl),
            Stored::Address(change) => change.map(Object::from),
            Stored::Route(change) => change.map(Object::from),
            Stored::Timeouts(change) => change.map(Object::Timeouts),
            Stored::Daemon(change) => change.map(Object::Daemon),
            Stored::Service(change) => change.map(Object::from),
            Stored::Destination(change) => change.map(Object::Destination),
        })
    }
}

pub(in crate::cluster) fn serialize<S: Serializer>(
    changes: &[Change<Object>],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(changes.iter().map(Tagged))
}

pub(in crate::cluster) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<ById<Change<Object>>, D::Error> {
    let changes = Vec::<Untagged>::deserialize(deserializer)?;
    Ok(changes.into_iter().map(|change| change.0).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Record {
        #[serde(with = "super")]
        things: ById<Change<Object>>,
    }

    const STORED: &str = r#"{"things":[{"link":{"before":{"name":"eth0","up":false},"after":{"name":"eth0","up":true}}},{"sysctl":{"before":null,"after":{"key":"net/ipv4/ip_forward","value":"1"}}}]}"#;

    #[test]
    fn the_stored_form_stays() {
        let record: Record = serde_json::from_str(STORED).unwrap();
        assert_eq!(serde_json::to_string(&record).unwrap(), STORED);
    }

    #[test]
    fn a_change_from_nothing_to_nothing_is_refused() {
        let text = r#"{"things":[{"link":{"before":null,"after":null}}]}"#;
        let error = serde_json::from_str::<Record>(text).err().unwrap();
        assert!(error.to_string().contains("`before`"), "{error}");
    }
}
