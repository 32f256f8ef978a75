//! The README shows what the examples contain and what the planner prints.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::Command;

const README: &str = include_str!("../../../README.md");

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Returns the contents of the code blocks that begin with this line.
fn blocks(fence: &str) -> Vec<&str> {
    let mut blocks = Vec::new();
    let mut rest = README;
    while let Some((_, behind)) = rest.split_once(&format!("\n{fence}\n")) {
        let (block, after) = behind.split_once("```").unwrap();
        blocks.push(block);
        rest = after;
    }
    blocks
}

/// Returns a file without the comment at its head, which the README has as prose.
fn body(file: &str) -> &str {
    &file[file.find("name = ").unwrap()..]
}

#[test]
fn the_cluster_files_are_those_of_the_examples() {
    let nat = include_str!("../../../examples/nat.toml");
    let dr = include_str!("../../../examples/dr.toml");
    assert_eq!(blocks("```toml"), [body(nat), body(dr)]);
}

/// `UPDATE=1` draws them anew.
#[test]
fn the_pictures_are_those_of_the_tool() {
    for name in ["nat", "dr"] {
        let file = |kind| format!("{ROOT}/examples/{name}.{kind}");
        let output = Command::new(env!("CARGO_BIN_EXE_lvsctl"))
            .args(["order", &file("toml"), "--format", "svg"])
            .output()
            .unwrap();
        let drawn = String::from_utf8(output.stdout).unwrap();
        if std::env::var_os("UPDATE").is_some() {
            fs::write(file("svg"), &drawn).unwrap();
        }
        assert_eq!(fs::read_to_string(file("svg")).unwrap(), drawn, "{name}");
        assert!(README.contains(&format!("][{name}.svg]")), "{name}");
    }
}

#[test]
fn the_plan_is_that_of_the_planner() {
    let plan = include_str!("../../../lvs-core/tests/plans/nat-director-links-up/plan.txt");
    assert_eq!(blocks("```text"), [plan]);
}

#[test]
fn the_keys_about_health_are_keys() {
    let dr = include_str!("../../../examples/dr.toml");
    let service = "[[services]]\naddress = \"172.16.5.11:80\"\nscheduler = \"wrr\"\n";
    assert!(dr.contains(service));
    let [checked] = blocks("```ini")[..] else {
        panic!("not one block");
    };
    let cluster = lvs_core::Cluster::from_toml(&dr.replace(service, checked)).unwrap();
    assert_eq!(cluster.services()[0].checks.len(), 1);
}

/// The crate registry and docs.rs show the README without the repository beside it.
#[test]
fn links_are_absolute_and_lead_to_files() {
    const BASES: [&str; 2] = [
        "https://github.com/lvs-core/lvs-core/blob/main/",
        "https://raw.githubusercontent.com/lvs-core/lvs-core/main/",
    ];
    assert!(!README.contains("]("), "write links at the end");
    let links: Vec<_> = README
        .lines()
        .filter(|line| line.starts_with('['))
        .filter_map(|line| line.split_once("]: "))
        .map(|(_, link)| link)
        .collect();
    assert!(links.len() > 8, "{links:?}");
    for link in links {
        assert!(link.starts_with("https://"), "{link}");
        let files = BASES.iter().filter_map(|base| link.strip_prefix(base));
        for file in files {
            assert!(Path::new(ROOT).join(file).is_file(), "{file}");
        }
    }
}
