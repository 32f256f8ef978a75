//! Two directors, broken.

use std::time::Duration;

use lvs_core::Cluster;
use lvs_core::check::{self, Code, Facts, Finding, Report};
use lvs_lab::run_tool;

use crate::check::web::{Harm, Web, address, default_via, findings, only, set, sound, text};

const TWO: &str = include_str!("../../../../examples/two_directors.toml");
const WAIT: Duration = Duration::from_millis(300);

/// The example, with the names of these tests.
fn masqueraded() -> String {
    TWO.replace("lb1", "director").replace("lb2", "partner")
}

/// By direct routing, each of them a real server of the other one.
fn serving(sync: &str) -> String {
    format!(
        r#"
name = "web"
forwarding = "dr"
{sync}
[[directors]]
name = "director"
gateway = "192.168.1.254"
addresses = [
  {{ interface = "eth0", address = "172.16.5.11/32", floating = true }},
  {{ interface = "eth0", address = "192.168.1.21/24" }},
]
[[directors]]
name = "partner"
gateway = "192.168.1.254"
addresses = [
  {{ interface = "eth0", address = "172.16.5.11/32", floating = true }},
  {{ interface = "eth0", address = "192.168.1.22/24" }},
]
[[services]]
address = "172.16.5.11:80"
scheduler = "rr"
destinations = [
  {{ real-server = "realserver1" }},
  {{ real-server = "director" }},
  {{ real-server = "partner" }},
]
[[real-servers]]
name = "realserver1"
addresses = [{{ interface = "eth0", address = "192.168.1.12/24" }}]
gateway = "192.168.1.254"
"#
    )
}

const SYNC: &str = "[sync]\nid = 1\ninterface = \"eth0\"\n";

fn all_sound(web: &Web) {
    for name in web.cluster.node_names() {
        let report = web.check(name.as_str());
        assert!(findings(&report).is_empty(), "{name}:\n{}", text(&report));
    }
}

/// Before and after one has taken over from the other.
fn is_sound(text: &str) {
    let mut web = Web::new(text);
    all_sound(&web);
    web.take_over("partner");
    assert!(web.works(), "neighbours are told");
    all_sound(&web);
}

/// What neighbours have learnt of machines that were another one's.
fn forget(web: &Web) {
    for (_, machine) in web.lab.network().machines() {
        let flushed = machine.run(|_| run_tool("ip", &["neigh", "flush", "all"]));
        flushed.unwrap().unwrap();
    }
}

pub(crate) fn healthy_by_masquerading() {
    is_sound(&masqueraded());
}

pub(crate) fn healthy_by_direct_routing() {
    is_sound(&serving(SYNC));
    is_sound(&serving(""));
}

/// Somebody has to decide who is active.
pub(crate) fn keepalived_belongs_to_it() {
    let web = Web::new(&masqueraded());
    let mut program = crate::check::machines::run_as("keepalived");
    all_sound(&web);
    program.kill().unwrap();
    program.wait().unwrap();
}

/// A standby that was never told.
pub(crate) fn a_floating_address_on_the_standby() {
    let web = Web::new(&masqueraded());
    let vip = address("eth0", "172.16.5.11/16");
    web.on("partner", |host| host.net().add_address(&vip).unwrap());
    let report = web.check("partner");
    let mut found = findings(&report).into_iter();
    let is_cause = |finding: &&Finding| finding.code == Code::FLOATING_ON_STANDBY;
    let finding = found.find(is_cause).unwrap().clone();
    for node in ["director", "partner", "client"] {
        let report = asked_from(&web, node);
        let found = findings(&report);
        let both = found.iter().any(|finding| finding.code == Code::TWO_ACTIVE);
        assert!(both, "{node}:\n{}", text(&report));
    }
    web.fix(&finding);
    for node in ["director", "partner", "client"] {
        let report = asked_from(&web, node);
        let told = [Code::TWO_ACTIVE, Code::VIP_UNANSWERED, Code::ARP_PROBE];
        let mut found = findings(&report).into_iter();
        assert!(
            !found.any(|finding| told.contains(&finding.code)),
            "{}",
            text(&report)
        );
    }
    web.fixed("partner");
}

fn asked_from(web: &Web, node: &str) -> Report {
    if web.cluster.node(node).is_some() {
        return web.check_alone(node, Some(WAIT));
    }
    let facts = web.on(node, |host| {
        let mut facts = Facts::unknown(node.parse().unwrap());
        facts.gather_arp(host, &web.cluster, WAIT).unwrap();
        facts
    });
    check::on_node(&web.cluster, &facts)
}

/// Neither is active: clients get no answer, and neighbours see why.
pub(crate) fn neither_is_active() {
    let web = Web::new(&masqueraded());
    web.on("director", |host| {
        let vip = address("eth0", "172.16.5.11/16");
        host.net().delete_address(&vip.id).unwrap();
    });
    assert!(!web.works());
    let report = asked_from(&web, "client");
    only(&report, Code::VIP_UNANSWERED);
    let finding = only(&web.check("director"), Code::VIP_MISSING_ON_DIRECTOR);
    web.fix(&finding);
    web.fixed("director");
}

