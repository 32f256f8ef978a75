//! Methods that read first.

use std::num::NonZeroU16;

use lvs_core::ipvs::{
    Destination, Encapsulation, Family, Forwarding, Netmask, SchedulerName, Thresholds,
    TunnelChecksum, Weight,
};

use crate::ipvs::{id, open, persistent, round_robin};

pub(crate) fn entries_that_are_right_are_not_changed() {
    let mut ipvs = open();
    let mut service = round_robin("tcp 10.0.0.1:80");
    let mut destination =
        Destination::new("10.0.0.2:80".parse().unwrap(), Forwarding::DirectRouting);
    let error = ipvs.ensure_destination(&service.id, &destination);
    assert!(error.unwrap_err().is_not_found(), "no service");

    assert!(ipvs.ensure_service(&service).unwrap());
    assert!(!ipvs.ensure_service(&service).unwrap());
    service.scheduler = SchedulerName::WRR;
    assert!(ipvs.ensure_service(&service).unwrap());
    assert_eq!(ipvs.service(&service.id).unwrap().service, service);

    assert!(ipvs.ensure_destination(&service.id, &destination).unwrap());
    assert!(!ipvs.ensure_destination(&service.id, &destination).unwrap());
    destination.weight = Weight::new(5).unwrap();
    assert!(ipvs.ensure_destination(&service.id, &destination).unwrap());
    let found = ipvs.destinations(&service.id).unwrap();
    assert_eq!(found[0].destination, destination);

    assert!(
        ipvs.ensure_no_destination(&service.id, &destination.id)
            .unwrap()
    );
    assert!(
        !ipvs
            .ensure_no_destination(&service.id, &destination.id)
            .unwrap()
    );
    assert!(ipvs.ensure_no_service(&service.id).unwrap());
    assert!(!ipvs.ensure_no_service(&service.id).unwrap());
    assert!(
        !ipvs
            .ensure_no_destination(&service.id, &destination.id)
            .unwrap()
    );
}

/// `ipvsadm -e … -w 7` and `-E` reset what they do not name.
pub(crate) fn edits_keep_what_they_do_not_name() {
    let mut ipvs = open();
    let service = persistent(
        round_robin("tcp 10.0.0.1:80"),
        300,
        Netmask::host(Family::Ipv4),
    );
    ipvs.add_service(&service).unwrap();
    let gue = Encapsulation::Gue {
        port: NonZeroU16::new(6080).unwrap(),
        checksum: TunnelChecksum::Full,
    };
    let mut destination = Destination::new("10.0.0.2:80".parse().unwrap(), Forwarding::Tunnel(gue));
    destination.thresholds = Thresholds::new(100, 80).unwrap();
    ipvs.add_destination(&service.id, &destination).unwrap();

    let seven = Weight::new(7).unwrap();
    let edit = |destination: &mut Destination| destination.weight = seven;
    assert!(
        ipvs.edit_destination_with(&service.id, &destination.id, edit)
            .unwrap()
    );
    assert!(
        !ipvs
            .edit_destination_with(&service.id, &destination.id, edit)
            .unwrap()
    );
    destination.weight = seven;
    let found = ipvs.destinations(&service.id).unwrap();
    assert_eq!(found[0].destination, destination);

    let wrr = |service: &mut lvs_core::ipvs::Service| service.scheduler = SchedulerName::WRR;
    assert!(ipvs.edit_service_with(&service.id, wrr).unwrap());
    let found = ipvs.service(&service.id).unwrap().service;
    assert_eq!(found.scheduler, SchedulerName::WRR);
    assert_eq!(found.persistence, service.persistence);

    let missing = "10.0.0.3:80".parse().unwrap();
    let error = ipvs
        .edit_destination_with(&service.id, &missing, edit)
        .unwrap_err();
    assert!(
        error.is_not_found() && error.to_string().contains("add it instead"),
        "{error}"
    );
    let error = ipvs
        .edit_service_with(&id("tcp 10.0.0.9:80"), wrr)
        .unwrap_err();
    assert!(error.is_not_found());
}
