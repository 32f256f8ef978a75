//! Our nouns to and from the payloads of rtnetlink messages (all that follows `nlmsghdr`). Pure.
//!
//! The only folder that names netlink-packet-route. Messages are taken apart attribute by attribute:
//! the crate's own parsers of whole messages refuse them all for one attribute they do not know.

pub(crate) mod address;
pub(crate) mod link;
pub(crate) mod route;
pub(crate) mod tunnel;

use std::collections::BTreeMap;

use netlink_packet_core::{DecodeError, Emitable, NlaBuffer, NlasIterator};
use netlink_packet_route::AddressFamily;

use crate::name::IfName;

/// The names of the interfaces by the kernel's number of them.
pub(crate) type Names = BTreeMap<u32, IfName>;

/// The bytes of a message.
fn emitted(message: &impl Emitable) -> Vec<u8> {
    let mut bytes = vec![0; message.buffer_len()];
    message.emit(&mut bytes);
    bytes
}

/// The attributes after a header of `header` bytes that are understood, in order; others are skipped.
fn attributes<'a, T>(
    payload: &'a [u8],
    header: usize,
    parse: impl Fn(&NlaBuffer<&'a [u8]>) -> Result<T, DecodeError>,
) -> impl Iterator<Item = T> {
    NlasIterator::new(payload.get(header..).unwrap_or_default())
        .map_while(Result::ok)
        .filter_map(move |attribute| parse(&attribute).ok())
}

const fn family(is_ipv6: bool) -> AddressFamily {
    if is_ipv6 {
        AddressFamily::Inet6
    } else {
        AddressFamily::Inet
    }
}

/// Feeds a decoder every cut of a message and every single-byte change of it: none may panic.
#[cfg(test)]
fn torture<T>(good: &[u8], decode: impl Fn(&[u8]) -> T) {
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
