//! What else runs on a machine, and how it is connected.

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::symlink;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lvs_core::check::{self, Code, Report, Severity};
use lvs_core::ipvs::{
    Command as Change, Destination, DestinationId, Forwarding, ServiceId, Weight,
};
use lvs_core::{Cluster, Host};
use lvs_lab::{http, load_module, run_tool};

use crate::check::web::{Harm, Stop, Web, codes, only, put, set, sound};
use crate::check::{DR, NAT};

const RS: &str = "realserver2";

/// Row 9: a health check of the real IP is green, and clients are refused.
pub(crate) fn a_daemon_of_the_real_ip_only() {
    let mut web = Web::new(DR);
    web.lab.stop_servers(RS);
    let bound = web.on(RS, |_| TcpListener::bind("192.168.1.13:80").unwrap());
    assert!(web.connects("director", "192.168.1.13:80"));
    assert!(!web.works());
    let finding = only(&web.check(RS), Code::NO_LISTENER);
    assert!(
        finding.seen.contains("only on 192.168.1.13:80"),
        "{finding}"
    );
    drop(bound);
    let _server = http::Server::start(web.lab.node(RS).unwrap(), 80, RS).unwrap();
    web.fixed(RS);
    web.fixed("director");
}

/// Row 42: the director as its own real server is looked at as any other.
pub(crate) fn no_daemon_on_the_director() {
    let mut web = Web::new(&crate::check::support::local_node(DR, ""));
    web.lab.stop_servers("director");
    assert!(!web.works());
    only(&web.check("director"), Code::NO_LISTENER);
    let director = web.lab.node("director").unwrap();
    let _server = http::Server::start(director, 80, "director").unwrap();
    web.fixed("director");
}

/// Row 46: it answers clients, who were not meant.
pub(crate) fn a_daemon_that_the_virtual_ip_exposes() {
    let web = Web::new(NAT);
    let daemon = web.on("director", |_| TcpListener::bind("0.0.0.0:2222").unwrap());
    assert!(web.connects("client", "172.16.5.11:2222"));
    let finding = only(&web.check("director"), Code::EXPOSED);
    assert!(finding.seen.contains("2222"), "{finding}");
    drop(daemon);
    let _daemon = web.on("director", |_| {
        TcpListener::bind("192.168.1.11:2222").unwrap()
    });
    assert!(!web.connects("client", "172.16.5.11:2222"));
    web.fixed("director");
}

/// Row 18: requests by one interface, answers by another.
pub(crate) fn strict_rp_filter_with_answers_another_way() {
    let two = DR.replace(
        "addresses = [{ interface = \"eth0\", address = \"192.168.1.13/24\" }]\ngateway = \"192.168.1.254\"",
        "addresses = [{ interface = \"eth0\", address = \"192.168.1.13/24\" }, \
         { interface = \"eth1\", address = \"10.0.0.13/24\" }]\ngateway = \"10.0.0.254\"",
    );
    assert_ne!(two, DR);
    let web = Web::new(&two);
    web.broken(RS, Code::RP_FILTER, Harm::Clients, |host| {
        set(host, "net/ipv4/conf/eth0/rp_filter", "1");
    });
}

/// Row 18: the director's own default route is for administrators; clients come by the other interface.
pub(crate) fn strict_rp_filter_on_the_director() {
    let two = DR.replace(
        "gateway = \"192.168.1.254\"\nip-forward = true\naddresses = [",
        "gateway = \"10.0.0.254\"\nip-forward = true\naddresses = [\n  \
         { interface = \"eth1\", address = \"10.0.0.11/24\" },",
    );
    assert_ne!(two, DR);
    let web = Web::new(&two);
    web.broken("director", Code::RP_FILTER, Harm::Clients, |host| {
        set(host, "net/ipv4/conf/eth0/rp_filter", "1");
    });
}

