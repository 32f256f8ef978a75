//! The pure work whose growth is measured, and what it grows with.

use std::hint::black_box;

use lvs_core::check;
use lvs_core::cluster::{Plan, PlanOptions};
use lvs_core::ipvs::Forwarding;

use crate::clusters::Size;

/// What grows: its name, a cluster by its number, and the numbers that a bench takes.
pub type Axis = (&'static str, fn(u32) -> Size, [u32; 4]);

/// What grows, and to which sizes.
pub const AXES: [Axis; 5] = [
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
pub type Work = Box<dyn FnOnce()>;

/// Work with its name, prepared for a cluster.
pub type Stage = (&'static str, fn(Size) -> Work);

/// What is measured.
pub const STAGES: [Stage; 14] = [
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
    ("order-method", |size| {
        let (old, new) = (size.cluster(), size.cluster_by(Forwarding::Masquerade));
        Box::new(move || drop(black_box(new.rollout(Some(&old)))))
    }),
    ("check", |size| {
        let cluster = size.cluster();
        Box::new(move || drop(black_box(check::on_paper(&cluster))))
    }),
    ("check-director", |size| {
        let cluster = size.cluster();
        let facts = size.director(&cluster);
        Box::new(move || drop(black_box(check::on_node(&cluster, &facts))))
    }),
    ("check-server", |size| {
        let cluster = size.cluster();
        let facts = size.server(&cluster);
        Box::new(move || drop(black_box(check::on_node(&cluster, &facts))))
    }),
];
