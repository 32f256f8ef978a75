//! The verbs of `Ipvs` on a real kernel.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;

use lvs_core::ipvs::{
    Command, Daemon, DaemonRole, Destination, DestinationId, Encapsulation, EngineName, Family,
    Forwarding, Ipvs, Netmask, Persistence, Protocol, SchedulerName, Seconds, Service,
    ServiceFlags, ServiceId, Thresholds, Timeouts, TunnelChecksum, Weight,
};
use lvs_core::{Error, IfName};
use lvs_lab::{load_module, run_tool, unload_module};
use nix::unistd::{Uid, seteuid};

lvs_lab::main! {
    services_read_back_equal,
    services_are_edited_and_deleted,
    destinations_read_back_equal,
    destinations_are_edited_and_deleted,
    order_is_newest_first_and_survives_edits,
    ipvsadm_sees_the_same,
    what_ipvsadm_made_is_read,
    errors_name_object_reason_and_remedy,
    senseless_values_are_refused_before_they_are_sent,
    thousand_duplicates_give_thousand_errors,
    a_batch_goes_on_after_a_failure,
    a_batch_of_every_size_is_answered,
    snapshot_shows_the_whole_table,
    timeouts_are_set_one_by_one,
    daemons_start_and_stop,
    zero_and_flush,
    without_ip_vs_it_is_not_loaded,
    without_privilege_nothing_can_be_asked,
}

fn open() -> Ipvs {
    Ipvs::open().unwrap()
}

fn id(text: &str) -> ServiceId {
    text.parse().unwrap()
}

fn round_robin(text: &str) -> Service {
    Service::new(id(text), SchedulerName::RR)
}

fn destination(text: &str, forwarding: Forwarding) -> Destination {
    Destination::new(text.parse().unwrap(), forwarding)
}

fn persistent(mut service: Service, timeout: u32, netmask: Netmask) -> Service {
    let timeout = Seconds(timeout);
    service.persistence = Some(Persistence { timeout, netmask });
    service
}

/// Every kind of identity, persistence and flag there is.
fn services() -> Vec<Service> {
    let mut sctp = round_robin("sctp 10.0.0.1:9");
    sctp.scheduler = SchedulerName::WRR;
    let mut dns = round_robin("udp 10.0.0.1:53");
    dns.flags = ServiceFlags::ONE_PACKET;
    let mut hashed = round_robin("tcp [2001:db8::1]:443");
    hashed.scheduler = SchedulerName::SH;
    hashed.flags = ServiceFlags::SH_FALLBACK | ServiceFlags::SH_PORT;
    let mut sip = persistent(
        round_robin("udp 10.0.0.1:5060"),
        60,
        Netmask::host(Family::Ipv4),
    );
    sip.engine = Some(EngineName::SIP);
    let wide = Netmask::from_prefix(Family::Ipv4, 24).unwrap();
    let narrow = Netmask::from_prefix(Family::Ipv6, 64).unwrap();
    vec![
        round_robin("tcp 10.0.0.1:80"),
        sctp,
        dns,
        hashed,
        sip,
        persistent(round_robin("tcp 10.0.0.1:0"), 300, wide),
        persistent(round_robin("fwmark 7 ipv6"), 4_294_967, narrow),
        round_robin("fwmark 7 ipv4"),
        round_robin("fwmark 4294967295 ipv4"),
    ]
}

/// Every way of forwarding, to addresses that begin like this.
fn destinations(address: &str) -> Vec<Destination> {
    let port = 6080.try_into().unwrap();
    let gue = |checksum| Forwarding::Tunnel(Encapsulation::Gue { port, checksum });
    let gre = |checksum| Forwarding::Tunnel(Encapsulation::Gre { checksum });
    let forwardings = [
        Forwarding::Masquerade,
        Forwarding::DirectRouting,
        Forwarding::Local,
        Forwarding::Bypass,
        Forwarding::Tunnel(Encapsulation::Ipip),
        gue(TunnelChecksum::None),
        gue(TunnelChecksum::Full),
        gue(TunnelChecksum::Remote),
        gre(TunnelChecksum::None),
        gre(TunnelChecksum::Full),
    ];
    let ids = (1..).map(|number| match address.contains(':') {
        true => format!("[{address}{number}]:80"),
        false => format!("{address}{number}:80"),
    });
    let all = ids.zip(forwardings).zip(0u32..);
    all.map(|((text, forwarding), number)| {
        let mut destination = destination(&text, forwarding);
        destination.weight = Weight::new(number * 1000).unwrap();
        destination.thresholds = Thresholds::new(number * 100, number * 50).unwrap();
        destination
    })
    .collect()
}

