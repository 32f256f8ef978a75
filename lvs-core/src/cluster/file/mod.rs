//! The cluster file as a person writes it, in whatever format serde reads.

mod convert;
mod director;
mod ipvs;
mod service;
#[cfg(feature = "toml")]
mod toml;
mod tunnel;

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};

pub use ipvs::SysctlValue;
pub(in crate::cluster) use ipvs::before_loading;

/// A cluster file as written: nothing here is checked beyond its shape.
///
/// `Cluster::try_from(document)` is the one conversion that checks; nothing else takes a document.
/// Numbers are wide and addresses are text on purpose, so that a wrong one is refused there, with its
/// path and a remedy, and not by the format's parser.
///
/// ```toml
/// name = "web"
/// forwarding = "nat"
///
/// [director]
/// gateway = "172.16.0.1"
/// addresses = [
///   { interface = "eth0", address = "172.16.5.11/16" },
///   { interface = "eth1", address = "192.168.1.11/24" },
/// ]
///
/// [[services]]
/// address = "172.16.5.11:80"
/// scheduler = "rr"
///
/// [[real-servers]]
/// name = "realserver1"
/// addresses = [{ interface = "eth0", address = "192.168.1.12/24" }]
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Document {
    /// The cluster's name: 1 to 32 of a-z, 0-9 and hyphen.
    pub name: String,
    /// `nat`, `dr` or `tunnel` (`masquerade`, `direct-routing`, `ipip`); a destination may override it.
    pub forwarding: String,
    /// `tunnel = { type = "ipip" }`: what `tunnel` means here; IP in IP if absent.
    #[serde(default)]
    pub tunnel: Option<TunnelTable>,
    /// `[director]`; or `[[directors]]`, never both.
    #[serde(default)]
    pub director: Option<DirectorTable>,
    /// `[[directors]]`, exactly two.
    #[serde(default)]
    pub directors: Vec<DirectorTable>,
    /// `[[services]]`, at least one.
    #[serde(default)]
    pub services: Vec<ServiceTable>,
    /// `[[real-servers]]`.
    #[serde(default)]
    pub real_servers: Vec<RealServerTable>,
    /// `[time]`.
    #[serde(default)]
    pub time: Option<TimeTable>,
    /// `[sync]`.
    #[serde(default)]
    pub sync: Option<SyncTable>,
    /// `[ipvs]`.
    #[serde(default)]
    pub ipvs: IpvsTable,
}

impl Document {
    /// The longest text that is read at all, in bytes: 16 MiB.
    pub const MAX_LENGTH: usize = 16 << 20;
}

/// `tunnel = { type = "gue", port = 5555, checksum = "full" }`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TunnelTable {
    /// `ipip`, `gue` or `gre`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The UDP port on which real servers listen; for gue, which must have it.
    #[serde(default)]
    pub port: Option<i64>,
    /// `none` (default), `full`, or for gue `remote`.
    #[serde(default)]
    pub checksum: Option<String>,
}

/// `[director]`, or one of two `[[directors]]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DirectorTable {
    /// Its name; `director` if absent.
    #[serde(default = "default_director")]
    pub name: String,
    /// The default route's gateway; absent leaves the default route alone.
    #[serde(default)]
    pub gateway: Option<String>,
    /// Routing between interfaces; absent is true for nat and otherwise left alone.
    #[serde(default)]
    pub ip_forward: Option<bool>,
    /// Its addresses, the virtual IPs among them.
    pub addresses: Vec<AddressTable>,
}

/// An entry of `addresses`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AddressTable {
    /// The interface.
    pub interface: String,
    /// Address and prefix length: `172.16.5.11/32`.
    pub address: String,
    /// IPv4: the interface's name, alone or with a colon and letters or digits.
    #[serde(default)]
    pub label: Option<String>,
    /// IPv4: absent is the network's own; for a /32 virtual IP the address itself.
    #[serde(default)]
    pub broadcast: Option<String>,
    /// Of two directors only the active one carries it; it is an address of both.
    #[serde(default)]
    pub floating: bool,
}

