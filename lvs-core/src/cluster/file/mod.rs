//! The cluster file: each subject has a file of its own, with the table as written and its conversion.

mod destination;
mod gateway;
mod health;
mod ipvs;
mod node;
mod persistence;
mod service;
mod sync;
mod time;
#[cfg(feature = "toml")]
mod toml;
mod tunnel;
mod value;

use serde::Deserialize;

pub use destination::DestinationTable;
pub use gateway::GatewayTable;
pub use health::{ChecksTable, HealthTable};
pub(in crate::cluster) use ipvs::before_loading;
pub use ipvs::{IpvsTable, SysctlValue};
pub use node::{AddressTable, DirectorTable, RealServerTable};
pub use persistence::PersistenceTable;
pub use service::ServiceTable;
pub use sync::SyncTable;
pub use time::TimeTable;
pub use tunnel::TunnelTable;

use super::model::{Cluster, ClusterName, DocumentError, NodeName, invalid};

/// Holds a cluster file as written, in any format that serde reads; only its shape has been checked.
///
/// `Cluster::try_from(document)` is the one conversion, and it validates. Numbers are wide and addresses are
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
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Document {
    /// The cluster's name: 1 to 32 of a-z, 0-9 and hyphen.
    pub name: String,
    /// `nat`, `dr` or `tunnel` (`masquerade`, `direct-routing`, `ipip`); a destination may override it.
    pub forwarding: String,
    /// `tunnel = { type = "ipip" }`: the encapsulation of the method `tunnel`; IP in IP if absent.
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
    /// `[health]`: the defaults of every check.
    #[serde(default)]
    pub health: HealthTable,
}

impl Document {
    /// The longest text that is read, in bytes: 16 MiB.
    pub const MAX_LENGTH: usize = 16 << 20;
}

impl TryFrom<Document> for Cluster {
    type Error = DocumentError;

    fn try_from(document: Document) -> Result<Self, DocumentError> {
        let name = ClusterName::new(document.name).map_err(invalid("name"))?;
        let tunnel = document
            .tunnel
            .map(TunnelTable::into_encapsulation)
            .transpose()
            .map_err(|error| error.within("tunnel"))?;
        let encapsulation = tunnel.unwrap_or_default();
        let method = destination::forwarding(&document.forwarding, encapsulation)?;
        let directors = node::directors(document.director, document.directors)?;
        let real_servers = value::each(
            "real-servers",
            document.real_servers,
            RealServerTable::into_real_server,
        )?;
        let names: Vec<NodeName> = real_servers
            .iter()
            .map(|server| server.name.clone())
            .collect();
        let health = |error: DocumentError| error.within("health");
        let defaults = document.health.defaults().map_err(health)?;
        let marks = document.health.marks().map_err(health)?;
        let services = value::each("services", document.services, |table| {
            table.into_service(method, encapsulation, &names, &defaults)
        })?;
        if tunnel.is_some() {
            tunnel::must_be_used(&services)?;
        }
        let ipvs = |error: DocumentError| error.within("ipvs");
        let timeouts = document.ipvs.timeouts().map_err(ipvs)?;
        let clock = document
            .time
            .map(TimeTable::into_clock)
            .transpose()
            .map_err(|error| error.within("time"))?;
        let ipvs_sysctls = document.ipvs.sysctls().map_err(ipvs)?;
        let sync = document
            .sync
            .map(SyncTable::into_sync)
            .transpose()
            .map_err(|error| error.within("sync"))?;
        let cluster = Self::validated(name, directors, real_servers, services)?
            .with_timeouts(timeouts)
            .with_clock(clock.unwrap_or_default())
            .with_ipvs_sysctls(ipvs_sysctls)?
            .with_marks(marks)?;
        match sync {
            Some(sync) => cluster.with_sync(sync),
            None => Ok(cluster),
        }
    }
}
