//! `check` and `import` on a real kernel.

use std::process::Output;

use lvs_core::{IfName, Netns};

use super::{DR, Outcome, lvsctl, on_a_node, says};

pub(super) fn check_reads_this_node() -> Outcome {
    on_a_node(|_| {
        let check = || lvsctl(&["check", DR, "--node", "realserver1"]);
        says(&check(), 1, &["LVS067 error realserver1 lo: lo is down"]);
        lvsctl(&["apply", DR, "--node", "realserver1"]);
        // The rest is applied, but no web server runs here.
        let nothing_listens = "LVS033 error realserver1 tcp 172.16.5.11:80";
        says(&check(), 1, &["ok arp: ", "ok upkeep: ", nothing_listens]);
        let server = std::net::TcpListener::bind("172.16.5.11:80").unwrap();
        says(&check(), 0, &["ok services: "]);
        drop(server);
    })
}

/// The clock is compared with Debian's chrony on the same node; without an answer nothing is known of it.
pub(super) fn check_asks_for_the_time() -> lvs_lab::Result<()> {
    let file = "/run/web.toml";
    let text = std::fs::read_to_string(DR).unwrap() + "\n[time]\nntp-server = \"127.0.0.1\"\n";
    std::fs::write(file, text).unwrap();
    let check = |status, parts: &[&str]| {
        let output = lvsctl(&["check", file, "--node", "director"]);
        says(&output, status, parts);
    };
    Netns::create()?.run(|host| {
        host.net().set_up(&IfName::LO)?;
        let chrony = lvs_lab::chrony(&Netns::current()?)?;
        check(1, &["ok clock: "]);
        drop(chrony);
        check(1, &["LVS049 warning director 127.0.0.1"]);
        Ok(())
    })?
}

pub(super) fn saved_facts_give_the_same_findings() -> Outcome {
    on_a_node(|_| {
        lvsctl(&["apply", DR, "--node", "director"]);
        let facts = "/run/facts.json";
        let here = lvsctl(&["check", DR, "--node", "director", "--save-facts", facts]);
        says(&here, 0, &["LVS042 note director traffic"]);
        let elsewhere = lvsctl(&["check", DR, "--facts", facts]);
        says(&here, 0, &["check of node director on this host\n"]);
        says(&elsewhere, 0, &["check of node director by saved facts\n"]);
        let lines = |output: &Output| {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            text.split_once('\n').unwrap().1.to_owned()
        };
        assert_eq!(lines(&elsewhere), lines(&here));
    })
}

pub(super) fn what_is_imported_plans_nothing() -> Outcome {
    on_a_node(|_| {
        let applied = lvsctl(&["apply", DR, "--node", "director"]);
        says(&applied, 0, &["done and verified"]);
        let imported = lvsctl(&["import", "kernel", "--node", "director"]);
        says(
            &imported,
            0,
            &["address = \"172.16.5.11:80\"", "directives: "],
        );
        let file = "/run/imported.toml";
        std::fs::write(file, &imported.stdout).unwrap();
        let plan = [
            "plan",
            file,
            "--node",
            "director",
            "--exit-code",
            "--state",
            "/run/other",
        ];
        says(&lvsctl(&plan), 0, &["nothing to do"]);
    })
}
