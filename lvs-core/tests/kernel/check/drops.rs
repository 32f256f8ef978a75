//! What drops packets unseen by routes and IPVS: interfaces without ARP, MTUs, traffic control, firewalls, and programs
//! that hang.

use std::net::{TcpListener, UdpSocket};

use lvs_core::Host;
use lvs_core::check::{Area, Code, Report, Severity};
use lvs_core::sysctl::SysctlKey;
use lvs_lab::{http, load_module, run_tool, udp};

use crate::check::support::{ip, local_node};
use crate::check::web::{Web, only, set, sound, text};
use crate::check::{DR, NAT, SIX, TUNNEL};

const RS: &str = "realserver1";

/// Types lines of `tc` in this thread's namespace.
fn tc(lines: &[&str]) {
    for line in lines {
        let words: Vec<_> = line.split(' ').collect();
        run_tool("tc", &words).unwrap();
    }
}

pub(crate) fn forget_neighbours(web: &Web) {
    for (_, machine) in web.lab.network().machines() {
        let forget = |_: &mut Host| run_tool("ip", &["neigh", "flush", "all"]).map(drop);
        machine.run(forget).unwrap().unwrap();
    }
}

#[track_caller]
pub(crate) fn is_refuted(report: &Report, areas: &[Area]) {
    let sound: Vec<_> = report.sound().collect();
    for area in areas {
        assert!(!sound.contains(area), "ok {area}:\n{}", text(report));
    }
}

pub(crate) fn arp_off() {
    for (text, node) in [(NAT, "director"), (DR, "director"), (NAT, RS), (DR, RS)] {
        let web = Web::new(text);
        web.on(node, |_| ip(&["link set eth0 arp off"]));
        forget_neighbours(&web);
        assert!(!web.works());
        let report = web.check_until(node, Code::ARP_OFF);
        is_refuted(&report, &[Area::Arp, Area::Routing, Area::Traffic]);
        web.not_reassured(node, &report);
        web.fix(&only(&report, Code::ARP_OFF));
        forget_neighbours(&web);
        web.fixed(node);
    }
}

/// The virtual IP on a dummy device, which never uses ARP.
pub(crate) fn arp_off_where_it_belongs() {
    let web = Web::new(DR);
    web.on(RS, |_| {
        ip(&[
            "link add dummy0 type dummy",
            "link set dummy0 up",
            "address add 10.9.9.9/32 dev dummy0",
            "link set lo arp off",
        ]);
    });
    assert!(web.works());
    sound(&web.check(RS));
}

pub(crate) fn a_small_mtu() {
    for text in [NAT, DR] {
        let web = Web::new(text);
        web.on(RS, |_| ip(&["link set eth0 mtu 100"]));
        assert!(!web.works());
        let report = web.check(RS);
        is_refuted(&report, &[Area::Routing]);
        // The director sees connections that are established, and make no progress.
        web.not_reassured(RS, &report);
        web.fix(&only(&report, Code::SMALL_MTU));
        web.fixed(RS);
    }
}

pub(crate) fn a_small_mtu_of_ipv6() {
    let web = Web::new(SIX);
    web.on(RS, |_| ip(&["link set eth0 mtu 1200"]));
    assert!(!web.works());
    let report = web.check_until(RS, Code::SMALL_MTU);
    eprintln!("{}", text(&report));
    is_refuted(&report, &[Area::Routing, Area::Addresses, Area::Upkeep]);
    web.not_reassured(RS, &report);
    web.fix(&only(&report, Code::SMALL_MTU));
    web.fixed(RS);
}

