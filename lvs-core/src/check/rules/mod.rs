//! The rules, one subject a file: each with the code and the texts of its findings.
//!
//! A rule is a pure function of the part of the scene that it judges. A rule that needs facts reports no findings
//! without them, and none about other nodes than theirs. Where the facts show that a node takes care of what the
//! file leaves open, the rules for the file report no findings either.

pub(super) mod advertised;
pub(super) mod arp_answers;
pub(super) mod arp_hidden;
pub(super) mod arp_off;
pub(super) mod arp_sysctls;
pub(super) mod astray;
pub(super) mod balanced_here;
pub(super) mod balanced_twice;
pub(super) mod broadcast;
pub(super) mod clients;
pub(super) mod clock;
pub(super) mod connections;
pub(super) mod conntrack;
pub(super) mod director_vip;
pub(super) mod drift;
pub(super) mod duplicate;
pub(super) mod enslaved;
pub(super) mod exposed;
pub(super) mod forwarding;
pub(super) mod ftp;
pub(super) mod gateway;
pub(super) mod half_open;
pub(super) mod hashing;
pub(super) mod health;
pub(super) mod ipvs_drops;
pub(super) mod kernel_table;
pub(super) mod leftover_vip;
pub(super) mod links;
pub(super) mod listener;
pub(super) mod managers;
pub(super) mod marks;
pub(super) mod method_change;
pub(super) mod neighbours;
pub(super) mod network_on_lo;
pub(super) mod not_local;
pub(super) mod one_packet;
pub(super) mod outage;
pub(super) mod persistence;
pub(super) mod qdisc_drops;
pub(super) mod real_ip;
pub(super) mod redirects;
pub(super) mod redundancy;
pub(super) mod refused;
pub(super) mod reuse;
pub(super) mod rp_filter;
pub(super) mod secondary_vip;
pub(super) mod server_vip;
pub(super) mod shared_link;
pub(super) mod small_mtu;
pub(super) mod sync;
pub(super) mod thresholds;
pub(super) mod timeouts;
pub(super) mod traffic;
pub(super) mod tunnel;
pub(super) mod tunnel_mtu;
pub(super) mod udp;
pub(super) mod unaccepted;
pub(super) mod unanswered;
pub(super) mod unsolicited;
pub(super) mod uplink;
pub(super) mod upstream;
pub(super) mod vip_as_source;
mod way_back;
pub(super) mod way_to_server;
pub(super) mod weights;

use std::collections::BTreeSet;

use super::area::Area;
use super::finding::Finding;
use super::scene::{DirectorScene, Place, RealServerScene, Scene};
use crate::cluster::Cluster;
use drift::Drift;

