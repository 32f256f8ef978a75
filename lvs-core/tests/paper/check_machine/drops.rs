//! What drops packets: interfaces, traffic control, firewalls and programs that hang, and what looks like it.

use std::net::SocketAddr;

use lvs_core::check::{
    self, Area, Code, DatagramsFact, Facts, Gather, ListeningSocket, RequestsFact, Severity,
};
use lvs_core::ipvs::{Protocol, Seconds};
use lvs_core::net::{Link, Qdisc};

use crate::check_machine::facts::{DR, NAT, cluster, connection, director, found, link, server};

fn of(facts: &mut Facts, name: &str, change: impl FnOnce(&mut Link)) {
    let mut links = facts.links.iter_mut();
    change(links.find(|link| link.name.as_str() == name).unwrap());
}

fn clients(numbers: &[u8]) -> impl Iterator<Item = SocketAddr> {
    numbers
        .iter()
        .map(|number| SocketAddr::from(([203, 0, 113, *number], 40_000)))
}

fn requests(address: &str) -> RequestsFact {
    RequestsFact::new(address.parse().unwrap())
}

#[test]
fn arp_is_needed_only_where_neighbours_are() {
    let dr = cluster(DR);
    let mut facts = server();
    of(&mut facts, "lo", |lo| lo.arp = false);
    // The file does not name it.
    of(&mut facts, "eth1", |eth1| eth1.arp = false);
    assert_eq!(found(&dr, &facts), []);
    for kind in ["dummy", "ipvlan", "vrf"] {
        let mut facts = server();
        of(&mut facts, "eth0", |eth0| {
            eth0.arp = false;
            eth0.kind = Some(kind.to_owned());
        });
        assert_eq!(found(&dr, &facts), [], "{kind}");
    }
    of(&mut facts, "eth0", |eth0| eth0.arp = false);
    assert_eq!(found(&dr, &facts), [Code::ARP_OFF]);
}

#[test]
fn the_mtu_that_a_family_needs() {
    let dr = cluster(DR);
    for (mtu, is_small) in [(575, true), (576, false), (9000, false)] {
        let mut facts = server();
        of(&mut facts, "eth0", |eth0| eth0.mtu = mtu);
        let expected: &[Code] = if is_small { &[Code::SMALL_MTU] } else { &[] };
        assert_eq!(found(&dr, &facts), expected, "{mtu}");
    }
}

#[test]
fn a_port_with_addresses() {
    let dr = cluster(DR);
    for (kind, is_wrong) in [
        ("bridge", true),
        ("bond", true),
        ("vrf", true),
        ("hsr", false),
    ] {
        let mut facts = server();
        let mut other = link(9, "other");
        other.kind = Some(kind.to_owned());
        facts.links.push(other);
        of(&mut facts, "eth0", |eth0| eth0.controller = Some(9));
        let expected: &[Code] = if is_wrong { &[Code::ENSLAVED] } else { &[] };
        assert_eq!(found(&dr, &facts), expected, "{kind}");
    }
}

#[test]
fn queues_that_drop() {
    let dr = cluster(DR);
    let qdisc = |packets, drops, loss| {
        let mut qdisc = Qdisc::new("eth0".parse().unwrap(), "netem".into(), Qdisc::ROOT);
        (qdisc.packets, qdisc.drops, qdisc.loss) = (packets, drops, loss);
        qdisc
    };
    for (packets, drops, loss, expected) in [
        (1000, 0, 0, None),
        // A burst, and a link that is full.
        (4, 2, 0, None),
        (100_000, 300, 0, None),
        (20, 5, 0, Some(Severity::Warning)),
        (0, 0, u32::MAX / 100, Some(Severity::Warning)),
        (0, 0, u32::MAX / 2, Some(Severity::Error)),
    ] {
        let mut facts = server();
        facts.qdiscs = vec![qdisc(packets, drops, loss)];
        let report = check::on_node(&dr, &facts);
        let found = report.findings().iter();
        let mut found = found.filter(|finding| finding.code == Code::QDISC_DROPS);
        assert_eq!(found.next().map(|finding| finding.severity), expected);
    }
    let mut facts = server();
    facts.qdiscs = vec![qdisc(20, 5, 0)];
    let mut asked = requests("172.16.5.11:80");
    asked.unanswered = clients(&[1]).collect();
    facts.requests = vec![asked];
    assert_eq!(check::on_node(&dr, &facts).worst(), Some(Severity::Error));
}

