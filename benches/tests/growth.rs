//! Tests that pure work is linear in every size of a cluster, by the allocations that it makes.

#[path = "../at_scale/table.rs"]
mod table;

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
    for (axis, size, _) in AXES {
        for (stage, prepare) in STAGES {
            let [once, twice] = SIZES.map(|number| allocations(prepare, size(number)));
            assert!(
                twice <= once * 5 / 2 + 200,
                "{stage}, {axis}: {once} allocations grow to {twice}"
            );
        }
    }
}

/// The bytes that a cluster of a file and the desired state of its director keep.
fn kept(vips: u32, servers: u32) -> i64 {
    let (ports, mut kept) = (1, None);
    let size = table::Size {
        vips,
        ports,
        servers,
    };
    let (destinations, text) = (size.destinations(), size.toml());
    let counted = measure(|| {
        let cluster = Cluster::from_toml(&text).unwrap();
        let node = cluster.node("director").unwrap();
        kept = Some((cluster, node));
    });
    let (_, node) = kept.unwrap();
    let lists = node
        .services
        .iter()
        .map(|service| service.destinations.len());
    assert_eq!(lists.sum::<usize>(), destinations as usize);
    assert_eq!(
        size.rules().lines().count(),
        1 + (vips + destinations) as usize
    );
    counted.bytes_current
}

#[test]
fn services_of_one_group_share_their_destinations() {
    let [neither, servers, services, both] =
        [(1, 1), (1, 500), (500, 1), (500, 500)].map(|(vips, servers)| kept(vips, servers));
    let (expected, hundredth) = (servers + services - neither, both / 100);
    assert!(
        both <= expected + hundredth,
        "{both} bytes are more than {servers} and {services}"
    );
}
