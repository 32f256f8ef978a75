//! Destinations: every forwarding method, their order, the other family.

use lvs_core::ipvs::{
    Destination, Encapsulation, Forwarding, Ipvs, Thresholds, TunnelChecksum, Weight,
};

use crate::ipvs::{behind, destination, id, open, round_robin};

/// Returns a destination of every forwarding method, to addresses that begin like this.
pub(crate) fn destinations(address: &str) -> Vec<Destination> {
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
        destination.thresholds = Thresholds::new(number * 100, number % 2 * number * 50).unwrap();
        destination
    })
    .collect()
}

pub(crate) fn destinations_read_back_equal() {
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

pub(crate) fn destinations_are_edited_and_deleted() {
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

pub(crate) fn order_is_newest_first_and_survives_edits() {
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
