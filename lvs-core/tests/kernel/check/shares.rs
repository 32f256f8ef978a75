//! Who gets how much, and what is left of those who are gone.

use std::net::TcpStream;

use lvs_core::Host;
use lvs_core::check::Code;
use lvs_core::ipvs::{Command, Destination, DestinationId, Forwarding, Thresholds};
use lvs_lab::run_tool;

use crate::check::web::{Harm, Web, codes, findings, only, put, set, sound, text};
use crate::check::{DR, NAT};

/// Row 41: the clients of this lab are neighbours.
pub(crate) fn persistence_of_a_whole_network() {
    let sticky = |netmask| {
        let words = format!("\"rr\"\npersistence = {{ timeout = 300, netmask = {netmask} }}");
        Web::new(&NAT.replace("\"rr\"", &words))
    };
    let web = sticky(16);
    let answers = web.answers();
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
    let found = codes(&web.check("director"));
    assert_eq!(found, [Code::WIDE_PERSISTENCE, Code::ONE_GETS_ALL]);
    drop(web);
    let of_everybody = sticky(8).check("director");
    assert_eq!(
        codes(&of_everybody),
        [Code::WIDE_PERSISTENCE, Code::ONE_GETS_ALL]
    );
    sound(&sticky(32).check("director"));
}

/// Row 43: a threshold that nobody remembers.
pub(crate) fn a_threshold_that_is_reached() {
    let web = Web::new(NAT);
    let service = web.service;
    web.broken("director", Code::OVERLOADED, Harm::None, |host| {
        let id = DestinationId::new([192, 168, 1, 12].into(), 80);
        let mut tight = Destination::new(id, Forwarding::Masquerade);
        tight.thresholds = Thresholds::new(2, 1).unwrap();
        put(host, &[Command::EditDestination(service, tight)]);
    });
}

/// Row 39: who holds a connection to a destination that was deleted is not told.
pub(crate) fn a_connection_to_what_is_gone() {
    let web = Web::new(NAT);
    let service = web.service;
    let held = web.on("client", |_| TcpStream::connect("172.16.5.11:80").unwrap());
    let port = held.local_addr().unwrap().port();
    web.on("director", |host| {
        let connections = host.proc().connections().unwrap();
        let mut its = connections
            .iter()
            .filter(|connection| connection.client.port() == port);
        let server = its.next().unwrap().destination;
        let id = DestinationId::new(server.ip(), server.port());
        put(host, &[Command::DeleteDestination(service, id)]);
    });
    let report = web.check_alone("director", None);
    let found = findings(&report);
    let gone = found
        .iter()
        .find(|finding| finding.code == Code::GONE_DESTINATION);
    web.fix(gone.unwrap());
    let report = web.check_alone("director", None);
    assert!(!codes(&report).contains(&Code::GONE_DESTINATION));
    web.lab.apply().unwrap();
    web.fixed("director");
}

/// A connection that is closing is missed by the client that uses its port again.
pub(crate) fn a_port_of_a_connection_to_what_is_gone() {
    let web = Web::new(DR);
    let service = web.service;
    let one_port = |host: &mut Host| set(host, "net/ipv4/ip_local_port_range", "40000 40000");
    web.on("client", one_port);
    assert!(web.reaches("client", "172.16.5.11:80").is_some());
    web.on("director", |host| {
        let connections = host.proc().connections().unwrap();
        let mut its = connections
            .iter()
            .filter(|connection| connection.client.port() == 40000);
        let server = its.next().unwrap().destination;
        let id = DestinationId::new(server.ip(), server.port());
        put(host, &[Command::DeleteDestination(service, id)]);
    });
    let report = web.check_while("director", |_| {
        web.reaches("client", "172.16.5.11:80");
    });
    let found = findings(&report);
    assert!(
        !codes(&report).contains(&Code::UNANSWERED),
        "{}",
        text(&report)
    );
    let gone = found
        .iter()
        .find(|finding| finding.code == Code::GONE_DESTINATION);
    web.fix(gone.unwrap());
    // The next packet ends the connection; then another server is chosen.
    web.reaches("client", "172.16.5.11:80");
    assert!(web.reaches("client", "172.16.5.11:80").is_some());
}

/// Row 40: who is drained gets its clients back.
pub(crate) fn a_drain_that_persistence_defeats() {
    let sticky = NAT.replace("\"rr\"", "\"rr\"\npersistence = 300");
    let web = Web::new(&sticky.replace(
        "name = \"realserver2\"",
        "name = \"realserver2\"\ndrain = true",
    ));
    sound(&web.check("director"));
    let key = "net/ipv4/vs/expire_quiescent_template";
    web.broken("director", Code::STICKY_DRAIN, Harm::None, |host| {
        set(host, key, "0");
    });
}

/// Row 6: there is no harm yet.
pub(crate) fn a_broadcast_of_a_network_on_lo() {
    let web = Web::new(DR);
    web.broken("realserver1", Code::BROADCAST, Harm::None, |_| {
        let vip = "172.16.5.11/32";
        run_tool("ip", &["address", "del", vip, "dev", "lo"]).unwrap();
        let line = [
            "address",
            "add",
            vip,
            "broadcast",
            "172.16.255.255",
            "dev",
            "lo",
        ];
        run_tool("ip", &line).unwrap();
    });
}

/// Row 15: the director tells real servers of the shorter way. Those that have a connection at that moment believe it,
/// and what they have learnt is forgotten.
pub(crate) fn masquerading_over_one_interface() {
    let web = Web::new(&NAT.replace("\"eth1\"", "\"eth0\""));
    sound(&web.check("director"));
    web.on("director", |host| {
        for conf in ["all", "eth0"] {
            set(host, &format!("net/ipv4/conf/{conf}/send_redirects"), "1");
        }
    });
    let report = web.check("director");
    web.not_reassured("director", &report);
    web.fix(&only(&report, Code::REDIRECTS));
    web.fixed("director");
}
