//! Synchronisation of connections, broken. A real server plays the other director: it only has to listen.

use std::time::{Duration, Instant};

use lvs_core::Host;
use lvs_core::check::{Code, Severity};
use lvs_core::ipvs::{Daemon, DaemonRole};
use lvs_lab::run_tool;

use crate::check::NAT;
use crate::check::web::{Harm, Web, only, sound};

const OTHER: &str = "realserver1";
/// The kernel sends what it has collected twice a second.
const SOON: Duration = Duration::from_secs(5);

fn synchronised() -> Web {
    let web = Web::new(&format!("{NAT}\n[sync]\nid = 7\ninterface = \"eth1\"\n"));
    web.on(OTHER, |host| {
        let daemon = daemon(DaemonRole::Backup, "eth0", 7);
        host.ipvs().unwrap().start_daemon(&daemon).unwrap();
    });
    web
}

fn daemon(role: DaemonRole, interface: &str, id: u32) -> Daemon {
    Daemon::new(role, interface.parse().unwrap(), id)
}

/// Whether the other one comes to know of new connections.
fn is_told(web: &Web) -> bool {
    let known = || web.on(OTHER, |host| host.proc().connections().unwrap().len());
    let (before, started) = (known(), Instant::now());
    while started.elapsed() < SOON {
        web.answers();
        if known() > before {
            return true;
        }
    }
    false
}

/// Row 37.
pub(crate) fn a_daemon_that_does_not_run() {
    let web = synchronised();
    assert!(is_told(&web));
    web.broken("director", Code::DRIFT, Harm::None, |host| {
        let ipvs = host.ipvs().unwrap();
        ipvs.stop_daemon(DaemonRole::Master).unwrap();
    });
    assert!(is_told(&web));
}

/// Row 37: the other one takes no notice of it.
pub(crate) fn another_id() {
    let web = synchronised();
    web.on("director", |host| {
        let ipvs = host.ipvs().unwrap();
        ipvs.stop_daemon(DaemonRole::Master).unwrap();
        let other = daemon(DaemonRole::Master, "eth1", 8);
        ipvs.start_daemon(&other).unwrap();
    });
    assert!(!is_told(&web));
    let finding = only(&web.check("director"), Code::DRIFT);
    assert!(finding.seen.contains("daemon master"), "{finding}");
    web.fix(&finding);
    assert!(is_told(&web));
    web.fixed("director");
}

/// Row 37: the kernel does not ask for that flag.
pub(crate) fn an_interface_without_multicast_is_no_mistake() {
    let web = synchronised();
    for (node, interface) in [("director", "eth1"), (OTHER, "eth0")] {
        let line = ["link", "set", interface, "multicast", "off"];
        web.on(node, |_| run_tool("ip", &line).unwrap());
    }
    assert!(is_told(&web));
    sound(&web.check("director"));
}

/// Row 37: they are sent in pieces, and mostly arrive.
pub(crate) fn datagrams_larger_than_the_interface_takes() {
    let web = synchronised();
    web.on("director", |host| mtu(host, "600"));
    let finding = only(&web.check("director"), Code::SYNC_LENGTH);
    assert_eq!(finding.severity, Severity::Note);
    assert!(is_told(&web));
    web.fix(&finding);
    web.fixed("director");
}

fn mtu(_: &mut Host, mtu: &str) {
    run_tool("ip", &["link", "set", "dev", "eth1", "mtu", mtu]).unwrap();
}
