//! What connections and counters tell.

use std::net::SocketAddr;
use std::time::Duration;

use lvs_core::check::{self, Area, Code, DatagramsFact, Facts, Gather, RequestsFact, Severity};
use lvs_core::ipvs::{Protocol, Weight};

use crate::check_machine::facts::{
    NAT, cluster, connection, destination, director, found, reading, set,
};

#[test]
fn one_that_gets_all_connections_is_named() {
    let nat = cluster(NAT);
    let mut facts = director(&nat);
    facts.readings = vec![reading(&nat, 10), reading(&nat, 30)];
    assert_eq!(found(&nat, &facts), []);
    let before = facts.readings[0].services[0].destinations[1].stats;
    destination(&mut facts, 1).stats = before;
    assert_eq!(found(&nat, &facts), [Code::ONE_GETS_ALL]);
    destination(&mut facts, 1).destination.weight = Weight::DRAIN;
    assert_eq!(found(&nat, &facts), [], "it was meant so");
}

#[test]
fn living_connections_to_what_is_gone_are_counted() {
    let nat = cluster(NAT);
    let mut facts = director(&nat);
    for state in ["FIN_WAIT", "SYN_RECV", "TIME_WAIT"] {
        let closing = connection(
            Protocol::TCP,
            "198.51.100.7:4000",
            "192.168.1.99:80",
            state,
            50,
        );
        facts.readings[1].connections.push(closing);
    }
    assert_eq!(found(&nat, &facts), []);
    let mut asked = facts.clone();
    let client = facts.readings[1].connections.last().unwrap().client;
    let mut requests = RequestsFact::new("172.16.5.11:80".parse().unwrap());
    requests.unanswered.insert(client);
    asked.requests.push(requests);
    assert_eq!(found(&nat, &asked), [Code::GONE_DESTINATION]);
    let living = connection(
        Protocol::TCP,
        "198.51.100.7:4001",
        "192.168.1.99:80",
        "ESTABLISHED",
        800,
    );
    facts.readings[1].connections.push(living);
    assert_eq!(found(&nat, &facts), [Code::GONE_DESTINATION]);
    set(&mut facts, "net/ipv4/vs/expire_nodest_conn", "1");
    assert_eq!(found(&nat, &facts), []);
}

#[test]
fn connections_that_were_established_late_are_no_sign() {
    let nat = cluster(NAT);
    let stalled = |port: u16, expires| {
        connection(
            Protocol::TCP,
            &format!("198.51.100.7:{port}"),
            "192.168.1.12:80",
            "SYN_RECV",
            expires,
        )
    };
    let mut facts = director(&nat);
    facts.readings[1].at = Gather::PAUSE;
    facts.readings[1].connections = vec![stalled(1, 59), stalled(2, 60), stalled(3, 60)];
    assert_eq!(found(&nat, &facts), [], "they have just begun");
    facts.readings[1].connections = vec![stalled(1, 58), stalled(2, 57)];
    assert_eq!(found(&nat, &facts), [Code::HALF_OPEN]);
    facts.readings[0].connections = vec![stalled(1, 59), stalled(2, 60)];
    facts.readings[1].connections = vec![stalled(1, 58), stalled(2, 59)];
    assert_eq!(
        found(&nat, &facts),
        [Code::HALF_OPEN],
        "their clients asked again"
    );
    facts.readings[1].connections = vec![stalled(1, 57), stalled(2, 58)];
    assert_eq!(found(&nat, &facts), [], "their clients have given up");
    facts.readings[0].connections = vec![stalled(1, 40), stalled(2, 30)];
    assert_eq!(
        found(&nat, &facts),
        [],
        "it was the real server that repeated"
    );
}

