//! Debian's keepalived, which decides by VRRP which director is active.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use lvs_core::Netns;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::sethostname;

use crate::daemon::Daemon;
use crate::error::{Context, Result};

/// keepalived runs VRRP only and leaves the table of IPVS to lvsctl.
const OPTIONS: [&str; 4] = ["--dont-fork", "--log-console", "--log-detail", "--vrrp"];

/// The users as whom keepalived runs its scripts.
const USERS: [(&str, &str); 2] = [
    ("/etc/passwd", "root:x:0:0::/root:/bin/sh\n"),
    ("/etc/group", "root:x:0:\n"),
];

/// Describes what a node has of its own besides its network.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NodeSetup<'a> {
    /// The host name.
    pub(crate) name: &'a str,
    /// All files in `/etc`, by their whole names; `/run` and `/var/lib` are empty.
    pub(crate) files: &'a [(&'static str, String)],
    /// Programs, by the links to them: their place is a directory of `/run`.
    pub(crate) programs: &'a [(&'a str, &'a Path)],
}

/// Starts keepalived on a node, with the node's `/etc/keepalived/keepalived.conf`. keepalived and the
/// programs it calls see the node's own host name, `/etc`, `/run` and `/var/lib`, as on a real host.
pub(crate) fn keepalived(netns: &Netns, setup: NodeSetup<'_>) -> Result<Daemon> {
    Daemon::start_after(netns, "keepalived", &OPTIONS, || setup.enter())
}

impl NodeSetup<'_> {
    /// Gives the thread this host name and these files.
    fn enter(&self) -> Result<()> {
        self.separate()?;
        for directory in ["/etc", "/run", "/var/lib"] {
            let kind = Some("tmpfs");
            mount(kind, directory, kind, MsFlags::empty(), Some("mode=0755"))
                .context(format_args!("mount {directory}"))?;
        }
        self.fill(&[])
    }

    /// Gives the thread this host name, and mounts of its own.
    pub(crate) fn separate(&self) -> Result<()> {
        let own = CloneFlags::CLONE_NEWUTS | CloneFlags::CLONE_NEWNS;
        unshare(own).context("make a host name and mounts of their own")?;
        sethostname(self.name).context(format_args!("set the host name {}", self.name))?;
        let all = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(None::<&str>, "/", None::<&str>, all, None::<&str>).context("separate the mounts")
    }

    /// Writes these files and others.
    pub(crate) fn fill(&self, others: &[(&str, &str)]) -> Result<()> {
        let files = self.files.iter().map(|(path, text)| (*path, text.as_str()));
        for (path, text) in USERS.iter().chain(others).copied().chain(files) {
            fs::write(in_directory(path)?, text).on("write", path.as_ref())?;
        }
        for (path, program) in self.programs {
            symlink(program, in_directory(path)?).on("link", path.as_ref())?;
        }
        Ok(())
    }
}

/// Makes the directory of a file.
fn in_directory(path: &str) -> Result<&Path> {
    let path = Path::new(path);
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).on("create", directory)?;
    }
    Ok(path)
}