/// A client of datagrams that never stops keeps its entry, whatever the weight.
pub(crate) fn datagrams_to_a_drained_real_server() {
    let udp = "address = \"172.16.5.11:80\"\nprotocol = \"udp\"";
    let web = Web::new(&NAT.replace("address = \"172.16.5.11:80\"", udp));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let client = scope.spawn(|| web.on("client", |_| ask_until(&done)));
        let _until_the_end = Stop(&done);
        let drained = web.on("director", |host| drain_its_server(host, web.service));
        let finding = only(&web.check_alone("director", None), Code::STUCK_UDP);
        assert!(
            finding.object.to_string().starts_with(&drained.to_string()),
            "{finding}"
        );
        web.fix(&finding);
        // The file still names it: it is not there, as the remedy had it.
        let report = web.check_alone("director", None);
        done.store(true, Ordering::Relaxed);
        assert_eq!(codes(&report), [Code::DRIFT]);
        let answers = client.join().unwrap();
        assert_ne!(answers.first(), answers.last(), "somebody else answers now");
    });
}

/// That by which the client knows its own entry.
const PORT: u16 = 7777;

/// Drains whoever serves the client.
fn drain_its_server(host: &mut Host, service: ServiceId) -> DestinationId {
    let started = Instant::now();
    let server = loop {
        let connections = host.proc().connections().unwrap();
        let mut its = connections
            .iter()
            .filter(|connection| connection.client.port() == PORT);
        match its.next() {
            Some(found) => break found.destination,
            None => assert!(started.elapsed() < Duration::from_secs(20), "not there"),
        }
        thread::yield_now();
    };
    let id = DestinationId::new(server.ip(), server.port());
    let mut drained = Destination::new(id, Forwarding::Masquerade);
    drained.weight = Weight::DRAIN;
    put(host, &[Change::EditDestination(service, drained)]);
    id
}

/// Out of one port; answers who answered.
fn ask_until(done: &AtomicBool) -> Vec<String> {
    let socket = UdpSocket::bind(("0.0.0.0", PORT)).unwrap();
    socket.connect("172.16.5.11:80").unwrap();
    let limit = Some(Duration::from_millis(200));
    socket.set_read_timeout(limit).unwrap();
    let mut answers: Vec<String> = Vec::new();
    while !done.load(Ordering::Relaxed) {
        let mut answer = [0; 64];
        let asked = socket.send(b"who?");
        if let Ok(length) = asked.and_then(|_| socket.recv(&mut answer)) {
            let name = String::from_utf8_lossy(&answer[..length]).into_owned();
            answers.push(name);
        }
    }
    answers
}

/// Row 51.
pub(crate) fn another_program_that_manages_ipvs() {
    let web = Web::new(NAT);
    let mut program = run_as("keepalived");
    let found = only(&web.check("director"), Code::OTHER_MANAGER);
    assert_eq!(found.object.to_string(), "keepalived");
    program.kill().unwrap();
    program.wait().unwrap();
    web.fixed("director");
}

/// What systemd-networkd writes of an interface that it configures.
pub(crate) fn an_interface_that_networkd_configures() {
    let web = Web::new(NAT);
    let index = web.on("director", |host| {
        host.net().link(&"eth0".parse().unwrap()).unwrap().index
    });
    fs::create_dir_all("/run/systemd/netif/links").unwrap();
    let state = format!("/run/systemd/netif/links/{index}");
    fs::write(&state, "ADMIN_STATE=configured\nOPER_STATE=routable\n").unwrap();
    sound(&web.check("director"));
    let mut program = run_as("systemd-networkd");
    let found = only(&web.check("director"), Code::MANAGED_INTERFACE);
    assert_eq!(found.object.to_string(), "eth0");
    fs::write(&state, "ADMIN_STATE=unmanaged\n").unwrap();
    web.fixed("director");
    program.kill().unwrap();
    program.wait().unwrap();
}

/// Something that only sleeps, under another name.
pub(crate) fn run_as(name: &str) -> std::process::Child {
    let path = format!("/run/{name}");
    symlink("/bin/sleep", &path).unwrap();
    Command::new(path).arg("1000").spawn().unwrap()
}

/// Row 45: health checks fail, and clients are served.
pub(crate) fn the_virtual_ip_as_source() {
    let web = Web::new(DR);
    assert!(web.connects("director", "192.168.1.13:80"));
    web.on("director", |_| {
        let line = "route replace 192.168.1.0/24 dev eth0 src 172.16.5.11";
        run_tool("ip", &line.split(' ').collect::<Vec<_>>()).unwrap();
    });
    assert!(
        !web.connects("director", "192.168.1.13:80"),
        "a health check"
    );
    assert!(web.works());
    web.fix(&only(&web.check("director"), Code::VIP_AS_SOURCE));
    assert!(web.connects("director", "192.168.1.13:80"));
    web.fixed("director");
}