/// What clients met before the check says nothing of the present once others are answered.
#[test]
fn clients_that_gave_up_are_told_until_others_are_answered() {
    let nat = cluster(NAT);
    let entry = |port: u16, state, expires| {
        let client = format!("198.51.100.7:{port}");
        connection(Protocol::TCP, &client, "192.168.1.12:80", state, expires)
    };
    let mut facts = director(&nat);
    facts.readings[1].at = Gather::PAUSE;
    facts.readings[0].connections = vec![entry(1, "SYN_RECV", 40)];
    facts.readings[1].connections = vec![entry(1, "SYN_RECV", 38)];
    let line = |facts: &Facts| {
        let report = check::on_node(&nat, facts);
        let mut areas = report.areas().iter();
        let traffic = areas.find(|report| report.area == Area::Traffic).unwrap();
        assert!(report.findings().is_empty(), "{report:?}");
        (traffic.is_ok(), traffic.to_string())
    };
    let given_up = "not examined traffic: 1 connection to realserver1 got no answer until its \
                    client gave up, the last one 22 s ago (SYN_RECV), and none was established \
                    during the check: ask the service and check again";
    assert_eq!(line(&facts), (false, given_up.to_owned()));
    for (reading, expires) in facts.readings.iter_mut().zip([880, 877]) {
        reading.connections.push(entry(2, "ESTABLISHED", expires));
    }
    assert_eq!(line(&facts), (false, given_up.to_owned()), "it is older");
    facts.readings[1]
        .connections
        .push(entry(3, "FIN_WAIT", 119));
    let ok = "ok traffic: every TCP connection that asked during the check is established; \
              1 connection before it was given up without an answer";
    assert_eq!(line(&facts), (true, ok.to_owned()));
    facts.readings[1].connections.push(entry(4, "SYN_RECV", 58));
    let waiting =
        "not examined traffic: 1 connection to realserver1 waits for an answer (SYN_RECV)";
    assert_eq!(line(&facts), (false, waiting.to_owned()));
}

/// One of the masqueraded real servers answers past the director.
#[test]
fn a_real_server_whose_datagrams_are_not_answered_is_named() {
    let udp = cluster(&NAT.replace(
        "scheduler = \"rr\"",
        "scheduler = \"rr\"\nprotocol = \"udp\"",
    ));
    let mut facts = director(&udp);
    facts.readings = vec![reading(&udp, 10), reading(&udp, 30)];
    assert_eq!(found(&udp, &facts), []);
    let before = facts.readings[0].services[0].destinations[1].stats;
    destination(&mut facts, 1).stats.packets_out = before.packets_out;
    let report = check::on_node(&udp, &facts);
    let [finding] = report.findings() else {
        panic!("{report:?}");
    };
    assert_eq!(finding.code, Code::NO_ANSWERS);
    assert!(finding.fix[0].contains("--node realserver2"), "{finding}");
}

/// Of a service with few clients, one of which waits while check watches.
#[test]
fn a_server_that_has_never_answered_is_told_by_one_that_waits() {
    let nat = cluster(NAT);
    let entry = |port: u16, server: &str, state, expires| {
        let client = format!("198.51.100.7:{port}");
        connection(Protocol::TCP, &client, server, state, expires)
    };
    let (first, second) = ("192.168.1.12:80", "192.168.1.13:80");
    let mut facts = director(&nat);
    facts.readings[1].at = Gather::PAUSE;
    facts.readings[0].connections = vec![entry(1, first, "SYN_RECV", 40)];
    facts.readings[1].connections = vec![
        entry(1, first, "SYN_RECV", 38),
        entry(2, first, "SYN_RECV", 58),
        entry(3, second, "FIN_WAIT", 119),
    ];
    let report = check::on_node(&nat, &facts);
    let [finding] = report.findings() else {
        panic!("{report:?}");
    };
    assert_eq!(
        (finding.code, finding.severity),
        (Code::HALF_OPEN, Severity::Warning)
    );
    let search = "lvsctl check FILE --arp  # here: another host may have 192.168.1.12";
    assert!(finding.fix[1].contains(search), "{finding}");
    let again = entry(4, first, "SYN_RECV", 57);
    facts.readings[1].connections.push(again);
    let report = check::on_node(&nat, &facts);
    assert_eq!(report.findings()[0].severity, Severity::Error);
    facts.readings[1].connections.pop();
    let before = entry(5, first, "TIME_WAIT", 110);
    facts.readings[1].connections.push(before);
    assert_eq!(found(&nat, &facts), [], "it has answered another one");
}

