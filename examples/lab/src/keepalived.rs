//! Who is to be active: Debian's keepalived, which speaks VRRP.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use lvs_core::Netns;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::sethostname;

use crate::daemon::Daemon;
use crate::error::{Context, Result};

/// VRRP only: the table of IPVS is not keepalived's.
const OPTIONS: [&str; 4] = ["--dont-fork", "--log-console", "--log-detail", "--vrrp"];

/// The users there are, for whom keepalived runs its scripts.
const USERS: [(&str, &str); 2] = [
    ("/etc/passwd", "root:x:0:0::/root:/bin/sh\n"),
    ("/etc/group", "root:x:0:\n"),
];

/// What a machine has of its own besides its network.
#[derive(Clone, Copy, Debug)]
pub struct Machine<'a> {
    /// Its host name.
    pub name: &'a str,
    /// All its files in `/etc`, by their whole names; its `/run` is empty.
    pub files: &'a [(&'a str, &'a str)],
    /// A directory of programs, to be looked into first.
    pub programs: &'a Path,
}

/// Starts keepalived on a machine, by the `/etc/keepalived/keepalived.conf` that it has. keepalived and the
/// programs it calls see the machine's own host name, `/etc` and `/run`, as if it were a real one.
///
/// # Errors
/// keepalived could not be fetched, or the kernel refuses.
pub fn keepalived(netns: &Netns, machine: Machine<'_>) -> Result<Daemon> {
    Daemon::start_after(netns, "keepalived", &OPTIONS, |command| {
        machine.enter()?;
        command.env("PATH", machine.path());
        Ok(())
    })
}

impl Machine<'_> {
    /// Makes the thread one of this machine's.
    fn enter(&self) -> Result<()> {
        let own = CloneFlags::CLONE_NEWUTS | CloneFlags::CLONE_NEWNS;
        unshare(own).context("make a host name and mounts of their own")?;
        sethostname(self.name).context(format_args!("set the host name {}", self.name))?;
        let all = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(None::<&str>, "/", None::<&str>, all, None::<&str>).context("part the mounts")?;
        for directory in ["/etc", "/run"] {
            let kind = Some("tmpfs");
            mount(kind, directory, kind, MsFlags::empty(), Some("mode=0755"))
                .context(format_args!("mount {directory}"))?;
        }
        USERS.iter().chain(self.files).try_for_each(write)
    }

    fn path(&self) -> OsString {
        let mut path = self.programs.as_os_str().to_owned();
        path.push(":");
        path.push(env::var_os("PATH").unwrap_or_default());
        path
    }
}

fn write((path, text): &(&str, &str)) -> Result<()> {
    let path = PathBuf::from(path);
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).on("create", directory)?;
    }
    fs::write(&path, text).on("write", &path)
}
