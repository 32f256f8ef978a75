//! Plans, one directory a case: `cluster.toml`, `node` (a name, perhaps `--active`, `--standby`,
//! `--take-over` or `--remove`),
//! `observed.json`; and what comes out, `plan.txt` and `plan.sh`. `UPDATE=1` writes those two anew.
#![cfg(feature = "toml")]
#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test may fail it; clippy knows that of tests only"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use lvs_core::Cluster;
use lvs_core::cluster::{DesiredState, Observed, Plan, PlanOptions, Role};

struct Case {
    directory: PathBuf,
    node: DesiredState,
    observed: Observed,
    options: PlanOptions,
    remove: bool,
}

impl Case {
    fn read(directory: PathBuf) -> Self {
        let text = |file: &str| fs::read_to_string(directory.join(file)).unwrap();
        let node = text("node");
        let name = node.split_whitespace().next().unwrap();
        let cluster = Cluster::from_toml(&text("cluster.toml")).unwrap();
        let state = match (node.contains("--active"), node.contains("--standby")) {
            (true, _) => cluster.node_as(name, Role::Active),
            (_, true) => cluster.node_as(name, Role::Standby),
            _ => cluster.node(name),
        };
        Self {
            node: state.unwrap(),
            observed: serde_json::from_str(&text("observed.json")).unwrap(),
            options: PlanOptions {
                take_over: node.contains("--take-over"),
            },
            remove: node.contains("--remove"),
            directory,
        }
    }

    fn plan(&self, observed: &Observed) -> Plan {
        if self.remove {
            Plan::removal(&self.node, observed)
        } else {
            Plan::new(&self.node, observed, self.options)
        }
    }

    fn name(&self) -> String {
        self.directory
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned()
    }

    fn expect(&self, file: &str, found: &str) {
        let path = self.directory.join(file);
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&path, found).unwrap();
        }
        let wanted = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(found, wanted, "{}; UPDATE=1 writes it anew", path.display());
    }
}

fn cases() -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans");
    let mut directories: Vec<_> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    directories.sort();
    assert!(directories.len() >= 40, "the cases are gone");
    directories.into_iter().map(Case::read).collect()
}

#[test]
fn plans_are_as_written() {
    for case in cases() {
        let plan = case.plan(&case.observed);
        case.expect("plan.txt", &plan.to_string());
        case.expect("plan.sh", &plan.to_shell());
    }
}

#[test]
fn every_kind_of_step_is_among_them() {
    let mut found = BTreeSet::new();
    for case in cases() {
        let plan = case.plan(&case.observed);
        found.extend(
            plan.steps()
                .map(|step| format!("{} {}", step.change.kind(), step.change.id().what())),
        );
    }
    let kinds = [
        "add address",
        "add daemon",
        "add destination",
        "add listener",
        "add route",
        "add service",
        "add tunnel",
        "delete address",
        "delete destination",
        "delete route",
        "delete service",
        "edit address",
        "edit daemon",
        "edit destination",
        "edit link",
        "edit route",
        "edit service",
        "edit sysctl",
        "edit timeouts",
    ];
    assert_eq!(found, kinds.map(str::to_owned).into());
}

#[test]
fn a_second_plan_is_empty() {
    for case in cases() {
        let plan = case.plan(&case.observed);
        let second = case.plan(&plan.outcome(&case.observed));
        assert!(second.is_empty(), "{}:\n{second}", case.name());
    }
}

#[test]
fn every_step_can_be_rolled_back() {
    for case in cases() {
        let plan = case.plan(&case.observed);
        let mut now = case.observed.clone();
        for step in plan.steps() {
            now = now.after(step);
            let back = plan.revert(&case.observed, &now);
            let restored = back.outcome(&now);
            let left = plan.revert(&case.observed, &restored);
            assert!(
                left.is_empty(),
                "{} after {step}:\n{back}\n{left}",
                case.name()
            );
        }
    }
}

#[test]
fn json_has_the_promised_fields() {
    let case = cases()
        .into_iter()
        .find(|case| case.name() == "nat-director-drifted")
        .unwrap();
    let json = serde_json::to_value(case.plan(&case.observed)).unwrap();
    assert_eq!(json["cluster"], "web");
    assert_eq!(json["node"], "director");
    assert_eq!(json["changed"], true);
    let step = &json["phases"][0]["steps"][0];
    assert_eq!(step["do"], "edit");
    assert_eq!(step["what"], "sysctl");
    assert_eq!(step["name"], "net/ipv4/conf/eth1/forwarding");
    assert_eq!(step["before"]["value"], "0");
    assert_eq!(step["after"]["value"], "1");
    assert_eq!(step["why"], "answers of real servers arrive here");
    assert_eq!(json["foreign"][0]["what"], "service");
}
