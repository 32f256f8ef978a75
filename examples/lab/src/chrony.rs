//! A time server: Debian's chrony.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use lvs_core::Netns;

use crate::daemon::{Daemon, PATIENCE};
use crate::error::{Error, Result};

/// It serves the guest's own time and leaves that as it is (`-x`); nobody is to command it, and no user of
/// its own is there for it.
const OPTIONS: [&str; 9] = [
    "-d",
    "-x",
    "-u",
    "root",
    "local stratum 8",
    "allow all",
    "cmdport 0",
    "bindcmdaddress /",
    "pidfile /run/chronyd.pid",
];

/// Starts a time server on a machine and waits until it answers there. One at a time in a guest.
///
/// # Errors
/// chrony could not be fetched, or does not come up.
pub fn chrony(machine: &Netns) -> Result<Daemon> {
    let daemon = Daemon::start(machine, "chronyd", &OPTIONS)?;
    let started = Instant::now();
    while machine.run(|_| ask())?.is_err() {
        if daemon.is_over() || started.elapsed() > PATIENCE {
            let reason = format!("chronyd does not answer:\n{}", daemon.said());
            return Err(Error::failed(reason));
        }
        // A refusal comes at once; the processor is one, and others have to get on.
        thread::yield_now();
    }
    Ok(daemon)
}

/// Asks for the time: version 4, mode client, and nothing else.
fn ask() -> io::Result<usize> {
    let mut packet = [0; 48];
    packet[0] = 4 << 3 | 3;
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect((Ipv4Addr::LOCALHOST, 123))?;
    socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    socket.send(&packet)?;
    socket.recv(&mut packet)
}
