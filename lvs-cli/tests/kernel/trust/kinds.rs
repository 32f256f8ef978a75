//! Nodes that become another kind of node: a director and a real server that exchange their work.

use lvs_lab::http::Server;

use super::{DR, says};
use crate::trust::nodes::Node;
use crate::trust::rollout::Rollout;

const SERVICE: &str = "tcp 172.16.5.11:80";

/// Returns the example in which the hosts of the director and of realserver2 have each other's work.
fn exchanged() -> String {
    let director = "address = \"192.168.1.11/24\", label = \"eth0:1\"";
    let new = DR
        .replace("[director]\n", "[director]\nname = \"realserver2\"\n")
        .replacen(
            "name = \"realserver2\"\naddresses",
            "name = \"director\"\naddresses",
            1,
        )
        .replace(director, "address = \"192.168.1.MOVED/24\"")
        .replace("192.168.1.13/24", "192.168.1.11/24")
        .replace("192.168.1.MOVED/24", "192.168.1.13/24");
    assert_eq!(new.matches("realserver2").count(), 2, "{new}");
    new
}

/// Its services would balance once more what the new director sends it.
pub(crate) fn a_director_that_becomes_a_real_server_balances_no_more() {
    let timeouts = "\n[ipvs]\ntcp-timeout = 77\n";
    let rollout = Rollout::new(&(DR.to_owned() + timeouts), &exchanged());
    let netns = rollout.lab.node("director").unwrap();
    let _server = Server::start(netns, 80, "director").unwrap();
    let director = Node::new(&rollout.lab, "director", "/run/new file.toml".as_ref());
    says(&director.start(&["timeouts"]), 0, &["77"]);
    rollout.execute_while_asked(&["172.16.5.11:80"]);

    let on_it = ["--node", "director"];
    says(&director.run("plan", &on_it), 0, &["nothing to do"]);
    let left = director.start(&["list"]);
    says(&left, 0, &[]);
    let left = String::from_utf8_lossy(&left.stdout).into_owned();
    assert!(!left.contains("172.16.5.11"), "{left}");
    says(&director.start(&["timeouts"]), 0, &["900"]);
    let answers = rollout.lab.ask(&SERVICE.parse().unwrap(), 20).unwrap();
    assert_eq!(answers.shares().len(), 2, "{answers}");
    assert!(answers.of("director") > 0, "{answers}");

    says(
        &director.start(&["remove", "web", "--state", &director.state]),
        0,
        &["- address 172.16.5.11/32 on lo", "done and verified"],
    );
}
