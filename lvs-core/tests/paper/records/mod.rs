//! The record, on paper. The machines are those of `plans/`.
#![cfg(feature = "toml")]
#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test may fail it; clippy knows that of tests only"
)]

mod drains;
mod removals;
mod roles;
mod several;

use lvs_core::Cluster;
use lvs_core::cluster::{DesiredState, IpvsState, Observed, Plan, PlanOptions, Record};
use lvs_core::ipvs::ServiceEntry;
use std::fs;
use std::path::Path;

const DR: &str = include_str!("../../../../examples/dr.toml");
const NAT: &str = include_str!("../../../../examples/nat.toml");
const TWO: &str = include_str!("../../../../examples/two_directors.toml");

const TAKE_OVER: PlanOptions = PlanOptions { take_over: true };

fn node(text: &str, name: &str) -> DesiredState {
    Cluster::from_toml(text).unwrap().node(name).unwrap()
}

fn nothing(node: &DesiredState) -> Record {
    Record::new(node.cluster.clone(), node.name.clone())
}

fn observed(case: &str) -> Observed {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans");
    let text = fs::read_to_string(root.join(case).join("observed.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// A machine and its record after an apply.
fn applied(node: &DesiredState, record: &Record, before: &Observed) -> (Record, Observed) {
    let plan = Plan::with_record(node, before, record, TAKE_OVER);
    let after = plan.outcome(before);
    let cautious = record.before_applying(node, before, &plan);
    let retried = |now: &Observed| Plan::with_record(node, now, &cautious, TAKE_OVER);
    cut_short(before, &plan, &retried);
    let record = record.after_applying(node, before, &plan);
    let again = Plan::with_record(node, &after, &record, PlanOptions::default());
    assert!(again.is_empty() && again.refusals.is_empty(), "{again}");
    assert_eq!(record.before_applying(node, &after, &again), record);
    assert_eq!(record.after_applying(node, &after, &again), record);
    (record, after)
}

/// Wherever a change is killed, the next one gets to the same end.
fn cut_short(before: &Observed, plan: &Plan, retried: &dyn Fn(&Observed) -> Plan) {
    let mut now = before.clone();
    for step in plan.steps() {
        now = now.after(step);
        same(&retried(&now).outcome(&now), &plan.outcome(before));
    }
}

fn removed(node: &DesiredState, record: &Record, before: &Observed) -> (Record, Observed) {
    let plan = Plan::removal_with_record(node, before, record);
    let cautious = record.before_removal();
    let retried = |now: &Observed| Plan::removal_with_record(node, now, &cautious);
    cut_short(before, &plan, &retried);
    let after = plan.outcome(before);
    let again = Plan::removal_with_record(node, &after, record);
    assert!(again.is_empty(), "{plan}\n{again}");
    (record.after_removal(), after)
}

/// Equal but for a module that has been loaded meanwhile.
#[track_caller]
fn same(one: &Observed, two: &Observed) {
    assert_eq!(one.services().len(), two.services().len());
    assert_eq!(one.timeouts(), two.timeouts());
    let without = |observed: &Observed| {
        let mut rest = observed.clone();
        rest.ipvs = IpvsState::Unread;
        let standing = rest.tunnels.iter().filter(|tunnel| tunnel.is_fallback());
        for name in standing
            .map(|tunnel| tunnel.name.clone())
            .collect::<Vec<_>>()
        {
            let part = format!("/{name}/");
            rest.links.remove(&name);
            rest.tunnels.retain(|tunnel| tunnel.name != name);
            rest.sysctls.retain(|key, _| !key.as_str().contains(&part));
        }
        rest
    };
    assert_eq!(without(one), without(two));
    for service in one.services() {
        let other = two.service(&service.service.id).unwrap();
        assert_eq!(service.service, other.service);
        let ids = |entry: &ServiceEntry| -> Vec<_> {
            let mut ids = entry.destinations.clone();
            ids.sort();
            ids
        };
        assert_eq!(ids(service), ids(other));
    }
}

/// Names and machines of every case that is not refused.
fn cases() -> Vec<(String, DesiredState, Observed)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans");
    let directories = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let read = |directory: std::path::PathBuf| {
        let text = |file: &str| fs::read_to_string(directory.join(file)).unwrap();
        let first = text("node");
        let name = first.split_whitespace().next().unwrap();
        let case = directory
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned();
        (
            case.clone(),
            node(&text("cluster.toml"), name),
            observed(&case),
        )
    };
    let can_be = |node: &DesiredState, observed: &Observed| {
        Plan::new(node, observed, TAKE_OVER).refusals.is_empty()
    };
    let cases: Vec<_> = directories
        .map(read)
        .filter(|(_, node, observed)| can_be(node, observed))
        .collect();
    assert!(cases.len() > 10, "the cases are gone");
    cases
}

#[test]
fn a_record_is_the_same_after_a_file() {
    for (case, node, before) in cases() {
        let (record, _) = applied(&node, &nothing(&node), &before);
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(
            serde_json::from_str::<Record>(&text).unwrap(),
            record,
            "{case}"
        );
    }
    let node = node(NAT, "director");
    let text = serde_json::to_string(&nothing(&node)).unwrap();
    let newer = text.replace("lvsctl.record/1", "lvsctl.record/2");
    assert!(serde_json::from_str::<Record>(&newer).is_err());
}
