//! Timeouts and synchronisation daemons.

use lvs_core::IfName;
use lvs_core::ipvs::{Command, Daemon, DaemonRole, Ipvs, Seconds, Timeouts};

use crate::ipvs::errors::says;
use crate::ipvs::open;

pub(crate) fn timeouts_are_set_one_by_one() {
    let mut ipvs = open();
    let before = ipvs.timeouts().unwrap();
    let defaults = Timeouts {
        tcp: Seconds(900),
        tcp_fin: Seconds(120),
        udp: Seconds(300),
    };
    assert_eq!(before, defaults);
    let udp = Seconds(60);
    ipvs.set_timeouts(&Timeouts {
        udp,
        ..Timeouts::default()
    })
    .unwrap();
    assert_eq!(ipvs.timeouts().unwrap(), Timeouts { udp, ..defaults });
    let tcp = Seconds(u32::MAX);
    let long = Timeouts {
        tcp,
        ..Timeouts::default()
    };
    says(
        ipvs.set_timeouts(&long),
        &["set timeouts", "EINVAL", "too long"],
    );
    assert_eq!(ipvs.timeouts().unwrap(), Timeouts { udp, ..defaults });
}

pub(crate) fn daemons_start_and_stop() {
    let mut ipvs = open();
    assert_eq!(ipvs.daemons().unwrap(), []);
    let missing = Daemon::new(DaemonRole::Master, IfName::new("eth9").unwrap(), 1);
    assert!(says(ipvs.start_daemon(&missing), &["no such interface", "eth9"]).is_not_found());

    let master = Daemon::new(DaemonRole::Master, IfName::LO, 7);
    let mut backup = Daemon::new(DaemonRole::Backup, IfName::LO, 8);
    backup.group = Some("224.0.0.99".parse().unwrap());
    backup.port = Some(9000);
    backup.ttl = Some(3);
    backup.max_length = Some(1400);
    ipvs.start_daemon(&master).unwrap();
    ipvs.start_daemon(&backup).unwrap();
    let again = ipvs.start_daemon(&master);
    assert!(says(again, &["start sync daemon master", "stop it first"]).is_already_exists());

    let [first, second] = ipvs.daemons().unwrap().try_into().unwrap();
    assert_eq!(second, backup);
    let defaults = Daemon {
        max_length: Some(1472),
        group: Some("224.0.0.81".parse().unwrap()),
        port: Some(8848),
        ttl: Some(1),
        ..master
    };
    assert_eq!(first, defaults);

    ipvs.stop_daemon(DaemonRole::Master).unwrap();
    assert_eq!(ipvs.daemons().unwrap(), [backup]);
    ipvs.stop_daemon(DaemonRole::Backup).unwrap();
    let gone = ipvs.stop_daemon(DaemonRole::Backup);
    assert!(says(gone, &["stop sync daemon backup", "not running"]).is_not_found());
    stopping_at_once_is_answered(&mut ipvs, &defaults);
}

/// Old kernels do not answer the stop of a daemon whose thread has not run yet.
fn stopping_at_once_is_answered(ipvs: &mut Ipvs, daemon: &Daemon) {
    for _ in 0..20 {
        let start = Command::StartDaemon(daemon.clone());
        let results = ipvs
            .batch(&[start, Command::StopDaemon(daemon.role)])
            .unwrap();
        results.into_iter().collect::<Result<(), _>>().unwrap();
        assert_eq!(ipvs.daemons().unwrap(), []);
    }
}
