//! The family `fou`, version 1: a generic netlink header (command u8, version u8, 2 reserved bytes), then
//! attributes. Pure.

use std::num::NonZeroU16;

use super::Listener;
use crate::ipvs::Family;
use crate::netlink::attributes::{Attributes, Writer, read_be16, read_u8};

const ADD: u8 = 1;
const DELETE: u8 = 2;
const GET: u8 = 3;

/// The port, in network order.
const PORT: u16 = 1;
/// The address family, `u8`; IPv4 if absent.
const FAMILY: u16 = 2;
/// What is on the port, `u8`.
const TYPE: u16 = 4;
/// A packet with GUE's header.
const GUE: u8 = 2;

const fn header(command: u8) -> [u8; 4] {
    [command, 1, 0, 0]
}

/// The payload that asks for all.
pub(crate) fn list() -> Vec<u8> {
    header(GET).to_vec()
}

/// The payload that opens a port.
pub(crate) fn add(listener: &Listener) -> Vec<u8> {
    let mut payload = identity(ADD, listener);
    Writer::new(&mut payload).put_u8(TYPE, GUE);
    payload
}

/// The payload that closes one.
pub(crate) fn delete(listener: &Listener) -> Vec<u8> {
    identity(DELETE, listener)
}

fn identity(command: u8, listener: &Listener) -> Vec<u8> {
    let mut payload = header(command).to_vec();
    let mut writer = Writer::new(&mut payload);
    writer.put_be16(PORT, listener.port.get());
    // 2 and 10 fit.
    let family = u8::try_from(listener.family.number()).unwrap_or_default();
    writer.put_u8(FAMILY, family);
    payload
}

/// The listener of an answer; `None` where it is no GUE.
pub(crate) fn decode(payload: &[u8]) -> Option<Listener> {
    let attributes = Attributes::new(payload.get(header(GET).len()..)?);
    let value = |wanted| {
        let mut all = attributes;
        all.find(|(kind, _)| *kind == wanted)
            .map(|(_, value)| value)
    };
    let is_gue = value(TYPE).and_then(read_u8) == Some(GUE);
    let family = value(FAMILY).and_then(read_u8).map(u16::from);
    is_gue.then_some(Listener {
        port: NonZeroU16::new(read_be16(value(PORT)?)?)?,
        family: family.map_or(Some(Family::Ipv4), Family::from_number)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(family: Family) -> Listener {
        Listener {
            port: NonZeroU16::new(5555).unwrap(),
            family,
        }
    }

    #[test]
    fn a_listener_comes_back_as_it_was_sent() {
        for family in [Family::Ipv4, Family::Ipv6] {
            let payload = add(&listener(family));
            assert_eq!(decode(&payload), Some(listener(family)));
            for end in 0..payload.len() {
                decode(&payload[..end]);
            }
        }
    }

    #[test]
    fn bytes_are_the_kernels() {
        let added = [
            1, 1, 0, 0, 6, 0, 1, 0, 0x15, 0xb3, 0, 0, 5, 0, 2, 0, 2, 0, 0, 0, 5, 0, 4, 0, 2, 0, 0,
            0,
        ];
        assert_eq!(add(&listener(Family::Ipv4)), added);
    }

    #[test]
    fn other_ports_are_none() {
        let mut payload = identity(ADD, &listener(Family::Ipv4));
        assert_eq!(decode(&payload), None, "without a type");
        Writer::new(&mut payload).put_u8(TYPE, 1);
        assert_eq!(decode(&payload), None, "a protocol without GUE");
    }
}
