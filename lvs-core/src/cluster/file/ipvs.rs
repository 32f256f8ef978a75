//! `[ipvs]`: timeouts, and the sysctls of `net.ipv4.vs` by their names with hyphens.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::ipvs_value::Accepts::{Number, PowerOfTwo, Processors, Threshold};
use super::ipvs_value::{ANY, Accepts, MODE, NATURAL, SysctlValue};
use super::value::seconds;
use crate::cluster::checks::Span;
use crate::cluster::model::{DocumentError, DocumentErrorKind, Mistakes};
use crate::ipvs::{Seconds, Timeouts};
use crate::sysctl::SysctlKey;

/// The longest timeout in seconds: the kernel keeps timeouts in ticks of up to 1/1000 s in 31 bits.
const LONGEST_TIMEOUT: i64 = 2_147_483;

/// Holds `[ipvs]` as written.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct IpvsTable {
    /// `tcp-timeout`: the time that an idle established TCP connection is kept; absent: unchanged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp_timeout: Option<Span>,
    /// `tcp-fin-timeout`: the time that a TCP connection is kept after a FIN; absent: unchanged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp_fin_timeout: Option<Span>,
    /// `udp-timeout`: the time that an idle UDP connection is kept; absent: unchanged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub udp_timeout: Option<Span>,
    /// The sysctls of `net.ipv4.vs` by their names with hyphens: `conntrack`, `expire-nodest-conn`.
    #[serde(flatten)]
    pub ipvs_sysctls: BTreeMap<String, SysctlValue>,
}

/// Describes a sysctl: its name in the file, what it accepts, its value when ip_vs is loaded ("" where that differs
/// between kernels), and what it is about.
struct Known {
    name: &'static str,
    accepts: Accepts,
    default: &'static str,
    #[cfg_attr(
        not(feature = "schema"),
        expect(dead_code, reason = "the schema describes it")
    )]
    about: &'static str,
}

/// Lists the timeouts and the sysctls: all keys of the table.
macro_rules! keys {
    ($($name:literal $accepts:expr, $default:literal, $about:literal;)*) => {
        const KEYS: &[&str] = &["tcp-timeout", "tcp-fin-timeout", "udp-timeout", $($name),*];
        const SYSCTLS: &[Known] = &[
            $(Known { name: $name, accepts: $accepts, default: $default, about: $about }),*
        ];
    };
}

keys! {
    "amemthresh" ANY, "1024",
        "Pages of free memory below which the automatic defences start";
    "am-droprate" ANY, "10",
        "With drop-packet = 3: one packet of so many is dropped";
    "drop-entry" MODE, "0",
        "Drops random connections to save memory: 0 never, 1 when memory is short, 3 always";
    "drop-packet" MODE, "0",
        "Drops packets to save memory: 0 never, 1 when memory is short, 3 always";
    "secure-tcp" MODE, "0",
        "Stricter TCP states: 0 never, 1 when memory is short, 3 always";
    "conntrack" ANY, "0",
        "Whether netfilter tracks the connections too";
    "snat-reroute" ANY, "1",
        "Whether answers by nat are routed again by their new source";
    "sync-version" Number(0, 1), "1",
        "The version of the synchronisation protocol";
    "sync-ports" PowerOfTwo(128), "1",
        "The number of ports, and threads, of each synchronisation daemon, up to 64; read when a daemon starts";
    "sync-persist-mode" ANY, "0",
        "Whether only the templates of persistent services are synchronised";
    "sync-qlen-max" NATURAL, "",
        "The longest queue of synchronisation messages";
    "sync-sock-size" NATURAL, "0",
        "The buffer of synchronisation sockets in bytes; 0 is the system's";
    "sync-threshold" Threshold, "3 50",
        "The packets of a connection before it is synchronised, and the period of repetition in packets";
    "sync-refresh-period" Accepts::Span, "0",
        "The time after which an unchanged connection is synchronised again; 0 never";
    "sync-retries" MODE, "0",
        "How often a connection is sent again";
    "cache-bypass" ANY, "0",
        "Whether packets of a firewall mark go on to their destination when no real server is available";
    "expire-nodest-conn" ANY, "0",
        "Whether connections to a deleted destination end at once, instead of waiting for its return";
    "expire-quiescent-template" ANY, "0",
        "Whether a persistent client leaves a destination of weight 0";
    "sloppy-tcp" ANY, "0",
        "Whether a TCP connection may begin with any packet, as after a failover";
    "sloppy-sctp" ANY, "0",
        "Whether an SCTP association may begin with any packet";
    "nat-icmp-send" ANY, "0",
        "Whether answers that belong to no connection get an ICMP error";
    "pmtu-disc" ANY, "1",
        "Whether path MTU discovery is obeyed in tunnels";
    "backup-only" ANY, "0",
        "Whether this director balances nothing while it receives another one's connections";
    "conn-reuse-mode" ANY, "1",
        "How a client's port that is used again is scheduled: bits 1 (after the end) and 2 (also while it ends, with dr and tunnel)";
    "schedule-icmp" ANY, "0",
        "Whether ICMP packets that belong to no connection are scheduled";
    "ignore-tunneled" ANY, "0",
        "Whether encapsulated packets are never scheduled";
    "run-estimation" ANY, "1",
        "Whether rates are computed";
    "lblc-expiration" Accepts::Span, "86400",
        "The time after which the scheduler lblc forgets a client";
    "lblcr-expiration" Accepts::Span, "86400",
        "The time after which the scheduler lblcr forgets a client";
    "est-cpulist" Processors, "",
        "The processors that compute rates; Linux 6.2 and newer";
    "est-nice" Number(-20, 19), "0",
        "The priority of the threads that compute rates; Linux 6.2 and newer";
    "conn-lfactor" Number(-8, 8), "-4",
        "The load of the connection table, as a power of two; Linux 7.1 and newer";
    "svc-lfactor" Number(-8, 8), "",
        "The load of the service table, as a power of two; Linux 7.1 and newer";
    "conn-max" NATURAL, "",
        "The largest number of connections; Linux 7.2 and newer";
}

