//! Which hosts answer for an IPv6 address on a network: what [`arp`](super::arp) is for IPv4.
//!
//! For IPv6 there is no `arp_ignore`, and none is needed: an interface answers only for its own
//! addresses, so a virtual IP on `lo` is not answered for. One on a network interface is.

use std::net::Ipv6Addr;
use std::time::Duration;

use super::MacAddress;
use super::packet_socket::PacketSocket;
use crate::error::{Operation, Result};
use crate::name::IfName;

/// `EtherType` of IPv6.
const IPV6: [u8; 2] = [0x86, 0xdd];
/// `IPPROTO_ICMPV6`.
const ICMPV6: u8 = 58;
/// The hop limit that proves that no router forwarded the packet.
const ON_LINK: u8 = 255;
const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;
/// The option that names the target's hardware address, and its length in units of 8 bytes.
const TARGET_ADDRESS: [u8; 2] = [2, 1];
/// The group of all nodes on a network.
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// The flag of an advertisement whose sender is a router.
const ROUTER: u8 = 0x80;
/// The flag of an advertisement that replaces what neighbours have cached.
const OVERRIDE: u8 = 0x20;

/// Asks on an interface who has `ip`, and returns the hardware addresses that answer within `wait`, each
/// once, the fastest first.
///
/// The question has the source `::` (as duplicate address detection has), so no neighbour's table changes.
/// It asks in the calling thread's network namespace and needs `CAP_NET_RAW`.
///
/// # Errors
/// Those of [`arp::probe`](super::arp::probe).
pub fn probe(interface: &IfName, ip: Ipv6Addr, wait: Duration) -> Result<Vec<MacAddress>> {
    let operation = Operation::new("ask who has", format!("{ip} on {interface}"));
    let socket = PacketSocket::open(operation, interface)?;
    let question = solicitation(socket.mac(), ip);
    socket.ask(&[question], wait, |bytes| advertised(bytes, ip))
}

/// Returns a neighbour solicitation in its frame (RFC 4861): Ethernet 14 bytes, IPv6 40, ICMPv6 24.
///
/// It goes to the group of all nodes with an address that ends like this one.
pub(super) fn solicitation(mac: MacAddress, ip: Ipv6Addr) -> Vec<u8> {
    let [.., a, b, c] = ip.octets();
    let group = Ipv6Addr::new(
        0xff02,
        0,
        0,
        0,
        0,
        1,
        0xff00 | u16::from(a),
        u16::from_be_bytes([b, c]),
    );
    let mut message = vec![SOLICITATION, 0, 0, 0, 0, 0, 0, 0];
    message.extend(ip.octets());
    frame(mac, Ipv6Addr::UNSPECIFIED, group, message)
}

/// Returns an unsolicited neighbour advertisement of `ip` to all nodes, in its frame; the hardware address
/// is in an option of 8 bytes.
pub(super) fn advertisement(mac: MacAddress, ip: Ipv6Addr, is_router: bool) -> Vec<u8> {
    let router = if is_router { ROUTER } else { 0 };
    let mut message = vec![ADVERTISEMENT, 0, 0, 0, router | OVERRIDE, 0, 0, 0];
    message.extend(ip.octets());
    message.extend(TARGET_ADDRESS);
    message.extend(mac.0);
    frame(mac, ip, ALL_NODES, message)
}

/// Returns an ICMPv6 message to a group, with its checksum, in its frame.
fn frame(mac: MacAddress, source: Ipv6Addr, group: Ipv6Addr, mut message: Vec<u8>) -> Vec<u8> {
    let sum = checksum(source, group, &message).to_be_bytes();
    message.splice(2..4, sum);
    let [.., a, b, c, d] = group.octets();
    let mut frame = vec![0x33, 0x33, a, b, c, d];
    frame.extend(mac.0);
    frame.extend(IPV6);
    // A message is a few dozen bytes.
    frame.extend([0x60, 0, 0, 0, 0, message.len() as u8, ICMPV6, ON_LINK]);
    frame.extend(source.octets());
    frame.extend(group.octets());
    frame.extend(message);
    frame
}

