//! TCP and UDP.

use std::io::{ErrorKind, Read};
use std::net::TcpListener;
use std::sync::mpsc;

use lvs_core::health::{Failure, Healthy, Prober, Stage};

use crate::probes::peer::{closed, probe, target, tcp, udp};

const HEALTHY: Result<Healthy, Failure> = Ok(Healthy { share: None });

#[test]
fn tcp_is_accepted_or_refused() {
    assert_eq!(probe(r#""tcp""#, tcp(drop)), HEALTHY);
    assert_eq!(probe(r#""tcp""#, closed()), Err(Failure::Refused));
}

/// A FIN would leave an entry of two minutes in the director's connection table.
#[test]
fn tcp_is_closed_by_rst() {
    let (send, receive) = mpsc::channel();
    let address = tcp(move |mut connection| {
        send.send(connection.read(&mut [0]).map_err(|error| error.kind()))
            .unwrap();
    });
    assert_eq!(probe(r#""tcp""#, address), HEALTHY);
    assert_eq!(receive.recv().unwrap(), Err(ErrorKind::ConnectionReset));
}

#[test]
fn a_source_is_bound_and_one_in_use_gives_way() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut target, check) = target(r#""tcp""#, listener.local_addr().unwrap());
    target.path.source = Some("127.0.0.77:0".parse().unwrap());
    let held = TcpListener::bind("127.0.0.77:0").unwrap();
    let taken = held.local_addr().unwrap();
    let (outcome, _) = Prober::new(target).run_from(taken.port(), check.timing.timeout);
    assert_eq!(outcome, HEALTHY);
    // The connection is gone by now; where it came from is still known.
    let (_, source) = listener.accept().unwrap();
    assert_eq!(source.ip(), taken.ip());
    assert_ne!(source.port(), taken.port());
}

#[test]
fn a_director_that_cannot_probe_knows_nothing() {
    let (mut target, check) = target(r#""tcp""#, closed());
    // TEST-NET-1 is no address of this host.
    target.path.source = Some("192.0.2.1:0".parse().unwrap());
    let (outcome, _) = Prober::new(target).run(check.timing.timeout);
    let failure = outcome.unwrap_err();
    assert!(failure.is_inconclusive(), "{failure}");
}

#[test]
fn udp_is_answered_as_expected() {
    let echo = || udp(|payload| Some([b"pong to ", payload].concat()));
    let check = r#"{"type": "udp", "payload": "ping", "answer": "pong to ping"}"#;
    assert_eq!(probe(check, echo()), HEALTHY);
    let check = r#"{"type": "udp", "payload": "ping", "answer": "other"}"#;
    assert_eq!(
        probe(check, echo()),
        Err(Failure::Lacks("other".to_owned()))
    );
    let check = r#"{"type": "udp", "answer": "pong", "timeout": "100ms"}"#;
    assert_eq!(
        probe(check, udp(|_| None)),
        Err(Failure::TimedOut(Stage::Answer))
    );
}

#[test]
fn udp_without_an_expected_answer_is_only_not_to_be_refused() {
    let check = r#"{"type": "udp", "timeout": "100ms"}"#;
    assert_eq!(probe(check, udp(|_| None)), HEALTHY);
    assert_eq!(probe(check, udp(|_| Some(vec![1]))), HEALTHY);
    let nobody = std::net::UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    assert_eq!(probe(check, nobody), Err(Failure::Refused));
}