fn load_schedulers() {
    for module in ["ip_vs_sh", "ip_vs_pe_sip"] {
        load_module(module).unwrap();
    }
}

fn listed(ipvs: &mut Ipvs) -> BTreeSet<Service> {
    let services = ipvs.services().unwrap();
    services.into_iter().map(|status| status.service).collect()
}

fn behind(ipvs: &mut Ipvs, id: &ServiceId) -> Vec<Destination> {
    let destinations = ipvs.destinations(id).unwrap();
    destinations
        .into_iter()
        .map(|status| status.destination)
        .collect()
}

fn services_read_back_equal() {
    load_schedulers();
    let mut ipvs = open();
    assert_eq!(ipvs.services().unwrap(), []);
    for service in services() {
        ipvs.add_service(&service).unwrap();
        assert_eq!(ipvs.service(&service.id).unwrap().service, service);
    }
    assert_eq!(listed(&mut ipvs), services().into_iter().collect());
    assert_eq!(ipvs.info().unwrap().version_parts(), (1, 2, 1));
}

fn services_are_edited_and_deleted() {
    load_schedulers();
    let mut ipvs = open();
    for service in services() {
        ipvs.add_service(&service).unwrap();
    }
    for service in services() {
        let plain = Service::new(service.id, SchedulerName::WLC);
        // Port 0 is for persistent services only.
        let edited = match &service.id {
            ServiceId::Socket { address, .. } if address.port() == 0 => service,
            _ => plain,
        };
        ipvs.edit_service(&edited).unwrap();
        assert_eq!(ipvs.service(&edited.id).unwrap().service, edited);
        ipvs.delete_service(&edited.id).unwrap();
        assert!(ipvs.service(&edited.id).unwrap_err().is_not_found());
    }
    assert_eq!(ipvs.services().unwrap(), []);
}

fn destinations_read_back_equal() {
    let mut ipvs = open();
    for (service, address) in [
        ("tcp 10.0.0.1:80", "10.1.0."),
        ("fwmark 1 ipv4", "10.1.0."),
        ("tcp [2001:db8::1]:80", "2001:db8:1::"),
    ] {
        let service = round_robin(service);
        ipvs.add_service(&service).unwrap();
        for destination in destinations(address) {
            ipvs.add_destination(&service.id, &destination).unwrap();
        }
        let mut expected = destinations(address);
        expected.reverse();
        assert_eq!(behind(&mut ipvs, &service.id), expected);
    }
    mixed_families(&mut ipvs);
}

/// A tunnel may lead to a real server of the other family.
fn mixed_families(ipvs: &mut Ipvs) {
    let ipip = Forwarding::Tunnel(Encapsulation::Ipip);
    let there = destination("[2001:db8:2::1]:80", ipip);
    let back = destination("10.2.0.1:80", ipip);
    ipvs.add_destination(&id("tcp 10.0.0.1:80"), &there)
        .unwrap();
    ipvs.add_destination(&id("tcp [2001:db8::1]:80"), &back)
        .unwrap();
    assert_eq!(behind(ipvs, &id("tcp 10.0.0.1:80")).first(), Some(&there));
    assert_eq!(
        behind(ipvs, &id("tcp [2001:db8::1]:80")).first(),
        Some(&back)
    );
}

fn destinations_are_edited_and_deleted() {
    let mut ipvs = open();
    let service = round_robin("tcp 10.0.0.1:80");
    ipvs.add_service(&service).unwrap();
    for destination in destinations("10.1.0.") {
        ipvs.add_destination(&service.id, &destination).unwrap();
    }
    for mut destination in destinations("10.1.0.") {
        destination.forwarding = Forwarding::DirectRouting;
        destination.weight = Weight::MAX;
        destination.thresholds = Thresholds::OFF;
        ipvs.edit_destination(&service.id, &destination).unwrap();
        let read = behind(&mut ipvs, &service.id);
        assert!(
            read.contains(&destination),
            "{destination:?} not in {read:?}"
        );
        ipvs.delete_destination(&service.id, &destination.id)
            .unwrap();
    }
    assert_eq!(ipvs.destinations(&service.id).unwrap(), []);
}

