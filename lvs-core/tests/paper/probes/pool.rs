//! Many probes at the same time have the results that each of them has alone.

use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::mpsc::{channel, sync_channel};
use std::thread;
use std::time::Duration;

use lvs_core::health::{Failure, Healthy, Outcome, Prober};
use lvs_core::run::ProbePool;
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, bind, listen, socket,
};

use crate::probes::peer::{closed, http, target, tcp};

const HEALTHY: Outcome = Ok(Healthy { share: None });

/// Longer than any probe here takes.
const PATIENCE: Duration = Duration::from_secs(60);

fn pooled(pool: &mut ProbePool, check: &str, address: SocketAddr) -> Outcome {
    let (target, check) = target(check, address);
    let (send, result) = channel();
    let prober = Arc::new(Prober::new(target));
    pool.submit(prober, 0, check.timing.timeout, move |outcome, _| {
        send.send(outcome).unwrap();
    });
    result.recv_timeout(PATIENCE).unwrap()
}

/// An address whose queue is full: the kernel drops every SYN. It lives as long as what is returned with it.
fn silent() -> (SocketAddr, impl Sized) {
    let listener = socket(
        AddressFamily::Inet,
        SockType::Stream,
        SockFlag::empty(),
        None,
    )
    .unwrap();
    bind(listener.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 0)).unwrap();
    listen(&listener, Backlog::new(0).unwrap()).unwrap();
    let listener = TcpListener::from(listener);
    let address = listener.local_addr().unwrap();
    let queued = TcpStream::connect(address).unwrap();
    (address, (listener, queued))
}

#[test]
fn a_connection_is_accepted_refused_or_not_answered() {
    let mut pool = ProbePool::new();
    assert_eq!(pooled(&mut pool, r#""tcp""#, tcp(drop)), HEALTHY);
    assert_eq!(
        pooled(&mut pool, r#""tcp""#, closed()),
        Err(Failure::Refused)
    );
    let (address, _queue) = silent();
    let check = r#"{"type": "tcp", "timeout": "200ms"}"#;
    assert_eq!(
        pooled(&mut pool, check, address),
        Err(Failure::ConnectTimedOut)
    );
    // Nothing was left over that keeps the next one from its result.
    assert_eq!(pooled(&mut pool, r#""tcp""#, tcp(drop)), HEALTHY);
}

#[test]
fn a_connection_is_closed_by_rst() {
    let (send, receive) = channel();
    let address = tcp(move |mut connection| {
        send.send(connection.read(&mut [0]).map_err(|error| error.kind()))
            .unwrap();
    });
    let mut pool = ProbePool::new();
    assert_eq!(pooled(&mut pool, r#""tcp""#, address), HEALTHY);
    assert_eq!(
        receive.recv_timeout(PATIENCE).unwrap(),
        Err(ErrorKind::ConnectionReset)
    );
}

#[test]
fn a_source_that_is_not_this_hosts_says_nothing_of_the_server() {
    let (mut target, check) = target(r#""tcp""#, closed());
    target.path.source = Some("192.0.2.1:0".parse().unwrap());
    let (send, result) = channel();
    let prober = Arc::new(Prober::new(target));
    let mut pool = ProbePool::new();
    pool.submit(prober, 0, check.timing.timeout, move |outcome, _| {
        send.send(outcome).unwrap();
    });
    let failure = result.recv_timeout(PATIENCE).unwrap().unwrap_err();
    assert!(failure.is_inconclusive(), "{failure}");
}

#[test]
fn other_kinds_are_pooled_too() {
    let mut pool = ProbePool::new();
    let page = http("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(pooled(&mut pool, PAGE, page), HEALTHY);
    let program = r#"{"type": "program", "command": ["/bin/true"]}"#;
    assert_eq!(pooled(&mut pool, program, page), HEALTHY);
}

const PAGE: &str = r#"{"type": "http", "path": "/"}"#;

/// Hundreds that accept, and answer neither a handshake nor a request, delay no page: each of them would keep a thread.
#[test]
fn servers_that_do_not_answer_delay_no_others() {
    const KINDS: [&str; 3] = [
        PAGE,
        r#"{"type": "tls", "verify": false}"#,
        r#"{"type": "dns", "name": "www.example.org", "transport": "tcp"}"#,
    ];
    // The kernel accepts for them, a hundred each.
    let silent: Vec<TcpListener> = (0..6)
        .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
        .collect();
    let (send, results) = channel();
    let mut pool = ProbePool::new();
    let mut submit = |check, address, is_silent| {
        let (send, prober) = (
            send.clone(),
            Arc::new(Prober::new(target(check, address).0)),
        );
        pool.submit(prober, 0, "60s".parse().unwrap(), move |outcome, _| {
            let _ = send.send((is_silent, outcome));
        });
    };
    // More than there are threads, where so many files may be open.
    let count = match getrlimit(Resource::RLIMIT_NOFILE).unwrap() {
        (_, most) if most < 4096 => 200,
        _ => 600,
    };
    for (number, listener) in (0..count).zip(silent.iter().cycle()) {
        submit(KINDS[number % 3], listener.local_addr().unwrap(), true);
    }
    let page = http("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    submit(PAGE, page, false);
    assert_eq!(results.recv_timeout(PATIENCE).unwrap(), (false, HEALTHY));
}

/// More than are begun, or read, at a time, and some that are never answered.
#[test]
fn a_thousand_at_a_time_have_one_result_each() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let alive = listener.local_addr().unwrap();
    thread::spawn(move || listener.incoming().for_each(drop));
    let (unanswered, _queue) = silent();
    let dead = closed();
    let probers = [alive, dead, unanswered]
        .map(|address| Arc::new(Prober::new(target(r#""tcp""#, address).0)));
    let (send, results) = sync_channel(1200);
    let mut pool = ProbePool::new();
    for number in 0..1200 {
        let (kind, send) = (number % 3, send.clone());
        let prober = Arc::clone(&probers[kind]);
        let timeout = "2s".parse().unwrap();
        pool.submit(prober, 0, timeout, move |outcome, _| {
            send.send((kind, outcome)).unwrap();
        });
    }
    drop(send);
    let mut count = [0; 3];
    while let Ok((kind, outcome)) = results.recv_timeout(PATIENCE) {
        count[kind] += 1;
        match kind {
            // A full queue of the listener is no fault of the pool's.
            0 => assert!(
                [HEALTHY, Err(Failure::ConnectTimedOut)].contains(&outcome),
                "{outcome:?}"
            ),
            1 => assert_eq!(outcome, Err(Failure::Refused)),
            _ => assert_eq!(outcome, Err(Failure::ConnectTimedOut)),
        }
    }
    assert_eq!(count, [400; 3]);
}
