//! How objects are described beside their names.

use std::net::IpAddr;

use super::{Change, Object};
use crate::ipvs::Daemon;
use crate::net::{Address, Route, Tunnel};

impl Change<Object> {
    /// Returns how the object looks: `up`, `via 172.16.0.1`, `nat weight 1`; of an edit
    /// `nat weight 1 -> nat weight 2`.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Self::Add(object) | Self::Delete(object) => object.detail(),
            Self::Edit(edit) if edit.before == edit.after => edit.after.detail(),
            Self::Edit(edit) => format!("{} -> {}", edit.before.detail(), edit.after.detail())
                .trim()
                .to_owned(),
        }
    }
}

impl Object {
    /// Returns how the object looks, apart from its identity; empty if that says everything.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Self::Tunnel(object) => tunnel(object),
            Self::Listener(_) => "gue".to_owned(),
            Self::Link(link) => if link.up { "up" } else { "down" }.to_owned(),
            Self::Sysctl(setting) => setting.value.clone(),
            Self::Address(object) => address(object),
            Self::Route(object) => route(object),
            Self::Timeouts(timeouts) => {
                format!("{} {} {}", timeouts.tcp, timeouts.tcp_fin, timeouts.udp)
            }
            Self::Daemon(object) => daemon(object),
            Self::Service(service) => service.describe(),
            Self::Destination(bound) => bound.destination.describe(),
        }
    }
}

/// `ipip device for 172.16.5.11 with checksums`
pub(in crate::cluster) fn tunnel(tunnel: &Tunnel) -> String {
    let local = tunnel.local.map(|local| format!(" for {local}"));
    let checksum = if tunnel.checksum {
        " with checksums"
    } else {
        ""
    };
    format!(
        "{} device{}{checksum}",
        tunnel.kind,
        local.unwrap_or_default()
    )
}

/// `label eth0:1 broadcast 192.168.1.255`, `nodad preferred_lft 0`
pub(in crate::cluster) fn address(address: &Address) -> String {
    // Without one the kernel uses the interface's name.
    let label = address
        .label
        .as_deref()
        .filter(|label| *label != address.id.interface.as_str());
    let parts = [
        label.map(|label| format!("label {label}")),
        address
            .broadcast
            .map(|broadcast| format!("broadcast {broadcast}")),
        address.no_dad.then(|| "nodad".to_owned()),
        address
            .is_deprecated()
            .then(|| "preferred_lft 0".to_owned()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// `via 192.168.1.254 advmss 1360`, `via fe80::1 dev eth0`
fn route(route: &Route) -> String {
    let hops = &route.details.next_hops;
    let by = match (&route.gateway, &route.interface) {
        // A link-local gateway says nothing without its interface.
        (Some(gateway), Some(interface)) if is_link_local(gateway) || route.on_link => {
            let on_link = if route.on_link { " onlink" } else { "" };
            format!("via {gateway} dev {interface}{on_link}")
        }
        (Some(gateway), _) => format!("via {gateway}"),
        (None, Some(interface)) => format!("dev {interface}"),
        (None, None) if !hops.is_empty() => hops
            .iter()
            .map(|hop| match (&hop.gateway, &hop.interface) {
                (Some(gateway), _) => format!("nexthop via {gateway}"),
                (None, Some(interface)) => format!("nexthop dev {interface}"),
                (None, None) => "nexthop".to_owned(),
            })
            .collect::<Vec<_>>()
            .join(" "),
        (None, None) => "by no interface".to_owned(),
    };
    match route.advmss {
        Some(advmss) => format!("{by} advmss {advmss}"),
        None => by,
    }
}

const fn is_link_local(gateway: &IpAddr) -> bool {
    matches!(gateway, IpAddr::V6(ip) if ip.is_unicast_link_local())
}

/// `id 1 on eth1 group 224.0.0.81 port 8848 ttl 1 max-length 1472`
fn daemon(daemon: &Daemon) -> String {
    let or = |value: Option<String>| value.unwrap_or_else(|| "default".to_owned());
    format!(
        "id {} on {} group {} port {} ttl {} max-length {}",
        daemon.sync_id,
        daemon.interface,
        or(daemon.group.map(|group| group.to_string())),
        or(daemon.port.map(|port| port.to_string())),
        or(daemon.ttl.map(|ttl| ttl.to_string())),
        or(daemon.max_length.map(|length| length.to_string())),
    )
}
