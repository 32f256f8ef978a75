//! Tests that pure work is linear in every size of a cluster, by the allocations that it makes.

#[path = "../at_scale/table.rs"]
mod table;

use std::thread;

use allocation_counter::measure;
use lvs_benches::clusters::Size;
use lvs_benches::stages::{AXES, STAGES, Work};
use lvs_core::Cluster;

/// Small enough for a test, and large enough that what is quadratic is seen.
const SIZES: [u32; 2] = [150, 300];

fn allocations(prepare: fn(Size) -> Work, size: Size) -> u64 {
    let work = prepare(size);
    measure(work).count_total
}

#[test]
fn twice_the_size_is_twice_the_work() {
    // Each thread counts its own allocations.
    thread::scope(|scope| {
        for (axis, size, _) in AXES {
            scope.spawn(move || {
                for (stage, prepare) in STAGES {
                    let [once, twice] = SIZES.map(|number| allocations(prepare, size(number)));
                    assert!(
                        twice <= once * 5 / 2 + 200,
                        "{stage}, {axis}: {once} allocations grow to {twice}"
                    );
                }
            });
        }
    });
}

/// The bytes that a cluster of a file and the desired state of its director keep.
fn kept(size: table::Size) -> Option<i64> {
    let (text, mut kept) = (size.toml(), None);
    let counted = measure(|| {
        let cluster = Cluster::from_toml(&text).ok();
        kept = cluster.and_then(|cluster| Some((cluster.node("director")?, cluster)));
    });
    let (node, _) = kept?;
    let destinations = node
        .services
        .iter()
        .flat_map(|service| &service.destinations);
    let is_whole = destinations.count() == size.destinations() as usize;
    let has_rules = size.rules().lines().count() > size.services() as usize;
    (is_whole && has_rules).then_some(counted.bytes_current)
}

#[test]
fn services_of_one_group_share_their_destinations() {
    let sizes = [(1, 1), (1, 500), (500, 1), (500, 500)];
    let [neither, servers, services, both] = sizes.map(|(vips, servers)| {
        let ports = 1;
        kept(table::Size {
            vips,
            ports,
            servers,
        })
        .unwrap()
    });
    let (expected, hundredth) = (servers + services - neither, both / 100);
    assert!(
        both <= expected + hundredth,
        "{both} bytes are more than {servers} and {services}"
    );
}
