//! IPv6 virtual IPs on an interface where no neighbour asks for them: unlike ARP requests, solicitations are answered
//! only for the addresses of the interface where they arrive.

use std::time::Duration;

use lvs_core::{Cluster, Netns};
use lvs_lab::{Lab, http, run_tool};

use super::{in_file, says};
use crate::trust::nodes::Node;
use crate::trust::records::without_records;

const TEXT: &str = r#"
name = "web"
forwarding = "dr"
[director]
gateway = "2001:db8:1::fe"
addresses = [
  { interface = "eth0", address = "2001:db8:1::11/64" },
  { interface = "PLACE", address = "VIP/128" },
]
[[services]]
address = "[VIP]:80"
scheduler = "rr"
[[real-servers]]
name = "rs1"
addresses = [{ interface = "eth0", address = "2001:db8:1::12/64" }]
gateway = "2001:db8:1::fe"
[[real-servers]]
name = "rs2"
addresses = [{ interface = "eth0", address = "2001:db8:1::13/64" }]
gateway = "2001:db8:1::fe"
"#;

fn text(place: &str, vip: &str) -> String {
    TEXT.replace("PLACE", place).replace("VIP", vip)
}

/// Returns a lab with real servers that are ready, in the network of the file with the virtual IP on the link.
fn ready(vip: &str) -> Lab {
    let cluster = Cluster::from_toml(&text("eth0", vip)).unwrap();
    let lab = without_records(Lab::new(&cluster, 1).unwrap());
    for server in ["rs1", "rs2"] {
        lab.apply_to(server).unwrap();
    }
    lab
}

fn is_served(lab: &Lab, vip: &str) -> bool {
    let address = format!("[{vip}]:80").parse().unwrap();
    let fetch = |_: &mut _| http::fetch(address, None, Duration::from_secs(3)).is_ok();
    lab.network().client().run(fetch).unwrap()
}

fn router(lab: &Lab) -> &Netns {
    let mut machines = lab.network().machines();
    machines.find(|(name, _)| *name == "router").unwrap().1
}

fn ip(netns: &Netns, line: &str) {
    let words: Vec<_> = line.split_whitespace().collect();
    netns.run(|_| run_tool("ip", &words).unwrap()).unwrap();
}

const ON: [&str; 2] = ["--node", "director"];

pub(crate) fn an_ipv6_virtual_ip_beside_its_network_is_refused() {
    let vip = "2001:db8:1::100";
    let lab = ready(vip);
    let beside = in_file("beside.toml", &text("lo", vip));
    let director = Node::new(&lab, "director", &beside);
    let problem = "is on the network of eth0, where no neighbour solicitation for it is answered";
    let hint =
        "write it on that interface: { interface = \"eth0\", address = \"2001:db8:1::100/128\" }";
    says(
        &director.run("apply", &ON),
        1,
        &[problem, hint, "nothing was changed"],
    );
    let code = "LVS089 error director 2001:db8:1::100/128 on lo";
    says(
        &director.start(&["check", "/run/beside.toml", "--paper"]),
        1,
        &[code],
    );

    let near = in_file("near.toml", &text("eth0", vip));
    let near = Node::new(&lab, "director", &near);
    says(&near.run("apply", &ON), 0, &["done and verified"]);
    lab.wait_for_servers().unwrap();
    assert!(is_served(&lab, vip));
    // As it was before it was refused.
    let netns = lab.node("director").unwrap();
    ip(netns, "address delete 2001:db8:1::100/128 dev eth0");
    ip(
        netns,
        "address add 2001:db8:1::100/128 dev lo nodad preferred_lft 0",
    );
    for (_, machine) in lab.network().machines() {
        ip(machine, "neigh flush all");
    }
    assert!(!is_served(&lab, vip));
    let checked = director.run("check", &[&ON[..], &["--arp"]].concat());
    says(
        &checked,
        1,
        &[code, "fix: in the file: { interface = \"eth0\""],
    );
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(!said.contains("only the director answered"), "{said}");
    says(
        &near.run("apply", &ON),
        0,
        &["+ address 2001:db8:1::100/128 on eth0"],
    );
    assert!(is_served(&lab, vip));
}

/// Outside of every network of the director it is routed: by BGP, or as here by a static route.
pub(crate) fn a_routed_ipv6_virtual_ip_is_announced_to_no_neighbour() {
    let vip = "2001:db8:5::11";
    let lab = ready(vip);
    let file = in_file("routed.toml", &text("lo", vip));
    let director = Node::new(&lab, "director", &file);
    let applied = director.run("apply", &ON);
    says(
        &applied,
        0,
        &["routers must have a route to it", "done and verified"],
    );
    let said = String::from_utf8_lossy(&applied.stdout).into_owned();
    assert!(!said.contains("announced 2001"), "{said}");
    assert!(!is_served(&lab, vip));
    ip(
        router(&lab),
        "-6 route replace 2001:db8:5::11/128 via 2001:db8:1::11",
    );
    lab.wait_for_servers().unwrap();
    assert!(is_served(&lab, vip));
    let checked = director.run("check", &[&ON[..], &["--arp"]].concat());
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(said.contains("not examined arp"), "{said}");
    assert!(!said.contains("LVS089"), "{said}");
    // A real server asks for nothing that no neighbour answers.
    let asked = Node::new(&lab, "rs1", &file).run("check", &["--node", "rs1", "--arp"]);
    let said = String::from_utf8_lossy(&asked.stdout).into_owned();
    assert!(!said.contains("LVS062"), "{said}");
}
