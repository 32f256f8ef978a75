//! How the cost of pure work grows with the size of a cluster: `cargo bench -p lvs-benches --bench scale [-- STAGE]`.
//!
//! Each axis doubles one size. For each stage it prints the time, its ratio to the one before (2 is linear), the
//! allocations and the peak of memory.

use std::time::Instant;

use allocation_counter::measure;
use lvs_benches::clusters::Size;
use lvs_benches::stages::{AXES, STAGES, Work};

/// A stage is not taken to the next size once it has become this slow.
const PATIENCE: f64 = 4.0;

fn main() {
    let wanted: Vec<_> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    for (name, size, numbers) in AXES {
        println!("\n{name}");
        for (stage, prepare) in STAGES {
            if wanted.is_empty() || wanted.iter().any(|word| stage.contains(word.as_str())) {
                grow(
                    stage,
                    prepare,
                    &numbers
                        .map(size)
                        .into_iter()
                        .zip(numbers)
                        .collect::<Vec<_>>(),
                );
            }
        }
    }
}

fn grow(stage: &str, prepare: fn(Size) -> Work, sizes: &[(Size, u32)]) {
    let mut before: Option<f64> = None;
    for (size, number) in sizes {
        if before.is_some_and(|seconds| seconds > PATIENCE) {
            println!("  {stage:<12} {number:>7}  left out, because the size before was slow");
            break;
        }
        let work = prepare(*size);
        let mut seconds = 0.0;
        let counted = measure(|| {
            let started = Instant::now();
            work();
            seconds = started.elapsed().as_secs_f64();
        });
        let ratio = before.map_or_else(String::new, |before| format!("x{:.1}", seconds / before));
        println!(
            "  {stage:<12} {number:>7} {:>9.1} ms {ratio:>6} {:>10} allocations {:>7.1} MB at most",
            seconds * 1e3,
            counted.count_total,
            counted.bytes_max as f64 / 1e6,
        );
        before = Some(seconds);
    }
}
