//! Services: added, read back, edited, deleted, and added by ipvsadm.

use std::collections::BTreeSet;

use lvs_core::ipvs::{
    Encapsulation, EngineName, Family, Forwarding, Ipvs, Netmask, SchedulerName, Seconds, Service,
    ServiceFlags, ServiceId, Thresholds, Weight,
};
use lvs_lab::{load_module, run_tool};

use crate::ipvs::{behind, destination, id, open, persistent, round_robin};

/// Returns services of every kind of identity, persistence and flag.
pub(crate) fn services() -> Vec<Service> {
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

pub(crate) fn load_schedulers() {
    for module in ["ip_vs_sh", "ip_vs_pe_sip"] {
        load_module(module).unwrap();
    }
}

pub(crate) fn listed(ipvs: &mut Ipvs) -> BTreeSet<Service> {
    let services = ipvs.services().unwrap();
    services.into_iter().map(|status| status.service).collect()
}

pub(crate) fn services_read_back_equal() {
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

pub(crate) fn services_are_edited_and_deleted() {
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

pub(crate) fn tables_made_by_ipvsadm_are_read() {
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

pub(crate) fn zero_and_flush() {
    let mut ipvs = open();
    let web = round_robin("tcp 10.0.0.1:80");
    ipvs.add_service(&web).unwrap();
    ipvs.zero(Some(&web.id)).unwrap();
    ipvs.zero(None).unwrap();
    ipvs.flush().unwrap();
    ipvs.flush().unwrap();
    assert_eq!(ipvs.services().unwrap(), []);
}