#[test]
fn a_real_server_that_answers_some_is_not_closed() {
    let dr = cluster(DR);
    for (answered, refused, unanswered, expected) in [
        (0, 0, &[1_u8][..], Some(Code::UNANSWERED)),
        (0, 3, &[], Some(Code::UNANSWERED)),
        // A firewall may keep these out.
        (1, 0, &[1], None),
        (9, 3, &[], None),
    ] {
        let mut facts = server();
        let mut asked = requests("172.16.5.11:80");
        (asked.answered, asked.refused) = (answered, refused);
        asked.unanswered = clients(unanswered).collect();
        facts.requests = vec![asked];
        let expected: Vec<_> = expected.into_iter().collect();
        assert_eq!(found(&dr, &facts), expected, "{answered} {refused}");
    }
    // Of another program.
    let mut facts = server();
    let mut asked = requests("192.168.1.12:22");
    asked.unanswered = clients(&[1, 2]).collect();
    facts.requests = vec![asked];
    assert_eq!(found(&dr, &facts), []);
}

#[test]
fn answers_that_do_not_arrive() {
    let dr = cluster(DR);
    for (answered, lost, expected) in [
        (2, &[1_u8, 2][..], Some(Code::ASTRAY)),
        // One client with a bad line, and two of many.
        (1, &[1], None),
        (9, &[1, 2], None),
    ] {
        let mut facts = server();
        let mut asked = requests("172.16.5.11:80");
        asked.answered = answered;
        asked.lost = clients(lost).collect();
        facts.requests = vec![asked];
        let expected: Vec<_> = expected.into_iter().collect();
        assert_eq!(found(&dr, &facts), expected, "{answered}");
    }
}

#[test]
fn a_queue_that_no_program_empties() {
    let dr = cluster(DR);
    let own = |text: &str| text.parse::<SocketAddr>().unwrap();
    let mut facts = server();
    facts.unaccepted = clients(&[1, 2])
        .map(|client| (own("192.168.1.12:22"), client))
        .collect();
    // Some other program overflows, and clients of this one wait for another reason.
    facts.overflows = 7;
    assert_eq!(found(&dr, &facts), []);
    facts.unaccepted = clients(&[1])
        .map(|client| (own("172.16.5.11:80"), client))
        .collect();
    assert_eq!(found(&dr, &facts), [Code::UNACCEPTED]);
    let mut asked = requests("172.16.5.11:80");
    asked.answered = 5;
    asked.unanswered = clients(&[2, 3]).collect();
    facts.unaccepted.clear();
    facts.requests = vec![asked];
    assert_eq!(found(&dr, &facts), [Code::UNACCEPTED]);
    facts.overflows = 0;
    assert_eq!(found(&dr, &facts), []);
}

#[test]
fn requests_that_do_not_reach_ipvs() {
    let nat = cluster(NAT);
    let mut facts = director(&nat);
    let mut asked = requests("172.16.5.11:80");
    asked.unanswered = clients(&[1]).collect();
    facts.requests = vec![asked];
    assert_eq!(found(&nat, &facts), [Code::UNANSWERED]);
    // Refused before IPVS gets it, as by REDIRECT.
    facts.requests[0].unanswered.clear();
    facts.requests[0].rejected = clients(&[1]).collect();
    assert_eq!(found(&nat, &facts), [Code::UNANSWERED]);
    // A firewall keeps this client out, and lets another one pass.
    let balanced = |client: &str| {
        let state = "ESTABLISHED";
        connection(Protocol::TCP, client, "192.168.1.12:80", state, 899)
    };
    facts.readings[1]
        .connections
        .push(balanced("203.0.113.9:41000"));
    assert_eq!(found(&nat, &facts), []);
    // A limit, or a rule with a probability, drops some requests of one client.
    facts.readings[1]
        .connections
        .push(balanced("203.0.113.1:41000"));
    let report = check::on_node(&nat, &facts);
    assert_eq!(report.findings()[0].severity, Severity::Warning);
    assert_eq!(found(&nat, &facts), [Code::UNANSWERED]);
    assert!(!report.sound().any(|area| area == Area::Traffic));
    // An address of the director that is no service's.
    facts.requests[0].address = "172.16.5.11:22".parse().unwrap();
    assert_eq!(found(&nat, &facts), []);
}

