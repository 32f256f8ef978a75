//! Healthy estates, as they are met: nothing at all is found on any of their nodes, and every area that a node can
//! judge is ok.

use std::fmt::Write;

use lvs_core::check::{Area, Examined, NotExamined, Report};
use lvs_core::cluster::PlanOptions;
use lvs_core::{Cluster, Host};
use lvs_lab::{Lab, load_module, run_tool};

use crate::check::support::{changed, ip, local_node};
use crate::check::web::{Web, set, text};
use crate::check::{DR, NAT, TUNNEL};

/// Silence on every node.
#[track_caller]
fn is_silent(web: &Web) {
    let names: Vec<_> = web.cluster.node_names().cloned().collect();
    for name in names {
        silent(name.as_str(), &web.check_until_sound(name.as_str()));
    }
}

#[track_caller]
fn silent(name: &str, report: &Report) {
    assert!(report.findings().is_empty(), "{name}:\n{}", text(report));
    for area in report.areas() {
        let is_examined = !matches!(area.examined, Examined::Not(_));
        assert_eq!(area.is_ok(), is_examined, "{name}: {area:?}");
        // Nobody asks for the time or by ARP here; all else was examined.
        let is_due = match area.area {
            Area::Addresses | Area::Routing | Area::Services | Area::Upkeep => true,
            Area::Traffic => name == "director" && !is_elsewhere(&area.examined),
            Area::Arp | Area::Clock => false,
            other => panic!("{other:?}"),
        };
        assert!(is_examined || !is_due, "{name}: {area:?}");
    }
}

/// Answers that go past the director without a connection are seen nowhere.
fn is_elsewhere(examined: &Examined) -> bool {
    matches!(examined, Examined::Not(NotExamined::Elsewhere(text)) if text.contains("datagrams"))
}

fn estate(text: &str) {
    is_silent(&Web::new(text));
}

/// An estate whose nodes have something before the cluster is applied.
fn prepared(text: &str, prepare: impl FnOnce(&Lab)) {
    is_silent(&Web::prepared(text, prepare));
}

/// Types lines of `ip` on a node.
fn on(lab: &Lab, node: &str, lines: &[&str]) {
    lab.node(node).unwrap().run(|_| ip(lines)).unwrap();
}

fn each_node(lab: &Lab, change: impl Fn(&mut Host) + Sync) {
    for (name, machine) in lab.network().machines() {
        if !["client", "router"].contains(&name) {
            machine.run(&change).unwrap();
        }
    }
}

const NODES: [&str; 3] = ["director", "realserver1", "realserver2"];

/// The virtual IP of both is on lo and on the tunnel device: without an address that would drop what it unwraps.
pub(crate) fn direct_routing_and_tunnels_on_one_virtual_ip() {
    let tunnelled = ["realserver1", "realserver2"]
        .map(|name| format!("{{ real-server = \"{name}\", forwarding = \"tunnel\" }}"));
    let destinations = tunnelled.join(", ");
    let web = Web::new(&format!(
        "{DR}\n[[services]]\naddress = \"172.16.5.11:81\"\nscheduler = \"rr\"\ndestinations = [{destinations}]\n"
    ));
    let second = web.cluster.services()[1].service.id;
    for number in 0..6 {
        web.lab.request(&second, number).unwrap();
    }
    is_silent(&web);
}

/// The ports of the switch are tagged, and the nodes have a bond below the VLAN.
pub(crate) fn a_vlan_on_a_bond() {
    load_module("bonding").unwrap();
    load_module("8021q").unwrap();
    let text = changed(DR, "eth0", "bond0.10");
    let text = changed(&text, "bond0.10:1", "bond0.10:v");
    prepared(&text, |lab| {
        for node in NODES {
            on(
                lab,
                node,
                &[
                    "link set bond0.10 name eth0",
                    "link add bond0 type bond mode active-backup miimon 100",
                    "link set eth0 master bond0",
                    "link set eth0 up",
                    "link set bond0 up",
                    "link add link bond0 name bond0.10 type vlan id 10",
                ],
            );
            tag(lab, node);
        }
    });
}

