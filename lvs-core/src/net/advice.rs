//! What the kernel's refusals mean, and what to do next.

use nix::libc::{
    EACCES, EADDRNOTAVAIL, EAFNOSUPPORT, EEXIST, EHOSTUNREACH, EINVAL, ENETDOWN, ENETUNREACH,
    EOPNOTSUPP, EPERM, ESRCH,
};

use super::{Address, AddressId, Link, Route, Tunnel};
use crate::error::Error;
use crate::name::IfName;

const PRIVILEGE: &str = "this needs CAP_NET_ADMIN in the user namespace that owns this network namespace; run it as root";

/// What makes no sense about an address, before anything is sent.
pub(super) fn problem(address: &Address) -> Option<String> {
    let is_ipv6 = address.id.network.addr().is_ipv6();
    if is_ipv6 && (address.label.is_some() || address.broadcast.is_some()) {
        return Some("IPv6 addresses have neither label nor broadcast".to_owned());
    }
    let label = address.label.as_ref()?;
    let fits = (1..=IfName::MAX_LENGTH).contains(&label.len());
    let printable = label.chars().all(|c| c.is_ascii_graphic());
    (!fits || !printable).then(|| {
        let most = IfName::MAX_LENGTH;
        format!("the label {label:?} is not 1 to {most} printable characters, like eth0:1")
    })
}

/// Which interfaces there are instead of the one that was named.
pub(super) fn interfaces(name: &IfName, there: &[Link]) -> String {
    let names: Vec<_> = there.iter().map(|link| link.name.as_str()).collect();
    if names.is_empty() {
        return format!("there is no interface {name} in this network namespace");
    }
    let names = names.join(", ");
    format!("there is no interface {name} in this network namespace, only {names}")
}

/// A refusal of an interface.
pub(super) fn link(error: Error) -> Error {
    match error.errno() {
        Some(EPERM) => error.advise(PRIVILEGE),
        Some(EEXIST) => error.advise("an interface of this name is there already"),
        Some(EOPNOTSUPP) => error.advise(
            "this kernel cannot do that with such an interface, or lacks the module for it",
        ),
        _ => error,
    }
}

/// A refusal of a tunnel device.
pub(super) fn tunnel(error: Error, tunnel: &Tunnel) -> Error {
    match error.errno() {
        Some(EPERM) => error.advise(PRIVILEGE),
        Some(EEXIST) => error.advise(format!(
            "a device of this name, or another {} device for the same packets, is there already",
            tunnel.kind
        )),
        Some(EOPNOTSUPP) => error.advise(format!(
            "this kernel could not load the module for such tunnels: modprobe {}",
            tunnel.kind.module()
        )),
        _ => error,
    }
}

/// A refusal of an address.
pub(super) fn address(error: Error, id: &AddressId) -> Error {
    let is_ipv6 = id.network.addr().is_ipv6();
    match error.errno() {
        Some(EPERM) => error.advise(PRIVILEGE),
        Some(EEXIST) => error.advise(
            "the interface has this address already; to change label or broadcast, delete it first",
        ),
        Some(EADDRNOTAVAIL) => error.advise(format!(
            "{} has no such address with this prefix length",
            id.interface
        )),
        Some(EACCES) if is_ipv6 => error.advise(format!(
            "IPv6 is switched off there: set net/ipv6/conf/{}/disable_ipv6 to 0",
            id.interface
        )),
        Some(EAFNOSUPPORT | EOPNOTSUPP) if is_ipv6 => error.advise("this kernel has no IPv6"),
        _ => error,
    }
}

/// A refusal of a route.
pub(super) fn route(error: Error, route: &Route) -> Error {
    match (error.errno(), route.gateway) {
        (Some(EPERM), _) => error.advise(PRIVILEGE),
        (Some(EEXIST), _) => error.advise(
            "there is another route to this destination with this metric: replace it, or use another metric",
        ),
        (Some(ESRCH), _) => error.advise("there is no such route in the main table"),
        (Some(ENETUNREACH | EHOSTUNREACH), Some(gateway)) => error.advise(format!(
            "the gateway {gateway} is on no connected network: first add an address of its network \
             to an interface that is up"
        )),
        (Some(EINVAL), Some(gateway)) => error.advise(format!(
            "is the gateway {gateway} an address of this host, or the source address none?"
        )),
        (Some(ENETDOWN), _) => error.advise("set the interface up first"),
        (Some(EAFNOSUPPORT | EOPNOTSUPP), _) if route.id.destination.addr().is_ipv6() => {
            error.advise("this kernel has no IPv6")
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Operation;

    #[test]
    fn a_gateway_on_no_network_is_named() {
        let gateway = Route::via("0.0.0.0/0".parse().unwrap(), "10.9.9.9".parse().unwrap());
        let error = Error::kernel(Operation::new("add route", &gateway), ENETUNREACH, None);
        let text = route(error, &gateway).to_string();
        assert!(text.starts_with("add route default via 10.9.9.9: Network is unreachable"));
        assert!(
            text.contains("the gateway 10.9.9.9 is on no connected network"),
            "{text}"
        );
    }

    #[test]
    fn labels_that_no_kernel_takes_are_refused() {
        let mut address = Address::new(IfName::LO, "172.16.5.11/32".parse().unwrap());
        for bad in ["", "sixteen-chars-xx", "lo 0", "lo:\0"] {
            address.label = Some(bad.to_owned());
            assert!(problem(&address).is_some(), "{bad:?}");
        }
        address.label = Some("lo:0".to_owned());
        assert_eq!(problem(&address), None);
        address.id.network = "2001:db8::1/128".parse().unwrap();
        assert!(problem(&address).unwrap().contains("IPv6"));
    }

    #[test]
    fn an_unknown_interface_is_answered_with_those_there_are() {
        let name = "eth9".parse().unwrap();
        let link = Link {
            index: 1,
            name: IfName::LO,
            up: true,
            mtu: 65536,
            mac: None,
            kind: None,
            controller: None,
        };
        assert!(interfaces(&name, &[link]).ends_with("only lo"));
        assert!(interfaces(&name, &[]).ends_with("namespace"));
    }
}
