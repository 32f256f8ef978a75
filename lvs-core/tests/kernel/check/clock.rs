//! The clock, against time servers that are right, wrong, and silent.

use std::io;
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lvs_core::check::{self, Area, Code, Facts, Gather, Report};
use lvs_core::{Cluster, Host, IfName, Netns};

use crate::check::NAT;
use crate::check::web::address;

/// From NTP's beginning, 1900, to that of Unix.
const EPOCHS: Duration = Duration::from_secs(2_208_988_800);

/// Debian's own, on a machine of its own, as a cluster has it; once it is gone, nobody answers.
pub(crate) fn chrony_has_the_same_time() -> lvs_lab::Result<()> {
    let text = format!("{NAT}\n[time]\nntp-server = \"192.0.2.1\"\n");
    let (server, node) = (Netns::create().unwrap(), Netns::create().unwrap());
    let (eth0, port) = (IfName::new("eth0").unwrap(), IfName::new("port0").unwrap());
    server
        .run(|host| {
            host.net().set_up(&IfName::LO).unwrap();
            host.net()
                .add_veth(&port, &eth0, Some(node.as_fd()))
                .unwrap();
            host.net().set_up(&port).unwrap();
            host.net()
                .add_address(&address("port0", "192.0.2.1/24"))
                .unwrap();
        })
        .unwrap();
    let prepare = |host: &mut Host| {
        host.net().set_up(&eth0).unwrap();
        host.net()
            .add_address(&address("eth0", "192.0.2.2/24"))
            .unwrap();
    };
    let chrony = lvs_lab::chrony(&server)?;
    let report = check_on(&node, &text, prepare);
    assert_eq!(clock(&report), []);
    assert!(report.sound().any(|area| area == Area::Clock));
    assert!(chrony.end()?.success());
    let report = check_on(&node, &text, |_| {});
    assert_eq!(clock(&report), [Code::TIME_SERVER_SILENT]);
    Ok(())
}

pub(crate) fn a_server_that_is_5_seconds_ahead() {
    let report = against(Some(Duration::from_secs(5)));
    assert_eq!(clock(&report), [Code::CLOCK_OFF]);
    let finding = report
        .findings()
        .iter()
        .find(|finding| finding.code == Code::CLOCK_OFF);
    let seen = &finding.unwrap().seen;
    assert!(
        seen.contains("s behind 127.0.0.1; 0.500 s are allowed"),
        "{seen}"
    );
}

/// Half of what two nodes may differ by.
pub(crate) fn half_of_a_second_is_the_limit() {
    assert_eq!(clock(&against(Some(Duration::from_millis(300)))), []);
    let report = against(Some(Duration::from_millis(700)));
    assert_eq!(clock(&report), [Code::CLOCK_OFF]);
}

pub(crate) fn a_server_that_never_answers() {
    assert_eq!(clock(&against(None)), [Code::TIME_SERVER_SILENT]);
}

pub(crate) fn no_server_at_all() {
    let report = on_a_machine(NAT, |_| {});
    assert_eq!(clock(&report), [Code::NO_TIME_SERVER]);
    assert!(!report.sound().any(|area| area == Area::Clock));
    assert_eq!(clock(&against(Some(Duration::ZERO))), []);
}

fn clock(report: &Report) -> Vec<Code> {
    let findings = report.findings().iter().map(|finding| finding.code);
    findings.filter(|code| code.area() == Area::Clock).collect()
}

/// Checks a machine whose time server is so much ahead, or never answers.
fn against(ahead: Option<Duration>) -> Report {
    let text = format!("{NAT}\n[time]\nntp-server = \"127.0.0.1\"\n");
    on_a_machine(&text, |_| {
        let socket = UdpSocket::bind("127.0.0.1:123").unwrap();
        // It ends with the guest.
        thread::spawn(move || while answer(&socket, ahead).is_ok() {});
    })
}

fn on_a_machine(text: &str, prepare: impl FnOnce(&mut Host) + Send) -> Report {
    check_on(&Netns::create().unwrap(), text, prepare)
}

fn check_on(machine: &Netns, text: &str, prepare: impl FnOnce(&mut Host) + Send) -> Report {
    let cluster = Cluster::from_toml(text).unwrap();
    let node = cluster.node("realserver1").unwrap();
    let facts = machine.run(|host| {
        host.net().set_up(&IfName::LO).unwrap();
        prepare(host);
        Facts::gather(host, &cluster, &node, &Gather::default()).unwrap()
    });
    check::on_node(&cluster, &facts.unwrap())
}

/// Answers one question as a server of stratum 2 does. Nothing comes of a socket that is shut down.
fn answer(socket: &UdpSocket, ahead: Option<Duration>) -> io::Result<()> {
    let mut question = [0; 48];
    let (length, client) = socket.recv_from(&mut question)?;
    let Some(ahead) = ahead.filter(|_| length == question.len()) else {
        return Ok(());
    };
    let since_1900 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + EPOCHS + ahead;
    let fraction = (u64::from(since_1900.subsec_nanos()) << 32) / 1_000_000_000;
    let now = (since_1900.as_secs() << 32 | fraction).to_be_bytes();
    let mut reply = [0; 48];
    // No leap second, version 4, mode server; stratum 2; the server it follows.
    reply[0] = 4 << 3 | 4;
    reply[1] = 2;
    reply[12..16].copy_from_slice(&[192, 0, 2, 1]);
    // Reference time, the client's own time back, received, sent.
    reply[16..24].copy_from_slice(&now);
    reply[24..32].copy_from_slice(&question[40..48]);
    reply[32..40].copy_from_slice(&now);
    reply[40..48].copy_from_slice(&now);
    socket.send_to(&reply, client).map(drop)
}