/// Breaks a node by traffic control.
fn controlled(node: &str, modules: &[&str], lines: &[&str]) {
    for module in modules {
        load_module(module).unwrap();
    }
    for text in [NAT, DR] {
        let web = Web::new(text);
        web.on(node, |_| tc(lines));
        assert!(!web.works());
        let is_error = |report: &Report| {
            let mut found = report.findings().iter();
            found.any(|finding| finding.severity == Severity::Error)
        };
        // That clients ask again is seen in most checks.
        let mut checks = (0..6).map(|_| web.check_until(node, Code::QDISC_DROPS));
        let report = checks.find(is_error).unwrap();
        let finding = only(&report, Code::QDISC_DROPS);
        is_refuted(&report, &[Area::Routing, Area::Traffic]);
        web.not_reassured(node, &report);
        web.fix(&finding);
        web.fixed(node);
    }
}

/// Left behind by a test of the network.
pub(crate) fn random_loss() {
    for node in ["director", RS] {
        controlled(
            node,
            &["sch_netem"],
            &["qdisc add dev eth0 root netem loss 100%"],
        );
    }
    let web = Web::new(NAT);
    web.on(RS, |_| tc(&["qdisc add dev eth0 root netem loss 1%"]));
    let finding = only(&web.check(RS), Code::QDISC_DROPS);
    assert_eq!(finding.severity, Severity::Warning, "{finding}");
    web.fix(&finding);
    web.on(RS, |_| tc(&["qdisc add dev eth0 root netem delay 1ms"]));
    web.fixed(RS);
}

const FILTER: [&str; 3] = ["sch_ingress", "cls_flower", "act_gact"];

pub(crate) fn a_filter_on_the_director() {
    controlled(
        "director",
        &FILTER,
        &[
            "qdisc add dev eth0 clsact",
            "filter add dev eth0 ingress protocol ip flower ip_proto tcp dst_port 80 action drop",
        ],
    );
}

pub(crate) fn a_filter_on_a_real_server() {
    controlled(
        RS,
        &FILTER,
        &[
            "qdisc add dev eth0 ingress",
            "filter add dev eth0 ingress protocol ip flower ip_proto tcp dst_port 80 action drop",
        ],
    );
    // One that does no harm, as programs that watch packets add them.
    let web = Web::new(DR);
    web.on(RS, |_| {
        tc(&[
            "qdisc add dev eth0 clsact",
            "filter add dev eth0 ingress protocol ip flower ip_proto tcp dst_port 80 action ok",
        ]);
    });
    web.fixed(RS);
}

pub(crate) fn a_small_rate() {
    controlled(
        RS,
        &["sch_tbf"],
        &["qdisc add dev eth0 root tbf rate 8bit burst 10b limit 10b"],
    );
}

/// Closes a firewall to requests or answers, and opens it again.
fn opening_fixes(code: Code, node: &str, texts: &[&str], rules: &[&str]) {
    let modules = ["iptable_filter", "xt_tcpudp", "xt_conntrack"];
    if modules.iter().any(|module| load_module(module).is_err()) {
        lvs_lab::skip("this kernel knows no iptables");
    }
    for text in texts {
        for rule in rules {
            let web = Web::new(text);
            let table = |verb: &str| {
                let line = format!("-w {verb} {rule} -j DROP");
                let words: Vec<_> = line.split(' ').collect();
                web.on(node, |_| run_tool("iptables-legacy", &words).unwrap());
            };
            table("-A");
            assert!(!web.works(), "{rule}");
            let report = web.check_until(node, code);
            only(&report, code);
            is_refuted(&report, &[Area::Routing, Area::Services, Area::Traffic]);
            web.not_reassured(node, &report);
            table("-D");
            web.fixed(node);
        }
    }
}

pub(crate) fn a_firewall_of_a_real_server() {
    let rules = ["INPUT -p tcp --dport 80", "OUTPUT -p tcp --sport 80"];
    opening_fixes(Code::UNANSWERED, RS, &[NAT, DR], &rules);
    opening_fixes(Code::UNANSWERED, RS, &[TUNNEL], &["INPUT -p ipencap"]);
}

