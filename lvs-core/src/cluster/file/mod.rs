//! The cluster file: each subject has a file of its own, with the table as written and its conversion.

mod conversion;
mod defaults;
mod destination;
mod destination_lists;
#[cfg(feature = "toml")]
mod discovery;
mod gateway;
mod health;
mod ipvs;
mod ipvs_value;
#[cfg(feature = "toml")]
mod layout;
mod node;
mod persistence;
#[cfg(feature = "schema")]
mod reference;
mod removed;
#[cfg(feature = "schema")]
mod schema;
mod service;
mod sync;
#[cfg(feature = "toml")]
mod syntax;
mod time;
#[cfg(feature = "toml")]
mod toml;
mod tunnel;
mod value;
#[cfg(feature = "toml")]
mod wording;
mod written;

use serde::{Deserialize, Serialize};

pub use defaults::DefaultsTable;
pub use destination::{DestinationTable, NotChecked};
pub use gateway::GatewayTable;
pub use health::{ChecksTable, HealthTable};
pub use ipvs::IpvsTable;
pub(in crate::cluster) use ipvs::before_loading;
#[cfg(feature = "import")]
pub(crate) use ipvs::check_sysctl;
pub use ipvs_value::SysctlValue;
pub use node::{AddressTable, DirectorTable, RealServerTable};
pub use persistence::PersistenceTable;
pub use service::ServiceTable;
pub use sync::SyncTable;
pub use time::TimeTable;
pub use tunnel::TunnelTable;

/// Holds a cluster file as written, in any format that serde reads; only its shape has been checked.
///
/// `Cluster::try_from(document)` is the one conversion, and it validates; `Document::try_from(&cluster)` is the way back. Numbers are wide and addresses are
/// text on purpose, so that the conversion refuses a wrong one with its path and a hint, and not the parser of
/// the format.
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[cfg_attr(
    feature = "schema",
    schemars(
        title = "Cluster file",
        description = "Describes a Linux Virtual Server cluster"
    )
)]
pub struct Document {
    /// The cluster's name: 1 to 32 of a-z, 0-9 and hyphen.
    #[serde(default)]
    pub name: Option<String>,
    /// `nat`, `dr` or `tunnel` (`masquerade`, `direct-routing`, `ipip`); a destination may override it.
    #[serde(default)]
    pub forwarding: Option<String>,
    /// `tunnel = { type = "ipip" }`: the encapsulation of the method `tunnel`; IP in IP if absent.
    #[serde(default)]
    pub tunnel: Option<TunnelTable>,
    /// `[defaults]`: the interface and gateway of real servers that name none.
    #[serde(default)]
    pub defaults: DefaultsTable,
    /// `[director]`: the node that receives the clients' connections; or `[[directors]]`, never both.
    #[serde(default)]
    pub director: Option<DirectorTable>,
    /// `[[directors]]`: two of them, of which one is active.
    #[serde(default)]
    pub directors: Vec<DirectorTable>,
    /// `[[services]]`: what clients connect to, at least one.
    #[serde(default)]
    pub services: Vec<ServiceTable>,
    /// `[[real-servers]]`: the nodes that serve the clients.
    #[serde(default)]
    pub real_servers: Vec<RealServerTable>,
    /// `[time]`: the time server that all clocks are compared with by `check`; absent: none.
    #[serde(default)]
    pub time: Option<TimeTable>,
    /// `[sync]`: the synchronisation of connections between two directors; absent: none.
    #[serde(default)]
    pub sync: Option<SyncTable>,
    /// `[ipvs]`: timeouts and sysctls of IPVS on the directors.
    #[serde(default)]
    pub ipvs: IpvsTable,
    /// `[health]`: the defaults of every check.
    #[serde(default)]
    pub health: HealthTable,
}

impl Document {
    /// The longest text that is read, in bytes: 16 MiB.
    pub const MAX_LENGTH: usize = 16 << 20;
}