/// `[[services]]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServiceTable {
    /// Virtual IP and port: `172.16.5.11:80`, `[2001:db8::1]:80`. Either this or `fwmark`.
    #[serde(default)]
    pub address: Option<String>,
    /// With `address`: `tcp` (default), `udp` or `sctp`.
    #[serde(default)]
    pub protocol: Option<String>,
    /// A firewall mark, 1 to 4294967295.
    #[serde(default)]
    pub fwmark: Option<i64>,
    /// With `fwmark`: `ipv4` (default) or `ipv6`.
    #[serde(default)]
    pub family: Option<String>,
    /// With `fwmark`: what has to be marked, `tcp 172.16.5.11:80`.
    #[serde(default, rename = "match")]
    pub matches: Vec<String>,
    /// The scheduler; `wlc` if absent, as in ipvsadm.
    #[serde(default = "default_scheduler")]
    pub scheduler: String,
    /// `sh-fallback`, `sh-port`, `mh-fallback`, `mh-port`, `flag-1`, `flag-2`, `flag-3`.
    #[serde(default)]
    pub scheduler_flags: Vec<String>,
    /// Every UDP datagram is scheduled on its own.
    #[serde(default)]
    pub one_packet: bool,
    /// Clients come back to the server they had; absent: they do not.
    #[serde(default)]
    pub persistence: Option<PersistenceTable>,
    /// Weights are used when adding and are then somebody else's.
    #[serde(default)]
    pub keep_weight: bool,
    /// Who serves it; absent: every real server.
    #[serde(default)]
    pub destinations: Option<Vec<DestinationTable>>,
}

/// `persistence = { timeout = 300, netmask = 32, engine = "sip" }`, or `persistence = 300`.
#[derive(Clone, Debug, PartialEq)]
pub struct PersistenceTable {
    /// Seconds after the last connection.
    pub timeout: i64,
    /// Which clients count as one, as a prefix length; absent: each for itself.
    pub netmask: Option<i64>,
    /// What tells clients apart besides their address.
    pub engine: Option<String>,
}

/// An entry of `destinations`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DestinationTable {
    /// The name of a real server, or of the director itself.
    pub real_server: String,
    /// Only with nat; absent: the service's.
    #[serde(default)]
    pub port: Option<i64>,
    /// Absent: the real server's.
    #[serde(default)]
    pub weight: Option<i64>,
    /// Absent: the cluster's.
    #[serde(default)]
    pub forwarding: Option<String>,
    /// No new connections from so many on; 0 or absent is never.
    #[serde(default)]
    pub upper_threshold: i64,
    /// Until there are fewer than so many; 0 or absent is three quarters of the upper.
    #[serde(default)]
    pub lower_threshold: i64,
}

/// `[[real-servers]]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RealServerTable {
    /// Its name.
    pub name: String,
    /// Its addresses; the first of a service's family is its real IP.
    pub addresses: Vec<AddressTable>,
    /// The default route's gateway; absent with nat: the director's address on its network.
    #[serde(default)]
    pub gateway: Option<String>,
    /// Its share; 1 if absent, 0 to 2147483647.
    #[serde(default = "default_weight")]
    pub weight: i64,
    /// Weight 0 everywhere, the weight kept for later.
    #[serde(default)]
    pub drain: bool,
}

/// `[time]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TimeTable {
    /// The NTP server.
    #[serde(default)]
    pub ntp_server: Option<String>,
    /// Seconds between any two nodes; 1.0 if absent.
    #[serde(default)]
    pub max_offset: Option<f64>,
}

/// `[sync]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SyncTable {
    /// By which directors that belong together know each other, 0 to 255.
    pub id: i64,
    /// The director's interface towards the other one.
    pub interface: String,
    /// The multicast group; 224.0.0.81 if absent.
    #[serde(default)]
    pub group: Option<String>,
    /// The first UDP port; 8848 if absent.
    #[serde(default)]
    pub port: Option<i64>,
    /// Over how many routers; 1 if absent.
    #[serde(default)]
    pub ttl: Option<i64>,
    /// Bytes of a datagram's payload; 1472 if absent (1452 for an IPv6 group).
    #[serde(default)]
    pub max_length: Option<i64>,
}

/// `[ipvs]`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IpvsTable {
    /// `tcp-timeout`: seconds an idle established TCP connection is remembered; absent: untouched.
    pub tcp_timeout: Option<i64>,
    /// `tcp-fin-timeout`: the same after a FIN.
    pub tcp_fin_timeout: Option<i64>,
    /// `udp-timeout`: the same for UDP.
    pub udp_timeout: Option<i64>,
    /// Switches of `net.ipv4.vs` by their names with hyphens: `conntrack`, `expire-nodest-conn`.
    pub ipvs_sysctls: BTreeMap<String, SysctlValue>,
}

fn default_director() -> String {
    "director".to_owned()
}

fn default_scheduler() -> String {
    "wlc".to_owned()
}

const fn default_weight() -> i64 {
    1
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

/// By hand, because serde's untagged enums lose what was wrong and where.
impl<'de> Deserialize<'de> for PersistenceTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PersistenceVisitor)
    }
}

struct PersistenceVisitor;

impl<'de> Visitor<'de> for PersistenceVisitor {
    type Value = PersistenceTable;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("seconds, or { timeout = SECONDS, netmask = LENGTH, engine = \"sip\" }")
    }

    fn visit_i64<E: de::Error>(self, timeout: i64) -> Result<PersistenceTable, E> {
        Ok(PersistenceTable {
            timeout,
            netmask: None,
            engine: None,
        })
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