/// A rule by what it judges.
enum Rule {
    /// The file alone.
    Paper(fn(&Cluster) -> Vec<Finding>),
    /// The file, unless the facts of the node in question say otherwise; or any host.
    Scene(fn(&Scene<'_>) -> Vec<Finding>),
    /// The directors: on paper all of them, and with facts the one that they are of. A real server cannot tell.
    Directors(fn(&Scene<'_>) -> Vec<Finding>),
    /// The director that the facts are of.
    Director(fn(&DirectorScene<'_>) -> Vec<Finding>),
    /// The real server that the facts are of.
    RealServer(fn(&RealServerScene<'_>) -> Vec<Finding>),
}

/// Of two findings of the same code, object and node the first one stays: rules for a node come before those for
/// the file, except with clients.
const RULES: &[Rule] = &[
    Rule::Director(advertised::check),
    Rule::Scene(arp_answers::check),
    Rule::Director(arp_hidden::check),
    Rule::RealServer(arp_hidden::of_real_server),
    Rule::Director(arp_off::check),
    Rule::RealServer(arp_off::check),
    Rule::Director(arp_sysctls::check),
    Rule::RealServer(arp_sysctls::check),
    Rule::RealServer(astray::check),
    Rule::RealServer(balanced_here::check),
    Rule::Director(balanced_twice::check),
    Rule::Scene(broadcast::check),
    Rule::Paper(clients::possible),
    Rule::Director(clients::seen),
    Rule::Scene(clock::check),
    Rule::Director(connections::check),
    Rule::Director(conntrack::check),
    Rule::RealServer(conntrack::check),
    Rule::Director(director_vip::check),
    Rule::Scene(duplicate::check),
    Rule::Director(enslaved::check),
    Rule::RealServer(enslaved::check),
    Rule::Director(exposed::check),
    Rule::Director(forwarding::check),
    Rule::Directors(ftp::check),
    Rule::RealServer(gateway::of_node),
    Rule::Paper(gateway::of_file),
    Rule::Director(half_open::check),
    Rule::Paper(hashing::check),
    Rule::Director(health::check),
    Rule::Director(ipvs_drops::check),
    Rule::Director(kernel_table::check),
    Rule::RealServer(leftover_vip::check),
    Rule::Director(links::check),
    Rule::RealServer(links::check),
    Rule::Director(listener::check),
    Rule::RealServer(listener::check),
    Rule::Director(managers::of_ipvs),
    Rule::Scene(managers::of_interfaces),
    Rule::Paper(marks::shadowed),
    Rule::Director(marks::never_marked),
    Rule::Director(neighbours::check),
    Rule::Director(neighbours::of_one_mac),
    Rule::RealServer(neighbours::check),
    Rule::Scene(network_on_lo::check),
    Rule::Director(not_local::check),
    Rule::RealServer(not_local::check),
    Rule::Paper(one_packet::check),
    Rule::Paper(persistence::wide),
    Rule::Directors(persistence::sticky),
    Rule::Director(qdisc_drops::check),
    Rule::RealServer(qdisc_drops::check),
    Rule::Paper(real_ip::check),
    Rule::Director(redirects::check),
    Rule::Paper(redundancy::check),
    Rule::Director(refused::check),
    Rule::Director(reuse::check),
    Rule::Director(rp_filter::of_tunnels),
    Rule::RealServer(rp_filter::of_tunnels),
    Rule::RealServer(rp_filter::of_direct_routing),
    Rule::Director(rp_filter::of_clients),
    Rule::Directors(secondary_vip::check),
    Rule::Director(server_vip::check),
    Rule::RealServer(server_vip::check),
    Rule::Paper(shared_link::check),
    Rule::Director(small_mtu::check),
    Rule::RealServer(small_mtu::check),
    Rule::Director(sync::check),
    Rule::Paper(thresholds::lower_missing),
    Rule::Director(thresholds::reached),
    Rule::Director(timeouts::check),
    Rule::Director(traffic::check),
    Rule::Director(tunnel::check),
    Rule::RealServer(tunnel::check),
    Rule::Scene(tunnel_mtu::check),
    Rule::Director(udp::check),
    Rule::Director(unaccepted::check),
    Rule::RealServer(unaccepted::check),
    Rule::Director(unanswered::on_director),
    Rule::RealServer(unanswered::on_real_server),
    Rule::Directors(unsolicited::check),
    Rule::Director(uplink::check),
    Rule::Scene(upstream::check),
    Rule::Scene(vip_as_source::check),
    Rule::Director(way_to_server::check),
    Rule::Director(weights::of_table),
    Rule::Paper(weights::of_file),
];

impl Rule {
    fn judge(&self, scene: &Scene<'_>) -> Vec<Finding> {
        match (self, &scene.place) {
            (Self::Paper(rule), _) => rule(scene.cluster),
            (Self::Scene(rule), _) | (Self::Directors(rule), Place::Paper | Place::Director(_)) => {
                rule(scene)
            }
            (Self::Director(rule), Place::Director(director)) => rule(director),
            (Self::RealServer(rule), Place::RealServer(server)) => rule(server),
            (Self::Directors(_) | Self::Director(_) | Self::RealServer(_), _) => Vec::new(),
        }
    }
}

/// Returns the findings of all rules, and the areas of steps of the plan, which other findings may cover.
pub(super) fn all(scene: &Scene<'_>) -> (Vec<Finding>, BTreeSet<Area>) {
    let found: Vec<_> = RULES.iter().flat_map(|rule| rule.judge(scene)).collect();
    match &scene.place {
        Place::Paper => (found, BTreeSet::new()),
        Place::Director(director) => with_drift(found, Drift::of(director)),
        Place::RealServer(server) => with_drift(found, Drift::of(server)),
    }
}

fn with_drift<T>(
    mut found: Vec<Finding>,
    drift: Option<Drift<'_, T>>,
) -> (Vec<Finding>, BTreeSet<Area>) {
    let Some(drift) = drift else {
        return (found, BTreeSet::new());
    };
    found.retain(|finding| !drift.explains(finding));
    found.extend(drift.finding(&found));
    if drift.is_left_by_health() {
        found.iter_mut().for_each(Finding::apply_by_controller);
    }
    (found, drift.areas())
}
