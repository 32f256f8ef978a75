//! What systemd is told of a unit of `Type=notify`.

use std::cell::Cell;
use std::env;
use std::io;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

/// The supervisor that is told what the program does; without one nothing is told.
#[derive(Debug, Default)]
pub(super) struct Supervisor {
    socket: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
    fed: Cell<Option<Instant>>,
}

impl Supervisor {
    /// Takes it from `NOTIFY_SOCKET` and `WATCHDOG_USEC`.
    pub(super) fn from_environment() -> Self {
        let socket = env::var("NOTIFY_SOCKET").ok().and_then(|name| {
            let socket = UnixDatagram::unbound().ok()?;
            Some((socket, address(&name).ok()?))
        });
        let watchdog = env::var("WATCHDOG_USEC")
            .ok()
            .and_then(|text| text.parse().ok())
            .map(Duration::from_micros);
        Self {
            socket,
            watchdog,
            fed: Cell::default(),
        }
    }

    /// Returns how often the watchdog must be fed: twice within its time.
    pub(super) fn interval(&self) -> Option<Duration> {
        self.watchdog.map(|time| time / 2)
    }

    pub(super) fn ready(&self) {
        self.tell("READY=1\nSTATUS=");
    }

    /// Says that the old file stays in force: `systemctl status` shows it.
    pub(super) fn refused(&self, problem: &str) {
        let problem = problem.lines().next().unwrap_or_default();
        self.tell(&format!(
            "READY=1\nSTATUS=refused, and the old file stays in force: {problem}"
        ));
    }

    /// Feeds the watchdog; called by the loop alone, and as often as it likes: between two steps of its work.
    pub(super) fn feed(&self) {
        let is_due = |time: Duration| {
            let fed = self.fed.get();
            fed.is_none_or(|fed| fed.elapsed() >= time / 8)
        };
        if self.watchdog.is_some_and(is_due) {
            self.fed.set(Some(Instant::now()));
            self.tell("WATCHDOG=1");
        }
    }

    pub(super) fn reloading(&self) {
        let microseconds = clock_gettime(ClockId::CLOCK_MONOTONIC)
            .map(Duration::from)
            .unwrap_or_default()
            .as_micros();
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={microseconds}"));
    }

    pub(super) fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    fn tell(&self, text: &str) {
        if let Some((socket, address)) = &self.socket {
            // A supervisor that does not listen changes nothing.
            let _ = socket.send_to_addr(text.as_bytes(), address);
        }
    }
}

/// A name that begins with `@` is abstract.
fn address(name: &str) -> io::Result<SocketAddr> {
    use std::os::linux::net::SocketAddrExt;
    match name.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(name),
    }
}
