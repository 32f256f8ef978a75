//! A plan as the `ip`, `sysctl` and `ipvsadm` lines an operator would have typed.
//!
//! Typing them does the same as applying the plan: afterwards it is empty. Two details differ: the addresses
//! do not carry our protocol number, because the `ip address` of several Debian releases has no word for it;
//! and announcing floating addresses is a comment, because few nodes have the programs.

use std::fmt::{self, Write};
use std::net::IpAddr;

use super::{PhaseName, Plan};
use crate::cluster::change::{Change, Kind, LinkState, Object, Setting};
use crate::ipvs::Family;
use crate::ipvs::ipvsadm::command_line;
use crate::name::IfName;
use crate::net::{
    Address, GueListener, RawAttribute, Route, RouteDetails, RouteId, Scope, Tunnel, TunnelKind,
};
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
            let is_announced = phase.name == PhaseName::FloatingAddresses;
            for (interface, ip) in self.announcements.iter().filter(|_| is_announced) {
                let _ = writeln!(script, "# {}", announcement(interface, *ip));
            }
        }
        for rule in self.nftables.iter().flat_map(|rules| rules.lines()) {
            let _ = writeln!(script, "# nft: {}", escape_line(rule));
        }
        script
    }
}

/// Returns how an operator announces an address that another director has carried.
fn announcement(interface: &IfName, ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => format!("arping -c 5 -U -I {} {ip}", interface.quoted()),
        IpAddr::V6(ip) => format!("ndsend {ip} {}", interface.quoted()),
    }
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
                let lines: Vec<_> = self
                    .commands()
                    .map(|command| command_line(&command))
                    .collect();
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
        Kind::Add => address_line("add", address),
        Kind::Edit => address_line("replace", address),
    }
}

fn address_line(verb: &str, address: &Address) -> String {
    let network = address.id.network;
    let mut line = match address.peer {
        Some(peer) => format!(
            "ip address {verb} {} peer {peer}/{}",
            network.addr(),
            network.prefix_len()
        ),
        None => format!("ip address {verb} {network}"),
    };
    option(&mut line, "broadcast", address.broadcast);
    option(&mut line, "dev", Some(&address.id.interface));
    option(&mut line, "label", address.label.as_ref());
    option(&mut line, "metric", address.metric);
    option(&mut line, "valid_lft", address.valid);
    option(&mut line, "preferred_lft", address.preferred);
    for (flag, word) in FLAGS {
        if address.flags & flag != 0 {
            line.push(' ');
            line.push_str(word);
        }
    }
    if address.no_dad {
        line.push_str(" nodad");
    }
    line
}

/// The flags that are set when an address is added, in the words of `ip`.
const FLAGS: [(u32, &str); 5] = [
    (0x04, "optimistic"),
    (0x10, "home"),
    (0x100, "mngtmpaddr"),
    (0x200, "noprefixroute"),
    (0x400, "autojoin"),
];

fn route(kind: Kind, route: &Route) -> String {
    let verb = match kind {
        Kind::Add => "add",
        Kind::Edit => "replace",
        Kind::Delete => "delete",
    };
    route_line(verb, route)
}

fn route_line(verb: &str, route: &Route) -> String {
    let id = &route.id;
    let is_ipv6 = id.destination.addr().is_ipv6();
    let ip = if is_ipv6 { "ip -6" } else { "ip" };
    let destination = match id.destination.prefix_len() {
        0 => "default".to_owned(),
        _ => id.destination.to_string(),
    };
    let details = &route.details;
    let mut line = format!("{ip} route {verb} {destination}");
    option(&mut line, "from", id.from);
    option(
        &mut line,
        "tos",
        (id.tos != 0).then(|| format!("{:#04x}", id.tos)),
    );
    match details.nexthop_id {
        Some(nexthop) => option(&mut line, "nhid", Some(nexthop)),
        None => line.push_str(&way(
            route.gateway,
            route.interface.as_ref(),
            route.on_link,
            is_ipv6,
        )),
    }
    if route.scope == Scope::LINK {
        line.push_str(" scope link");
    }
    option(
        &mut line,
        "table",
        (id.table != RouteId::MAIN).then_some(id.table),
    );
    option(&mut line, "metric", (id.metric != 0).then_some(id.metric));
    option(&mut line, "src", route.source);
    option(&mut line, "advmss", route.advmss);
    details
        .metrics
        .iter()
        .for_each(|metric| line.push_str(&self::metric(metric, details)));
    option(&mut line, "expires", details.expires);
    match details.preference {
        1 => line.push_str(" pref high"),
        3 => line.push_str(" pref low"),
        _ => {}
    }
    option(
        &mut line,
        "realms",
        details.attributes.iter().find_map(realms),
    );
    option(
        &mut line,
        "proto",
        (route.protocol != 0).then_some(route.protocol),
    );
    for hop in &details.next_hops {
        line.push_str(" nexthop");
        line.push_str(&way(
            hop.gateway,
            hop.interface.as_ref(),
            hop.on_link,
            is_ipv6,
        ));
        let _ = write!(line, " weight {}", hop.weight);
        option(&mut line, "realms", hop.attributes.iter().find_map(realms));
    }
    let hops = details.next_hops.iter().flat_map(|hop| &hop.attributes);
    let unsaid: Vec<_> = details
        .attributes
        .iter()
        .chain(hops)
        .filter(|attribute| realms(attribute).is_none())
        .map(ToString::to_string)
        .collect();
    if !unsaid.is_empty() {
        let _ = write!(line, " # and attributes {}", unsaid.join(" "));
    }
    line
}

