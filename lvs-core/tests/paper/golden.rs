//! Messages of real programs and kernels are decoded, and encoded to the same bytes.

// Netlink has the byte order of the machine, and these captures are of x86-64.
#![cfg(target_endian = "little")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use lvs_core::ipvs::message::IpvsMessage;
use lvs_core::ipvs::{
    Daemon, DaemonRole, Destination, DestinationStatus, Encapsulation, EngineName, Family,
    Forwarding, Info, Netmask, Persistence, SchedulerName, Seconds, Service, ServiceFlags,
    ServiceId, ServiceStatus, Stats, Thresholds, Timeouts, TunnelChecksum, Weight,
};

const OLD: &str = include_str!("../data/captures/ipvsadm-linux-6.1.txt");
const NEW: &str = include_str!("../data/captures/ipvsadm-linux-7.2.txt");

/// Holds the bytes that one command line sent and received, generic netlink headers included.
#[derive(Default)]
struct Conversation {
    sent: Vec<Vec<u8>>,
    came: Vec<Vec<u8>>,
}

/// Returns the conversations of a capture by command line; for one typed twice the first.
fn conversations(capture: &str) -> BTreeMap<&str, Conversation> {
    let mut all = BTreeMap::new();
    for block in capture.split("\n$ ipvsadm ").skip(1) {
        let (line, messages) = block.split_once('\n').unwrap();
        let mut conversation = Conversation::default();
        for message in messages.lines() {
            match message.split_once(' ') {
                Some((">", hex)) => conversation.sent.push(bytes(hex)),
                Some(("<", hex)) => conversation.came.push(bytes(hex)),
                _ => {}
            }
        }
        all.entry(line).or_insert(conversation);
    }
    all
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<_> = hex
        .chars()
        .map(|digit| digit.to_digit(16).unwrap() as u8)
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

fn decode(bytes: &[u8]) -> IpvsMessage {
    IpvsMessage::decode(bytes[0], &bytes[4..]).unwrap()
}

fn encode(message: &IpvsMessage) -> Vec<u8> {
    let mut bytes = vec![message.command(), 1, 0, 0];
    message.encode(&mut bytes);
    bytes
}

fn id(text: &str) -> ServiceId {
    text.parse().unwrap()
}

fn service(text: &str, scheduler: SchedulerName) -> Service {
    Service::new(id(text), scheduler)
}

fn persistent(service: Service, timeout: u32, prefix: u8) -> Service {
    let netmask = Netmask::from_prefix(service.id.family(), prefix).unwrap();
    let timeout = Seconds(timeout);
    Service {
        persistence: Some(Persistence { timeout, netmask }),
        ..service
    }
}

fn flagged(service: Service, flags: ServiceFlags) -> Service {
    Service { flags, ..service }
}

fn hashed() -> Service {
    let service = service("tcp [2001:db8::1]:443", SchedulerName::SH);
    let flags = ServiceFlags::SH_FALLBACK | ServiceFlags::SH_PORT;
    persistent(flagged(service, flags), 300, 64)
}

fn one_packet() -> Service {
    flagged(
        service("udp 10.0.0.1:53", SchedulerName::RR),
        ServiceFlags::ONE_PACKET,
    )
}

fn sip() -> Service {
    let service = service("udp 10.0.0.1:5060", SchedulerName::RR);
    Service {
        engine: Some(EngineName::SIP),
        ..persistent(service, 60, 32)
    }
}

fn destination(text: &str, forwarding: Forwarding, weight: u32) -> Destination {
    let mut destination = Destination::new(text.parse().unwrap(), forwarding);
    destination.weight = Weight::new(weight).unwrap();
    destination
}

fn limited(weight: u32) -> Destination {
    let mut destination = destination("10.1.0.1:8080", Forwarding::Masquerade, weight);
    destination.thresholds = Thresholds::new(1000, 800).unwrap();
    destination
}

const IPIP: Forwarding = Forwarding::Tunnel(Encapsulation::Ipip);
const GRE: Forwarding = Forwarding::Tunnel(Encapsulation::Gre {
    checksum: TunnelChecksum::Full,
});

fn gue() -> Forwarding {
    Forwarding::Tunnel(Encapsulation::Gue {
        port: 6080.try_into().unwrap(),
        checksum: TunnelChecksum::Remote,
    })
}

fn daemon(role: DaemonRole, sync_id: u32) -> Daemon {
    Daemon::new(role, "lo".parse().unwrap(), sync_id)
}

fn backup() -> Daemon {
    Daemon {
        max_length: Some(1400),
        group: Some("224.0.0.99".parse().unwrap()),
        port: Some(9000),
        ttl: Some(3),
        ..daemon(DaemonRole::Backup, 8)
    }
}

fn timeouts() -> Timeouts {
    Timeouts {
        tcp: Seconds(100),
        tcp_fin: Seconds(20),
        udp: Seconds(30),
    }
}

/// Returns command lines with their meaning.
fn typed() -> Vec<(&'static str, IpvsMessage)> {
    use Forwarding::{DirectRouting, Masquerade};
    use IpvsMessage::*;
    let web = id("tcp 10.0.0.1:80");
    let set = |line, destination| (line, NewDest(web, destination));
    assert_eq!(limited(3).forwarding, Masquerade);
    vec![
        (
            "-A -t 10.0.0.1:80 -s rr",
            NewService(service("tcp 10.0.0.1:80", SchedulerName::RR)),
        ),
        ("-A -u 10.0.0.1:53 -s rr -o", NewService(one_packet())),
        (
            "-A --sctp-service 10.0.0.1:9 -s wlc",
            NewService(service("sctp 10.0.0.1:9", SchedulerName::WLC)),
        ),
        (
            "-A -t [2001:db8::1]:443 -s sh -b sh-fallback,sh-port -p 300 -M 64",
            NewService(hashed()),
        ),
        (
            "-A -f 7 -s wrr",
            NewService(service("fwmark 7 ipv4", SchedulerName::WRR)),
        ),
        (
            "-A -f 7 -6 -s rr",
            NewService(service("fwmark 7 ipv6", SchedulerName::RR)),
        ),
        (
            "-A -u 10.0.0.1:5060 -s rr -p 60 --pe sip",
            NewService(sip()),
        ),
        (
            "-E -t 10.0.0.1:80 -s wrr -p 120 -M 255.255.255.0",
            SetService(persistent(
                service("tcp 10.0.0.1:80", SchedulerName::WRR),
                120,
                24,
            )),
        ),
        set(
            "-a -t 10.0.0.1:80 -r 10.1.0.1:8080 -m -w 3 -x 1000 -y 800",
            limited(3),
        ),
        set(
            "-a -t 10.0.0.1:80 -r 10.1.0.2 -g -w 2",
            destination("10.1.0.2:80", DirectRouting, 2),
        ),
        set(
            "-a -t 10.0.0.1:80 -r 10.1.0.3 -i",
            destination("10.1.0.3:80", IPIP, 1),
        ),
        set(
            "-a -t 10.0.0.1:80 -r 10.1.0.4 -i --tun-type gue --tun-port 6080 --tun-remcsum",
            destination("10.1.0.4:80", gue(), 1),
        ),
        set(
            "-a -t 10.0.0.1:80 -r 10.1.0.5 -i --tun-type gre --tun-csum",
            destination("10.1.0.5:80", GRE, 1),
        ),
        set(
            "-a -t 10.0.0.1:80 -r [2001:db8::2]:80 -i",
            destination("[2001:db8::2]:80", IPIP, 1),
        ),
        (
            "-a -t [2001:db8::1]:443 -r [2001:db8::3]:443 -g",
            NewDest(
                hashed().id,
                destination("[2001:db8::3]:443", DirectRouting, 1),
            ),
        ),
        (
            "-a -f 7 -r 10.1.0.6 -g",
            NewDest(id("fwmark 7"), destination("10.1.0.6:0", DirectRouting, 1)),
        ),
        (
            "-e -t 10.0.0.1:80 -r 10.1.0.2 -g -w 0",
            SetDest(web, destination("10.1.0.2:80", DirectRouting, 0)),
        ),
        (
            "-d -t 10.0.0.1:80 -r 10.1.0.3",
            DelDest(web, "10.1.0.3:80".parse().unwrap()),
        ),
        ("--set 100 20 30", SetConfig(timeouts())),
        ("-L --timeout", GetConfig),
        (
            "--start-daemon master --mcast-interface lo --syncid 7",
            NewDaemon(daemon(DaemonRole::Master, 7)),
        ),
        (
            "--start-daemon backup --mcast-interface lo --syncid 8 --sync-maxlen 1400 \
             --mcast-group 224.0.0.99 --mcast-port 9000 --mcast-ttl 3",
            NewDaemon(backup()),
        ),
        (
            "--start-daemon master --mcast-interface v0 --syncid 9 --mcast-group ff02::81",
            NewDaemon(Daemon {
                interface: "v0".parse().unwrap(),
                group: Some("ff02::81".parse().unwrap()),
                ..daemon(DaemonRole::Master, 9)
            }),
        ),
        ("-L --daemon", GetDaemon),
        ("--stop-daemon backup", DelDaemon(DaemonRole::Backup)),
        ("--stop-daemon master", DelDaemon(DaemonRole::Master)),
        ("-Sn", GetDest(id("fwmark 7 ipv6"))),
        ("-Z -t 10.0.0.1:80", Zero(Some(web))),
        ("-Z", Zero(None)),
        ("-D -f 7", DelService(id("fwmark 7"))),
        ("-C", Flush),
    ]
}

#[test]
fn requests_have_the_meaning_of_the_command_line() {
    for capture in [OLD, NEW] {
        let mut conversations = conversations(capture);
        for (line, meant) in typed() {
            let conversation = conversations.remove(line).unwrap();
            assert_eq!(decode(conversation.sent.last().unwrap()), meant, "{line}");
        }
        let forgotten: Vec<_> = conversations.keys().collect();
        assert!(forgotten.is_empty(), "{forgotten:?}");
    }
}

/// The requests of ipvsadm to add and edit services, to start daemons and to set timeouts are equal to
/// ours, except for the flags mask, which omits the bit that only the kernel sets.
#[test]
fn our_requests_are_equal_to_those_of_ipvsadm() {
    let conversations = conversations(NEW);
    let mut same = 0;
    for (line, meant) in typed() {
        let theirs = conversations[line].sent.last().unwrap().clone();
        let ours = encode(&meant);
        match meant {
            IpvsMessage::NewService(_) | IpvsMessage::SetService(_) => {
                assert_eq!(ours, with_mask(theirs, 0xffff_fffd), "{line}");
            }
            IpvsMessage::NewDaemon(_)
            | IpvsMessage::SetConfig(_)
            | IpvsMessage::GetConfig
            | IpvsMessage::GetDaemon
            | IpvsMessage::GetDest(_)
            | IpvsMessage::Zero(None)
            | IpvsMessage::Flush => assert_eq!(ours, theirs, "{line}"),
            // It sends complete services if their identity is enough, and a destination's
            // attributes in another order.
            _ => continue,
        }
        same += 1;
    }
    assert_eq!(same, 17);
}

/// Returns the bytes with another mask in the FLAGS attribute, of type 7 and length 12.
fn with_mask(mut bytes: Vec<u8>, mask: u32) -> Vec<u8> {
    let header = [&12u16.to_ne_bytes()[..], &7u16.to_ne_bytes()].concat();
    let at = bytes
        .windows(4)
        .position(|window| window == header)
        .unwrap();
    bytes[at + 8..at + 12].copy_from_slice(&mask.to_ne_bytes());
    bytes
}

#[test]
fn every_message_survives_encoding_and_decoding() {
    for capture in [OLD, NEW] {
        for conversation in conversations(capture).values() {
            for bytes in conversation.sent.iter().chain(&conversation.came) {
                let message = decode(bytes);
                assert_eq!(decode(&encode(&message)), message);
            }
        }
    }
}

/// The bytes are equal if the kernel puts no padding before 64-bit values (6.1 does in this one).
#[test]
fn replies_are_encoded_to_the_same_bytes() {
    let mut replies = 0;
    for (line, conversation) in conversations(NEW) {
        for bytes in conversation.came {
            let message = decode(&bytes);
            let mut said = encode(&message);
            if matches!(message, IpvsMessage::NewDaemon(_)) {
                // It is also a request, and in requests nests are marked as nests.
                said[7] &= 0x7f;
            }
            assert_eq!(said, bytes, "{line}");
            replies += 1;
        }
    }
    assert_eq!(replies, 19);
}

/// Returns the table as `-Sn` read it.
fn table(capture: &str) -> (Vec<ServiceStatus>, Vec<DestinationStatus>) {
    let mut table = (Vec::new(), Vec::new());
    for bytes in &conversations(capture)["-Sn"].came {
        match decode(bytes) {
            IpvsMessage::Service(status) => table.0.push(status),
            IpvsMessage::Dest(status) => table.1.push(status),
            other => panic!("{other:?}"),
        }
    }
    table
}

#[test]
fn services_of_both_kernels_are_read() {
    let expected = BTreeSet::from([
        service("tcp 10.0.0.1:80", SchedulerName::RR),
        one_packet(),
        service("sctp 10.0.0.1:9", SchedulerName::WLC),
        hashed(),
        service("fwmark 7 ipv4", SchedulerName::WRR),
        service("fwmark 7 ipv6", SchedulerName::RR),
        sip(),
    ]);
    for capture in [OLD, NEW] {
        let (services, _) = table(capture);
        let services: BTreeSet<_> = services.into_iter().map(|status| status.service).collect();
        assert_eq!(services, expected);
    }
}

#[test]
fn destinations_of_both_kernels_are_read_in_their_order() {
    let dr = Forwarding::DirectRouting;
    let of_web = [
        destination("10.1.0.9:8080", Forwarding::Masquerade, 4),
        destination("[2001:db8::2]:80", IPIP, 0),
        destination("10.1.0.5:80", GRE, 0),
        destination("10.1.0.4:80", gue(), 0),
        destination("10.1.0.2:80", dr, 0),
        limited(0),
    ];
    for capture in [OLD, NEW] {
        let (_, destinations) = table(capture);
        let read: Vec<_> = destinations
            .iter()
            .map(|status| status.destination)
            .collect();
        assert!(read.windows(6).any(|window| window == of_web), "{read:?}");
        assert!(
            read.contains(&destination("[2001:db8::3]:443", dr, 1)),
            "{read:?}"
        );
        assert!(read.contains(&destination("10.1.0.6:0", dr, 1)), "{read:?}");
    }
}

#[test]
fn counters_are_read_past_padding() {
    let old = counted([34, 26], [2163, 2457], [0, 3, 2, 203, 230]);
    let new = counted([31, 29], [2007, 2613], [0, 2, 2, 141, 184]);
    for (capture, stats) in [(OLD, old), (NEW, new)] {
        let (services, destinations) = table(capture);
        let web = services
            .iter()
            .find(|status| status.service.id == id("tcp 10.0.0.1:80"));
        assert_eq!(web.unwrap().stats, stats);
        let served: Vec<_> = destinations
            .iter()
            .filter(|status| status.stats == stats)
            .collect();
        let [served] = served.as_slice() else {
            panic!("{destinations:?}");
        };
        assert_eq!(
            (served.active, served.inactive, served.persistent),
            (0, 5, 0)
        );
    }
}

fn counted(packets: [u64; 2], bytes: [u64; 2], rates: [u64; 5]) -> Stats {
    let mut stats = Stats::default();
    stats.connections = 5;
    [stats.packets_in, stats.packets_out] = packets;
    [stats.bytes_in, stats.bytes_out] = bytes;
    let per_second = &mut stats.rates;
    [
        per_second.connections,
        per_second.packets_in,
        per_second.packets_out,
        per_second.bytes_in,
        per_second.bytes_out,
    ] = rates;
    stats
}

#[test]
fn settings_of_both_kernels_are_read() {
    for (capture, size) in [(OLD, 4096), (NEW, 0)] {
        let conversations = conversations(capture);
        let reply = |line: &str| -> Vec<_> {
            conversations[line]
                .came
                .iter()
                .map(|bytes| decode(bytes))
                .collect()
        };
        assert_eq!(reply("-L --timeout"), [IpvsMessage::SetConfig(timeouts())]);
        let info = Info {
            version: 0x0001_0201,
            connection_table_size: size,
        };
        assert_eq!(
            reply("-A -t 10.0.0.1:80 -s rr"),
            [IpvsMessage::SetInfo(info)]
        );
        let master = Daemon {
            max_length: Some(1472),
            group: Some("224.0.0.81".parse().unwrap()),
            port: Some(8848),
            ttl: Some(1),
            ..daemon(DaemonRole::Master, 7)
        };
        let daemons = [master, backup()].map(IpvsMessage::NewDaemon);
        assert_eq!(reply("-L --daemon"), daemons);
    }
}

#[test]
fn the_family_of_a_request_without_one_is_that_of_the_service() {
    let web = id("tcp [2001:db8::1]:80");
    let delete = IpvsMessage::DelDest(web, "[2001:db8::2]:80".parse().unwrap());
    let mut bytes = encode(&delete);
    // ADDR_FAMILY is the last attribute; unknown numbers are skipped.
    let at = bytes.len() - 6;
    bytes[at..at + 2].copy_from_slice(&999u16.to_ne_bytes());
    assert_eq!(decode(&bytes), delete);
    assert_eq!(web.family(), Family::Ipv6);
}

/// A program with a netlink library of its own sends the messages by these traits, which therefore are a part of the
/// contract: an upgrade of those crates that breaks this test breaks that program.
#[test]
fn messages_have_the_traits_of_the_netlink_crates() {
    use netlink_packet_core::{Emitable, ParseableParametrized};
    use netlink_packet_generic::{GenlFamily, GenlHeader};
    fn is_payload<T: GenlFamily + Emitable + ParseableParametrized<[u8], GenlHeader>>() {}
    is_payload::<IpvsMessage>();
    assert_eq!(IpvsMessage::family_name(), "IPVS");
}
