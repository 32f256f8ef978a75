//! The kernel: what a cluster file made of it plans is nothing.

use lvs_core::Cluster;
use lvs_core::cluster::{Observed, Plan, PlanOptions, Role};
use lvs_core::import::{self, Options};

use crate::import::sound;
use crate::properties::clusters::cluster;
use crate::random::Random;

/// What a director looks like after a cluster was applied to it, by the model of the kernel.
fn applied(cluster: &Cluster, name: &str) -> Observed {
    let node = cluster
        .node_as(name, Role::Active)
        .or_else(|| cluster.node(name));
    let bare = Observed::default();
    Plan::new(&node.unwrap(), &bare, PlanOptions::default()).outcome(&bare)
}

#[test]
fn random_clusters_come_back() {
    for seed in 1..=300 {
        let wanted = cluster(&mut Random::new(seed));
        let name = wanted.directors()[0].name.clone();
        let observed = applied(&wanted, name.as_str());
        let options = Options::new("again".parse().unwrap(), name.clone());
        let import = import::kernel(&observed, &options);
        let import = import.unwrap_or_else(|error| panic!("{seed}: {error}"));
        let cluster = sound(&import, &format!("seed {seed}"));
        let node = cluster.node(name.as_str()).unwrap();
        let plan = Plan::new(&node, &observed, PlanOptions::default());
        assert!(plan.is_empty(), "{seed}:\n{plan}\n{}", import.file);
        order_is_kept(&observed, &cluster, seed);
    }
}

/// Destinations in the order in which they were added: the kernel lists the last one first.
fn order_is_kept(observed: &Observed, cluster: &Cluster, seed: u64) {
    let node = cluster.node(cluster.directors()[0].name.as_str()).unwrap();
    for service in &node.services {
        let found = observed.service(&service.service.id).unwrap();
        let found: Vec<_> = found.destinations.iter().rev().collect();
        let wanted: Vec<_> = service
            .destinations
            .iter()
            .map(|wanted| &wanted.value)
            .collect();
        assert_eq!(wanted, found, "{seed}");
    }
}

#[test]
fn a_node_without_services_is_refused() {
    let options = Options::new("web".parse().unwrap(), "rs1".parse().unwrap());
    let error = import::kernel(&Observed::default(), &options).unwrap_err();
    assert_eq!(
        error.to_string(),
        "kernel: ip_vs is not loaded; a director is imported, not a real server"
    );
}