fn option<T: fmt::Display>(line: &mut String, word: &str, value: Option<T>) {
    if let Some(value) = value {
        let _ = write!(line, " {word} {}", quote(&value.to_string()));
    }
}

/// ` via inet6 fe80::1 dev eth0 onlink`
fn way(
    gateway: Option<IpAddr>,
    interface: Option<&IfName>,
    on_link: bool,
    is_ipv6: bool,
) -> String {
    let mut words = String::new();
    if let Some(gateway) = gateway {
        let other = gateway.is_ipv6() != is_ipv6;
        let _ = write!(words, " via {}{gateway}", if other { "inet6 " } else { "" });
    }
    option(&mut words, "dev", interface);
    if on_link {
        words.push_str(" onlink");
    }
    words
}

/// Returns a metric in the words of `ip`, which has none for the flags of a connection.
fn metric(metric: &RawAttribute, details: &RouteDetails) -> String {
    let number = metric
        .value
        .first_chunk()
        .map(|bytes| u32::from_ne_bytes(*bytes));
    let locks = details
        .metrics
        .iter()
        .find(|metric| metric.kind == LOCK)
        .and_then(|metric| metric.value.first_chunk())
        .map_or(0, |bytes| u32::from_ne_bytes(*bytes));
    let lock = match 1_u32.checked_shl(metric.kind.into()) {
        // `ip` locks `rto_min` by itself, and has no word for that.
        Some(bit) if locks & bit != 0 && metric.kind != RTO_MIN => "lock ",
        _ => "",
    };
    let Some((_, word, unit)) = METRICS.iter().find(|(kind, ..)| *kind == metric.kind) else {
        return String::new();
    };
    match (number, *unit) {
        (_, Unit::Text) => {
            let text = String::from_utf8_lossy(&metric.value);
            format!(" {word} {lock}{}", quote(text.trim_end_matches('\0')))
        }
        (Some(number), Unit::Number) => format!(" {word} {lock}{number}"),
        (Some(number), Unit::Parts(parts)) => format!(" {word} {lock}{}ms", number / parts),
        (Some(1), Unit::Ecn) => format!(" {word} ecn"),
        (_, Unit::Ecn) | (None, _) => String::new(),
    }
}

/// `RTAX_LOCK`: a bit for each metric that the kernel must not change by what it measures.
const LOCK: u16 = 1;
const RTO_MIN: u16 = 13;

/// How `ip` writes a metric; the kernel keeps times in parts of a millisecond.
#[derive(Clone, Copy)]
enum Unit {
    Number,
    Parts(u32),
    Ecn,
    Text,
}

/// The metrics by their number (`RTAX_*`), without `advmss`.
const METRICS: [(u16, &str, Unit); 15] = [
    (2, "mtu", Unit::Number),
    (3, "window", Unit::Number),
    (4, "rtt", Unit::Parts(8)),
    (5, "rttvar", Unit::Parts(4)),
    (6, "ssthresh", Unit::Number),
    (7, "cwnd", Unit::Number),
    (9, "reordering", Unit::Number),
    (10, "hoplimit", Unit::Number),
    (11, "initcwnd", Unit::Number),
    (12, "features", Unit::Ecn),
    (RTO_MIN, "rto_min", Unit::Parts(1)),
    (14, "initrwnd", Unit::Number),
    (15, "quickack", Unit::Number),
    (16, "congctl", Unit::Text),
    (17, "fastopen_no_cookie", Unit::Number),
];

/// Reads `RTA_FLOW`: the realm of the source in the upper half, that of the destination in the lower.
fn realms(attribute: &RawAttribute) -> Option<String> {
    let bytes = attribute
        .value
        .first_chunk()
        .filter(|_| attribute.kind == 11)?;
    let flow = u32::from_ne_bytes(*bytes);
    Some(match (flow >> 16, flow & 0xffff) {
        (0, to) => to.to_string(),
        (from, to) => format!("{from}/{to}"),
    })
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
            let line = address_line("add", &own);
            assert!(
                line.contains(&format!(" dev {quoted} label {label}")),
                "{line}"
            );
        }
    }
}
