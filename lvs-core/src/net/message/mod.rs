//! The types of [`net`](crate::net) to and from the payloads of rtnetlink messages (all that follows
//! `nlmsghdr`). Pure.
//!
//! This is the only module that names netlink-packet-route. Messages are parsed attribute by attribute:
//! the crate's own parsers of whole messages refuse a message for one attribute that they do not know.

pub(crate) mod address;
pub(crate) mod link;
pub(crate) mod lookup;
pub(crate) mod neighbour;
mod next_hop;
pub(crate) mod policy_rule;
pub(crate) mod qdisc;
pub(crate) mod route;
mod route_attributes;
pub(crate) mod tunnel;
mod wire;

use std::collections::BTreeMap;

use netlink_packet_core::{DecodeError, Emitable, NlaBuffer, NlasIterator};

use crate::name::IfName;

/// The names of the interfaces by their number.
pub(crate) type Names = BTreeMap<u32, IfName>;

/// Returns the bytes of a message.
fn emitted(message: &impl Emitable) -> Vec<u8> {
    let mut bytes = vec![0; message.buffer_len()];
    message.emit(&mut bytes);
    bytes
}

/// Returns the attributes after a header of `header` bytes that `parse` understands, in order; others are
/// skipped.
fn attributes<'a, T>(
    payload: &'a [u8],
    header: usize,
    parse: impl Fn(&NlaBuffer<&'a [u8]>) -> Result<T, DecodeError>,
) -> impl Iterator<Item = T> {
    NlasIterator::new(payload.get(header..).unwrap_or_default())
        .map_while(Result::ok)
        .filter_map(move |attribute| parse(&attribute).ok())
}

/// Reads the name of an interface up to its closing NUL; it may have any characters.
fn interface_name(value: &[u8]) -> Option<IfName> {
    IfName::reported(value.split(|byte| *byte == 0).next()?)
}

/// Returns the number of a family, as headers have it.
const fn family_number(is_ipv6: bool) -> u8 {
    if is_ipv6 { 10 } else { 2 }
}

#[cfg(test)]
mod tests {
    /// Feeds a decoder every cut of a message and every single-bit change of it: none may panic.
    pub(super) fn torture<T>(good: &[u8], decode: impl Fn(&[u8]) -> T) {
        for end in 0..=good.len() {
            decode(&good[..end]);
        }
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bytes = good.to_vec();
                bytes[at] ^= 1 << bit;
                decode(&bytes);
            }
        }
    }

    /// Returns an attribute by the kernel's layout, in the byte order of this host: length with the header,
    /// type, value, padding to a multiple of 4.
    pub(super) fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(4 + value.len()).unwrap();
        let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }
}