fn order_is_newest_first_and_survives_edits() {
    let mut ipvs = open();
    let service = round_robin("tcp 10.0.0.1:80");
    ipvs.add_service(&service).unwrap();
    let [first, second] =
        ["10.1.0.1:80", "10.1.0.2:80"].map(|text| destination(text, Forwarding::Masquerade));
    ipvs.add_destination(&service.id, &first).unwrap();
    ipvs.add_destination(&service.id, &second).unwrap();
    assert_eq!(behind(&mut ipvs, &service.id), [second, first]);
    let weight = Weight::DRAIN;
    let drained = Destination { weight, ..first };
    ipvs.edit_destination(&service.id, &drained).unwrap();
    assert_eq!(behind(&mut ipvs, &service.id), [second, drained]);
}

fn ipvsadm_sees_the_same() {
    load_schedulers();
    let mut ipvs = open();
    for service in services() {
        ipvs.add_service(&service).unwrap();
    }
    let web = id("tcp 10.0.0.1:80");
    for destination in destinations("10.1.0.") {
        // ipvsadm knows no name for a bypass.
        if destination.forwarding != Forwarding::Bypass {
            ipvs.add_destination(&web, &destination).unwrap();
        }
    }
    let saved = run_tool("ipvsadm", &["-Sn"]).unwrap();
    let saved: BTreeSet<_> = saved.lines().map(str::trim).collect();
    for line in [
        "-A -t 10.0.0.1:80 -s rr",
        "-A --sctp-service 10.0.0.1:9 -s wrr",
        "-A -u 10.0.0.1:53 -s rr -o",
        "-A -t [2001:db8::1]:443 -s sh -b sh-fallback,sh-port",
        "-A -u 10.0.0.1:5060 -s rr -p 60 --pe sip",
        "-A -t 10.0.0.1:0 -s rr -p 300 -M 255.255.255.0",
        "-A -f 7 -6 -s rr -p 4294967 -M 64",
        "-A -f 7 -s rr",
        "-a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 0",
        "-a -t 10.0.0.1:80 -r 10.1.0.2:80 -g -w 1000",
        "-a -t 10.0.0.1:80 -r 10.1.0.5:80 -i -w 4000 --tun-type ipip",
        "-a -t 10.0.0.1:80 -r 10.1.0.7:80 -i -w 6000 --tun-type gue --tun-port 6080 --tun-csum",
    ] {
        assert!(saved.contains(line), "{line}\nnot in {saved:#?}");
    }
    // Its --save leaves thresholds out.
    let list = run_tool("ipvsadm", &["-Ln", "--thresholds"]).unwrap();
    let line: Vec<_> = list
        .lines()
        .find(|line| line.contains("10.1.0.6:80"))
        .unwrap()
        .split_whitespace()
        .collect();
    assert_eq!(line.get(2..4), Some(&["500", "250"][..]), "{list}");
}

fn what_ipvsadm_made_is_read() {
    load_schedulers();
    let mut ipvs = open();
    for line in [
        "-A -t 10.0.0.1:80 -s wrr -p 120 -M 255.255.255.0",
        "-a -t 10.0.0.1:80 -r 10.1.0.1:8080 -m -w 3 -x 10 -y 5",
        "-a -t 10.0.0.1:80 -r [2001:db8::9]:80 -i -w 2",
        "--set 100 20 30",
    ] {
        let arguments: Vec<_> = line.split(' ').collect();
        run_tool("ipvsadm", &arguments).unwrap();
    }
    let netmask = Netmask::from_prefix(Family::Ipv4, 24).unwrap();
    let web = Service::new(id("tcp 10.0.0.1:80"), SchedulerName::WRR);
    assert_eq!(listed(&mut ipvs), [persistent(web, 120, netmask)].into());
    let mut masqueraded = destination("10.1.0.1:8080", Forwarding::Masquerade);
    masqueraded.weight = Weight::new(3).unwrap();
    masqueraded.thresholds = Thresholds::new(10, 5).unwrap();
    let ipip = Forwarding::Tunnel(Encapsulation::Ipip);
    let mut tunnelled = destination("[2001:db8::9]:80", ipip);
    tunnelled.weight = Weight::new(2).unwrap();
    let read = behind(&mut ipvs, &id("tcp 10.0.0.1:80"));
    assert_eq!(read, [tunnelled, masqueraded]);
    assert_eq!(ipvs.timeouts().unwrap().tcp_fin, Seconds(20));
}

/// An error has all of these words.
#[track_caller]
fn says<T: std::fmt::Debug>(result: Result<T, Error>, words: &[&str]) -> Error {
    let error = result.unwrap_err();
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {text:?}");
    }
    error
}

