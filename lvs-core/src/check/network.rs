//! Networks that addresses share.

use std::net::IpAddr;

use crate::net::{Address, IpNet};

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