/// Returns the schema of every key of the table.
#[cfg(feature = "schema")]
pub(super) fn keys() -> impl Iterator<Item = (&'static str, serde_json::Value)> {
    KEYS.iter().map(|key| {
        let known = SYSCTLS.iter().find(|known| known.name == *key);
        (*key, known.map_or_else(|| timeout(key), Known::schema))
    })
}

#[cfg(feature = "schema")]
fn timeout(key: &str) -> serde_json::Value {
    let (idle, default) = match key {
        "tcp-timeout" => ("an idle TCP connection", "15m"),
        "tcp-fin-timeout" => ("a TCP connection after a FIN", "2m"),
        _ => ("an idle UDP connection", "5m"),
    };
    serde_json::json!({
        "type": ["number", "string"],
        "description": format!("The time that {idle} is kept. The kernel's default is {default:?}."),
        "examples": [default],
        "minimum": 1,
        "maximum": LONGEST_TIMEOUT,
    })
}

#[cfg(feature = "schema")]
impl Known {
    fn schema(&self) -> serde_json::Value {
        let mut schema = self.accepts.schema();
        let default = match self.default {
            "" => "differs between kernels".to_owned(),
            default => format!("is {default}"),
        };
        if let Some(number) = self.default.parse().ok().filter(|number: &i64| *number > 1) {
            schema["examples"] = serde_json::json!([number]);
        }
        let (about, name) = (self.about, self.name.replace('-', "_"));
        schema["description"] =
            format!("{about}. The sysctl net.ipv4.vs.{name}, whose default {default}.").into();
        schema
    }
}

impl IpvsTable {
    /// Returns the table that has these timeouts and sysctls.
    pub(super) fn of(timeouts: Timeouts, sysctls: &BTreeMap<SysctlKey, String>) -> Self {
        let timeout = |seconds: Seconds| (seconds.0 > 0).then(|| Span::of_seconds(seconds));
        let named = sysctls.iter().filter_map(|(key, value)| {
            let name = key.as_str().strip_prefix("net/ipv4/vs/")?.replace('_', "-");
            let known = SYSCTLS.iter().find(|known| known.name == name)?;
            Some((name, known.accepts.written(value)))
        });
        Self {
            tcp_timeout: timeout(timeouts.tcp),
            tcp_fin_timeout: timeout(timeouts.tcp_fin),
            udp_timeout: timeout(timeouts.udp),
            ipvs_sysctls: named.collect(),
        }
    }

    pub(super) fn timeouts(&self, mistakes: &mut Mistakes) -> Timeouts {
        let mut timeout = |value: Option<Span>, key| {
            // To the kernel 0 means "unchanged", which is not what a file that says 0 seconds means.
            let timeout = value.map(|span| seconds(span, key, 1..=LONGEST_TIMEOUT));
            mistakes
                .keep(timeout.unwrap_or(Ok(Seconds(0))))
                .unwrap_or_default()
        };
        Timeouts {
            tcp: timeout(self.tcp_timeout, "tcp-timeout"),
            tcp_fin: timeout(self.tcp_fin_timeout, "tcp-fin-timeout"),
            udp: timeout(self.udp_timeout, "udp-timeout"),
        }
    }

    /// Returns the sysctls with their values as the kernel writes them.
    pub(super) fn sysctls(&self, mistakes: &mut Mistakes) -> BTreeMap<SysctlKey, String> {
        self.ipvs_sysctls
            .iter()
            .filter_map(|(name, value)| mistakes.keep(sysctl(name, value)))
            .collect()
    }
}

