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

/// Default routes of which the file knows more than the router's address.
#[test]
fn a_default_route_by_its_interface_is_carried() {
    let text = |gateway: &str| {
        format!(
            "name = \"web\"\nforwarding = \"nat\"\n[director]\nname = \"director\"\ngateway = {gateway}\n\
             addresses = [{{ interface = \"ppp0\", address = \"198.51.100.7/32\" }}, \
             {{ interface = \"eth1\", address = \"10.0.1.1/24\" }}, {{ interface = \"eth1\", address = \"fd00::1/64\" }}]\n\
             [[services]]\naddress = \"198.51.100.7:80\"\n[[real-servers]]\nname = \"rs1\"\n\
             addresses = [{{ interface = \"eth0\", address = \"10.0.1.7/24\" }}]\n"
        )
    };
    for gateway in [
        "{ interface = \"ppp0\" }",
        "{ interface = \"wg0\" }",
        "{ address = \"172.31.1.1\", interface = \"eth1\", on-link = true }",
        "{ address = \"10.0.1.254\", interface = \"eth1\" }",
        "\"10.0.1.254\"",
    ] {
        let wanted = Cluster::from_toml(&text(gateway)).unwrap();
        let observed = applied(&wanted, "director");
        let options = Options::new("again".parse().unwrap(), "director".parse().unwrap());
        let import = import::kernel(&observed, &options).unwrap();
        let cluster = sound(&import, gateway);
        assert!(
            import.file.contains("gateway = "),
            "{gateway}\n{}\n{}",
            import.file,
            import.report
        );
        let node = cluster.node("director").unwrap();
        let plan = Plan::new(&node, &observed, PlanOptions::default());
        assert!(plan.is_empty(), "{gateway}:\n{plan}\n{}", import.file);
    }
}