/// Returns the Internet checksum over addresses, length, protocol and message.
fn checksum(source: Ipv6Addr, destination: Ipv6Addr, message: &[u8]) -> u16 {
    let mut bytes = [source.octets(), destination.octets()].concat();
    bytes.extend([0, 0, 0, message.len() as u8, 0, 0, 0, ICMPV6]);
    bytes.extend(message);
    let mut sum: u32 = bytes
        .chunks(2)
        .map(|word| match word {
            [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
            _ => 0,
        })
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// Returns the hardware address that a neighbour advertisement for `ip` names, or its sender's where it
/// names none; `None` for any other frame.
pub(crate) fn advertised(frame: &[u8], ip: Ipv6Addr) -> Option<MacAddress> {
    let (_, mac) = answer(frame).filter(|(found, _)| *found == ip)?;
    Some(mac)
}

/// Returns the address that a neighbour advertisement is about, and the hardware address that it names, or its
/// sender's where it names none; `None` for any other frame.
pub(super) fn answer(frame: &[u8]) -> Option<(Ipv6Addr, MacAddress)> {
    let (ethernet, rest) = frame.split_first_chunk::<14>()?;
    let [_, _, _, _, _, _, source @ .., _, _] = ethernet;
    let (header, rest) = rest.split_first_chunk::<40>()?;
    let (message, options) = rest.split_first_chunk::<24>()?;
    let target = message.last_chunk::<16>()?;
    let is_answer = ethernet.ends_with(&IPV6)
        && header.get(6..8) == Some(&[ICMPV6, ON_LINK])
        && message.starts_with(&[ADVERTISEMENT, 0]);
    if !is_answer {
        return None;
    }
    let named = options.strip_prefix(&TARGET_ADDRESS);
    let named = named.and_then(|rest| rest.first_chunk::<6>());
    let mac = MacAddress(*named.unwrap_or(source.first_chunk()?));
    Some((Ipv6Addr::from(*target), mac))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: MacAddress = MacAddress([2, 0, 0, 0, 0, 1]);

    fn ip() -> Ipv6Addr {
        "2001:db8::11:22".parse().unwrap()
    }

    #[test]
    fn an_announcement_is_whole() {
        let frame = super::advertisement(MAC, ip(), true);
        assert_eq!(frame.len(), 14 + 40 + 32);
        assert_eq!(frame[..6], [0x33, 0x33, 0, 0, 0, 1]);
        assert_eq!(frame[22..38], ip().octets());
        assert_eq!(frame[54..56], [136, 0]);
        assert_eq!(frame[58], 0xa0);
        assert_eq!(frame[78..], [2, 1, 2, 0, 0, 0, 0, 1]);
        assert_eq!(checksum(ip(), ALL_NODES, &frame[54..]), 0);
        assert_eq!(advertised(&frame, ip()), Some(MAC));
        assert_eq!(super::advertisement(MAC, ip(), false)[58], 0x20);
    }

    /// Returns the answer of another host, made from the question.
    fn advertisement() -> Vec<u8> {
        let mut frame = solicitation(MAC, ip());
        frame[54] = ADVERTISEMENT;
        frame.extend([2, 1, 2, 0, 0, 0, 0, 9]);
        frame
    }

    #[test]
    fn the_question_is_whole() {
        let frame = solicitation(MAC, ip());
        assert_eq!(frame.len(), 78);
        assert_eq!(frame[..6], [0x33, 0x33, 0xff, 0x11, 0, 0x22]);
        assert_eq!(
            frame[38..54],
            "ff02::1:ff11:22".parse::<Ipv6Addr>().unwrap().octets()
        );
        let group = Ipv6Addr::from(<[u8; 16]>::try_from(&frame[38..54]).unwrap());
        // With its checksum in place a message sums up to nothing.
        assert_eq!(checksum(Ipv6Addr::UNSPECIFIED, group, &frame[54..]), 0);
    }

    #[test]
    fn an_answer_names_a_hardware_address() {
        let named = Some(MacAddress([2, 0, 0, 0, 0, 9]));
        assert_eq!(advertised(&advertisement(), ip()), named);
        assert_eq!(advertised(&advertisement()[..78], ip()), Some(MAC));
        assert_eq!(advertised(&advertisement(), Ipv6Addr::LOCALHOST), None);
        assert_eq!(
            advertised(&solicitation(MAC, ip()), ip()),
            None,
            "a question"
        );
    }

    #[test]
    fn every_cut_of_it_is_read_without_harm() {
        let frame = advertisement();
        for end in 0..78 {
            assert_eq!(advertised(&frame[..end], ip()), None);
        }
    }
}
