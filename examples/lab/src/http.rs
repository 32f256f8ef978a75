//! A small HTTP server, whose one page is the name of its node, and the clients for it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use lvs_core::sysctl::SysctlKey;
use lvs_core::{Host, Netns};
use nix::sys::socket::sockopt::{IpBindAddressNoPort, ReceiveTimeout, SendTimeout};
use nix::sys::socket::{
    AddressFamily, Backlog, Shutdown, SockFlag, SockProtocol, SockType, SockaddrStorage, bind,
    connect, setsockopt, shutdown, socket,
};
use nix::sys::time::{TimeVal, TimeValLike};

use crate::error::{Context, Error, Result};

/// How long the server waits for a request.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long the server waits for the next request on a kept connection.
const KEPT: Duration = Duration::from_secs(20);

/// The header of the last request on a connection.
const CLOSE: &str = "Connection: close";

/// Serves one page until this is dropped.
#[derive(Debug)]
pub struct Server {
    listener: Arc<TcpListener>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves `page` on a port of every address, IPv4 and IPv6, that the namespace has or will have.
    ///
    /// # Errors
    /// The port is in use, or the namespace cannot be entered.
    pub fn start(netns: &Netns, port: u16, page: impl Into<String>) -> Result<Self> {
        Self::serve(netns.run(|_| listen(port))?, port, page.into())
    }

    /// Serves `page` over SCTP, on IPv4 only: an association learns all addresses of both sides, and behind a
    /// director there should be only one.
    ///
    /// # Errors
    /// Those of [`start`](Self::start), or the kernel has no SCTP.
    pub fn start_sctp(netns: &Netns, port: u16, page: impl Into<String>) -> Result<Self> {
        let listen = |host: &mut Host| {
            // Cookies of the lab need no signature, so the guest needs no modules to sign them.
            let key = SysctlKey::new("net/sctp/cookie_hmac_alg")?;
            host.sysctl().write(&key, "none")?;
            Ok::<_, Error>(listen_sctp(port))
        };
        Self::serve(netns.run(listen)??, port, page.into())
    }

    fn serve(listener: io::Result<TcpListener>, port: u16, page: String) -> Result<Self> {
        let listener = Arc::new(listener.context(format_args!("listen on port {port}"))?);
        let over = Arc::new(AtomicBool::new(false));
        let (ours, is_over) = (Arc::clone(&listener), Arc::clone(&over));
        // A socket stays in the namespace in which it was opened; the thread need not go there.
        let thread = thread::spawn(move || answer_all(&ours, &is_over, &page));
        Ok(Self {
            listener,
            over,
            thread: Some(thread),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // It wakes the thread out of accept, with an error that ends it.
        let _ = shutdown(self.listener.as_raw_fd(), Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Listens on IPv6 and IPv4, or on IPv4 alone if the kernel has no IPv6.
fn listen(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv6Addr::UNSPECIFIED, port))
        .or_else(|_| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)))
}

/// Listens for one-to-one associations, which a program uses like any other stream.
fn listen_sctp(port: u16) -> io::Result<TcpListener> {
    let fd = sctp(AddressFamily::Inet)?;
    let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    bind(fd.as_raw_fd(), &SockaddrStorage::from(any))?;
    // Such an accept cannot be interrupted, so it times out now and then.
    setsockopt(&fd, ReceiveTimeout, &TimeVal::new(0, 200_000))?;
    nix::sys::socket::listen(&fd, Backlog::MAXCONN)?;
    Ok(fd.into())
}

fn sctp(family: AddressFamily) -> nix::Result<OwnedFd> {
    let protocol = SockProtocol::Sctp;
    socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, protocol)
}