/// The gateway of masqueraded real servers moves, too.
pub(crate) fn a_floating_gateway_that_is_missing() {
    let web = Web::new(&masqueraded());
    web.on("director", |host| {
        let gateway = address("eth1", "192.168.1.11/24");
        host.net().delete_address(&gateway.id).unwrap();
    });
    forget(&web);
    assert!(!web.works(), "real servers cannot find it");
    web.fix(&only(&web.check("director"), Code::VIP_MISSING_ON_DIRECTOR));
    web.fixed("director");
}

/// It works until the other director takes over.
pub(crate) fn a_gateway_that_stays() {
    let mut web = Web::new(&masqueraded());
    web.on("realserver1", |host| {
        host.net()
            .replace_route(&default_via("192.168.1.21"))
            .unwrap();
    });
    assert!(web.works(), "it is the active one's");
    let finding = only(&web.check("realserver1"), Code::NAT_GATEWAY);
    assert!(finding.seen.contains("stays with director"), "{finding}");
    web.take_over("partner");
    assert!(!web.works());
    web.fix(&finding);
    web.fixed("realserver1");
}

/// An address that stays must not hang on one that goes.
pub(crate) fn an_own_address_that_hangs_on_a_floating_one() {
    let web = Web::new(&masqueraded());
    web.on("director", |host| {
        let (vip, own) = (
            address("eth0", "172.16.5.11/16"),
            address("eth0", "172.16.5.21/16"),
        );
        let net = host.net();
        net.delete_address(&own.id).unwrap();
        net.add_address(&vip).unwrap();
        net.add_address(&own).unwrap();
    });
    let report = web.check("director");
    let mut found = findings(&report).into_iter();
    assert!(
        found.any(|finding| finding.code == Code::SECONDARY_VIP),
        "{}",
        text(&report)
    );
}

/// Row 36: the standby, as a real server, balances again what it was sent.
pub(crate) fn the_standby_balances_too() {
    let web = Web::new(&serving(SYNC));
    web.broken("partner", Code::BALANCED_TWICE, Harm::Clients, |host| {
        set(host, "net/ipv4/vs/backup_only", "0");
    });
}

/// Row 37: which of them hears is for both the same line of the file.
pub(crate) fn the_other_one_knows_of_connections() {
    let web = Web::new(&masqueraded());
    assert!(web.works());
    sound(&web.check("director"));
    let known = web.on("partner", |host| host.proc().connections().unwrap().len());
    assert!(known > 0);
}

/// Both directors have the virtual IP on a dummy, and only one of them lives.
pub(crate) fn the_surviving_director_asks_where_clients_do() {
    let near = serving(SYNC)
        .replace("172.16.5.11", "192.168.1.100")
        .replace(
            "  { real-server = \"director\" },\n  { real-server = \"partner\" },\n",
            "",
        );
    let mut web = Web::new(&near);
    let carrier = "\"eth0\", address = \"192.168.1.100";
    let moved = near.replace(carrier, "\"dummy0\", address = \"192.168.1.100");
    web.cluster =
        Cluster::from_toml(&format!("{moved}\n[time]\nntp-server = \"127.0.0.1\"\n")).unwrap();
    let vip = "192.168.1.100/32";
    web.on("director", |host| {
        let net = host.net();
        let dummy = "dummy0".parse().unwrap();
        net.add_dummy(&dummy).unwrap();
        net.set_up(&dummy).unwrap();
        net.add_address(&address("dummy0", vip)).unwrap();
        net.delete_address(&address("eth0", vip).id).unwrap();
    });
    web.lab.network().plug_in("partner", false).unwrap();
    assert!(web.works());
    let asked = |node: &str| {
        let report = asked_from(&web, node);
        let mut found = findings(&report).into_iter().cloned();
        found.find(|finding| finding.code == Code::ARP_PROBE)
    };
    assert_eq!(asked("director"), None);
    let mac = web.on("realserver1", |host| {
        set(host, "net/ipv4/conf/all/arp_ignore", "0");
        host.net()
            .link(&"eth0".parse().unwrap())
            .unwrap()
            .mac
            .unwrap()
    });
    is_hijacked(&web);
    for node in ["director", "client"] {
        let finding = asked(node).unwrap();
        assert!(finding.seen.starts_with("on eth0"), "{finding}");
        assert!(finding.seen.contains(&mac.to_string()), "{finding}");
    }
    let report = web.check("realserver1");
    let mut found = findings(&report).into_iter();
    let exposed = found.find(|finding| finding.code == Code::ARP_IGNORE);
    web.fix(exposed.unwrap());
    web.on("client", |_| {
        run_tool("ip", &["neigh", "flush", "all"]).unwrap()
    });
    assert_eq!(asked("director"), None);
    assert!(web.works());
    assert!(web.counted() > 0);
}

/// Lets the client learn anew who has the virtual IP, until its requests pass the director by.
#[track_caller]
fn is_hijacked(web: &Web) {
    let is_passed_by = || {
        web.on("client", |_| {
            run_tool("ip", &["neigh", "flush", "all"]).unwrap()
        });
        let before = web.counted();
        web.answers();
        web.counted() == before
    };
    assert!(
        (0..20).any(|_| is_passed_by()),
        "the director always answers first"
    );
}