/// The virtual IP in the real servers' own network.
const NEAR: &str = r#"
name = "web"
forwarding = "dr"
[director]
addresses = [
  { interface = "eth0", address = "192.168.1.11/24" },
  { interface = "eth0", address = "192.168.1.100/24" },
]
[[services]]
address = "192.168.1.100:80"
scheduler = "rr"
[[real-servers]]
name = "realserver1"
addresses = [{ interface = "eth0", address = "192.168.1.12/24" }]
gateway = "192.168.1.254"
[[real-servers]]
name = "realserver2"
addresses = [{ interface = "eth0", address = "192.168.1.13/24" }]
gateway = "192.168.1.254"
"#;

fn readdressed(web: &Web, networks: &[&str]) {
    web.on("director", |_| {
        let ip = |line: &str| run_tool("ip", &line.split(' ').collect::<Vec<_>>()).unwrap();
        ip("address flush dev eth0 scope global");
        for network in networks {
            ip(&format!("address add {network} brd + dev eth0"));
        }
    });
    for (_, machine) in web.lab.network().machines() {
        let forget = |_: &mut Host| run_tool("ip", &["neigh", "flush", "all"]);
        machine.run(forget).unwrap().unwrap();
    }
}

/// Row 45: it was there before the director's own address, and real servers do not answer ARP that has it as source.
pub(crate) fn the_virtual_ip_first_in_its_network() {
    let web = Web::new(NEAR);
    web.on("director", |host| {
        set(host, "net/ipv4/conf/eth0/promote_secondaries", "1");
    });
    sound(&web.check("director"));
    readdressed(&web, &["192.168.1.100/24", "192.168.1.11/24"]);
    assert!(!web.works());
    let finding = only(&web.check("director"), Code::VIP_AS_SOURCE);
    assert_eq!(finding.severity, Severity::Error);
    web.fix(&finding);
    web.fixed("director");
}

/// Row 45: it is the only one there.
pub(crate) fn the_virtual_ip_alone_in_its_network() {
    let own = "  { interface = \"eth0\", address = \"192.168.1.11/24\" },\n";
    let (with, alone) = (NEAR.replace(".100/24", ".100/32"), NEAR.replace(own, ""));
    let alone = Cluster::from_toml(&alone).unwrap();
    let is_found = |report: &Report| {
        let mut found = report.findings().iter();
        found.any(|finding| {
            finding.code == Code::VIP_AS_SOURCE && finding.severity == Severity::Error
        })
    };
    assert!(is_found(&check::on_paper(&alone)));
    let mut web = Web::new(&with);
    readdressed(&web, &["192.168.1.100/24"]);
    assert!(!web.works());
    let good = std::mem::replace(&mut web.cluster, alone);
    let report = web.check("director");
    assert!(is_found(&report), "{}", crate::check::web::text(&report));
    // The fix is the file with an address of the director's own.
    web.cluster = good;
    readdressed(&web, &[]);
    web.run("director", "lvsctl apply FILE");
    web.fixed("director");
}

/// Row 32. Here it is FTP by masquerading that has the kernel track connections.
pub(crate) fn a_full_connection_tracker() {
    load_module("ip_vs_ftp").unwrap();
    let ftp = NAT.replace("172.16.5.11:80", "172.16.5.11:21");
    let web = Web::new(&format!("{ftp}\n[ipvs]\nconntrack = true\n"));
    let before = limit_tracker("4");
    assert!(!web.works());
    let finding = only(&web.check("director"), Code::CONNTRACK_FULL);
    assert_eq!(finding.severity, Severity::Error);
    assert_eq!(finding.fix, ["sysctl -w net/netfilter/nf_conntrack_max=32"]);
    limit_tracker(&before);
    web.fixed("director");
}

/// The limit is that of the whole kernel, and only its first namespace can set it.
fn limit_tracker(most: &str) -> String {
    let file = "/proc/sys/net/netfilter/nf_conntrack_max";
    let before = fs::read_to_string(file).unwrap();
    fs::write(file, most).unwrap();
    before
}
