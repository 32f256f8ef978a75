//! A time server: Debian's chrony.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use lvs_core::Netns;

use crate::daemon::{Daemon, PATIENCE};
use crate::error::{Error, Result};

/// It serves the guest's own time and does not change it (`-x`), accepts no commands, and runs as root,
/// because the guest has no user for it.
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

/// Starts a time server on a node and waits until it answers there. A guest can have one at a time.
///
/// # Errors
/// chrony could not be fetched, or does not come up.
pub fn chrony(node: &Netns) -> Result<Daemon> {
    let daemon = Daemon::start(node, "chronyd", &OPTIONS)?;
    let started = Instant::now();
    while node.run(|_| ask())?.is_err() {
        if daemon.is_over() || started.elapsed() > PATIENCE {
            let reason = format!("chronyd does not answer:\n{}", daemon.output());
            return Err(Error::failed(reason));
        }
        // A refusal arrives at once; there is one processor, and other threads need it.
        thread::yield_now();
    }
    Ok(daemon)
}

/// Asks for the time with the smallest request: version 4, mode client.
fn ask() -> io::Result<usize> {
    let mut packet = [0; 48];
    packet[0] = 4 << 3 | 3;
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect((Ipv4Addr::LOCALHOST, 123))?;
    socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    socket.send(&packet)?;
    socket.recv(&mut packet)
}
