//! The example clusters: a simulation makes the picks that the kernel makes after `apply`.

use lvs_core::cluster::{DesiredState, PlanOptions};
use lvs_core::ipvs::{DestinationId, ServiceId};
use lvs_core::scheduler::{Clients, Flow, Simulation, Workload};
use lvs_core::{Cluster, Host, IfName, Netns};

use crate::scheduler::generation;
use crate::scheduler::run::picked;
use crate::scheduler::wire::Wire;

const CONNECTIONS: u64 = 40;

pub(crate) fn simulations_are_the_real_picks() {
    let generation = generation::of_this_kernel();
    for text in [
        include_str!("../../../../examples/nat.toml"),
        include_str!("../../../../examples/dr.toml"),
    ] {
        let director = Cluster::from_toml(text).unwrap().node("director").unwrap();
        let workload = workload(&director);
        let service = director.services.first().unwrap();
        let simulation = Simulation::run(&mut service.model(generation).unwrap(), &workload);
        let node = Netns::create().unwrap();
        let real = node.run(|host| real_picks(host, &director, &workload));
        assert_eq!(simulation.picks, real.unwrap());
    }
}

fn workload(director: &DesiredState) -> Workload {
    let ServiceId::Socket { address, .. } = director.services[0].service.id else {
        panic!("the examples have no firewall marks");
    };
    let clients = Clients::new([10, 0, 0, 1].into(), 1 << 24).unwrap();
    Workload {
        connections: CONNECTIONS,
        ..Workload::new(address, clients)
    }
}

/// Returns the picks on a node to which the cluster was applied.
fn real_picks(
    host: &mut Host,
    director: &DesiredState,
    workload: &Workload,
) -> Vec<Option<DestinationId>> {
    let name = |text: &str| -> IfName { text.parse().unwrap() };
    for (interface, other_end) in [("eth0", "port0"), ("eth1", "port1")] {
        let net = host.net();
        net.add_veth(&name(interface), &name(other_end), None)
            .unwrap();
        net.set_up(&name(other_end)).unwrap();
    }
    host.net().set_up(&IfName::LO).unwrap();
    director
        .apply(host, PlanOptions::default(), &mut |_| ())
        .unwrap();
    let (wire, id) = (Wire::new(false), director.services[0].service.id);
    let ipvs = host.ipvs().unwrap();
    let mut pick = |number| {
        let before = ipvs.destinations(&id).unwrap();
        wire.open(&Flow::tcp(workload.clients.nth(number), workload.target));
        picked(&before, &ipvs.destinations(&id).unwrap())
    };
    (0..workload.connections).map(&mut pick).collect()
}