/// Datagrams that arrive at the director while nothing is counted.
#[test]
fn datagrams_that_ipvs_does_not_get() {
    let udp = "scheduler = \"rr\"\nprotocol = \"udp\"";
    let udp = cluster(&NAT.replace("scheduler = \"rr\"", udp));
    let mut facts = director(&udp);
    facts.readings[1] = facts.readings[0].clone();
    facts.readings[1].at = Gather::PAUSE;
    let mut datagrams = DatagramsFact::new("172.16.5.11:80".parse().unwrap());
    datagrams.unanswered = clients(&[1, 2, 3]).collect();
    datagrams.count = 3;
    facts.datagrams = vec![datagrams];
    assert_eq!(found(&udp, &facts), [Code::UNANSWERED]);
    let known = clients(&[2]).map(|client| {
        let server = "192.168.1.12:80";
        connection(Protocol::UDP, &client.to_string(), server, "UDP", 299)
    });
    facts.readings[1].connections.extend(known);
    assert!(!found(&udp, &facts).contains(&Code::UNANSWERED));
    facts.readings[1].connections.clear();
    facts.datagrams[0].answered = clients(&[4]).collect();
    assert!(!found(&udp, &facts).contains(&Code::UNANSWERED));
}

/// An unmanaged service by a mark, without destinations.
#[test]
fn a_mark_that_the_file_does_not_name_is_named() {
    let nat = cluster(NAT);
    let mut facts = director(&nat);
    facts.readings[1].at = Gather::PAUSE;
    let mut other = facts.readings[1].services[0].clone();
    other.destinations.clear();
    // The first one is of a probe.
    for id in ["fwmark 1280769515 ipv4", "fwmark 5 ipv4"] {
        other.status.service.id = id.parse().unwrap();
        facts.readings[1].services.push(other.clone());
    }
    let mut asked = requests("172.16.5.11:80");
    asked.unanswered = clients(&[1, 2]).collect();
    facts.requests = vec![asked];
    let report = check::on_node(&nat, &facts);
    let [finding] = report.findings() else {
        panic!("{report:?}");
    };
    assert_eq!(finding.code, Code::UNANSWERED);
    assert!(finding.seen.contains("fwmark 5 ipv4"), "{finding}");
    let first = "lvsctl service delete -f 5  # where";
    assert!(finding.fix[0].starts_with(first), "{finding}");
}

/// Clients of a service by a mark that the director itself refuses.
#[test]
fn clients_that_no_rule_marks_are_an_error() {
    let marked = "fwmark = 1\nmatch = [\"tcp 172.16.5.11:80\"]\n";
    let marked = cluster(&NAT.replace("address = \"172.16.5.11:80\"\n", marked));
    let mut facts = director(&marked);
    facts.readings[1] = facts.readings[0].clone();
    facts.readings[1].at = Gather::PAUSE;
    let mut asked = requests("172.16.5.11:80");
    asked.rejected = clients(&[1, 2]).collect();
    facts.requests = vec![asked];
    let report = check::on_node(&marked, &facts);
    let [finding] = report.findings() else {
        panic!("{report:?}");
    };
    assert_eq!(
        (finding.code, finding.severity),
        (Code::NEVER_MARKED, Severity::Error)
    );
    facts.requests.clear();
    assert!(!found(&marked, &facts).contains(&Code::NEVER_MARKED));
    for reading in &mut facts.readings {
        reading.services[0].status.stats.connections = 0;
    }
    let report = check::on_node(&marked, &facts);
    let mut findings = report.findings().iter();
    let note = findings.find(|finding| finding.code == Code::NEVER_MARKED);
    assert_eq!(note.unwrap().severity, Severity::Note);
}