/// Makes the node's port of the switch a tagged one.
fn tag(lab: &Lab, node: &str) {
    let [port] = lab.network().cables(node).unwrap() else {
        panic!("{node} has one cable")
    };
    let tagged = format!("{port}.10");
    let lines = [
        format!("link add link {port} name {tagged} type vlan id 10"),
        format!("link set {port} nomaster"),
        format!("link set {tagged} master link0"),
        format!("link set {tagged} up"),
    ];
    let typed = lab.network().switch().run(|_| ip(&lines));
    typed.unwrap();
}

/// A virtual host's way: the addresses are on bridges, whose ports are the cables.
pub(crate) fn bridges() {
    let text = changed(&changed(NAT, "eth0", "br0"), "eth1", "br1");
    let bridged = |lab: &Lab, node: &str, number: u8| {
        let lines = [
            format!("link set br{number} name eth{number}"),
            format!("link add br{number} type bridge forward_delay 0"),
            format!("link set eth{number} master br{number}"),
            format!("link set eth{number} up"),
        ];
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        on(lab, node, &lines);
    };
    prepared(&text, |lab| {
        for node in NODES {
            bridged(lab, node, 0);
        }
        bridged(lab, "director", 1);
    });
}

/// Two virtual IPs, one of them persistent, one hashed with a way out of a drain.
pub(crate) fn several_virtual_ips_with_persistence() {
    let text = changed(
        DR,
        "{ interface = \"eth0\", address = \"172.16.5.11/32\" },",
        "{ interface = \"eth0\", address = \"172.16.5.11/32\" },\n\
         { interface = \"eth0\", address = \"172.16.5.12/32\" },",
    );
    let text = changed(
        &text,
        "scheduler = \"wrr\"",
        "scheduler = \"wrr\"\npersistence = 300",
    );
    estate_of_each(&format!(
        "{text}\n[[services]]\naddress = \"172.16.5.12:443\"\nscheduler = \"wlc\"\n"
    ));
}

/// Clients ask every service, so that each virtual IP is known to be reached.
fn estate_of_each(text: &str) {
    let web = Web::new(text);
    for service in web.cluster.services() {
        web.lab.ask(&service.service.id, 2).unwrap();
    }
    is_silent(&web);
}

/// Name servers.
pub(crate) fn datagrams() {
    let udp = |text: &str, more: &str| {
        let address = "address = \"172.16.5.11:80\"";
        changed(
            text,
            address,
            &format!("address = \"172.16.5.11:53\"\nprotocol = \"udp\"{more}"),
        )
    };
    estate(&udp(NAT, ""));
    estate(&udp(DR, "\none-packet = true"));
}

/// It waits with weight 0 for the day on which the others fail.
pub(crate) fn a_sorry_server() {
    estate(&format!(
        "{NAT}\n[[real-servers]]\nname = \"sorry\"\n\
         addresses = [{{ interface = \"eth0\", address = \"192.168.1.14/24\" }}]\nweight = 0\n"
    ));
}

/// One is in maintenance.
pub(crate) fn a_drained_real_server() {
    estate(&format!(
        "{DR}\n[[real-servers]]\nname = \"realserver3\"\ngateway = \"192.168.1.254\"\n\
         addresses = [{{ interface = \"eth0\", address = \"192.168.1.14/24\" }}]\ndrain = true\n"
    ));
}

/// The director serves too, by each method; masquerading on another port.
pub(crate) fn the_director_serves() {
    estate(&local_node(NAT, ", port = 8080"));
    estate(&local_node(DR, ""));
}

/// Real servers behind a router, with thresholds.
pub(crate) fn tunnels() {
    let text = changed(
        TUNNEL,
        "scheduler = \"",
        "keep-weight = false\nscheduler = \"",
    );
    estate(&text);
}

/// Both families on the same nodes, a virtual IP of each.
pub(crate) fn both_families() {
    let mut text = changed(
        NAT,
        "{ interface = \"eth1\", address = \"192.168.1.11/24\" },",
        "{ interface = \"eth1\", address = \"192.168.1.11/24\" },\n\
         { interface = \"eth0\", address = \"2001:db8:1::11/64\" },\n\
         { interface = \"eth1\", address = \"2001:db8:2::11/64\" },",
    );
    for number in [12, 13] {
        text = changed(
            &text,
            &format!("address = \"192.168.1.{number}/24\" }}"),
            &format!(
                "address = \"192.168.1.{number}/24\" }}, \
                 {{ interface = \"eth0\", address = \"2001:db8:2::{number}/64\" }}"
            ),
        );
    }
    write!(
        text,
        "\n[[services]]\naddress = \"[2001:db8:1::11]:80\"\nscheduler = \"rr\"\n"
    )
    .unwrap();
    estate_of_each(&text);
}

