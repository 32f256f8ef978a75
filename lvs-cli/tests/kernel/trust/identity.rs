//! A host that is evidently another node is left alone, and its clients are served on.

use lvs_core::Cluster;
use lvs_lab::Lab;

use super::{DR, NAT, in_file, says};
use crate::trust::nodes::{Node, served};
use crate::trust::records::without_records;

/// On the director and on a real server, with a record and without one, for `apply` and `remove`.
pub(crate) fn a_host_that_is_evidently_another_node_is_refused() {
    for text in [NAT, DR] {
        let file = in_file("web.toml", text);
        let cluster = Cluster::from_toml(text).unwrap();
        let lab = without_records(Lab::new(&cluster, 1).unwrap());
        let node = |name| Node::new(&lab, name, &file);
        for name in ["realserver1", "realserver2", "director"] {
            says(
                &node(name).run("apply", &["--node", name]),
                0,
                &["done and verified"],
            );
        }
        lab.wait_for_servers().unwrap();
        served(&lab);
        for (host, other) in [("director", "realserver1"), ("realserver1", "director")] {
            let host = node(host);
            let why = format!("--node {other}: this host is evidently {}", host.name);
            let refused = |state: &str| {
                for verb in ["apply", "remove"] {
                    let options = ["--node", other, "--state", state];
                    let output = host.start(&[&[verb], &host.file()[..], &options[..]].concat());
                    says(&output, 64, &[&why, "--force-node"]);
                }
            };
            refused(&host.state);
            refused("/run/without-a-record");
            let plan = host.run("plan", &["--node", other]);
            let plan = String::from_utf8_lossy(&plan.stdout).into_owned();
            assert!(
                plan.contains(&format!("this host is evidently {}", host.name)),
                "{plan}"
            );
            served(&lab);
        }
        // What a forced apply is for: the host takes the other node's place.
        let options = ["--node", "realserver2", "--force-node", "--dry-run"];
        says(
            &node("realserver1").run("apply", &options),
            0,
            &["192.168.1.13/24"],
        );
        served(&lab);
    }
}
