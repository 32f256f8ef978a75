//! Faults that looked like others: the finding names the cause on the node that has it.

use std::net::TcpListener;
use std::thread;

use lvs_core::Host;
use lvs_core::check::{Code, Severity};
use lvs_core::ipvs::{
    Command, Destination, Family, Forwarding, Netmask, Persistence, Seconds, Service, Thresholds,
};
use lvs_lab::{http, load_module, run_tool};

use crate::check::NAT;
use crate::check::web::{Web, codes, findings, only, put, set, text};

const RS: &str = "realserver2";
const DIRECTOR: &str = "director";

/// Edits all destinations that the director has.
fn edit(web: &Web, change: impl Fn(&mut Destination) + Sync + Send) {
    let service = web.service;
    web.on(DIRECTOR, |host| {
        for status in host.ipvs().unwrap().destinations(&service).unwrap() {
            let mut destination = status.destination;
            change(&mut destination);
            put(host, &[Command::EditDestination(service, destination)]);
        }
    });
}

/// The real server says why, and the director that clients are refused.
pub(crate) fn programs_that_are_dead() {
    let mut web = Web::new(NAT);
    web.lab.stop_servers(RS);
    assert!(!web.works());
    let report = web.check_until(DIRECTOR, Code::REFUSED);
    only(&report, Code::REFUSED);
    web.not_reassured(DIRECTOR, &report);
    only(&web.check(RS), Code::NO_LISTENER);
    let _server = http::Server::start(web.lab.node(RS).unwrap(), 80, RS).unwrap();
    web.fixed(DIRECTOR);
    web.fixed(RS);
}

/// It accepts, reads and never answers: no finding says what a program should answer, and nothing is called ok.
pub(crate) fn a_program_that_never_answers() {
    let mut web = Web::new(NAT);
    web.lab.stop_servers(RS);
    let listener = web.on(RS, |_| TcpListener::bind("0.0.0.0:80").unwrap());
    // Until the guest ends.
    thread::spawn(move || listener.incoming().flatten().collect::<Vec<_>>());
    assert!(!web.works());
    let report = web.check(DIRECTOR);
    web.not_reassured(DIRECTOR, &report);
}

/// By a rule of Docker's, say: the director's own program, or none, answers.
pub(crate) fn a_redirection_before_ipvs() {
    let modules = ["iptable_nat", "xt_tcpudp", "xt_REDIRECT"];
    if modules.iter().any(|module| load_module(module).is_err()) {
        lvs_lab::skip("this kernel knows no iptables");
    }
    let web = Web::new(NAT);
    let rule = |verb: &str| {
        let line = format!(
            "-w -t nat {verb} PREROUTING -d 172.16.5.11 -p tcp --dport 80 -j REDIRECT --to-ports 8081"
        );
        let words: Vec<_> = line.split(' ').collect();
        web.on(DIRECTOR, |_| run_tool("iptables-legacy", &words).unwrap());
    };
    rule("-A");
    assert!(!web.works());
    let report = web.check_until(DIRECTOR, Code::UNANSWERED);
    only(&report, Code::UNANSWERED);
    web.not_reassured(DIRECTOR, &report);
    rule("-D");
    web.fixed(DIRECTOR);
}

/// Each of them is full at once, and clients are refused.
pub(crate) fn all_real_servers_at_their_thresholds() {
    let web = Web::new(NAT);
    edit(&web, |destination| {
        destination.thresholds = Thresholds::new(1, 0).unwrap();
    });
    assert!(!web.works());
    let report = web.check(DIRECTOR);
    let found = findings(&report);
    let full: Vec<_> = found
        .iter()
        .filter(|finding| finding.code == Code::OVERLOADED)
        .collect();
    assert_eq!(full.len(), 2, "{}", text(&report));
    assert!(
        full.iter()
            .all(|finding| finding.severity == Severity::Error)
    );
    web.not_reassured(DIRECTOR, &report);
    web.fix(full[0]);
    web.fixed(DIRECTOR);
}

/// The virtual IP is found, the gateway of the real servers is not.
pub(crate) fn a_hidden_gateway() {
    let web = Web::new(NAT);
    web.on(DIRECTOR, |host| {
        set(host, "net/ipv4/conf/eth1/arp_ignore", "8")
    });
    let report = web.check(DIRECTOR);
    let found = findings(&report);
    let hidden = found
        .iter()
        .find(|finding| finding.code == Code::ARP_HIDDEN);
    web.fix(hidden.unwrap_or_else(|| panic!("{}", text(&report))));
    assert!(!codes(&web.check(DIRECTOR)).contains(&Code::ARP_HIDDEN));
}

/// A route that someone has added sends a real server's packets to the clients' side.
pub(crate) fn a_route_by_the_wrong_link() {
    let web = Web::new(NAT);
    web.ip(DIRECTOR, "route add 192.168.1.13 dev eth0");
    assert!(!web.works());
    let report = web.check_until(DIRECTOR, Code::DEAD_NEIGHBOUR);
    web.not_reassured(DIRECTOR, &report);
    web.fix(&only(&report, Code::DEAD_NEIGHBOUR));
    web.fixed(DIRECTOR);
}

/// The real server is well: the table is not as the file says.
pub(crate) fn another_forwarding_method() {
    let web = Web::new(NAT);
    edit(&web, |destination| {
        destination.forwarding = Forwarding::DirectRouting;
    });
    assert!(!web.works());
    let report = web.check(DIRECTOR);
    let finding = only(&report, Code::DRIFT);
    assert_eq!(finding.severity, Severity::Error);
    web.not_reassured(DIRECTOR, &report);
    web.fix(&finding);
    web.fixed(DIRECTOR);
}

/// All clients go to one real server by a persistence that the file does not have.
pub(crate) fn another_persistence() {
    let web = Web::new(NAT);
    let sticky = |host: &mut Host| {
        let ipvs = host.ipvs().unwrap();
        let mut service: Service = ipvs.services().unwrap()[0].service.clone();
        service.persistence = Some(Persistence {
            timeout: Seconds(300),
            netmask: Netmask::host(Family::Ipv4),
        });
        put(host, &[Command::EditService(service)]);
    };
    web.on(DIRECTOR, sticky);
    let finding = only(&web.check(DIRECTOR), Code::DRIFT);
    web.fix(&finding);
    assert!(!codes(&web.check(DIRECTOR)).contains(&Code::DRIFT));
}

/// With the address the route is gone: a command for the route alone fails.
pub(crate) fn a_real_server_without_address() {
    let web = Web::new(NAT);
    web.ip(RS, "address flush dev eth0");
    assert!(!web.works());
    let report = web.check(RS);
    let found = findings(&report);
    assert!(!found.is_empty());
    found.iter().for_each(|finding| web.fix(finding));
    web.fixed(RS);
}
