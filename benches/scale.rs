//! How the cost of pure work grows with the size of a cluster: `cargo bench -p lvs-benches --bench scale [-- STAGE]`.
//!
//! Each axis doubles one size. For each stage it prints the time, its ratio to the one before (2 is linear), the
//! allocations and the peak of memory.

#![allow(clippy::unwrap_used, reason = "no input comes from outside")]

use std::hint::black_box;
use std::time::Instant;

use allocation_counter::measure;
use lvs_benches::clusters::Size;
use lvs_core::Cluster;
use lvs_core::check;
use lvs_core::cluster::{Plan, PlanOptions};

/// A stage is not taken to the next size once it has become this slow.
const PATIENCE: f64 = 4.0;

/// What grows, and to which sizes.
const AXES: [(&str, fn(u32) -> Size, [u32; 4]); 5] = [
    (
        "virtual IPs",
        |vips| Size {
            vips,
            ..Size::SMALLEST
        },
        [500, 1000, 2000, 4000],
    ),
    (
        "services of one virtual IP",
        |ports| Size {
            ports: ports as u16,
            ..Size::SMALLEST
        },
        [5000, 10_000, 20_000, 40_000],
    ),
    (
        "real servers",
        |servers| Size {
            servers,
            ..Size::SMALLEST
        },
        [5000, 10_000, 20_000, 40_000],
    ),
    (
        "unmanaged routes",
        |routes| Size {
            routes,
            ..Size::SMALLEST
        },
        [10_000, 20_000, 40_000, 80_000],
    ),
    (
        "virtual IPs, with 200 real servers",
        |vips| Size {
            vips,
            servers: 200,
            ..Size::SMALLEST
        },
        [125, 250, 500, 1000],
    ),
];

/// Work to be measured: its input is made beforehand.
type Work = Box<dyn FnOnce()>;

/// What is measured.
const STAGES: [(&str, fn(Size) -> Work); 11] = [
    ("cluster", |size| {
        Box::new(move || drop(black_box(size.cluster())))
    }),
    ("director", |size| {
        let cluster = size.cluster();
        Box::new(move || drop(black_box(cluster.node("director"))))
    }),
    ("real-server", |size| {
        let cluster = size.cluster();
        Box::new(move || drop(black_box(cluster.node("server0"))))
    }),
    ("plan-fresh", |size| {
        let node = size.cluster().node("director").unwrap();
        let fresh = size.fresh(&node);
        Box::new(move || drop(black_box(Plan::new(&node, &fresh, PlanOptions::default()))))
    }),
    ("plan-equal", |size| {
        let node = size.cluster().node("director").unwrap();
        let applied = size.applied(&node);
        Box::new(move || assert!(Plan::new(&node, &applied, PlanOptions::default()).is_empty()))
    }),
    ("plan-server", |size| {
        let node = size.cluster().node("server0").unwrap();
        let fresh = size.fresh(&node);
        Box::new(move || drop(black_box(Plan::new(&node, &fresh, PlanOptions::default()))))
    }),
    ("removal", |size| {
        let node = size.cluster().node("director").unwrap();
        let applied = size.applied(&node);
        Box::new(move || drop(black_box(Plan::removal(&node, &applied))))
    }),
    ("text", |size| {
        let node = size.cluster().node("director").unwrap();
        let plan = Plan::new(&node, &size.fresh(&node), PlanOptions::default());
        Box::new(move || drop(black_box((plan.to_string(), plan.to_shell()))))
    }),
    ("revert", |size| {
        let node = size.cluster().node("director").unwrap();
        let fresh = size.fresh(&node);
        let plan = Plan::new(&node, &fresh, PlanOptions::default());
        let applied = plan.outcome(&fresh);
        Box::new(move || drop(black_box(plan.revert(&fresh, &applied))))
    }),
    ("order", |size| {
        let old = size.cluster();
        let new = Size {
            vips: size.vips + 1,
            servers: size.servers + 1,
            ..size
        }
        .cluster();
        Box::new(move || drop(black_box(new.rollout(Some(&old)))))
    }),
    ("check", |size| {
        let cluster: Cluster = size.cluster();
        Box::new(move || drop(black_box(check::on_paper(&cluster))))
    }),
];

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