/// Datagrams are told apart by the real server that IPVS has chosen for their client.
#[test]
fn datagrams_are_judged_by_real_server() {
    let udp = cluster(&NAT.replace(
        "scheduler = \"rr\"",
        "scheduler = \"rr\"\nprotocol = \"udp\"",
    ));
    let client = |number: u8| SocketAddr::from(([198, 51, 100, number], 4000));
    let facts = |unanswered: &[u8], answered: &[u8]| {
        let mut facts = director(&udp);
        let servers = [
            ("192.168.1.12:80", unanswered),
            ("192.168.1.13:80", answered),
        ];
        let entries = servers.into_iter().flat_map(|(server, numbers)| {
            numbers.iter().map(move |number| {
                let client = client(*number).to_string();
                connection(Protocol::UDP, &client, server, "UDP", 299)
            })
        });
        facts.readings[1].connections.extend(entries);
        let mut datagrams = DatagramsFact::new("172.16.5.11:80".parse().unwrap());
        datagrams.answered = answered.iter().copied().map(client).collect();
        datagrams.unanswered = unanswered.iter().copied().map(client).collect();
        facts.datagrams = vec![datagrams];
        facts
    };
    let of_one = facts(&[1, 2], &[3]);
    let report = check::on_node(&udp, &of_one);
    let [finding] = report.findings() else {
        panic!("{report:?}");
    };
    assert_eq!(finding.code, Code::NO_ANSWERS);
    assert!(finding.fix[0].contains("--node realserver1"), "{finding}");
    let doubtful = facts(&[1], &[3]);
    assert_eq!(found(&udp, &doubtful), []);
    let report = check::on_node(&udp, &doubtful);
    assert!(!report.sound().any(|area| area == Area::Traffic));
    let report = check::on_node(&udp, &facts(&[], &[1, 3]));
    assert!(report.sound().any(|area| area == Area::Traffic));
}

/// Clients that ask every second renew their entries: a reading between shows that they wait.
#[test]
fn connections_that_were_there_a_second_ago_have_waited() {
    let nat = cluster(NAT);
    let entry = |port: u16, state: &'static str| {
        let client = format!("198.51.100.7:{port}");
        connection(Protocol::TCP, &client, "192.168.1.12:80", state, 59)
    };
    let facts = |middle: u64, states: [&'static str; 2]| {
        let mut facts = director(&nat);
        let mut between = facts.readings[0].clone();
        between.at = Duration::from_millis(middle);
        facts.readings.insert(1, between);
        facts.readings[2].at = Gather::PAUSE;
        for (place, state) in [(1, states[0]), (2, states[1])] {
            facts.readings[place].connections = vec![entry(1, state), entry(2, state)];
        }
        facts
    };
    let asked = ["SYN_RECV"; 2];
    assert_eq!(found(&nat, &facts(1250, asked)), [Code::HALF_OPEN]);
    assert_eq!(found(&nat, &facts(2000, asked)), [], "they have just begun");
    let answered = ["SYN_RECV", "ESTABLISHED"];
    assert_eq!(found(&nat, &facts(1250, answered)), []);
}

#[test]
fn udp_clients_that_a_drain_does_not_reach() {
    let udp = cluster(&NAT.replace(
        "scheduler = \"rr\"",
        "scheduler = \"rr\"\nprotocol = \"udp\"",
    ));
    let facts = |expires| {
        let mut facts = director(&udp);
        destination(&mut facts, 0).destination.weight = Weight::DRAIN;
        facts.readings[1].at = Gather::PAUSE;
        for (place, expires) in [(0, 298), (1, expires)] {
            let entry = connection(
                Protocol::UDP,
                "198.51.100.7:4000",
                "192.168.1.12:80",
                "UDP",
                expires,
            );
            facts.readings[place].connections.push(entry);
        }
        facts
    };
    assert_eq!(found(&udp, &facts(296)), [], "it runs out");
    assert_eq!(found(&udp, &facts(297)), [Code::STUCK_UDP], "a second ago");
    assert_eq!(found(&udp, &facts(299)), [Code::STUCK_UDP]);
}

#[test]
fn no_traffic_is_a_note() {
    let nat = cluster(NAT);
    let mut facts = director(&nat);
    facts.readings = vec![reading(&nat, 10), reading(&nat, 10)];
    let report = check::on_node(&nat, &facts);
    let seen: Vec<_> = report
        .findings()
        .iter()
        .map(|finding| (finding.code, finding.severity))
        .collect();
    assert_eq!(seen, [(Code::NO_TRAFFIC, Severity::Note)]);
    facts.readings.pop();
    assert_eq!(found(&nat, &facts), [], "traffic was not asked for");
}