pub(crate) fn a_firewall_of_the_director() {
    let rules = ["INPUT -p tcp --dport 80", "OUTPUT -p tcp --dport 80"];
    opening_fixes(Code::UNANSWERED, "director", &[NAT, DR], &rules);
    // Docker has this as its policy. By direct routing no answer passes.
    let rules = ["FORWARD -p tcp", "FORWARD -m conntrack --ctstate INVALID"];
    opening_fixes(Code::UNANSWERED, "director", &[NAT], &rules);
    let rules = ["OUTPUT -p ipencap"];
    opening_fixes(Code::UNANSWERED, "director", &[TUNNEL], &rules);
    let rules = ["OUTPUT -p tcp --sport 80"];
    opening_fixes(Code::UNANSWERED, "director", &[&local_node(DR, "")], &rules);
}

/// No table of a host shows what becomes of datagrams.
pub(crate) fn a_firewall_against_datagrams() {
    let udp = "address = \"172.16.5.11:80\"\nprotocol = \"udp\"";
    let texts = [NAT, DR].map(|text| text.replace("address = \"172.16.5.11:80\"", udp));
    let texts = texts.each_ref().map(String::as_str);
    let rules = ["INPUT -p udp --dport 80"];
    opening_fixes(Code::UNANSWERED, RS, &texts, &rules);
    opening_fixes(Code::UNANSWERED, "director", &texts, &rules);
}

/// The kernel connects its clients, and nothing replies.
pub(crate) fn a_program_that_hangs() {
    for text in [NAT, DR] {
        let mut web = Web::new(text);
        web.lab.stop_servers(RS);
        let hung = web.on(RS, |_| TcpListener::bind("0.0.0.0:80").unwrap());
        assert!(!web.works());
        assert!(web.connects("client", "172.16.5.11:80"));
        let report = web.check_until(RS, Code::UNACCEPTED);
        only(&report, Code::UNACCEPTED);
        is_refuted(&report, &[Area::Services]);
        drop(hung);
        let _server = http::Server::start(web.lab.node(RS).unwrap(), 80, RS).unwrap();
        web.fixed(RS);
    }
}

/// Its datagrams stay where they are.
pub(crate) fn a_program_of_datagrams_that_hangs() {
    let udp = "address = \"172.16.5.11:80\"\nprotocol = \"udp\"";
    for text in [NAT, DR] {
        let mut web = Web::new(&text.replace("address = \"172.16.5.11:80\"", udp));
        web.lab.stop_servers(RS);
        let hung = web.on(RS, |_| UdpSocket::bind("0.0.0.0:80").unwrap());
        assert!(!web.works());
        let report = web.check_until(RS, Code::UNACCEPTED);
        only(&report, Code::UNACCEPTED);
        is_refuted(&report, &[Area::Services]);
        web.not_reassured(RS, &report);
        drop(hung);
        let _server = udp::Server::start(web.lab.node(RS).unwrap(), 80, RS).unwrap();
        web.fixed(RS);
    }
}

/// It hangs with so short a queue that clients are not even connected.
pub(crate) fn a_full_queue() {
    let mut web = Web::new(DR);
    web.lab.stop_servers(RS);
    let before = web.on(RS, |host| {
        let key = SysctlKey::new("net/core/somaxconn").unwrap();
        host.sysctl().read(&key).unwrap()
    });
    web.on(RS, |host| set(host, "net/core/somaxconn", "1"));
    let hung = web.on(RS, |_| TcpListener::bind("0.0.0.0:80").unwrap());
    let mut filled = 0;
    while web.connects("client", "172.16.5.11:80") {
        filled += 1;
        assert!(filled < 20, "the queue is never full");
    }
    assert!(!web.works());
    let report = web.check_until(RS, Code::UNACCEPTED);
    let finding = only(&report, Code::UNACCEPTED);
    eprintln!("{finding}");
    is_refuted(&report, &[Area::Services, Area::Traffic]);
    web.not_reassured(RS, &report);
    drop(hung);
    web.on(RS, |host| set(host, "net/core/somaxconn", &before));
    let _server = http::Server::start(web.lab.node(RS).unwrap(), 80, RS).unwrap();
    web.fixed(RS);
}
