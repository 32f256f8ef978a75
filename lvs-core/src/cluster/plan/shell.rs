//! A plan as the `ip`, `sysctl` and `ipvsadm` lines an operator would have typed.
//!
//! Typing them does the same as applying the plan: afterwards it is empty. Two details differ: the addresses
//! do not carry our protocol number, because the `ip address` of several Debian releases has no word for it;
//! and announcing floating addresses is a comment, because few nodes have the programs.

use std::fmt::Write;
use std::net::IpAddr;

use super::{Phase, PhaseName, Plan};
use crate::cluster::change::{Change, Kind, LinkState, Object, Setting};
use crate::ipvs::Family;
use crate::ipvs::ipvsadm::command_line;
use crate::name::IfName;
use crate::net::{Address, GueListener, Route, Scope, Tunnel, TunnelKind};
use crate::shell::quote;
use crate::text::escape_line;

impl Plan {
    /// Returns the lines of a shell script, with a comment before each phase, to be run as root with `sh -e`;
    /// none of a plan that is refused.
    #[must_use]
    pub fn to_shell(&self) -> String {
        let mut script = String::new();
        if !self.refusals.is_empty() {
            return script;
        }
        for phase in &self.phases {
            // Writing to a String cannot fail.
            let _ = writeln!(script, "# {}", phase.name);
            for step in &phase.steps {
                let _ = writeln!(script, "{}", step.change.to_shell());
            }
            for line in announcements(phase) {
                let _ = writeln!(script, "# {line}");
            }
        }
        for rule in self.nftables.iter().flat_map(|rules| rules.lines()) {
            let _ = writeln!(script, "# nft: {}", escape_line(rule));
        }
        script
    }
}

/// How an operator announces addresses that another director has carried.
fn announcements(phase: &Phase) -> impl Iterator<Item = String> {
    let are_announced = phase.name == PhaseName::FloatingAddresses;
    phase
        .steps
        .iter()
        .filter_map(|step| match step.change.after() {
            Some(Object::Address(address)) => Some(&address.id),
            _ => None,
        })
        .filter(move |id| are_announced && id.interface != IfName::LO)
        .map(|id| match id.network.addr() {
            IpAddr::V4(ip) => format!("arping -c 5 -U -I {} {ip}", id.interface.quoted()),
            IpAddr::V6(ip) => format!("ndsend {ip} {}", id.interface.quoted()),
        })
}

impl Change<Object> {
    /// Returns the line that makes the change; two for a daemon that is edited.
    #[must_use]
    pub fn to_shell(&self) -> String {
        let kind = self.kind();
        match self.newest() {
            Object::Tunnel(object) => tunnel(kind, object),
            Object::Listener(object) => listener(kind, object),
            Object::Link(object) => link(object),
            Object::Sysctl(object) => sysctl(object),
            Object::Address(object) => address(kind, object),
            Object::Route(object) => route(kind, object),
            Object::Timeouts(_)
            | Object::Daemon(_)
            | Object::Service(_)
            | Object::Destination(_) => {
                let lines: Vec<_> = self.commands().iter().map(command_line).collect();
                lines.join("\n")
            }
        }
    }
}

/// The kernel's own device comes with its module.
fn tunnel(kind: Kind, tunnel: &Tunnel) -> String {
    match kind {
        Kind::Delete => format!("ip link delete {}", tunnel.name.quoted()),
        _ if tunnel.is_fallback() => format!("modprobe {}", tunnel.kind.module()),
        _ => add_tunnel(tunnel),
    }
}

fn add_tunnel(tunnel: &Tunnel) -> String {
    let mut line = format!("ip link add {} type {}", tunnel.name.quoted(), tunnel.kind);
    if let Some(local) = tunnel.local {
        let _ = write!(line, " local {local}");
    }
    if tunnel.kind == TunnelKind::Ip6tnl {
        line.push_str(" mode any");
    }
    if tunnel.checksum {
        line.push_str(" icsum");
    }
    line
}

fn listener(kind: Kind, listener: &GueListener) -> String {
    let (port, family) = (listener.port, six(listener.family));
    match kind {
        Kind::Delete => format!("ip fou del port {port}{family}"),
        _ => format!("ip fou add port {port} gue{family}"),
    }
}

fn six(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "",
        Family::Ipv6 => " -6",
    }
}

fn link(link: &LinkState) -> String {
    format!(
        "ip link set dev {} {}",
        link.name.quoted(),
        if link.up { "up" } else { "down" }
    )
}

/// With slashes, as dots may belong to an interface's name.
fn sysctl(setting: &Setting) -> String {
    format!(
        "sysctl -w {}={}",
        setting.key.quoted(),
        quote(&setting.value)
    )
}

fn address(kind: Kind, address: &Address) -> String {
    match kind {
        Kind::Delete => format!(
            "ip address delete {} dev {}",
            address.id.network,
            address.id.interface.quoted()
        ),
        _ => add_address(address),
    }
}

fn add_address(address: &Address) -> String {
    let mut line = format!("ip address add {}", address.id.network);
    if let Some(broadcast) = address.broadcast {
        let _ = write!(line, " broadcast {broadcast}");
    }
    let _ = write!(line, " dev {}", address.id.interface.quoted());
    if let Some(label) = &address.label {
        let _ = write!(line, " label {}", quote(label));
    }
    if address.no_dad {
        line.push_str(" nodad");
    }
    line
}

fn route(kind: Kind, route: &Route) -> String {
    let verb = match kind {
        Kind::Add => "add",
        Kind::Edit => "replace",
        Kind::Delete => "delete",
    };
    route_line(verb, route)
}

fn route_line(verb: &str, route: &Route) -> String {
    let (destination, metric) = (route.id.destination, route.id.metric);
    let ip = if destination.addr().is_ipv4() {
        "ip"
    } else {
        "ip -6"
    };
    let destination = if route.id.is_default() {
        "default".to_owned()
    } else {
        destination.to_string()
    };
    let mut line = format!("{ip} route {verb} {destination}");
    if let Some(gateway) = route.gateway {
        let other = gateway.is_ipv4() != route.id.destination.addr().is_ipv4();
        let family = if other { "inet6 " } else { "" };
        let _ = write!(line, " via {family}{gateway}");
    }
    if let Some(interface) = &route.interface {
        let _ = write!(line, " dev {}", interface.quoted());
    }
    if route.scope == Scope::LINK {
        line.push_str(" scope link");
    }
    if metric != 0 {
        let _ = write!(line, " metric {metric}");
    }
    if let Some(advmss) = route.advmss {
        let _ = write!(line, " advmss {advmss}");
    }
    if route.protocol != 0 {
        let _ = write!(line, " proto {}", route.protocol);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_file_are_words_of_the_shell() {
        for name in ["e$(id)", "e;id>&2;#", "a;b&c|d`e", "x'y\"z*?[a]"] {
            let interface: IfName = name.parse().unwrap();
            let quoted = quote(name);
            let up = LinkState {
                name: interface.clone(),
                up: true,
            };
            let mut own = Address::new(interface, "10.0.0.1/32".parse().unwrap());
            own.label = Some(format!("{name}:1"));
            assert_eq!(link(&up), format!("ip link set dev {quoted} up"));
            let label = quote(own.label.as_deref().unwrap_or_default());
            let line = add_address(&own);
            assert!(
                line.contains(&format!(" dev {quoted} label {label}")),
                "{line}"
            );
        }
    }
}
