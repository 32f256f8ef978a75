//! `ndmsg`: family u8, 3 bytes of padding, interface index u32, state u16, flags u8, type u8; then attributes.

use nix::libc::{
    NDA_DST, NDA_LLADDR, NUD_DELAY, NUD_FAILED, NUD_INCOMPLETE, NUD_NOARP, NUD_PERMANENT,
    NUD_PROBE, NUD_REACHABLE, NUD_STALE,
};

use super::super::{MacAddress, Neighbour, NeighbourState};
use super::Names;
use super::wire::address;
use crate::netlink::attributes::{Attributes, read_u16, read_u32};

const HEADER: usize = 12;

/// Returns the payload that asks for the entries of all links and both families.
pub(crate) fn list() -> Vec<u8> {
    vec![0; HEADER]
}

/// Reads an `RTM_NEWNEIGH`; returns `None` where it is no entry of an address on a known link.
pub(crate) fn decode(payload: &[u8], names: &Names) -> Option<Neighbour> {
    let (header, attributes) = payload.split_at_checked(HEADER)?;
    let interface = names.get(&read_u32(header.get(4..)?)?)?.clone();
    let state = state(read_u16(header.get(8..)?)?)?;
    let (mut ip, mut mac) = (None, None);
    for (kind, value) in Attributes::new(attributes) {
        match kind {
            NDA_DST => ip = address(value),
            NDA_LLADDR => mac = value.try_into().ok().map(MacAddress),
            _ => {}
        }
    }
    Some(Neighbour {
        interface,
        address: ip?,
        mac,
        state,
    })
}

const fn state(bits: u16) -> Option<NeighbourState> {
    Some(match bits {
        NUD_INCOMPLETE => NeighbourState::Incomplete,
        NUD_REACHABLE => NeighbourState::Reachable,
        NUD_STALE => NeighbourState::Stale,
        NUD_DELAY => NeighbourState::Delay,
        NUD_PROBE => NeighbourState::Probe,
        NUD_FAILED => NeighbourState::Failed,
        NUD_NOARP => NeighbourState::NoArp,
        NUD_PERMANENT => NeighbourState::Permanent,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{attribute, torture};
    use super::*;
    use crate::name::IfName;

    #[test]
    fn an_entry_is_read() {
        let entry = |state: u16, attributes: &[Vec<u8>]| {
            let mut bytes = vec![2, 0, 0, 0];
            bytes.extend(3_u32.to_ne_bytes());
            bytes.extend(state.to_ne_bytes());
            bytes.extend([0, 1]);
            bytes.extend(attributes.concat());
            bytes
        };
        let names = Names::from([(3, "eth1".parse::<IfName>().unwrap())]);
        let ip = attribute(1, &[192, 168, 1, 12]);
        let bytes = entry(0x80, &[ip.clone(), attribute(2, &[2, 0, 0, 0, 0, 1])]);
        let found = decode(&bytes, &names).unwrap();
        let text = "192.168.1.12 dev eth1 lladdr 02:00:00:00:00:01 PERMANENT";
        assert_eq!(found.to_string(), text);
        let failed = decode(&entry(0x20, &[ip]), &names).unwrap();
        assert_eq!((failed.mac, failed.state), (None, NeighbourState::Failed));
        assert_eq!(decode(&entry(0x20, &[]), &names), None);
        assert_eq!(decode(&bytes, &Names::new()), None);
        torture(&bytes, |bytes| decode(bytes, &names));
    }
}
