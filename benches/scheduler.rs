//! The cost of a pick: `cargo bench -p lvs-benches --bench scheduler`.

#![allow(missing_docs, reason = "criterion's macros make public functions")]
#![allow(clippy::unwrap_used, reason = "no input comes from outside")]

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main};
use lvs_core::ipvs::{Destination, Forwarding, SchedulerName, ServiceFlags, Weight};
use lvs_core::scheduler::{
    self, Arrival, Clients, Flow, Generation, PoolChange, Scheduler, Server,
};
use rsbalancer::Balancer as _;
use weighted_rs::Weight as _;

const SERVERS: [u32; 4] = [2, 10, 100, 1000];

/// Returns weights from 1 to 50, without a pattern that would favour a scheduler.
fn weights(count: u32) -> impl Iterator<Item = u32> {
    (0..count).map(|number| number.wrapping_mul(2_654_435_761) % 50 + 1)
}

fn servers(count: u32) -> Vec<Server> {
    let server = |(weight, number): (u32, u32)| {
        let id = format!("10.1.{}.{}:80", number / 250, number % 250 + 1);
        let mut destination = Destination::new(id.parse().unwrap(), Forwarding::DirectRouting);
        destination.weight = Weight::new(weight).unwrap();
        let mut server = Server::new(destination);
        // Some load, for the schedulers that use it.
        (server.active, server.inactive) = (number % 7, number % 13);
        server
    };
    weights(count).zip(0..).map(server).collect()
}

/// Returns arrivals of 256 clients.
fn arrivals() -> Vec<Arrival> {
    let clients = Clients::new([10, 0, 0, 1].into(), 256).unwrap();
    let target = ([172, 16, 5, 11], 80).into();
    let draw = |number: u32| number.wrapping_mul(2_654_435_761);
    let arrival = |n: u32| {
        let flow = Flow::tcp(clients.nth(n.into()), target);
        Arrival::from(flow).drawing([draw(n), draw(n + 7)])
    };
    (0..256).map(arrival).collect()
}

fn model(name: &SchedulerName, servers: &[Server]) -> Box<dyn Scheduler> {
    let mut model = scheduler::model(name, ServiceFlags::empty(), Generation::New).unwrap();
    model.changed(servers, PoolChange::Bound);
    model
}

/// Measures a pick, for each scheduler among 2 to 1000 servers.
fn pick(criterion: &mut Criterion) {
    for name in SchedulerName::KNOWN {
        let mut group = criterion.benchmark_group(format!("pick/{name}"));
        for count in SERVERS {
            let servers = servers(count);
            let mut model = model(name, &servers);
            let mut arrivals = arrivals().into_iter().cycle();
            group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
                bencher.iter(|| {
                    let arrival = arrivals.next().unwrap();
                    model.pick(black_box(&servers), &arrival)
                });
            });
        }
    }
}

/// Measures the reaction of a scheduler to a change in a list of 1000 servers.
fn rebuild(criterion: &mut Criterion) {
    let servers = servers(1000);
    let mut group = criterion.benchmark_group("rebuild of 1000");
    for name in [SchedulerName::MH, SchedulerName::SH, SchedulerName::WRR] {
        let mut model = model(&name, &servers);
        group.bench_function(name.as_str(), |bencher| {
            bencher.iter(|| model.changed(black_box(&servers), PoolChange::Edited(7)));
        });
    }
}

/// Measures weighted round robin side by side with other crates.
fn round_robins(criterion: &mut Criterion) {
    for count in SERVERS {
        let mut group = criterion.benchmark_group(format!("weighted round robin of {count}"));
        ours(&mut group, count);
        weighted_rs(&mut group, count);
        rsbalancer(&mut group, count);
    }
}

fn ours(group: &mut BenchmarkGroup<'_, WallTime>, count: u32) {
    let servers = servers(count);
    let mut model = model(&SchedulerName::WRR, &servers);
    let arrival = arrivals().swap_remove(0);
    group.bench_function("lvs-core", |bencher| {
        bencher.iter(|| model.pick(black_box(&servers), &arrival));
    });
}

fn weighted_rs(group: &mut BenchmarkGroup<'_, WallTime>, count: u32) {
    let mut lvs = weighted_rs::RoundrobinWeight::new();
    let mut smooth = weighted_rs::SmoothWeight::new();
    for (weight, number) in weights(count).zip(0_u32..) {
        lvs.add(number, weight as isize);
        smooth.add(number, weight as isize);
    }
    group.bench_function("weighted-rs, as LVS", |bencher| bencher.iter(|| lvs.next()));
    group.bench_function("weighted-rs, smooth", |bencher| {
        bencher.iter(|| smooth.next())
    });
}

fn rsbalancer(group: &mut BenchmarkGroup<'_, WallTime>, count: u32) {
    let nodes = weights(count)
        .zip(0_u32..)
        .map(|(weight, number)| rsbalancer::Node::new(number, weight as _))
        .collect();
    let mut balancer = rsbalancer::weighted_round_robin(nodes);
    group.bench_function("rsbalancer", |bencher| {
        bencher.iter(|| balancer.next_id().copied());
    });
}

/// A pick takes nanoseconds: a second is enough for each of some eighty measurements.
fn quick() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600))
        .nresamples(10_000)
}

criterion_group! {
    name = benches;
    config = quick();
    targets = pick, rebuild, round_robins
}
criterion_main!(benches);
