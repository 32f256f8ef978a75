//! rtnetlink messages, and those of fou beside them.

use crate::name::IfName;
use crate::net::fou::message as fou;
use crate::net::message::{Names, address, link, route, tunnel};

/// What follows the netlink header of a link (0), address (1), route (2), tunnel (3) or GUE listener (4),
/// which the first byte says.
///
/// What but a link can be read is written, and after that reads the same for ever. (The first
/// reading may hold what cannot be added, as a gateway that the family of the route does not have.)
pub fn rtnetlink(bytes: &[u8]) {
    let Some((kind, payload)) = bytes.split_first() else {
        return;
    };
    match kind {
        0 => drop(link::decode(payload)),
        1 => settles(payload, |payload| {
            let address = address::decode(payload, &names())?;
            let index = number(Some(&address.id.interface))?;
            let _ = address::delete(&address.id, index);
            Some(address::add(&address, index))
        }),
        2 => settles(payload, |payload| {
            let route = route::decode(payload, &names())?;
            let index = number(route.interface.as_ref());
            let _ = route::delete(&route, index);
            Some(route::add(&route, index))
        }),
        3 => settles(payload, |payload| {
            Some(tunnel::add(&tunnel::decode(payload)?))
        }),
        4 => settles(payload, |payload| Some(fou::add(&fou::decode(payload)?))),
        _ => {}
    }
}

/// Reading and writing again gives the bytes that were written before.
fn settles(payload: &[u8], rewrite: impl Fn(&[u8]) -> Option<Vec<u8>>) {
    let Some(first) = rewrite(payload) else {
        return;
    };
    let second = rewrite(&first);
    assert!(second.is_some(), "what was written cannot be read");
    assert_eq!(second.as_deref().and_then(&rewrite), second);
}

/// Those of the machine on which the seeds were captured that matter; most numbers are of nobody.
fn names() -> Names {
    let ethernet = IfName::new("eth0").map(|name| (4, name));
    Names::from_iter([Ok((1, IfName::LO)), ethernet].into_iter().flatten())
}

fn number(interface: Option<&IfName>) -> Option<u32> {
    let mut names = names().into_iter();
    names.find_map(|(number, name)| (Some(&name) == interface).then_some(number))
}
