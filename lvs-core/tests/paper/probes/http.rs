//! HTTP.

use std::io::Write;
use std::sync::mpsc;

use lvs_core::health::{Failure, Healthy, Percent, Stage};

use crate::probes::peer::{http, probe, request, tcp};

const HTTP: &str = r#"{"type": "http"}"#;
const CONTAINS: &str = r#"{"type": "http", "contains": "all well"}"#;

fn healthy() -> Result<Healthy, Failure> {
    Ok(Healthy::default())
}

#[test]
fn a_request_is_what_the_file_says() {
    let (send, receive) = mpsc::channel();
    let address = tcp(move |mut connection| {
        send.send(request(&mut connection)).unwrap();
        connection
            .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
            .unwrap();
    });
    let check =
        r#"{"type": "http", "method": "HEAD", "path": "/healthz?a=1", "host": "www.example.org"}"#;
    assert_eq!(probe(check, address), healthy());
    assert_eq!(
        receive.recv().unwrap(),
        "HEAD /healthz?a=1 HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: lvs-core\r\nAccept: */*\r\n\
         Connection: close\r\n\r\n"
    );
}

#[test]
fn a_status_decides() {
    for (status, outcome) in [
        ("200 OK", healthy()),
        ("299 Odd", healthy()),
        ("301 Moved", Err(Failure::Status(301))),
        ("500 Error", Err(Failure::Status(500))),
    ] {
        assert_eq!(
            probe(HTTP, http(format!("HTTP/1.1 {status}\r\n\r\n"))),
            outcome
        );
    }
    let check = r#"{"type": "http", "status": "301"}"#;
    assert_eq!(probe(check, http("HTTP/1.0 301 Moved\r\n\r\n")), healthy());
    let interim = "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n";
    assert_eq!(probe(HTTP, http(interim)), healthy());
}

#[test]
fn content_is_found_however_it_is_framed() {
    for framed in [
        "\r\n\r\nso far all well",
        "\r\nContent-Length: 8\r\n\r\nall well",
        "\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nall \r\n4\r\nwell\r\n0\r\n\r\n",
        // What is wrong behind it must not matter, since it may arrive later.
        "\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nall well\r\nno size\r\n",
    ] {
        assert_eq!(
            probe(CONTAINS, http(format!("HTTP/1.1 200 OK{framed}"))),
            healthy(),
            "{framed}"
        );
    }
    for framed in [
        "\r\n\r\nall is lost",
        "\r\nContent-Length: 3\r\n\r\nall well",
        "\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nall\r\n0\r\n\r\n",
    ] {
        let lacks = Err(Failure::Lacks("all well".to_owned()));
        assert_eq!(
            probe(CONTAINS, http(format!("HTTP/1.1 200 OK{framed}"))),
            lacks,
            "{framed}"
        );
    }
    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\nall";
    assert_eq!(
        probe(CONTAINS, http(cut)),
        Err(Failure::Closed(Stage::Answer))
    );
}

#[test]
fn a_server_can_ask_for_a_share() {
    let answer = |header: &str| http(format!("HTTP/1.1 200 OK\r\nLVS-Weight: {header}\r\n\r\n"));
    let share = |percent| Ok(Healthy::with_share(Percent::new(percent).unwrap()));
    assert_eq!(probe(HTTP, answer("0")), share(0));
    assert_eq!(probe(HTTP, answer("30")), share(30));
    for bad in ["101", "-1", "many", ""] {
        let outcome = probe(HTTP, answer(bad));
        assert!(
            matches!(outcome, Err(Failure::Malformed(_))),
            "{bad}: {outcome:?}"
        );
    }
}

/// An answer without end is read up to its bound, whatever part of it has no end.
#[test]
fn nothing_is_read_without_bound() {
    let endless = |begin: &'static str, part: &'static [u8]| {
        tcp(move |mut connection| {
            request(&mut connection);
            let _ = connection.write_all(begin.as_bytes());
            let part = part.repeat(4096);
            while connection.write_all(&part).is_ok() {}
        })
    };
    let is_malformed = |outcome| matches!(outcome, Err(Failure::Malformed(_)));
    assert!(is_malformed(probe(
        HTTP,
        endless("HTTP/1.1 200 OK\r\nX: ", b"a")
    )));
    assert!(is_malformed(probe(
        HTTP,
        endless("HTTP/1.1 200 OK\r\n", b"X: a\r\n")
    )));
    assert!(is_malformed(probe(
        HTTP,
        endless("HTTP/1.1 100 Continue\r\n", b"\r\nHTTP/1.1 100 C\r\n")
    )));
    let lacks = Err(Failure::Lacks("all well".to_owned()));
    assert_eq!(
        probe(CONTAINS, endless("HTTP/1.1 200 OK\r\n\r\n", b"a")),
        lacks
    );
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(probe(CONTAINS, endless(chunked, b"1\r\na\r\n")), lacks);
    let huge = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffff\r\n";
    assert_eq!(probe(CONTAINS, endless(huge, b"a")), lacks);
    let size = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;";
    assert!(is_malformed(probe(CONTAINS, endless(size, b"a"))));
}

#[test]
fn silence_and_an_early_end_are_told_apart() {
    let check = r#"{"type": "http", "timeout": "100ms"}"#;
    let (held, hold) = mpsc::channel::<()>();
    let silent = tcp(move |mut connection| {
        request(&mut connection);
        let _ = hold.recv();
    });
    assert_eq!(probe(check, silent), Err(Failure::TimedOut(Stage::Answer)));
    drop(held);
    assert_eq!(probe(HTTP, http("")), Err(Failure::Closed(Stage::Answer)));
    assert!(matches!(
        probe(HTTP, http("SSH-2.0-OpenSSH_9.2\r\n")),
        Err(Failure::Malformed(_))
    ));
}
