//! The rules: one noun a file, each a pure function of the cluster and the facts of one machine.
//!
//! A rule that needs facts says nothing without them, and nothing about other machines than theirs.
//! Where the machine shows that what the file leaves open is taken care of, a rule is silent too.

pub(super) mod advertised;
pub(super) mod arp_answers;
pub(super) mod arp_sysctls;
pub(super) mod balanced_twice;
pub(super) mod broadcast;
pub(super) mod clients;
pub(super) mod clock;
pub(super) mod connections;
pub(super) mod conntrack;
pub(super) mod director_vip;
pub(super) mod drift;
pub(super) mod duplicate;
pub(super) mod exposed;
pub(super) mod forwarding;
pub(super) mod ftp;
pub(super) mod gateway;
pub(super) mod half_open;
pub(super) mod hashing;
pub(super) mod kernel_table;
pub(super) mod listener;
pub(super) mod managers;
pub(super) mod marks;
pub(super) mod method_change;
pub(super) mod network_on_lo;
pub(super) mod persistence;
pub(super) mod real_ip;
pub(super) mod redirects;
pub(super) mod redundancy;
pub(super) mod reuse;
pub(super) mod rp_filter;
pub(super) mod secondary_vip;
pub(super) mod server_vip;
pub(super) mod shared_link;
pub(super) mod sync;
pub(super) mod thresholds;
pub(super) mod traffic;
pub(super) mod tunnel;
pub(super) mod tunnel_mtu;
pub(super) mod udp;
pub(super) mod upstream;
pub(super) mod vip_as_source;
pub(super) mod weights;

use super::{Facts, Finding};
use crate::cluster::Cluster;

type Rule = fn(&Cluster, Option<&Facts>) -> Vec<Finding>;

const RULES: &[Rule] = &[
    advertised::check,
    arp_sysctls::check,
    arp_answers::check,
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
