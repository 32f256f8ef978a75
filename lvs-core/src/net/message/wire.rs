//! What all messages about routes have in common: addresses as bytes.

use std::net::IpAddr;

use nix::libc::{AF_INET, AF_INET6};

/// Returns the bytes of an address.
pub(super) fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

/// Reads an address; its length tells the family.
pub(super) fn address(value: &[u8]) -> Option<IpAddr> {
    if let Ok(bytes) = <[u8; 4]>::try_from(value) {
        return Some(bytes.into());
    }
    <[u8; 16]>::try_from(value).ok().map(IpAddr::from)
}

/// Returns the prefix length of a single address.
pub(super) const fn prefix_of(ip: IpAddr) -> u8 {
    match ip {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// Reads an `rtvia`: the family as u16, then a gateway that need not be of the route's family.
pub(super) fn via(value: &[u8]) -> Option<IpAddr> {
    let (family, bytes) = value.split_first_chunk()?;
    let length = match i32::from(u16::from_ne_bytes(*family)) {
        AF_INET => 4,
        AF_INET6 => 16,
        _ => return None,
    };
    address(bytes.get(..length)?)
}

/// Writes an `rtvia`.
pub(super) fn to_via(gateway: IpAddr) -> Vec<u8> {
    let family = u16::from(super::family_number(gateway.is_ipv6()));
    [family.to_ne_bytes().as_slice(), &octets(gateway)].concat()
}
