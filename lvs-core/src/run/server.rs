//! Answers to those who ask the controller: by its Unix socket, and metrics by HTTP.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::metrics::Dialect;
use super::runner::Input;
use crate::error::{Error, Operation, Result};

/// How long a client may take for a part of its request, and for a part of the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a scrape may take as a whole: no program that scrapes waits so long.
const LONGEST_SCRAPE: Duration = Duration::from_secs(60);
/// The longest request in bytes.
const LONGEST: u64 = 16 << 10;
/// The most clients at a time.
const MOST: usize = 16;

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    Status,
    Metrics(Dialect),
}

/// Answers by a Unix socket: a request is a line, `status` or `metrics`.
pub(super) fn serve_unix(listener: UnixListener, input: Sender<Input>) {
    serve(
        move || Ok(listener.accept()?.0),
        move |stream| {
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            let mut line = String::new();
            BufReader::new((&stream).take(LONGEST)).read_line(&mut line)?;
            let request = match line.trim() {
                "status" => Request::Status,
                "metrics" => Request::Metrics(Dialect::Prometheus),
                _ => return Ok(()),
            };
            let answer = ask(&input, request)?;
            (&stream).write_all(answer.as_bytes())
        },
    );
}

/// Listens for scrapes.
///
/// # Errors
/// The address is in use or not this host's.
pub(super) fn listen_http(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).map_err(|source| {
        let hint = match source.kind() {
            io::ErrorKind::AddrInUse => {
                "another program listens there; it is tried again each second"
            }
            io::ErrorKind::AddrNotAvailable => {
                "this host does not have the address now; it is tried again each second"
            }
            io::ErrorKind::PermissionDenied => "a port below 1024 needs CAP_NET_BIND_SERVICE",
            _ => "it is tried again each second",
        };
        Error::io(Operation::new("listen for scrapes on", address), source).with_hint(hint)
    })
}

/// Answers `GET /metrics` by HTTP.
pub(super) fn serve_http(listener: TcpListener, input: Sender<Input>) {
    serve(
        move || Ok(listener.accept()?.0),
        move |stream| {
            let mut stream = Timed::new(stream, LONGEST_SCRAPE);
            let head = head(&mut stream)?;
            let path = head.split_ascii_whitespace().nth(1).unwrap_or_default();
            let (status, kind, body) = match path.split('?').next() {
                Some("/metrics" | "/") if head.starts_with("GET ") => {
                    let dialect = match head.contains("application/openmetrics-text") {
                        true => Dialect::OpenMetrics,
                        false => Dialect::Prometheus,
                    };
                    let body = ask(&input, Request::Metrics(dialect))?;
                    ("200 OK", dialect.content_type(), body)
                }
                _ => ("404 Not Found", "text/plain", "see /metrics\n".to_owned()),
            };
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
            );
            stream.write_all(head.as_bytes())?;
            stream.write_all(body.as_bytes())
        },
    );
}

/// A connection that is used for a limited time, however slowly its client goes on: there is room for a few only.
struct Timed {
    stream: TcpStream,
    until: Instant,
}

impl Timed {
    fn new(stream: TcpStream, time: Duration) -> Self {
        Self {
            stream,
            until: Instant::now() + time,
        }
    }

    fn left(&self) -> io::Result<Option<Duration>> {
        match self.until.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
            left => Ok(Some(left.min(PATIENCE))),
        }
    }
}

impl Read for Timed {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        self.stream.read(bytes)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Reads the lines up to the empty one.
fn head(stream: impl Read) -> io::Result<String> {
    let mut reader = BufReader::new(stream.take(LONGEST));
    let mut head = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            return Ok(head);
        }
        head.push_str(&line);
    }
}

/// Accepts clients in a thread of its own, each served by another.
fn serve<S: Send + 'static>(
    accept: impl Fn() -> io::Result<S> + Send + 'static,
    answer: impl Fn(S) -> io::Result<()> + Send + Sync + 'static,
) {
    let (answer, clients) = (Arc::new(answer), Arc::new(AtomicUsize::new(0)));
    // Without the thread the controller runs all the same, and does not answer.
    let _ = thread::Builder::new().spawn(move || {
        loop {
            let Ok(stream) = accept() else {
                // Out of descriptors, for a while.
                thread::sleep(Duration::from_millis(100));
                continue;
            };
            if clients.load(Ordering::Relaxed) >= MOST {
                continue;
            }
            clients.fetch_add(1, Ordering::Relaxed);
            let (answer, clients) = (Arc::clone(&answer), Arc::clone(&clients));
            let client = Arc::clone(&clients);
            let spawned = thread::Builder::new().spawn(move || {
                // A client that hangs up is no concern of the controller.
                let _ = answer(stream);
                client.fetch_sub(1, Ordering::Relaxed);
            });
            if spawned.is_err() {
                clients.fetch_sub(1, Ordering::Relaxed);
            }
        }
    });
}

/// Asks the loop.
fn ask(input: &Sender<Input>, request: Request) -> io::Result<String> {
    let (answer, answered) = channel();
    let ended = |_| io::Error::other("the controller has ended");
    input
        .send(Input::Ask(request, answer))
        .map_err(|_| io::Error::other("the controller has ended"))?;
    answered.recv_timeout(PATIENCE).map_err(ended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_served_until_its_time_is_over() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").unwrap();
        let served = listener.accept().unwrap().0;
        let mut late = Timed::new(served.try_clone().unwrap(), Duration::ZERO);
        for error in [
            head(&mut late).unwrap_err(),
            late.write_all(b"HTTP/1.1").unwrap_err(),
        ] {
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        }
        let mut timely = Timed::new(served, LONGEST_SCRAPE);
        assert!(head(&mut timely).unwrap().starts_with("GET /metrics"));
    }
}
