//! Clients that open connections all the time, and such that hold theirs.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use lvs_core::Netns;
use nix::sys::socket::sockopt::{ReceiveTimeout, SendTimeout};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn, SockaddrStorage, bind, connect, setsockopt,
    socket,
};
use nix::sys::time::{TimeVal, TimeValLike};

pub(crate) const WEB: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(VIP), 80);
pub(crate) const ECHO: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(VIP), 7);
const VIP: Ipv4Addr = Ipv4Addr::new(172, 16, 5, 11);

/// Longer than any turn of a machine takes, shorter than TCP's third attempt.
const ANSWER: Duration = Duration::from_secs(5);

/// What the clients that come and go have seen.
#[derive(Default)]
pub(crate) struct Visitors {
    done: [AtomicUsize; 2],
    stop: AtomicBool,
    answers: Mutex<Vec<String>>,
    failures: Mutex<Vec<String>>,
}

impl Visitors {
    /// They stop when the value that this gives is dropped, also by a test that fails.
    pub(crate) fn start<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        client: &'scope Netns,
    ) -> Stop<'scope> {
        for done in &self.done {
            scope.spawn(move || client.run(|_| self.visit(done)).unwrap());
        }
        Stop(&self.stop)
    }

    fn visit(&self, done: &AtomicUsize) {
        while !self.stop.load(Ordering::Relaxed) {
            match fetch() {
                Ok(name) => self.answers.lock().unwrap().push(name),
                Err(error) => self.failures.lock().unwrap().push(error.to_string()),
            }
            done.fetch_add(1, Ordering::Relaxed);
            thread::yield_now();
        }
    }

    /// Waits until every request is answered that is under way now.
    pub(crate) fn come_round(&self) {
        for done in &self.done {
            let seen = done.load(Ordering::Relaxed);
            let began = Instant::now();
            while done.load(Ordering::Relaxed) < seen + 2 {
                assert!(began.elapsed() < 3 * ANSWER, "no request comes to an end");
                thread::yield_now();
            }
        }
    }

    /// Who has answered since this was asked last; nobody must have failed.
    #[track_caller]
    pub(crate) fn answers(&self, when: &str) -> Vec<String> {
        let failures = self.failures.lock().unwrap();
        assert!(failures.is_empty(), "{when}: {failures:?}");
        std::mem::take(&mut *self.answers.lock().unwrap())
    }
}

/// The name of whoever serves the page.
fn fetch() -> io::Result<String> {
    let mut stream = open(WEB)?;
    stream.write_all(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (_, page) = answer
        .split_once("\r\n\r\n")
        .ok_or(io::ErrorKind::InvalidData)?;
    Ok(page.trim_end().to_owned())
}

/// A connection from a port that none had before. For two minutes after a connection has ended the
/// kernel sends whatever comes from the same port to the same server: into nowhere, if that is gone.
fn open(server: SocketAddr) -> io::Result<TcpStream> {
    static NEXT: AtomicU16 = AtomicU16::new(2000);
    let fd = socket(
        AddressFamily::Inet,
        SockType::Stream,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    let limit = TimeVal::seconds(ANSWER.as_secs().try_into().unwrap());
    setsockopt(&fd, SendTimeout, &limit)?;
    setsockopt(&fd, ReceiveTimeout, &limit)?;
    let own = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, NEXT.fetch_add(1, Ordering::Relaxed));
    bind(fd.as_raw_fd(), &SockaddrIn::from(own))?;
    connect(fd.as_raw_fd(), &SockaddrStorage::from(server))?;
    Ok(fd.into())
}

pub(crate) struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A connection that is held, and who is at its other end.
pub(crate) struct Held {
    pub(crate) server: String,
    stream: BufReader<TcpStream>,
}

impl Held {
    pub(crate) fn open(client: &Netns) -> io::Result<Self> {
        let stream = client.run(|_| open(ECHO)).unwrap()?;
        let mut held = Self {
            server: String::new(),
            stream: BufReader::new(stream),
        };
        held.server = held.ask()?;
        Ok(held)
    }

    /// A line there and a line back.
    pub(crate) fn ask(&mut self) -> io::Result<String> {
        self.stream.get_mut().write_all(b"who?\n")?;
        let mut name = String::new();
        self.stream.read_line(&mut name)?;
        Ok(name.trim_end().to_owned())
    }
}

/// Answers every line of every connection with the machine's name, until the guest ends.
pub(crate) fn echo(machine: &Netns, name: &str) {
    let listener = machine
        .run(|_| TcpListener::bind((Ipv4Addr::UNSPECIFIED, ECHO.port())))
        .unwrap();
    let (listener, name) = (listener.unwrap(), Arc::<str>::from(name));
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let name = Arc::clone(&name);
            thread::spawn(move || answer(&stream, &name));
        }
    });
}

fn answer(mut stream: &TcpStream, name: &str) -> io::Result<()> {
    for line in BufReader::new(stream).lines() {
        line?;
        stream.write_all(format!("{name}\n").as_bytes())?;
    }
    Ok(())
}
