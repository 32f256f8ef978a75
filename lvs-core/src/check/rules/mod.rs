//! The rules: one noun a file, each a pure function of the cluster and the facts of one machine.
//!
//! A rule that needs facts says nothing without them, and nothing about other machines than theirs.
//! Where the machine shows that what the file leaves open is taken care of, a rule is silent too.

mod advertised;
mod arp;
mod balanced_twice;
mod broadcast;
mod clients;
mod clock;
mod connections;
mod conntrack;
mod director_vip;
mod drift;
mod duplicate;
mod exposed;
mod forwarding;
mod ftp;
mod gateway;
mod half_open;
mod hashing;
mod kernel_table;
mod listener;
mod managers;
mod marks;
pub(super) mod method_change;
mod network_on_lo;
mod persistence;
mod real_ip;
mod redirects;
mod redundancy;
mod reuse;
mod rp_filter;
mod secondary_vip;
mod server_vip;
mod shared_link;
mod sync;
mod thresholds;
mod traffic;
mod tunnel;
mod tunnel_mtu;
mod udp;
mod upstream;
mod vip_as_source;
mod weights;

use super::{Facts, Finding};
use crate::cluster::Cluster;

type Rule = fn(&Cluster, Option<&Facts>) -> Vec<Finding>;

const RULES: &[Rule] = &[
    advertised::check,
    arp::check,
    balanced_twice::check,
    broadcast::check,
    clients::check,
    clock::check,
    connections::check,
    conntrack::check,
    director_vip::check,
    duplicate::check,
    exposed::check,
    forwarding::check,
    ftp::check,
    gateway::check,
    hashing::check,
    kernel_table::check,
    listener::check,
    network_on_lo::check,
    managers::check,
    marks::check,
    persistence::check,
    real_ip::check,
    redirects::check,
    redundancy::check,
    reuse::check,
    tunnel_mtu::check,
    rp_filter::check,
    server_vip::check,
    shared_link::check,
    vip_as_source::check,
    secondary_vip::check,
    sync::check,
    thresholds::check,
    traffic::check,
    tunnel::check,
    udp::check,
    upstream::check,
    weights::check,
];

pub(super) fn all(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let rules = RULES.iter();
    let mut found: Vec<_> = rules.flat_map(|rule| rule(cluster, facts)).collect();
    found.extend(facts.and_then(|facts| drift::check(cluster, facts, &found)));
    found
}
