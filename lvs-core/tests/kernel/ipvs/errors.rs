//! Refusals: with the object, the likely reason and what to do next.

use lvs_core::Error;
use lvs_core::ipvs::{
    Command, EngineName, Family, Forwarding, Ipvs, Netmask, Protocol, SchedulerName, Service,
    ServiceId,
};
use lvs_lab::unload_module;
use nix::unistd::{Uid, seteuid};

use crate::ipvs::{destination, open, persistent, round_robin};

/// Asserts that the error has all of these words, and returns it.
#[track_caller]
pub(crate) fn says<T: std::fmt::Debug>(result: Result<T, Error>, words: &[&str]) -> Error {
    let error = result.unwrap_err();
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {text:?}");
    }
    error
}

pub(crate) fn errors_name_object_reason_and_hint() {
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

/// The address could be that of a host, but not with the routes of this one.
fn broadcasts_are_refused(ipvs: &mut Ipvs, web: &ServiceId) {
    let broadcast = destination("127.255.255.255:80", Forwarding::DirectRouting);
    says(
        ipvs.add_destination(web, &broadcast),
        &["EINVAL", "broadcast", "bring lo up"],
    );
}

pub(crate) fn senseless_values_are_refused_before_they_are_sent() {
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
    // A value that a kernel contains nevertheless can be restored and deleted.
    let restore = [Command::AddService(Service::new(icmp, SchedulerName::RR))];
    ipvs.batch(&restore)
        .unwrap()
        .into_iter()
        .collect::<Result<(), _>>()
        .unwrap();
    ipvs.delete_service(&icmp).unwrap();
}

pub(crate) fn without_ip_vs_it_is_not_loaded() {
    for module in ["ip_vs_rr", "ip_vs_wrr", "ip_vs_wlc", "ip_vs"] {
        unload_module(module).unwrap();
    }
    let error = Ipvs::open().unwrap_err();
    assert!(error.is_not_loaded());
    assert!(error.to_string().contains("modprobe ip_vs"), "{error}");
}

pub(crate) fn without_privilege_nothing_can_be_read() {
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
    // Opening needs no privilege, and does not grant one.
    assert!(says(open().info(), &["CAP_NET_ADMIN"]).is_permission());
    // The guest needs the privilege to end itself.
    seteuid(Uid::from_raw(0)).unwrap();
}