fn errors_name_object_reason_and_remedy() {
    let mut ipvs = open();
    let web = round_robin("tcp 10.0.0.1:80");
    let real = destination("10.1.0.1:80", Forwarding::DirectRouting);

    let missing = ["tcp 10.0.0.1:80", "ESRCH", "no such service"];
    assert!(says(ipvs.service(&web.id), &missing).is_not_found());
    assert!(says(ipvs.destinations(&web.id), &missing[..2]).is_not_found());
    assert!(says(ipvs.edit_service(&web), &["edit service", "add it instead"]).is_not_found());
    assert!(says(ipvs.delete_service(&web.id), &missing).is_not_found());
    assert!(says(ipvs.zero(Some(&web.id)), &missing).is_not_found());
    let first = [
        "add destination 10.1.0.1:80 to tcp 10.0.0.1:80",
        "add the service first",
    ];
    assert!(says(ipvs.add_destination(&web.id, &real), &first).is_not_found());

    let unknown = Service::new(web.id, SchedulerName::new("nonesuch").unwrap());
    says(
        ipvs.add_service(&unknown),
        &["ENOENT", "modprobe ip_vs_nonesuch"],
    );
    let mut engine = persistent(web.clone(), 60, Netmask::host(Family::Ipv4));
    engine.engine = Some(EngineName::new("nonesuch").unwrap());
    says(ipvs.add_service(&engine), &["ENOENT", "ip_vs_pe_nonesuch"]);

    ipvs.add_service(&web).unwrap();
    let there = ["add service tcp 10.0.0.1:80", "EEXIST", "edit it instead"];
    assert!(says(ipvs.add_service(&web), &there).is_already_exists());
    says(
        ipvs.edit_service(&unknown),
        &["edit service", "modprobe ip_vs_nonesuch"],
    );

    let none = ["10.1.0.1:80", "ENOENT", "no such destination"];
    assert!(says(ipvs.edit_destination(&web.id, &real), &none).is_not_found());
    assert!(says(ipvs.delete_destination(&web.id, &real.id), &none).is_not_found());
    ipvs.add_destination(&web.id, &real).unwrap();
    assert!(says(ipvs.add_destination(&web.id, &real), &["EEXIST"]).is_already_exists());
    broadcasts_are_refused(&mut ipvs, &web.id);
}

/// The address looks like a machine's, but not with the routes that this machine has.
fn broadcasts_are_refused(ipvs: &mut Ipvs, web: &ServiceId) {
    let broadcast = destination("127.255.255.255:80", Forwarding::DirectRouting);
    says(
        ipvs.add_destination(web, &broadcast),
        &["EINVAL", "broadcast", "bring lo up"],
    );
}

fn senseless_values_are_refused_before_they_are_sent() {
    let mut ipvs = open();
    let icmp = ServiceId::Socket {
        protocol: Protocol(1),
        address: "10.0.0.1:80".parse().unwrap(),
    };
    let error = ipvs
        .add_service(&Service::new(icmp, SchedulerName::RR))
        .unwrap_err();
    assert!(error.is_invalid() && error.errno().is_none());
    assert_eq!(ipvs.services().unwrap(), []);
    // What a kernel holds nevertheless can be restored and taken away.
    let restore = [Command::AddService(Service::new(icmp, SchedulerName::RR))];
    ipvs.batch(&restore)
        .unwrap()
        .into_iter()
        .collect::<Result<(), _>>()
        .unwrap();
    ipvs.delete_service(&icmp).unwrap();
}

fn thousand_duplicates_give_thousand_errors() {
    let mut ipvs = open();
    let service = round_robin("fwmark 1 ipv4");
    ipvs.add_service(&service).unwrap();
    let commands: Vec<_> = (0..1000u32)
        .map(|number| {
            let address = std::net::Ipv4Addr::from_bits(0x0a01_0001 + number);
            let id = DestinationId::new(address.into(), 80);
            Command::AddDestination(service.id, Destination::new(id, Forwarding::DirectRouting))
        })
        .collect();
    assert!(ipvs.batch(&commands).unwrap().iter().all(Result::is_ok));
    let results = ipvs.batch(&commands).unwrap();
    assert_eq!(results.len(), 1000);
    for (command, result) in commands.iter().zip(results) {
        let error = result.unwrap_err();
        assert!(error.is_already_exists());
        assert_eq!(error.operation(), &command.operation());
    }
    assert_eq!(ipvs.destinations(&service.id).unwrap().len(), 1000);
}

