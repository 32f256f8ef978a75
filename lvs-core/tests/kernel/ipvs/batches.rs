//! Many changes in one send, and the whole table.

use std::collections::BTreeSet;

use lvs_core::Error;
use lvs_core::ipvs::{Command, Destination, DestinationId, Forwarding, ServiceId, Timeouts};

use crate::ipvs::{behind, destination, id, open, round_robin};

pub(crate) fn thousand_duplicates_give_thousand_errors() {
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

pub(crate) fn a_batch_continues_after_a_failure() {
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

/// Sends are closed so that every answer arrives, for any size of a batch.
pub(crate) fn a_batch_of_every_size_is_answered() {
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

pub(crate) fn snapshot_shows_the_whole_table() {
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
    let ids: BTreeSet<_> = table.iter().map(|entry| entry.status.service.id).collect();
    assert_eq!((table.len(), ids.len()), (300, 300));
    for entry in table {
        let ServiceId::Socket { address, .. } = entry.status.service.id else {
            panic!("{entry:?}");
        };
        let ports: Vec<_> = entry
            .destinations
            .iter()
            .map(|real| real.destination.id.port)
            .collect();
        assert_eq!(ports, [address.port()]);
    }
}
