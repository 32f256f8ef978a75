//! Two directors, of which keepalived chooses the active one.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use lvs_core::ipvs::ServiceId;
use lvs_core::net::Address;
use lvs_core::{Cluster, Host};

use crate::daemon::{Daemon, PATIENCE};
use crate::error::{Error, Result};
use crate::keepalived::{NodeSetup, keepalived};
use crate::lab::Lab;

/// Holds the texts of a director's files.
#[derive(Clone, Copy, Debug)]
pub struct Files<'a> {
    /// The cluster, `/etc/lvsctl/web.toml`.
    pub cluster: &'a str,
    /// `/etc/keepalived/keepalived.conf`.
    pub keepalived: &'a str,
    /// The script for its FIFO, `/etc/keepalived/lvsctl-notify`.
    pub notify: &'a str,
}

/// The path of lvsctl on the nodes.
const LVSCTL: &str = "/run/bin/lvsctl";

/// The time between two tests of a condition.
const EVERY: Duration = Duration::from_millis(20);

/// Runs a cluster with two directors, each with a keepalived that calls lvsctl.
///
/// ```no_run
/// # fn run(files: lvs_lab::Files<'_>, lvsctl: &std::path::Path) -> lvs_lab::Result<()> {
/// let mut pair = lvs_lab::Pair::new(files, lvsctl)?;
/// let active = pair.wait_for_active()?;
/// pair.kill(&active)?;
/// assert_ne!(pair.wait_for_active()?, active);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Pair {
    lab: Lab,
    cluster: Cluster,
    /// The files by their names.
    files: [(&'static str, String); 3],
    lvsctl: PathBuf,
    running: BTreeMap<String, Daemon>,
}

impl Pair {
    /// Configures the real servers and starts keepalived on both directors, the file's first one first;
    /// keepalived has the rest configured. When this returns, the first director is active and the other one
    /// stands by. `lvsctl` is the path of the program.
    ///
    /// # Errors
    /// The lab cannot build the cluster, or Debian's keepalived is missing.
    pub fn new(files: Files<'_>, lvsctl: &Path) -> Result<Self> {
        let cluster = Cluster::from_toml(files.cluster)?;
        let lab = Lab::new(&cluster, 1)?;
        for server in cluster.real_servers() {
            lab.apply_to(server.name.as_str())?;
        }
        let mut pair = Self {
            lab,
            files: [
                ("/etc/lvsctl/web.toml", files.cluster.to_owned()),
                (
                    "/etc/keepalived/keepalived.conf",
                    in_a_clone(files.keepalived),
                ),
                ("/etc/keepalived/lvsctl-notify", in_a_clone(files.notify)),
            ],
            lvsctl: lvsctl.to_owned(),
            running: BTreeMap::new(),
            cluster,
        };
        // One after the other: if both started at once, both could be active for a moment.
        for name in pair.directors() {
            pair.start(&name)?;
            pair.wait_for_active()?;
        }
        pair.lab.wait_for_servers()?;
        Ok(pair)
    }

    /// Returns the lab of the cluster.
    #[must_use]
    pub const fn lab(&self) -> &Lab {
        &self.lab
    }

    /// Returns the address of the cluster's first service.
    ///
    /// # Errors
    /// The service has no address.
    pub fn service(&self) -> Result<SocketAddr> {
        let service = self.cluster.services().first();
        match service.map(|service| &service.service.id) {
            Some(ServiceId::Socket { address, .. }) => Ok(*address),
            _ => Err(Error::failed("the first service has no address")),
        }
    }

    /// Returns the names of both directors.
    #[must_use]
    pub fn directors(&self) -> Vec<String> {
        self.cluster
            .directors()
            .iter()
            .map(|director| director.name.to_string())
            .collect()
    }

    /// Starts a director: keepalived starts and makes it stand by; then its cables are connected. So a
    /// director that returns has by then removed what a host loses in a power failure.
    ///
    /// # Errors
    /// There is none of that name, keepalived cannot be started, or lvsctl fails.
    pub fn start(&mut self, director: &str) -> Result<()> {
        let setup = NodeSetup {
            name: director,
            files: &self.files,
            programs: &[(LVSCTL, &self.lvsctl)],
        };
        self.lab.network().plug_in(director, false)?;
        let daemon = keepalived(self.lab.node(director)?, setup)?;
        self.running.insert(director.to_owned(), daemon);
        self.wait_for_standby(director)?;
        self.lab.network().plug_in(director, true)
    }

    /// Kills a director as a power failure does: it sends nothing more, and all its processes end.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn kill(&mut self, director: &str) -> Result<()> {
        // First the processes, which would notice the disconnected cables and have time to react.
        self.running.remove(director);
        self.lab.network().plug_in(director, false)
    }

    /// Ends keepalived on a director, as before maintenance: it gives up its role and calls lvsctl to stand by.
    ///
    /// # Errors
    /// No keepalived runs there.
    pub fn end(&mut self, director: &str) -> Result<()> {
        self.running
            .remove(director)
            .ok_or_else(|| Error::failed(format!("{director} has no keepalived")))?
            .end()
            .map(drop)
    }

    /// Starts a program on a running director, which sees its host name, `/etc`, `/run` and `/var/lib`. lvsctl is
    /// `/run/bin/lvsctl` there.
    ///
    /// # Errors
    /// No keepalived runs there, or the program cannot be started.
    pub fn spawn(&self, director: &str, command: &mut Command) -> Result<Child> {
        self.running
            .get(director)
            .ok_or_else(|| Error::failed(format!("{director} has no keepalived")))?
            .spawn_beside(self.lab.node(director)?, command)
    }

    /// Waits until exactly one of the running directors has the floating addresses, and the other has all
    /// addresses except those; returns the name of the active one.
    ///
    /// # Errors
    /// This does not happen in time.
    pub fn wait_for_active(&self) -> Result<String> {
        let mut active = None;
        self.wait("one director is active and the other stands by", || {
            let mut carrying = self
                .running
                .keys()
                .map(|name| Ok((name, self.carries(name)?)))
                .collect::<Result<Vec<_>>>()?;
            carrying.retain(|(_, carries)| *carries != Carries::Own);
            active = match carrying.as_slice() {
                [(name, Carries::All)] => Some((*name).clone()),
                _ => None,
            };
            Ok(active.is_some())
        })?;
        active.ok_or_else(|| Error::failed("no director is active"))
    }

    /// Waits until a director has none of the floating addresses and all others.
    ///
    /// # Errors
    /// It keeps them.
    pub fn wait_for_standby(&self, director: &str) -> Result<()> {
        self.wait(&format!("{director} stands by"), || {
            Ok(self.carries(director)? == Carries::Own)
        })
    }

    /// Waits for a condition; if it is not met in time, the error shows the output of the daemons.
    pub(crate) fn wait(&self, what: &str, mut met: impl FnMut() -> Result<bool>) -> Result<()> {
        let started = Instant::now();
        while !met()? {
            if started.elapsed() > PATIENCE {
                return Err(self.explained(&Error::failed(format!("not in time: {what}"))));
            }
            thread::sleep(EVERY);
        }
        Ok(())
    }

    /// Adds the output of the daemons to an error.
    pub(crate) fn explained(&self, error: &Error) -> Error {
        let output: String = self
            .running
            .iter()
            .map(|(name, daemon)| format!("\n{name}:\n{}", daemon.output()))
            .collect();
        Error::failed(format!("{error}{output}"))
    }

    fn carries(&self, director: &str) -> Result<Carries> {
        let node = self.lab.node(director)?;
        let director = self
            .cluster
            .directors()
            .iter()
            .find(|candidate| candidate.name.as_str() == director)
            .ok_or_else(|| Error::failed(format!("{director} is not a director")))?;
        let present = node.run(|host: &mut Host| host.net().addresses())??;
        let is_present = |address: &Address| present.iter().any(|found| found.id == address.id);
        let (floating, own): (Vec<_>, Vec<_>) = director
            .addresses
            .iter()
            .partition(|address| director.is_floating(address));
        let count = floating
            .into_iter()
            .filter(|address| is_present(address))
            .count();
        Ok(match (own.into_iter().all(is_present), count) {
            (true, 0) => Carries::Own,
            (true, count) if count == director.floating.len() => Carries::All,
            _ => Carries::Some,
        })
    }
}

/// Tells which of its addresses a director has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carries {
    /// Some of them: it is being configured.
    Some,
    /// All except the floating ones.
    Own,
    /// All, including the floating ones.
    All,
}

/// Adapts keepalived's files to a clone of this repository, whose files may belong to another user than root:
/// keepalived would refuse to run programs from there.
fn in_a_clone(keepalived: &str) -> String {
    keepalived
        .replace("/usr/bin/lvsctl", LVSCTL)
        .replace("enable_script_security", "# not here:")
}
