//! Addresses that hang on another one.

use crate::check::kind::kinds;
use crate::check::scene::{director_here, facts_of, is_wide};
use crate::check::{Facts, Finding};
use crate::cluster::Cluster;
use crate::net::{Address, IpNet};

kinds! {
    SECONDARY_VIP = "LVS009", Warning, Addresses,
    title: "The virtual IP shares a network with another address of its interface",
    impact: "when the one that was added first is deleted, the kernel deletes the other with it",
    explanation: "Of several addresses in one network on one interface, the first is primary and the others hang on it: without promote_secondaries \
        deleting the primary deletes them all, and a failover or a renewed lease is enough. Give the virtual IP as /32, \
        which belongs to no network, or set promote_secondaries=1.";
}

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some(facts) = facts
        && director_here(cluster, facts).is_some()
    {
        found.extend(on(cluster, &facts.addresses).filter_map(|pair| here(facts, pair)));
        return found;
    }
    for director in cluster.directors() {
        if facts_of(facts, &director.name).is_none() {
            // The plan adds what stays first.
            let mut addresses = director.addresses.clone();
            let vips = cluster.virtual_ips();
            addresses
                .sort_by_key(|it| vips.contains(&it.id.network.addr()) || director.is_floating(it));
            let pairs = on(cluster, &addresses);
            found.extend(pairs.map(|pair| finding(pair).on(&director.name)));
        }
    }
    found
}

/// Pairs of addresses in one network on one interface, of which one is a virtual IP: the one that was
/// added first, and the other.
fn on<'a>(
    cluster: &'a Cluster,
    addresses: &'a [Address],
) -> impl Iterator<Item = (&'a Address, &'a Address)> {
    let vips = cluster.virtual_ips();
    let later = move |i: usize| addresses.iter().skip(i + 1);
    let pairs = addresses
        .iter()
        .enumerate()
        .flat_map(move |(i, first)| later(i).map(move |second| (first, second)));
    pairs
        .filter(|(first, second)| hangs_on(first, second))
        .filter(move |(_, second)| !cluster.is_paired() || !comes_and_goes(cluster, second))
        .filter(move |(first, second)| {
            let mut ips = [first, second].into_iter().map(|it| it.id.network.addr());
            ips.any(|ip| vips.contains(&ip))
        })
}

/// Only IPv4 knows primary and secondary addresses.
fn hangs_on(first: &Address, second: &Address) -> bool {
    let (one, other) = (&first.id.network, &second.id.network);
    matches!(one, IpNet::V4(_))
        && is_wide(one)
        && first.id.interface == second.id.interface
        && one.trunc() == other.trunc()
}

fn here(facts: &Facts, pair: (&Address, &Address)) -> Option<Finding> {
    let interface = &pair.0.id.interface;
    let lost = facts.effective().promote_secondaries(interface)? == 0;
    lost.then(|| finding(pair).on(&facts.node))
}

fn finding((first, second): (&Address, &Address)) -> Finding {
    let interface = &first.id.interface;
    let ip = second.id.network.addr();
    let seen = format!("{} hangs on {}", second.id.network, first.id.network);
    SECONDARY_VIP
        .finding(&second.id, seen)
        .fix(format!(
            "sysctl -w net/ipv4/conf/{interface}/promote_secondaries=1"
        ))
        .fix(format!(
            "or in the file: give the virtual IP as /32 ({ip}/32)"
        ))
}

/// A floating address is meant to go, and nobody else with it: it may hang on one that stays.
fn comes_and_goes(cluster: &Cluster, address: &Address) -> bool {
    let mut directors = cluster.directors().iter();
    directors.any(|director| director.is_floating(address))
}
