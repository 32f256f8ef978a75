//! Networks that addresses share.

use std::net::IpAddr;

use crate::net::{Address, IpNet};

/// Returns the network of an address that is most probably routed as a whole.
pub(super) fn around(ip: IpAddr) -> Option<IpNet> {
    let length = if ip.is_ipv4() { 24 } else { 64 };
    IpNet::new(ip, length).ok().map(|network| network.trunc())
}

/// Returns whether a network is more than a single address.
pub(super) fn is_wide(network: &IpNet) -> bool {
    network.prefix_len() < network.max_prefix_len()
}

/// Returns those of the addresses that share a network with `ip`. A network of a single address is shared with
/// no other.
pub(super) fn sharing_network(addresses: &[Address], ip: IpAddr) -> impl Iterator<Item = &Address> {
    addresses
        .iter()
        .filter(move |address| is_wide(&address.id.network) && address.id.network.contains(&ip))
}
