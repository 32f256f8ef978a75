//! Reading a node.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::{IpvsState, Observed, ReadScope, lingering};
use crate::cluster::file::before_loading;
use crate::error::Result;
use crate::host::{Host, LOOKS};
use crate::ipvs::{Daemon, KnownTable, ServiceEntry};
use crate::net::{Address, GueListener, PolicyRule, RefusingRoute, Route, RouteId, Tunnel};
use crate::sysctl::{Sysctl, SysctlKey};

/// The kernel's number for routes it derives from addresses (`RTPROT_KERNEL`).
const BY_KERNEL: u8 = 2;

impl Observed {
    /// Reads what a plan can need, and changes nothing: ip_vs is not asked where it is not loaded, because
    /// asking would load it.
    ///
    /// # Errors
    /// Something could not be read; with IPVS in the scope that needs `CAP_NET_ADMIN` where ip_vs is
    /// loaded.
    pub fn read(host: &mut Host, scope: &ReadScope) -> Result<Self> {
        Self::read_beside(host, scope, None)
    }

    /// Reads the same, the table of services by what is known of it already.
    pub(in crate::cluster) fn read_beside(
        host: &mut Host,
        scope: &ReadScope,
        known: Option<&KnownTable<'_>>,
    ) -> Result<Self> {
        let found = host.net().links()?;
        let silent = found.iter().filter(|link| !link.has_neighbours());
        let without_neighbours = silent.map(|link| link.name.clone()).collect();
        let links: BTreeMap<_, _> = found.into_iter().map(|link| (link.name, link.up)).collect();
        let ipvs = ipvs(host, scope, known)?;
        let (routes, refusing) = routes(host)?;
        Ok(Self {
            addresses: addresses(host)?.into(),
            routes: routes.into(),
            refusing,
            rules: rules(host),
            sysctls: sysctls(
                host.sysctl(),
                host.is_ipvs_loaded(),
                scope.sysctls(links.keys()),
            )?,
            tunnels: tunnels(host, scope)?,
            listeners: listeners(host, scope)?,
            daemons: daemons(host, scope)?,
            lingering: lingering::read(host, scope, &ipvs)?,
            ipvs,
            links,
            without_neighbours,
        })
    }
}

fn tunnels(host: &mut Host, scope: &ReadScope) -> Result<BTreeSet<Tunnel>> {
    if !scope.reads_tunnels() {
        return Ok(BTreeSet::new());
    }
    Ok(host.net().tunnels()?.into_iter().collect())
}

fn listeners(host: &mut Host, scope: &ReadScope) -> Result<BTreeSet<GueListener>> {
    if !scope.reads_listeners() {
        return Ok(BTreeSet::new());
    }
    Ok(host.fou()?.listeners()?.into_iter().collect())
}

/// Without the addresses that every interface gets by itself.
fn addresses(host: &mut Host) -> Result<Vec<Address>> {
    let mut addresses = host.net().addresses()?;
    addresses.retain(|address| match address.id.network.addr() {
        IpAddr::V4(ip) => !ip.is_loopback(),
        IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unicast_link_local(),
    });
    Ok(addresses)
}

fn routes(host: &mut Host) -> Result<(Vec<Route>, BTreeSet<RefusingRoute>)> {
    let (mut routes, mut refusing) = host.net().routes_and_refusing()?;
    routes.retain(|route| route.protocol != BY_KERNEL);
    refusing.retain(|route| route.id.is_default() && route.id.table == RouteId::MAIN);
    Ok((routes, refusing.into_iter().collect()))
}

/// They are for notes only: a kernel may have been built without them.
fn rules(host: &mut Host) -> Vec<PolicyRule> {
    let mut rules = host.net().policy_rules().unwrap_or_default();
    rules.retain(|rule| !rule.is_usual());
    rules
}

/// Reads sysctls; one that does not exist is left out, unless a module that is still to be loaded has it.
fn sysctls(
    sysctl: &Sysctl,
    is_ipvs_loaded: bool,
    keys: impl IntoIterator<Item = SysctlKey>,
) -> Result<BTreeMap<SysctlKey, String>> {
    let mut found = BTreeMap::new();
    for key in keys {
        let is_loaded = is_ipvs_loaded && !key.is_of_scheduler();
        let value = match sysctl.read(&key) {
            Ok(value) => Some(value),
            Err(error) if error.is_not_found() && is_loaded => None,
            Err(error) if error.is_not_found() => before_loading(&key).map(str::to_owned),
            Err(error) => return Err(error),
        };
        found.extend(value.map(|value| (key, value)));
    }
    Ok(found)
}

fn daemons(host: &mut Host, scope: &ReadScope) -> Result<BTreeSet<Daemon>> {
    if !scope.reads_ipvs() || !host.is_ipvs_loaded() {
        return Ok(BTreeSet::new());
    }
    Ok(host.ipvs()?.daemons()?.into_iter().collect())
}

fn entries_beside(host: &mut Host, known: &KnownTable<'_>) -> Result<Vec<ServiceEntry>> {
    for _ in 0..LOOKS {
        let Ok(listing) = host.proc().listing() else {
            break;
        };
        if let Some(entries) = host.ipvs()?.entries_beside(listing, known)? {
            return Ok(entries);
        }
    }
    host.ipvs()?.entries()
}

fn ipvs(host: &mut Host, scope: &ReadScope, known: Option<&KnownTable<'_>>) -> Result<IpvsState> {
    if !scope.reads_ipvs() {
        return Ok(IpvsState::Unread);
    }
    if !host.is_ipvs_loaded() {
        return Ok(IpvsState::NotLoaded);
    }
    let services = match known {
        Some(known) => entries_beside(host, known)?,
        None => host.ipvs()?.entries()?,
    };
    Ok(IpvsState::Loaded {
        services,
        timeouts: host.ipvs()?.timeouts()?,
    })
}