/// Answers every client in a thread that waits for the next one then: to start one costs more than a request.
fn answer_all(listener: &TcpListener, over: &AtomicBool, page: &str) {
    let (queue, clients) = mpsc::channel();
    let (clients, idle) = (Mutex::new(clients), AtomicUsize::new(0));
    thread::scope(|scope| {
        let queue = queue;
        while !over.load(Ordering::Relaxed) {
            match listener.accept() {
                Ok((client, _)) => {
                    // Only this thread takes from the number.
                    match idle.load(Ordering::Acquire) {
                        0 => drop(scope.spawn(|| answer_each(&clients, &idle, page))),
                        _ => drop(idle.fetch_sub(1, Ordering::AcqRel)),
                    }
                    drop(queue.send(client));
                }
                // An error concerns one client only, for example one that has closed its connection.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    });
}

/// Answers one client after the other, until there will be no more.
fn answer_each(clients: &Mutex<Receiver<TcpStream>>, idle: &AtomicUsize, page: &str) {
    let next = || {
        let clients = clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.recv()
    };
    while let Ok(client) = next() {
        drop(answer(&client, page));
        drop(client);
        idle.fetch_add(1, Ordering::AcqRel);
    }
}

/// Answers until the client sends its last request.
fn answer(client: &TcpStream, page: &str) -> io::Result<()> {
    client.set_read_timeout(Some(PATIENCE))?;
    let mut lines = BufReader::new(client).lines();
    let (length, mut client) = (page.len() + 1, client);
    while let Some(last) = question(&mut lines)? {
        let close = if last {
            format!("{CLOSE}\r\n")
        } else {
            String::new()
        };
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n{close}\r\n");
        client.write_all(format!("{head}{page}\n").as_bytes())?;
        if last {
            break;
        }
        client.set_read_timeout(Some(KEPT))?;
    }
    Ok(())
}

/// Reads a request; returns whether it is the last one, or `None` if there is none.
fn question(lines: &mut impl Iterator<Item = io::Result<String>>) -> io::Result<Option<bool>> {
    let mut last = false;
    for line in lines {
        match line? {
            line if line.is_empty() => return Ok(Some(last)),
            line => last |= line.eq_ignore_ascii_case(CLOSE),
        }
    }
    Ok(None)
}

/// Fetches the page of a server from this thread's namespace, with the given source address if there is one;
/// returns it without the newline at its end.
///
/// # Errors
/// No answer in time ([`io::ErrorKind::TimedOut`]), a refusal, or an answer that is not a page.
pub fn fetch(server: SocketAddr, source: Option<IpAddr>, timeout: Duration) -> io::Result<String> {
    let tcp = |family| socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None);
    ask(open(tcp, server, source, timeout)?, server)
}

/// Fetches the page of a server over SCTP.
///
/// # Errors
/// Those of [`fetch`], or the kernel has no SCTP.
pub fn fetch_sctp(
    server: SocketAddr,
    source: Option<IpAddr>,
    timeout: Duration,
) -> io::Result<String> {
    ask(open(sctp, server, source, timeout)?, server)
}

fn ask(mut stream: TcpStream, server: SocketAddr) -> io::Result<String> {
    let host = server.ip();
    stream.write_all(format!("GET / HTTP/1.1\r\nHost: {host}\r\n{CLOSE}\r\n\r\n").as_bytes())?;
    // With room for a page it is read at once, and a guest pays for every system call.
    let mut answer = String::with_capacity(1024);
    match stream.take(1 << 20).read_to_string(&mut answer) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            return Err(io::ErrorKind::TimedOut.into());
        }
        result => result?,
    };
    page(&answer).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not a page"))
}

/// Represents a kept connection: many requests, one after the other, which all reach the same server.
#[derive(Debug)]
pub struct Kept {
    stream: BufReader<TcpStream>,
    server: SocketAddr,
}

impl Kept {
    /// Connects to a server from this thread's namespace; `timeout` also limits every single answer.
    ///
    /// # Errors
    /// No answer in time ([`io::ErrorKind::TimedOut`]), or a refusal.
    pub fn open(server: SocketAddr, timeout: Duration) -> io::Result<Self> {
        let tcp = |family| socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None);
        let stream = BufReader::new(open(tcp, server, None, timeout)?);
        Ok(Self { stream, server })
    }

    /// Fetches the page once more.
    ///
    /// # Errors
    /// No answer in time, a closed connection, or an answer that is not a page.
    pub fn fetch(&mut self) -> io::Result<String> {
        self.send()?;
        let mut answer = String::new();
        // The head, and the one line of the page.
        while !answer.ends_with("\r\n\r\n") {
            if self.stream.read_line(&mut answer)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        self.stream.read_line(&mut answer)?;
        page(&answer).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not a page"))
    }

    /// Asks for the page once more without waiting for the answer.
    ///
    /// # Errors
    /// A closed connection, or a server that has not read for too long.
    pub fn send(&mut self) -> io::Result<()> {
        let host = self.server.ip();
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        self.stream.get_mut().write_all(request.as_bytes())
    }

    /// Returns the client's own address and port.
    ///
    /// # Errors
    /// The connection is closed.
    pub fn client(&self) -> io::Result<SocketAddr> {
        self.stream.get_ref().local_addr()
    }
}

fn page(answer: &str) -> Option<String> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let good = head.starts_with("HTTP/1.1 200 ");
    good.then(|| body.strip_suffix('\n').unwrap_or(body).to_owned())
}

/// Connects with a chosen source address, which the standard library cannot do.
fn open(
    socket: impl FnOnce(AddressFamily) -> nix::Result<OwnedFd>,
    server: SocketAddr,
    source: Option<IpAddr>,
    timeout: Duration,
) -> io::Result<TcpStream> {
    let family = match server {
        SocketAddr::V4(_) => AddressFamily::Inet,
        SocketAddr::V6(_) => AddressFamily::Inet6,
    };
    let fd = socket(family)?;
    let limit = TimeVal::microseconds(timeout.as_micros().try_into().unwrap_or(1_000_000_000));
    setsockopt(&fd, SendTimeout, &limit)?;
    setsockopt(&fd, ReceiveTimeout, &limit)?;
    if let Some(source) = source {
        let source = SocketAddr::new(source, 0);
        // A port that is chosen here is a random one, sooner or later that of a connection which IPVS still remembers.
        setsockopt(&fd, IpBindAddressNoPort, &true)?;
        bind(fd.as_raw_fd(), &SockaddrStorage::from(source))?;
    }
    match connect(fd.as_raw_fd(), &SockaddrStorage::from(server)) {
        // The errno of a connection that was not made in time.
        Err(nix::errno::Errno::EINPROGRESS) => Err(io::ErrorKind::TimedOut.into()),
        Err(errno) => Err(errno.into()),
        Ok(()) => Ok(fd.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_comes_without_head_and_newline() {
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na\n";
        assert_eq!(page(answer).as_deref(), Some("a"));
        assert_eq!(page("HTTP/1.1 404 Not Found\r\n\r\nno\n"), None);
        assert_eq!(page("SSH-2.0"), None);
    }

    #[test]
    fn a_kept_connection_sends_many_requests() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| answer(&listener.accept().unwrap().0, "a").unwrap());
            let mut kept = Kept::open(address, PATIENCE).unwrap();
            assert_eq!(kept.fetch().unwrap(), "a");
            assert_eq!(kept.fetch().unwrap(), "a");
        });
    }

    #[test]
    fn a_silent_server_times_out() {
        let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = silent.local_addr().unwrap();
        let error = fetch(address, None, Duration::from_millis(50)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
