//! The one controller of a cluster on this node, and how other processes ask it.
//!
//! | file | is |
//! |---|---|
//! | `web.run` | locked by the controller of the cluster `web`, with its name in it |
//! | `web.socket` | the socket on which it answers a request of one line with a text |
//! | `web.kept` | what it keeps, for other processes |

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::time::Duration;

use super::directory::Directory;
use super::lock::{Claim, claim};
use super::session::Purpose;
use super::{NamespaceLock, Session, StateDir};
use crate::cluster::{ClusterName, DesiredState, Record};
use crate::error::{Error, Operation, Result};

/// How long a controller may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer that is read: 250,000 destinations are about 100 MB.
const LONGEST_ANSWER: u64 = 256 << 20;

/// Is the place of the one controller of a cluster on this node: held until it is dropped or its process ends,
/// however that ends.
#[derive(Debug)]
pub(crate) struct Resident {
    state: StateDir,
    cluster: ClusterName,
    locked: File,
}

impl Resident {
    /// Returns whether other processes see it: not if its state directory was deleted.
    pub(crate) fn is_seen(&self) -> bool {
        use std::os::unix::fs::MetadataExt;
        let path = self.state.directory().join(lock_name(&self.cluster));
        let own = self.locked.metadata();
        let found = fs::symlink_metadata(path);
        match (own, found) {
            (Ok(own), Ok(found)) => (own.dev(), own.ino()) == (found.dev(), found.ino()),
            (_, Err(error)) => error.kind() != io::ErrorKind::NotFound,
            (Err(_), _) => true,
        }
    }

    /// Listens for requests; the socket of a controller that was killed is replaced.
    pub(crate) fn listen(&self) -> Result<UnixListener> {
        let socket = self.state.socket(&self.cluster);
        let listen = || {
            match fs::remove_file(&socket) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            UnixListener::bind(&socket)
        };
        listen().map_err(|source| {
            Error::io(Operation::new("listen on", socket.display()), source)
                .with_hint("`lvsctl status` could not ask without it")
        })
    }
}

impl Drop for Resident {
    fn drop(&mut self) {
        // A socket that stays is replaced by the next controller.
        let _ = fs::remove_file(self.state.socket(&self.cluster));
    }
}

/// Identifies a version of a record's file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RecordStamp(Option<(u64, i64, i64)>, bool);

impl StateDir {
    /// Takes the place of the cluster's controller, under a name for others, and that of the only one in this network
    /// namespace. One that is refused leaves no file behind.
    pub(crate) fn reside_alone(
        &self,
        cluster: &ClusterName,
        verb: &str,
    ) -> Result<(Resident, NamespaceLock)> {
        let namespace = match NamespaceLock::take(cluster) {
            // The directory names the file, too.
            Err(error) => match self.own_controller(cluster) {
                Some(holder) => return Err(kept_already(cluster, &holder)),
                None => return Err(error),
            },
            Ok(namespace) => namespace,
        };
        Ok((self.reside(cluster, verb)?, namespace))
    }

    /// Takes the place of the cluster's controller, under a name for others.
    pub(crate) fn reside(&self, cluster: &ClusterName, verb: &str) -> Result<Resident> {
        match claim(self.directory(), &lock_name(cluster), verb)? {
            Claim::Taken(locked) => {
                self.unpublish(cluster);
                Ok(Resident {
                    state: self.clone(),
                    cluster: cluster.clone(),
                    locked,
                })
            }
            Claim::Held(holder) => Err(kept_already(cluster, &holder)),
        }
    }

    /// Asks the controller of a cluster, by one line; `None` if none runs.
    ///
    /// # Errors
    /// It does not answer in time.
    pub fn ask(&self, cluster: &ClusterName, request: &str) -> Result<Option<String>> {
        let socket = self.socket(cluster);
        let ask = || -> io::Result<Option<String>> {
            // The directory is its owner's alone, and so is a socket in it.
            if Directory::open(self.directory())?.is_none() {
                return Ok(None);
            }
            let mut stream = UnixStream::connect(&socket)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            stream.write_all(format!("{request}\n").as_bytes())?;
            stream.shutdown(Shutdown::Write)?;
            let mut answer = String::new();
            stream.take(LONGEST_ANSWER).read_to_string(&mut answer)?;
            Ok(Some(answer))
        };
        match ask() {
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
                ) =>
            {
                Ok(None)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let controller = self.controller(cluster);
                let problem = format!(
                    "{} has not answered within {} s",
                    controller.as_deref().unwrap_or("its controller"),
                    PATIENCE.as_secs()
                );
                Err(Error::invalid(Operation::new("ask", cluster), problem)
                    .with_hint("is it stopped or overloaded? `lvsctl list` asks the kernel"))
            }
            asked => asked.map_err(|source| {
                Error::io(
                    Operation::new("ask the controller at", socket.display()),
                    source,
                )
            }),
        }
    }

    /// Returns what tells versions of a record apart, without reading it.
    pub(crate) fn record_stamp(&self, node: &DesiredState) -> RecordStamp {
        use std::os::unix::fs::MetadataExt;
        let file = self.record_file(&node.cluster, &node.name);
        let metadata = fs::symlink_metadata(file.path()).ok();
        RecordStamp(
            metadata.map(|found| (found.ino(), found.mtime(), found.mtime_nsec())),
            file.is_marked_standby(),
        )
    }

    fn socket(&self, cluster: &ClusterName) -> PathBuf {
        self.directory().join(format!("{cluster}.socket"))
    }
}

fn kept_already(cluster: &ClusterName, holder: &str) -> Error {
    let problem = format!("{holder} keeps this cluster already");
    Error::invalid(Operation::new("run", cluster), problem)
        .with_hint("one controller of a cluster on a node: `lvsctl status` asks it")
}

fn lock_name(cluster: &ClusterName) -> String {
    format!("{cluster}.run")
}

impl Session {
    /// Leaves the weights of services with checks to the caller, and records that, until
    /// [`leave_weights`](Self::leave_weights): no other apply or undrain sets them meanwhile.
    pub(crate) const fn by_health(mut self) -> Self {
        self.purpose = Purpose::Health;
        self
    }

    /// Records that weights follow health no longer: the file's count again.
    pub(crate) fn leave_weights(&self, node: &DesiredState) -> Result<()> {
        let old = self.state.record(node)?;
        let new = Record {
            by_health: Default::default(),
            ..old.clone()
        };
        self.write(&old, &new)
    }
}
