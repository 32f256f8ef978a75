//! Two directors of which keepalived chooses the active one.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use lvs_core::ipvs::ServiceId;
use lvs_core::net::Address;
use lvs_core::{Cluster, Host};

use crate::daemon::{Daemon, PATIENCE};
use crate::error::{Error, Result};
use crate::keepalived::{Machine, keepalived};
use crate::lab::Lab;

/// The files of a director, each a text.
#[derive(Clone, Copy, Debug)]
pub struct Files<'a> {
    /// The cluster, `/etc/lvsctl/web.toml`.
    pub cluster: &'a str,
    /// `/etc/keepalived/keepalived.conf`.
    pub keepalived: &'a str,
    /// The script for its FIFO, `/etc/keepalived/lvsctl-notify`.
    pub notify: &'a str,
}

/// Where lvsctl lies here.
const LVSCTL: &str = "/run/bin/lvsctl";

/// How often a condition is looked at.
const EVERY: Duration = Duration::from_millis(20);

/// A cluster with two directors, each with a keepalived that calls lvsctl.
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
    /// By their names.
    files: [(&'static str, String); 3],
    lvsctl: PathBuf,
    running: BTreeMap<String, Daemon>,
}

impl Pair {
    /// Configures the real servers and starts keepalived on both directors, the file's first one first: all
    /// else is its to have done. When this returns, that one is active and the other one stands by.
    /// `lvsctl` is the program.
    ///
    /// # Errors
    /// The file is no cluster that can be built, or Debian's keepalived is not there.
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
        // One after the other: at the same moment both could take themselves for the active one, for a moment.
        for name in pair.directors() {
            pair.start(&name)?;
            pair.wait_for_active()?;
        }
        pair.lab.wait_for_servers()?;
        Ok(pair)
    }

    /// The machines.
    #[must_use]
    pub const fn lab(&self) -> &Lab {
        &self.lab
    }

    /// Where clients find the cluster's first service.
    ///
    /// # Errors
    /// It has no address.
    pub fn service(&self) -> Result<SocketAddr> {
        let service = self.cluster.services().first().map(|it| &it.service.id);
        match service {
            Some(ServiceId::Socket { address, .. }) => Ok(*address),
            _ => Err(Error::failed("the first service has no address")),
        }
    }

    /// The names of both directors.
    #[must_use]
    pub fn directors(&self) -> Vec<String> {
        let directors = self.cluster.directors().iter();
        directors.map(|it| it.name.to_string()).collect()
    }

    /// Switches a director on: keepalived starts, and has it stand by; then its cables are plugged in. So one
    /// that comes back has dropped by then what a machine forgets when its power fails.
    ///
    /// # Errors
    /// There is none of that name, keepalived cannot be started, or lvsctl does not what it is to do.
    pub fn start(&mut self, director: &str) -> Result<()> {
        let machine = Machine {
            name: director,
            files: &self.files,
            programs: &[(LVSCTL, &self.lvsctl)],
        };
        self.lab.network().plug_in(director, false)?;
        let daemon = keepalived(self.lab.node(director)?, machine)?;
        self.running.insert(director.to_owned(), daemon);
        self.wait_for_standby(director)?;
        self.lab.network().plug_in(director, true)
    }

    /// Kills a director as a power failure does: nobody hears of it any more, and nothing on it goes on.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn kill(&mut self, director: &str) -> Result<()> {
        // First those who would notice that the cables are gone, and have time to say so.
        self.running.remove(director);
        self.lab.network().plug_in(director, false)
    }

    /// Ends keepalived on a director, as before maintenance: it says goodbye and has lvsctl stand by.
    ///
    /// # Errors
    /// None runs there.
    pub fn end(&mut self, director: &str) -> Result<()> {
        let daemon = self.running.remove(director);
        let daemon =
            daemon.ok_or_else(|| Error::failed(format!("{director} has no keepalived")))?;
        daemon.end().map(drop)
    }

    /// Waits until exactly one of the directors that run has the floating addresses, and the other has all
    /// but those; answers the name of the active one.
    ///
    /// # Errors
    /// It does not come to that.
    pub fn wait_for_active(&self) -> Result<String> {
        let mut active = None;
        self.wait("one director is active and the other stands by", || {
            let running = self.running.keys();
            let carrying = running.map(|it| Ok((it, self.carries(it)?)));
            let mut carrying = carrying.collect::<Result<Vec<_>>>()?;
            carrying.retain(|(_, carries)| *carries != Carries::Own);
            active = match carrying.as_slice() {
                [(name, Carries::All)] => Some((*name).clone()),
                _ => None,
            };
            Ok(active.is_some())
        })?;
        active.ok_or_else(|| Error::failed("no director is active"))
    }

    /// Waits until a director has none of the floating addresses, but everything else.
    ///
    /// # Errors
    /// It keeps them.
    pub fn wait_for_standby(&self, director: &str) -> Result<()> {
        self.wait(&format!("{director} stands by"), || {
            Ok(self.carries(director)? == Carries::Own)
        })
    }

    /// Waits for a condition; where it is not met in time, the error says what the daemons have said.
    pub(crate) fn wait(&self, what: &str, mut met: impl FnMut() -> Result<bool>) -> Result<()> {
        let started = Instant::now();
        while !met()? {
            if started.elapsed() > PATIENCE {
                return Err(self.explained(&Error::failed(format!("{what}: not so"))));
            }
            thread::sleep(EVERY);
        }
        Ok(())
    }

    /// An error, and what the daemons have said.
    pub(crate) fn explained(&self, error: &Error) -> Error {
        let said = self.running.iter();
        let said = said.map(|(name, it)| format!("\n{name}:\n{}", it.said()));
        Error::failed(format!("{error}{}", said.collect::<String>()))
    }

    fn carries(&self, director: &str) -> Result<Carries> {
        let mut directors = self.cluster.directors().iter();
        let it = directors.find(|it| it.name.as_str() == director);
        let it = it.ok_or_else(|| Error::failed(format!("{director} is no director")))?;
        let there = |host: &mut Host| host.net().addresses();
        let there = self.lab.node(director)?.run(there)??;
        let is_there = |address: &Address| there.iter().any(|that| that.id == address.id);
        let (floating, own): (Vec<_>, Vec<_>) =
            it.addresses.iter().partition(|that| it.is_floating(that));
        let floating = floating.into_iter().filter(|that| is_there(that)).count();
        let own = own.into_iter().all(is_there);
        Ok(match (own, floating) {
            (true, 0) => Carries::Own,
            (true, some) if some == it.floating.len() => Carries::All,
            _ => Carries::Some,
        })
    }
}

/// Which of its addresses a director has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carries {
    /// It is being configured.
    Some,
    /// None of the floating ones.
    Own,
    /// The floating ones too.
    All,
}

/// Out of a clone of this repository, which may be anybody's, keepalived would run no program.
fn in_a_clone(keepalived: &str) -> String {
    keepalived
        .replace("/usr/bin/lvsctl", LVSCTL)
        .replace("enable_script_security", "# not here:")
}
