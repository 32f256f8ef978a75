//! Small servers on loopback, each for one connection or datagram, and probes of them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use lvs_core::health::{Check, Outcome, ProbePath, Prober, Subject, Target};

/// The target of a check, written as in the cluster file.
pub(crate) fn target(check: &str, address: SocketAddr) -> (Target, Check) {
    let check: Check = serde_json::from_str(check).unwrap();
    let target = Target {
        kind: check.kind.clone(),
        path: ProbePath::direct(address),
        via: None,
        subject: Subject {
            cluster: "web".parse().unwrap(),
            service: "tcp 172.16.5.11:80".parse().unwrap(),
            server: "realserver1".parse().unwrap(),
            destination: address.to_string().parse().unwrap(),
        },
    };
    (target, check)
}

/// Probes once.
pub(crate) fn probe(check: &str, address: SocketAddr) -> Outcome {
    let (target, check) = target(check, address);
    let (outcome, took) = Prober::new(target).run(check.timing.timeout);
    let most = check.timing.timeout.get() + Duration::from_secs(5);
    assert!(took < most, "{took:?}");
    outcome
}

/// A server for one connection.
pub(crate) fn tcp(serve: impl FnOnce(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || serve(listener.accept().unwrap().0));
    address
}

/// A server that reads until an empty line and answers with bytes.
pub(crate) fn http(answer: impl Into<Vec<u8>>) -> SocketAddr {
    let answer = answer.into();
    tcp(move |mut connection| {
        request(&mut connection);
        let _ = connection.write_all(&answer);
    })
}

/// Reads the head of a request.
pub(crate) fn request(connection: &mut impl Read) -> String {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") && connection.read(&mut byte).is_ok_and(|count| count > 0)
    {
        request.extend(byte);
    }
    String::from_utf8(request).unwrap()
}

/// A server for one datagram; no answer if there is none.
pub(crate) fn udp(answer: impl FnOnce(&[u8]) -> Option<Vec<u8>> + Send + 'static) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        let (count, from) = socket.recv_from(&mut buffer).unwrap();
        if let Some(answer) = answer(&buffer[..count]) {
            socket.send_to(&answer, from).unwrap();
        }
        // Until the test ends: without the socket there would be an ICMP message.
        let _ = socket.recv_from(&mut buffer);
    });
    address
}

/// An address where nothing listens.
pub(crate) fn closed() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}
