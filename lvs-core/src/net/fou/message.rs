//! The family `fou`, version 1: a generic netlink header (command u8, version u8, 2 reserved bytes), then
//! attributes. Pure.

use std::num::NonZeroU16;

use super::GueListener;
use crate::ipvs::Family;
use crate::netlink::attributes::{Attributes, Writer, read_be16, read_u8};

const ADD: u8 = 1;
const DELETE: u8 = 2;
const GET: u8 = 3;

/// The port, in network order.
const PORT: u16 = 1;
/// The address family, `u8`; IPv4 if absent.
const FAMILY: u16 = 2;
/// The encapsulation on the port, `u8`.
const TYPE: u16 = 4;
/// The value of [`TYPE`] for GUE.
const GUE: u8 = 2;

const fn header(command: u8) -> [u8; 4] {
    [command, 1, 0, 0]
}

/// Returns the payload that asks for all ports.
pub(crate) fn list() -> Vec<u8> {
    header(GET).to_vec()
}

/// Returns the payload that opens a port.
pub(crate) fn add(listener: &GueListener) -> Vec<u8> {
    let mut payload = identity(ADD, listener);
    Writer::new(&mut payload).put_u8(TYPE, GUE);
    payload
}

/// Returns the payload that closes a port.
pub(crate) fn delete(listener: &GueListener) -> Vec<u8> {
    identity(DELETE, listener)
}

fn identity(command: u8, listener: &GueListener) -> Vec<u8> {
    let mut payload = header(command).to_vec();
    let mut writer = Writer::new(&mut payload);
    writer.put_be16(PORT, listener.port.get());
    // 2 and 10 fit.
    let family = u8::try_from(listener.family.number()).unwrap_or_default();
    writer.put_u8(FAMILY, family);
    payload
}

/// Reads the port of an answer; returns `None` where it is not GUE.
pub(crate) fn decode(payload: &[u8]) -> Option<GueListener> {
    let attributes = Attributes::new(payload.get(header(GET).len()..)?);
    let value = |wanted| {
        let (_, value) = { attributes }.find(|(kind, _)| *kind == wanted)?;
        Some(value)
    };
    let is_gue = value(TYPE).and_then(read_u8) == Some(GUE);
    let family = value(FAMILY).and_then(read_u8).map(u16::from);
    is_gue.then_some(GueListener {
        port: NonZeroU16::new(read_be16(value(PORT)?)?)?,
        family: family.map_or(Some(Family::Ipv4), Family::from_number)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(family: Family) -> GueListener {
        GueListener {
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
        let head = |length: u16, kind: u16| [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
        let (port, family, kind) = (head(6, 1), head(5, 2), head(5, 4));
        let added = [
            &[1, 1, 0, 0][..],
            &port,
            &[0x15, 0xb3, 0, 0],
            &family,
            &[2, 0, 0, 0],
            &kind,
            &[2, 0, 0, 0],
        ];
        assert_eq!(add(&listener(Family::Ipv4)), added.concat());
    }

    #[test]
    fn other_ports_are_none() {
        let mut payload = identity(ADD, &listener(Family::Ipv4));
        assert_eq!(decode(&payload), None, "without a type");
        Writer::new(&mut payload).put_u8(TYPE, 1);
        assert_eq!(decode(&payload), None, "a protocol without GUE");
    }
}
