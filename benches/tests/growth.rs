//! Tests that pure work is linear in every size of a cluster, by the allocations that it makes.

use allocation_counter::measure;
use lvs_benches::clusters::Size;
use lvs_benches::stages::{AXES, STAGES, Work};

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
