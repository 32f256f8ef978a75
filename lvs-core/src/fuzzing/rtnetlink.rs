//! rtnetlink messages, and those of fou beside them.

use crate::name::IfName;
use crate::net::fou::message as fou;
use crate::net::message::{Names, address, link, neighbour, policy_rule, route, tunnel};

/// Checks that an object that can be read, other than a link, is written and then reads the same again and
/// again.
///
/// The first byte tells what follows the netlink header: a link (0), address (1), route (2), tunnel (3), GUE
/// listener (4), neighbour (5) or rule of policy routing (6); the last two are only read. The first reading may hold
/// what cannot be added, as a gateway that the family of the route does not have.
pub fn rtnetlink(bytes: &[u8]) {
    let Some((kind, payload)) = bytes.split_first() else {
        return;
    };
    match kind {
        0 => drop(link::decode(payload)),
        1 => settles(payload, |payload| {
            let address = address::decode(payload, &names())?;
            let index = number(Some(&address.id.interface))?;
            let _ = address::delete(&address.id, address.peer, index);
            Some(address::add(&address, index))
        }),
        2 => settles(payload, |payload| {
            let route = route::decode(payload, &names())?;
            let index = |name: &IfName| number(Some(name));
            let _ = route::delete(&route, index);
            Some(route::add(&route, index))
        }),
        3 => settles(payload, |payload| {
            Some(tunnel::add(&tunnel::decode(payload)?))
        }),
        4 => settles(payload, |payload| Some(fou::add(&fou::decode(payload)?))),
        5 => drop(neighbour::decode(payload, &names())),
        6 => drop(policy_rule::decode(payload)),
        _ => {}
    }
}

/// Checks that a second reading and writing gives the bytes of the first one.
fn settles(payload: &[u8], rewrite: impl Fn(&[u8]) -> Option<Vec<u8>>) {
    let Some(first) = rewrite(payload) else {
        return;
    };
    let second = rewrite(&first);
    assert!(second.is_some(), "what was written cannot be read");
    assert_eq!(second.as_deref().and_then(&rewrite), second);
}

/// Returns the interfaces of the host on which the seeds were captured that matter; most numbers are unused.
fn names() -> Names {
    let ethernet = IfName::new("eth0").map(|name| (4, name));
    Names::from_iter([Ok((1, IfName::LO)), ethernet].into_iter().flatten())
}

fn number(interface: Option<&IfName>) -> Option<u32> {
    names()
        .into_iter()
        .find_map(|(number, name)| (Some(&name) == interface).then_some(number))
}