/// Checks that a file can have a sysctl, by its name there, with this value.
///
/// # Errors
/// An unknown name, or a value that the sysctl does not accept.
#[cfg(feature = "import")]
pub(crate) fn check_sysctl(name: &str, value: &str) -> Result<(), DocumentError> {
    let text = || SysctlValue::Text(value.to_owned());
    let written = value.parse().map_or_else(|_| text(), SysctlValue::Number);
    sysctl(name, &written).map(drop)
}

fn sysctl(name: &str, value: &SysctlValue) -> Result<(SysctlKey, String), DocumentError> {
    let unknown = || {
        let problem = format!("{name:?} is not a sysctl of net.ipv4.vs");
        DocumentError::new(DocumentErrorKind::UnknownKey, name, problem)
    };
    let value = SYSCTLS
        .iter()
        .find(|known| known.name == name)
        .ok_or_else(unknown)?
        .accepts
        .value(name, value)?;
    let key = SysctlKey::ipvs(&name.replace('-', "_")).map_err(|_| unknown())?;
    Ok((key, value))
}

/// Returns the value that a sysctl has when the kernel loads ip_vs; `None` where that differs between kernels.
pub(in crate::cluster) fn before_loading(key: &SysctlKey) -> Option<&'static str> {
    let name = key.as_str().strip_prefix("net/ipv4/vs/")?.replace('_', "-");
    let known = SYSCTLS.iter().find(|known| known.name == name)?;
    Some(known.default).filter(|default| !default.is_empty())
}

/// Written by hand, because so many optional fields would be one more list to maintain.
impl<'de> Deserialize<'de> for IpvsTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(TableVisitor)
    }
}

struct TableVisitor;

impl<'de> Visitor<'de> for TableVisitor {
    type Value = IpvsTable;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of timeouts and sysctls")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<IpvsTable, A::Error> {
        let mut table = IpvsTable::default();
        while let Some(Key(key)) = map.next_key()? {
            match key {
                "tcp-timeout" => table.tcp_timeout = Some(map.next_value()?),
                "tcp-fin-timeout" => table.tcp_fin_timeout = Some(map.next_value()?),
                "udp-timeout" => table.udp_timeout = Some(map.next_value()?),
                _ => {
                    table.ipvs_sysctls.insert(key.to_owned(), map.next_value()?);
                }
            }
        }
        Ok(table)
    }
}

/// Holds a known key.
struct Key(&'static str);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_identifier(KeyVisitor)
    }
}

struct KeyVisitor;

impl Visitor<'_> for KeyVisitor {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key of [ipvs]")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Key, E> {
        KEYS.iter()
            .find(|key| **key == text)
            .map_or_else(|| Err(E::unknown_field(text, KEYS)), |key| Ok(Key(key)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(name: &str, value: SysctlValue) -> Result<String, String> {
        sysctl(name, &value)
            .map(|(_, value)| value)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn values_are_the_kernels() {
        for (name, given, expected) in [
            ("conntrack", SysctlValue::Flag(true), "1"),
            ("drop-entry", SysctlValue::Number(3), "3"),
            ("sync-ports", SysctlValue::Number(4), "4"),
            (
                "sync-threshold",
                SysctlValue::Text("3  50".to_owned()),
                "3 50",
            ),
            ("est-cpulist", SysctlValue::Text("0-1".to_owned()), "0-1"),
            ("lblc-expiration", SysctlValue::Number(60), "60"),
            (
                "lblc-expiration",
                SysctlValue::Text("1d".to_owned()),
                "86400",
            ),
        ] {
            assert_eq!(value(name, given).as_deref(), Ok(expected), "{name}");
        }
    }

    #[test]
    fn other_values_are_refused() {
        for (name, given, message) in [
            (
                "drop-entry",
                SysctlValue::Number(4),
                "drop-entry: 4 is not in 0..3",
            ),
            (
                "conntrack",
                SysctlValue::Text("yes".to_owned()),
                "conntrack: \"yes\" is text, not a number; write true",
            ),
            (
                "drop-entry",
                SysctlValue::Text("3".to_owned()),
                "drop-entry: \"3\" is text, not a number; write 3, without quotes",
            ),
            (
                "sync-ports",
                SysctlValue::Number(3),
                "sync-ports: 3 is not a power of two up to 128",
            ),
            (
                "sync-threshold",
                SysctlValue::Text("50 3".to_owned()),
                "sync-threshold: \"50 3\" is not two numbers like \"3 50\", the first below the second",
            ),
        ] {
            assert_eq!(value(name, given).unwrap_err(), message);
        }
    }

    #[test]
    fn a_sysctl_is_known_before_ip_vs_is_loaded() {
        let before = |name| before_loading(&SysctlKey::ipvs(name).unwrap());
        assert_eq!(before("expire_nodest_conn"), Some("0"));
        assert_eq!(before("sync_qlen_max"), None);
        assert_eq!(before("no_such"), None);
        assert_eq!(before_loading(&SysctlKey::IP_FORWARD), None);
    }
}
