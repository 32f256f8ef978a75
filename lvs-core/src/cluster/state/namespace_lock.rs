//! The one controller of a cluster in a network namespace, in whichever state directories others run.
//!
//! An abstract Unix socket is a name that only one process of a network namespace can have. It ends with its process,
//! however that ends, and leaves no file.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

use nix::errno::Errno;
use nix::sys::socket::sockopt::PeerCredentials;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, getsockopt, socket};
use nix::unistd::geteuid;

use crate::cluster::ClusterName;
use crate::error::{Error, Operation, Result};

/// The longest command line that a message has, in characters.
const LONGEST: usize = 200;

/// Holds a cluster's name in the calling thread's network namespace until it is dropped.
#[derive(Debug)]
pub(crate) struct NamespaceLock {
    /// `None` if a user without privilege has the name: that must keep no controller from its work.
    name: Option<UnixListener>,
}

impl NamespaceLock {
    /// Takes the name of a cluster, or says which process has it.
    pub(crate) fn take(cluster: &ClusterName) -> Result<Self> {
        let name = name_of(cluster);
        let operation = || Operation::new("run", cluster);
        // A process that has it may end between the two questions.
        for _ in 0..8 {
            let found = match bind(&name) {
                Ok(bound) => return Ok(Self { name: Some(bound) }),
                Err(error) if error.kind() == ErrorKind::AddrInUse => holder(&name),
                Err(error) => return Err(Error::io(operation(), error)),
            };
            match found {
                Ok(holder) if holder.is_trusted => {
                    let problem = format!("{} keeps this cluster already", holder.name);
                    return Err(Error::invalid(operation(), problem).with_hint(
                        "one controller of a cluster in a network namespace: stop that one, which has another state directory",
                    ));
                }
                Ok(_) => return Ok(Self { name: None }),
                Err(Errno::ECONNREFUSED) => {}
                Err(errno) => return Err(Error::io(operation(), errno.into())),
            }
        }
        Err(Error::io(operation(), ErrorKind::AddrInUse.into()))
    }

    /// Returns which process has the name of a cluster, if one has that may.
    pub(super) fn holder(cluster: &ClusterName) -> Option<String> {
        holder(&name_of(cluster))
            .ok()
            .filter(|holder| holder.is_trusted)
            .map(|holder| holder.name)
    }

    /// Returns the clusters whose names processes of this network namespace have.
    pub(super) fn clusters() -> BTreeSet<ClusterName> {
        let sockets = fs::read("/proc/thread-self/net/unix").unwrap_or_default();
        // `0000000000000000: 00000002 00000000 00010000 0001 01 4711 @lvsctl/web.run`
        String::from_utf8_lossy(&sockets)
            .lines()
            .filter_map(|line| {
                let (_, name) = line.rsplit_once(" @lvsctl/")?;
                name.strip_suffix(".run")?.parse().ok()
            })
            .collect()
    }

    /// Forgets those that have asked: the queue of a name has room for a few hundred of them.
    pub(crate) fn forget_askers(&self) {
        if let Some(listener) = &self.name {
            while listener.accept().is_ok() {}
        }
    }
}

fn name_of(cluster: &ClusterName) -> String {
    format!("lvsctl/{cluster}.run")
}

fn bind(name: &str) -> io::Result<UnixListener> {
    let listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// The process that has a name.
struct Holder {
    name: String,
    /// Only root, and the user of this process, may keep a controller from running.
    is_trusted: bool,
}

/// Asks the kernel, and not the process: that may be stopped.
fn holder(name: &str) -> nix::Result<Holder> {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let asking: OwnedFd = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    match connect(
        asking.as_raw_fd(),
        &UnixAddr::new_abstract(name.as_bytes())?,
    ) {
        // It has been asked so often that its queue is full.
        Err(Errno::EAGAIN) => Ok(Holder {
            name: "a process that is not known".to_owned(),
            is_trusted: true,
        }),
        connected => {
            connected?;
            let peer = getsockopt(&asking, PeerCredentials)?;
            Ok(Holder {
                name: named(peer.pid()),
                is_trusted: peer.uid() == 0 || peer.uid() == geteuid().as_raw(),
            })
        }
    }
}

/// Names a process by its command line: `lvsctl run web.toml --state /run/a (process 7)`.
fn named(pid: i32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<_> = line
        .split(|byte| *byte == 0)
        .filter(|word| !word.is_empty())
        .map(|word| String::from_utf8_lossy(word).escape_debug().to_string())
        .collect();
    let text: String = words.join(" ").chars().take(LONGEST).collect();
    match (pid, text.as_str()) {
        (0, _) => "a process of another PID namespace".to_owned(),
        (_, "") => format!("process {pid}"),
        (_, text) => format!("{text} (process {pid})"),
    }
}

#[cfg(test)]
mod tests {
    use std::process;

    use super::*;

    #[test]
    fn a_second_one_is_told_of_the_first() {
        let cluster: ClusterName = format!("t{}", process::id()).parse().unwrap();
        let first = NamespaceLock::take(&cluster).unwrap();
        let error = NamespaceLock::take(&cluster).unwrap_err().to_string();
        let own = format!("(process {}) keeps this cluster already", process::id());
        assert!(error.contains(&own), "{error}");
        NamespaceLock::take(&format!("u{}", process::id()).parse().unwrap()).unwrap();
        drop(first);
        assert_eq!(NamespaceLock::holder(&cluster), None);
        NamespaceLock::take(&cluster).unwrap();
    }
    #[test]
    fn its_holder_is_known_however_often_that_was_asked() {
        let cluster: ClusterName = format!("a{}", process::id()).parse().unwrap();
        let lock = NamespaceLock::take(&cluster).unwrap();
        let own = format!("(process {})", process::id());
        for _ in 0..20 {
            for _ in 0..300 {
                let holder = NamespaceLock::holder(&cluster).unwrap();
                assert!(holder.ends_with(&own) || holder.contains("not known"));
            }
            lock.forget_askers();
            let holder = NamespaceLock::holder(&cluster).unwrap();
            assert!(holder.ends_with(&own), "{holder}");
        }
    }
}
