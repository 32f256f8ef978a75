//! A cluster is changed under traffic: whoever need not notice does not.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod clients;
mod file;
mod links;

use std::thread;

use crate::random::Random;
use clients::{Held, Visitors, echo};
use file::File;
use links::{a_virtual_ip_on_a_dummy_is_announced_where_clients_ask, an_address_in_use_is_refused};
use lvs_core::cluster::{PlanOptions, RolloutAction};
use lvs_core::{Cluster, Host};
use lvs_lab::topology::Topology;
use lvs_lab::{Network, http};

lvs_lab::tests! {
    fifty_steps_of_nat,
    fifty_steps_of_dr,
    one_joins_and_another_leaves_by_nat,
    one_joins_and_another_leaves_by_dr,
    a_virtual_ip_on_a_dummy_is_announced_where_clients_ask,
    an_address_in_use_is_refused,
}

const STEPS: usize = 50;

/// The machines of every file of a walk, each with its servers.
struct World {
    network: Network,
    _servers: Vec<http::Server>,
}

impl World {
    fn new(method: &'static str) -> Self {
        let widest = File::widest(method).cluster();
        let network = Network::build(&Topology::of(&widest, 1).unwrap()).unwrap();
        let mut servers = Vec::new();
        for server in widest.real_servers() {
            let machine = network.node(server.name.as_str()).unwrap();
            echo(machine, server.name.as_str());
            servers.push(http::Server::start(machine, 80, server.name.as_str()).unwrap());
        }
        Self {
            network,
            _servers: servers,
        }
    }

    /// Every machine in its turn, and `between` after each.
    fn roll_out(&self, old: Option<&Cluster>, new: &Cluster, between: impl Fn()) {
        for stage in new.rollout(old) {
            let name = stage.node.as_str();
            let turn = |host: &mut Host| match stage.action {
                RolloutAction::Apply => new.node(name).unwrap().apply(host, OPTIONS, &mut |_| ()),
                RolloutAction::Grow => new.node(name).unwrap().grow(host, OPTIONS, &mut |_| ()),
                RolloutAction::Remove => old.unwrap().node(name).unwrap().remove(host, &mut |_| ()),
                other => panic!("{other}"),
            };
            let result = self.network.node(name).unwrap().run(turn).unwrap();
            result.unwrap_or_else(|error| panic!("{} {name}: {error}", stage.action));
            between();
        }
    }
}

/// A service that the file no longer names is the cluster's all the same.
const OPTIONS: PlanOptions = PlanOptions { take_over: true };

fn fifty_steps_of_nat() {
    walk("nat");
}

fn fifty_steps_of_dr() {
    walk("dr");
}

fn walk(method: &'static str) {
    let world = World::new(method);
    let mut file = File::new(method);
    world.roll_out(None, &file.cluster(), || ());
    let (visitors, mut random) = (Visitors::default(), Random::new(7));
    let mut held = Vec::new();
    thread::scope(|scope| {
        let _until_the_end = visitors.start(scope, world.network.client());
        for step in 0..STEPS {
            let next = file.step(&mut random);
            let when = format!("step {step}, from {file:?} to {next:?}");
            // Who leaves is drained already: its visitors end, and its holders hang up.
            visitors.come_round();
            let leaving = file
                .more_than(&next)
                .into_iter()
                .map(|server| format!("rs{server}"));
            let leaving: Vec<_> = leaving.collect();
            held.retain(|held: &Held| !leaving.contains(&held.server));
            let come_round = || visitors.come_round();
            world.roll_out(Some(&file.cluster()), &next.cluster(), come_round);
            for held in &mut held {
                assert_eq!(held.ask().ok().as_ref(), Some(&held.server), "{when}");
            }
            held.push(
                Held::open(world.network.client())
                    .unwrap_or_else(|error| panic!("{when}: {error}")),
            );
            assert!(!visitors.answers(&when).is_empty(), "{when}: nobody came");
            file = next;
        }
    });
    visitors.answers("at the end");
    assert!(
        held.len() > STEPS / 2,
        "only {} connections were held to the end",
        held.len()
    );
}

fn one_joins_and_another_leaves_by_nat() {
    one_joins_and_another_leaves("nat");
}

fn one_joins_and_another_leaves_by_dr() {
    one_joins_and_another_leaves("dr");
}

fn one_joins_and_another_leaves(method: &'static str) {
    let world = World::new(method);
    let before = File::new(method);
    let joined = before.clone().with(3, 1).with(2, 0);
    let after = joined.clone().without(2);
    world.roll_out(None, &before.cluster(), || ());
    let visitors = Visitors::default();
    thread::scope(|scope| {
        let _until_the_end = visitors.start(scope, world.network.client());
        visitors.come_round();
        assert_eq!(names(visitors.answers("before")), ["rs1", "rs2"]);
        let come_round = || visitors.come_round();
        world.roll_out(Some(&before.cluster()), &joined.cluster(), come_round);
        visitors.answers("while one joins and another is drained");
        world.roll_out(Some(&joined.cluster()), &after.cluster(), come_round);
        assert_eq!(names(visitors.answers("after")), ["rs1", "rs3"]);
    });
    visitors.answers("at the end");
}

fn names(mut answers: Vec<String>) -> Vec<String> {
    answers.sort();
    answers.dedup();
    answers
}