/// Whether a firewall drops them, or the program has no answer to give.
#[test]
fn datagrams_without_an_answer_on_a_real_server() {
    let text = DR.replace(
        "scheduler = \"wrr\"",
        "scheduler = \"wrr\"\nprotocol = \"udp\"",
    );
    let dr = cluster(&text);
    let mut facts = server();
    facts.listeners.insert(ListeningSocket {
        protocol: Protocol::UDP,
        address: "0.0.0.0:80".parse().unwrap(),
    });
    let is_sound = |facts: &Facts| {
        let report = check::on_node(&dr, facts);
        report.sound().any(|area| area == Area::Routing)
    };
    assert!(is_sound(&facts));
    let mut datagrams = DatagramsFact::new("172.16.5.11:80".parse().unwrap());
    datagrams.unanswered = clients(&[1, 2, 3]).collect();
    datagrams.count = 3;
    facts.datagrams = vec![datagrams];
    assert_eq!(found(&dr, &facts), [], "the program has read them");
    assert!(!is_sound(&facts));
    facts.datagrams[0].undelivered = true;
    assert_eq!(found(&dr, &facts), [Code::UNANSWERED]);
    facts.datagrams[0].answered = clients(&[4]).collect();
    assert_eq!(found(&dr, &facts), []);
    assert!(is_sound(&facts));
}

#[test]
fn a_scan_with_forged_addresses_is_no_fault() {
    let nat = cluster(NAT);
    let mut facts = director(&nat);
    let seen = |number: u8, state| {
        let client = format!("203.0.113.{number}:40000");
        connection(Protocol::TCP, &client, "192.168.1.12:80", state, 58)
    };
    facts.readings[1].at = Gather::PAUSE;
    let waiting = (1..4).map(|number| seen(number, "SYN_RECV"));
    facts.readings[1].connections.extend(waiting);
    assert_eq!(found(&nat, &facts), [Code::HALF_OPEN]);
    let mut established = seen(9, "ESTABLISHED");
    established.expires = Seconds(899);
    facts.readings[1].connections.push(established);
    let mut asked = requests("172.16.5.11:80");
    asked.answered = 1;
    facts.requests = vec![asked];
    assert_eq!(found(&nat, &facts), []);
    facts.readings[1].connections.pop();
    assert_eq!(found(&nat, &facts), [Code::HALF_OPEN]);
    // Answers have passed.
    facts.requests[0].silent = clients(&[1, 2, 3]).collect();
    let report = check::on_node(&nat, &facts);
    assert_eq!(report.findings()[0].severity, Severity::Warning);
    let mut other = seen(9, "ESTABLISHED");
    other.destination = "192.168.1.13:80".parse().unwrap();
    other.expires = Seconds(899);
    facts.readings[1].connections.push(other);
    assert_eq!(found(&nat, &facts), []);
    facts.requests[0].lost = clients(&[1, 2]).collect();
    assert_eq!(found(&nat, &facts), [Code::HALF_OPEN]);
}

#[test]
fn a_real_server_that_refuses() {
    let nat = cluster(NAT);
    let mut facts = director(&nat);
    let refused = clients(&[1, 2]).map(|client| {
        let server = "192.168.1.12:80";
        connection(Protocol::TCP, &client.to_string(), server, "CLOSE", 9)
    });
    facts.readings[1].connections.extend(refused);
    let mut asked = requests("172.16.5.11:80");
    asked.rejected = clients(&[1, 2]).collect();
    facts.requests = vec![asked];
    assert_eq!(found(&nat, &facts), [Code::REFUSED]);
    let state = "ESTABLISHED";
    let taken = connection(
        Protocol::TCP,
        "203.0.113.9:4000",
        "192.168.1.12:80",
        state,
        899,
    );
    facts.readings[1].connections.push(taken);
    assert_eq!(found(&nat, &facts), []);
}

#[test]
fn clients_that_make_no_progress_are_no_reassurance() {
    let nat = cluster(NAT);
    let mut facts = director(&nat);
    let is_ok = |facts: &Facts| {
        let report = check::on_node(&nat, facts);
        report.sound().any(|area| area == Area::Traffic)
    };
    assert!(is_ok(&facts));
    let mut asked = requests("172.16.5.11:80");
    asked.stalled = clients(&[1]).collect();
    facts.requests = vec![asked];
    assert_eq!(found(&nat, &facts), []);
    assert!(!is_ok(&facts));
    // Nor are those that get no data.
    facts.requests[0].stalled.clear();
    assert!(is_ok(&facts));
    facts.requests[0].unserved = clients(&[1]).collect();
    assert_eq!(found(&nat, &facts), []);
    assert!(!is_ok(&facts));
}