/// Two clusters share the director and the real servers, each by a file of its own.
pub(crate) fn several_clusters_on_a_node() {
    let first = NAT;
    let second = changed(NAT, "name = \"web\"", "name = \"mail\"");
    let second = changed(&second, "gateway = \"172.16.0.1\"\n", "");
    let second = changed(&second, "172.16.5.11/16", "172.16.5.12/32");
    let second = changed(&second, "172.16.5.11", "172.16.5.12");
    let both = changed(
        NAT,
        "{ interface = \"eth0\", address = \"172.16.5.11/16\" },",
        "{ interface = \"eth0\", address = \"172.16.5.11/16\" },\n\
         { interface = \"eth0\", address = \"172.16.5.12/32\" },",
    );
    let both = format!("{both}\n[[services]]\naddress = \"172.16.5.12:80\"\nscheduler = \"rr\"\n");
    let web = Web::unapplied(&both);
    for text in [first, &second] {
        let cluster = Cluster::from_toml(text).unwrap();
        for name in cluster.node_names() {
            let state = cluster.node(name.as_str()).unwrap();
            web.on(name.as_str(), |host| {
                let options = PlanOptions::default();
                state.apply(host, options, &mut |_| ()).map(drop).unwrap();
            });
        }
    }
    web.lab.wait_for_servers().unwrap();
    for service in web.cluster.services() {
        assert_eq!(
            web.lab.ask(&service.service.id, 4).unwrap().shares().len(),
            2
        );
    }
    for text in [first, &second] {
        for node in NODES {
            // The connections of both files' services have just been made; nobody asks now.
            let report = web.check_as(text, node);
            let codes = crate::check::web::codes(&report);
            let quiet = [lvs_core::check::Code::NO_TRAFFIC];
            assert!(
                codes.iter().all(|code| quiet.contains(code)),
                "{}",
                crate::check::web::text(&report)
            );
        }
    }
}

/// Administrators come by one router, clients by another; answers of the virtual IP have a table of their own, so that
/// strict rp_filter expects clients where they come.
pub(crate) fn policy_routing_that_is_right() {
    let mut text = DR.to_owned();
    for number in [12, 13] {
        text = changed(
            &text,
            &format!(
                "addresses = [{{ interface = \"eth0\", address = \"192.168.1.{number}/24\" }}]\ngateway = \"192.168.1.254\""
            ),
            &format!(
                "addresses = [{{ interface = \"eth0\", address = \"192.168.1.{number}/24\" }}, \
                 {{ interface = \"eth1\", address = \"10.0.0.{number}/24\" }}]\ngateway = \"10.0.0.254\""
            ),
        );
    }
    prepared(&text, |lab| {
        for node in ["realserver1", "realserver2"] {
            on(
                lab,
                node,
                &[
                    "link set eth0 up",
                    "rule add from 172.16.5.11 lookup 100 priority 1000",
                    "route add 192.168.1.254 dev eth0 table 100",
                    "route add default via 192.168.1.254 dev eth0 table 100",
                ],
            );
        }
        each_node(lab, |host| set(host, "net/ipv4/conf/all/rp_filter", "1"));
    });
}

/// Strict rp_filter, as distributions set it, where answers leave by the interface by which requests came.
pub(crate) fn strict_rp_filter_that_does_no_harm() {
    for text in [NAT, DR] {
        prepared(text, |lab| {
            each_node(lab, |host| {
                set(host, "net/ipv4/conf/all/rp_filter", "1");
                set(host, "net/ipv4/conf/default/rp_filter", "1");
            });
        });
    }
}

/// A host of containers besides: its own bridge, forwarding, and routes to elsewhere.
pub(crate) fn other_tenants() {
    prepared(DR, |lab| {
        for node in NODES {
            on(
                lab,
                node,
                &[
                    "link add docker0 type bridge",
                    "address add 172.17.0.1/16 dev docker0",
                    "link set docker0 up",
                    "route add blackhole 10.99.0.0/16",
                ],
            );
        }
        each_node(lab, |host| set(host, "net/ipv4/ip_forward", "1"));
    });
}

