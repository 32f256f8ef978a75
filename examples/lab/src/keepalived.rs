//! Who is to be active: Debian's keepalived, which speaks VRRP.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

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
pub(crate) struct Machine<'a> {
    /// Its host name.
    pub(crate) name: &'a str,
    /// All its files in `/etc`, by their whole names; its `/run` is empty.
    pub(crate) files: &'a [(&'static str, String)],
    /// Programs by links to where they lie: a directory of `/run` is the place for those.
    pub(crate) programs: &'a [(&'a str, &'a Path)],
}

/// Starts keepalived on a machine, by the `/etc/keepalived/keepalived.conf` that it has. keepalived and the
/// programs it calls see the machine's own host name, `/etc` and `/run`, as if it were a real one.
pub(crate) fn keepalived(netns: &Netns, machine: Machine<'_>) -> Result<Daemon> {
    Daemon::start_after(netns, "keepalived", &OPTIONS, || machine.enter())
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
        let files = self.files.iter().map(|(path, text)| (*path, text.as_str()));
        for (path, text) in USERS.into_iter().chain(files) {
            fs::write(in_directory(path)?, text).on("write", path.as_ref())?;
        }
        for (path, program) in self.programs {
            symlink(program, in_directory(path)?).on("link", path.as_ref())?;
        }
        Ok(())
    }
}

/// Makes the directory that a file is to be in.
fn in_directory(path: &str) -> Result<&Path> {
    let path = Path::new(path);
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).on("create", directory)?;
    }
    Ok(path)
}
