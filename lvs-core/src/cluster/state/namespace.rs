//! The identity of a network namespace.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::getsockopt;
use nix::{getsockopt_impl, sockopt_impl};
use serde::{Deserialize, Serialize};

use super::place::read;
use crate::error::{Error, Operation, Result};
use crate::net::Net;

sockopt_impl!(
    /// The number that the kernel gives a network namespace.
    #[allow(unreachable_pub, reason = "the macro makes it public")]
    NetnsCookie,
    GetOnly,
    libc::SOL_SOCKET,
    libc::SO_NETNS_COOKIE,
    u64
);

/// Identifies a network namespace among all that there are between two boots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Namespace {
    /// The number that the kernel gives a namespace from 5.14 on, and no second one.
    Cookie(u64),
    /// On older kernels, which use the number of a file again.
    File {
        inode: u64,
        /// When `lo` got its address, in hundredths of a second since boot.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<u32>,
    },
}

impl Namespace {
    /// Returns that of the calling thread.
    pub(super) fn here() -> Result<Self> {
        let failed = |source| Error::io(Operation::new("identify network namespace", ""), source);
        let socket = UnixDatagram::unbound().map_err(failed)?;
        match getsockopt(&socket, NetnsCookie) {
            Ok(cookie) => Ok(Self::Cookie(cookie)),
            Err(Errno::ENOPROTOOPT) => Self::by_file(),
            Err(errno) => Err(failed(errno.into())),
        }
    }

    fn by_file() -> Result<Self> {
        let file = read("/proc/thread-self/ns/net", |path| fs::metadata(path))?;
        Ok(Self::File {
            inode: file.ino(),
            since: Net::open()?.loopback_since()?,
        })
    }

    /// Returns whether this one, of which a record says that it was changed, may be the namespace as it is now.
    pub(super) fn may_be(&self, now: &Self) -> bool {
        match (self, now) {
            // `lo` has come up since.
            (Self::File { inode, since: None }, Self::File { inode: now, .. }) => inode == now,
            _ => self == now,
        }
    }

    /// Returns what tells the files of namespaces apart.
    pub(super) fn suffix(&self) -> String {
        match self {
            Self::Cookie(cookie) => cookie.to_string(),
            Self::File { inode, since } => format!("{inode}-{}", since.unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_namespace_is_the_same_for_every_thread() {
        let here = Namespace::here().unwrap();
        assert_eq!(here, Namespace::here().unwrap());
        assert_eq!(
            thread::spawn(Namespace::here).join().unwrap().unwrap(),
            here
        );
    }

    #[test]
    fn an_older_kernel_tells_it_by_the_time_of_lo() {
        let file = |inode, since| Namespace::File { inode, since };
        let record = file(4_026_531_840, Some(12));
        assert!(record.may_be(&record));
        for other in [
            file(4_026_531_840, Some(13)),
            file(4_026_531_840, None),
            file(7, Some(12)),
        ] {
            assert!(!record.may_be(&other), "{other:?}");
        }
        assert!(file(7, None).may_be(&file(7, Some(1))), "lo came up");
        assert!(!file(7, None).may_be(&file(8, None)));
        assert!(!record.may_be(&Namespace::Cookie(4_026_531_840)));
    }
}