/// Masquerading over one interface.
pub(crate) fn one_armed() {
    estate(&changed(
        NAT,
        "interface = \"eth1\"",
        "interface = \"eth0\"",
    ));
}

/// A director of two networks of real servers, one masqueraded, one by direct routing.
pub(crate) fn two_methods() {
    estate_of_each(
        r#"
name = "two"
forwarding = "nat"
[director]
gateway = "192.168.2.254"
addresses = [
  { interface = "eth1", address = "192.168.1.11/24" },
  { interface = "eth2", address = "192.168.2.11/24" },
  { interface = "eth2", address = "10.20.0.1/32" },
  { interface = "eth2", address = "10.20.0.2/32" },
]
[[services]]
address = "10.20.0.1:80"
scheduler = "rr"
destinations = [{ real-server = "dr1", forwarding = "dr" }, { real-server = "dr2", forwarding = "dr" }]
[[services]]
address = "10.20.0.2:80"
scheduler = "wlc"
destinations = [{ real-server = "nat1", port = 8080 }, { real-server = "nat2", port = 8080 }]
[[real-servers]]
name = "nat1"
addresses = [{ interface = "eth0", address = "192.168.1.12/24" }]
[[real-servers]]
name = "nat2"
addresses = [{ interface = "eth0", address = "192.168.1.13/24" }]
[[real-servers]]
name = "dr1"
addresses = [{ interface = "eth0", address = "192.168.2.15/24" }]
gateway = "192.168.2.254"
[[real-servers]]
name = "dr2"
addresses = [{ interface = "eth0", address = "192.168.2.16/24" }]
gateway = "192.168.2.254"
"#,
    );
}

/// Thresholds, sync daemon and timeouts.
pub(crate) fn thresholds_and_timeouts() {
    estate(&format!(
        "{}\n[ipvs]\ntcp-timeout = 600\nexpire-nodest-conn = true\n",
        changed(
            NAT,
            "scheduler = \"rr\"",
            "scheduler = \"rr\"\ndestinations = [\
             { real-server = \"realserver1\", upper-threshold = 5000, lower-threshold = 4000 }, \
             { real-server = \"realserver2\", upper-threshold = 5000, lower-threshold = 4000 }]",
        )
    ));
}

/// A firewall that lets the service through and drops what it does not know, on every node.
pub(crate) fn a_firewall_that_is_right() {
    if ["iptable_filter", "xt_tcpudp"]
        .iter()
        .any(|module| load_module(module).is_err())
    {
        lvs_lab::skip("this kernel knows no iptables");
    }
    for text in [NAT, DR] {
        prepared(text, |lab| {
            each_node(lab, |_| {
                for line in [
                    "-A INPUT -i lo -j ACCEPT",
                    "-A INPUT -p icmp -j ACCEPT",
                    "-A INPUT -p tcp --dport 80 -j ACCEPT",
                    "-A INPUT -p tcp --sport 80 -j ACCEPT",
                    "-P INPUT DROP",
                ] {
                    let words: Vec<_> = line.split(' ').collect();
                    run_tool("iptables-legacy", &words).unwrap();
                }
            });
        });
    }
}

/// Queues that divide a link fairly, a rate that suffices, and a program that counts packets.
pub(crate) fn traffic_control_that_is_right() {
    for module in [
        "sch_fq_codel",
        "sch_tbf",
        "sch_ingress",
        "cls_flower",
        "act_gact",
    ] {
        load_module(module).unwrap();
    }
    let count = "filter add dev eth0 ingress protocol ip flower ip_proto tcp action ok";
    prepared(NAT, |lab| {
        let tc = |node: &str, lines: &[&str]| {
            let typed =
                |line: &&str| drop(run_tool("tc", &line.split(' ').collect::<Vec<_>>()).unwrap());
            let machine = lab.node(node).unwrap();
            machine.run(|_| lines.iter().for_each(typed)).unwrap();
        };
        let rate = "qdisc add dev eth0 root tbf rate 100mbit burst 100kb latency 50ms";
        tc("director", &[rate, "qdisc add dev eth1 root fq_codel"]);
        tc("realserver1", &["qdisc add dev eth0 clsact", count]);
        tc("realserver2", &["qdisc add dev eth0 root fq_codel"]);
    });
}