fn a_batch_goes_on_after_a_failure() {
    let mut ipvs = open();
    let web = round_robin("tcp 10.0.0.1:80");
    let real = destination("10.1.0.1:80", Forwarding::DirectRouting);
    let commands = [
        Command::DeleteService(web.id),
        Command::AddService(web.clone()),
        Command::AddDestination(web.id, real),
        Command::AddService(web.clone()),
        Command::SetTimeouts(Timeouts::default()),
    ];
    let results = ipvs.batch(&commands).unwrap();
    let good: Vec<_> = results.iter().map(Result::is_ok).collect();
    assert_eq!(good, [false, true, true, false, true]);
    assert_eq!(behind(&mut ipvs, &web.id), [real]);
}

/// Whatever the size of a batch, its sends are closed so that every answer arrives.
fn a_batch_of_every_size_is_answered() {
    let mut ipvs = open();
    assert_eq!(ipvs.batch(&[]).unwrap().len(), 0);
    for count in [1, 2, 500, 2000, 9000] {
        let gone = Command::DeleteService(id("tcp 10.0.0.1:80"));
        let results = ipvs.batch(&vec![gone; count]).unwrap();
        assert_eq!(results.len(), count);
        assert!(
            results
                .iter()
                .all(|result| result.as_ref().is_err_and(Error::is_not_found))
        );
    }
}

fn snapshot_shows_the_whole_table() {
    let mut ipvs = open();
    assert_eq!(ipvs.snapshot().unwrap(), []);
    let commands: Vec<_> = (1..=300u16)
        .flat_map(|port| {
            let service = round_robin(&format!("tcp 10.0.0.1:{port}"));
            let real = destination(&format!("10.1.0.1:{port}"), Forwarding::DirectRouting);
            let id = service.id;
            [
                Command::AddService(service),
                Command::AddDestination(id, real),
            ]
        })
        .collect();
    assert!(ipvs.batch(&commands).unwrap().iter().all(Result::is_ok));
    let table = ipvs.snapshot().unwrap();
    let ids: BTreeSet<_> = table.iter().map(|(status, _)| status.service.id).collect();
    assert_eq!((table.len(), ids.len()), (300, 300));
    for (status, destinations) in table {
        let ServiceId::Socket { address, .. } = status.service.id else {
            panic!("{status:?}");
        };
        let ports: Vec<_> = destinations
            .iter()
            .map(|real| real.destination.id.port)
            .collect();
        assert_eq!(ports, [address.port()]);
    }
}

fn timeouts_are_set_one_by_one() {
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

fn daemons_start_and_stop() {
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

/// Old kernels give no answer to the stop of a daemon whose thread has not run yet.
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

fn zero_and_flush() {
    let mut ipvs = open();
    let web = round_robin("tcp 10.0.0.1:80");
    ipvs.add_service(&web).unwrap();
    ipvs.zero(Some(&web.id)).unwrap();
    ipvs.zero(None).unwrap();
    ipvs.flush().unwrap();
    ipvs.flush().unwrap();
    assert_eq!(ipvs.services().unwrap(), []);
}

fn without_ip_vs_it_is_not_loaded() {
    for module in ["ip_vs_rr", "ip_vs_wrr", "ip_vs_wlc", "ip_vs"] {
        unload_module(module).unwrap();
    }
    let error = Ipvs::open().unwrap_err();
    assert!(error.is_not_loaded());
    assert!(error.to_string().contains("modprobe ip_vs"), "{error}");
}

fn without_privilege_nothing_can_be_asked() {
    let mut ipvs = open();
    seteuid(Uid::from_raw(65534)).unwrap();
    let added = ipvs.add_service(&round_robin("tcp 10.0.0.1:80"));
    assert!(
        says(
            added,
            &["add service tcp 10.0.0.1:80", "EPERM", "CAP_NET_ADMIN"]
        )
        .is_permission()
    );
    assert!(says(ipvs.services(), &["CAP_NET_ADMIN"]).is_permission());
    assert!(says(ipvs.snapshot(), &["CAP_NET_ADMIN"]).is_permission());
    assert!(says(ipvs.timeouts(), &["CAP_NET_ADMIN"]).is_permission());
    // Opening needs no privilege, and does not have one then.
    assert!(says(open().info(), &["CAP_NET_ADMIN"]).is_permission());
    // The guest needs it to end itself.
    seteuid(Uid::from_raw(0)).unwrap();
}
