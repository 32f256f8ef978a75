//! What an errno means in an answer of rtnetlink or fou, and what to do next.

use nix::libc::{
    EACCES, EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT, EALREADY, EEXIST, EHOSTUNREACH, EINVAL,
    ENETDOWN, ENETUNREACH, ENOENT, EOPNOTSUPP, EPERM, ESRCH,
};

use super::{AddressId, Link, Route, Tunnel};
use crate::error::Error;
use crate::name::IfName;

const PRIVILEGE: &str = "this needs CAP_NET_ADMIN in the user namespace that owns this network namespace; run it as root";

/// Returns the hint for `ENODEV`: the interfaces that exist instead of the one that was named.
pub(super) fn no_interface(name: &IfName, existing: &[Link]) -> String {
    let names: Vec<_> = existing.iter().map(|link| link.name.as_str()).collect();
    if names.is_empty() {
        return format!("there is no interface {name} in this network namespace");
    }
    let names = names.join(", ");
    format!("there is no interface {name} in this network namespace, only {names}")
}

/// Adds a hint to the refusal of a change to an interface.
pub(super) fn link(error: Error) -> Error {
    match error.errno() {
        Some(EPERM) => error.with_hint(PRIVILEGE),
        Some(EEXIST) => error.with_hint("an interface of this name exists already"),
        Some(EOPNOTSUPP) => error.with_hint(
            "this kernel does not support that for such an interface, or lacks the module for it",
        ),
        _ => error,
    }
}

/// Adds a hint to the refusal of a tunnel device.
pub(super) fn tunnel(error: Error, tunnel: &Tunnel) -> Error {
    match error.errno() {
        Some(EPERM) => error.with_hint(PRIVILEGE),
        Some(EEXIST) => error.with_hint(format!(
            "a device of this name, or another {} device for the same packets, exists already",
            tunnel.kind
        )),
        Some(EOPNOTSUPP) => error.with_hint(format!(
            "this kernel could not load the module for such tunnels: modprobe {}",
            tunnel.kind.module()
        )),
        _ => error,
    }
}

/// Adds a hint to the refusal of a change to an address.
pub(super) fn address(error: Error, id: &AddressId) -> Error {
    let is_ipv6 = id.network.addr().is_ipv6();
    match error.errno() {
        Some(EPERM) => error.with_hint(PRIVILEGE),
        Some(EEXIST) => error.with_hint(
            "the interface has this address already; to change label or broadcast, delete it first",
        ),
        Some(EADDRNOTAVAIL) => error.with_hint(format!(
            "{} has no such address with this prefix length",
            id.interface
        )),
        Some(EACCES) if is_ipv6 => error.with_hint(format!(
            "IPv6 is disabled on this interface: set net/ipv6/conf/{}/disable_ipv6 to 0",
            id.interface
        )),
        Some(EAFNOSUPPORT | EOPNOTSUPP) if is_ipv6 => error.with_hint("this kernel has no IPv6"),
        _ => error,
    }
}

/// Adds a hint to the refusal of a change to a route.
pub(super) fn route(error: Error, route: &Route) -> Error {
    match (error.errno(), route.gateway) {
        (Some(EPERM), _) => error.with_hint(PRIVILEGE),
        (Some(EEXIST), _) => error.with_hint(
            "there is another route to this destination with this metric: replace it, or use another metric",
        ),
        (Some(ESRCH), _) => error.with_hint("there is no such route in the main table"),
        (Some(ENETUNREACH | EHOSTUNREACH), Some(gateway)) => error.with_hint(format!(
            "the gateway {gateway} is on no connected network: first add an address of its network \
             to an interface that is up"
        )),
        (Some(EINVAL), Some(gateway)) => error.with_hint(format!(
            "is the gateway {gateway} an address of this host, or the source address none?"
        )),
        (Some(ENETDOWN), _) => error.with_hint("set the interface up first"),
        (Some(EAFNOSUPPORT | EOPNOTSUPP), _) if route.id.destination.addr().is_ipv6() => {
            error.with_hint("this kernel has no IPv6")
        }
        _ => error,
    }
}

/// Adds a hint to the error of a kernel that does not know the family `fou`.
pub(super) fn no_fou(error: Error) -> Error {
    match error.errno() {
        Some(ENOENT) => error.with_hint("the kernel could not load its module: modprobe fou"),
        _ => error,
    }
}

/// Adds a hint to the refusal of a GUE port.
pub(super) fn fou(error: Error) -> Error {
    match error.errno() {
        Some(EPERM) => error.with_hint(PRIVILEGE),
        Some(EADDRINUSE | EALREADY) => {
            error.with_hint("this port is in use: see \"ip fou show\" and \"ss -lun\"")
        }
        Some(ENOENT | ESRCH) => error.with_hint("there is no such listener"),
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
    fn an_unknown_interface_is_answered_with_the_existing_ones() {
        let name = "eth9".parse().unwrap();
        let link = Link {
            index: 1,
            name: IfName::LO,
            up: true,
            carrier: true,
            arp: true,
            mtu: 65536,
            mac: None,
            kind: None,
            controller: None,
        };
        assert!(no_interface(&name, &[link]).ends_with("only lo"));
        assert!(no_interface(&name, &[]).ends_with("namespace"));
    }
}
