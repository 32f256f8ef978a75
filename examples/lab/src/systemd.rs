//! Debian's systemd, which runs units on a node.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use lvs_core::Netns;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{chdir, pivot_root};

use crate::daemon::{Daemon, PATIENCE};
use crate::error::{Context, Error, Result};
use crate::keepalived::NodeSetup;
use crate::tools;

/// Where the root directory of the node is made, in the guest.
const ROOT: &str = "/run/systemd-root";

/// The place of libraries, in a root directory.
const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";

/// The host's C library: the tools have none.
const OF_THE_HOST: [&str; 6] = [
    "libc.so.6",
    "libm.so.6",
    "libgcc_s.so.1",
    "libdl.so.2",
    "libpthread.so.0",
    "librt.so.1",
];

const LOADER: &str = "lib64/ld-linux-x86-64.so.2";

/// The programs of the node.
const PROGRAMS: [&str; 6] = [
    "lib/systemd/systemd",
    "lib/systemd/systemd-journald",
    "bin/systemctl",
    "bin/journalctl",
    "bin/kill",
    "usr/bin/systemd-analyze",
];

/// The units of the node besides its own: others of the host's size would take a minute.
const UNITS: [&str; 10] = [
    "basic.target",
    "final.target",
    "multi-user.target",
    "network-online.target",
    "shutdown.target",
    "sockets.target",
    "sysinit.target",
    "systemd-journald-dev-log.socket",
    "systemd-journald.service",
    "systemd-journald.socket",
];

/// The files that systemd expects.
const FILES: [(&str, &str); 3] = [
    ("/etc/machine-id", "0123456789abcdef0123456789abcdef\n"),
    ("/etc/os-release", "ID=debian\n"),
    (
        "/etc/systemd/system/lvs-lab.target",
        "[Unit]\nRequires=sysinit.target systemd-journald.socket\nAfter=sysinit.target\n",
    ),
];

/// Runs systemd as process 1 of a node, with the node's own host name, files and processes. All of them end when
/// this is dropped.
#[derive(Debug)]
pub struct Systemd<'a> {
    node: &'a Netns,
    daemon: Daemon,
}

impl<'a> Systemd<'a> {
    /// Boots a node of that host name; `files` and `programs` are its own, by their whole names. No unit but
    /// the journal is started.
    ///
    /// # Errors
    /// Debian's systemd is missing, or it does not boot in time.
    pub fn boot(
        node: &'a Netns,
        name: &str,
        files: &[(&'static str, String)],
        programs: &[(&str, &Path)],
    ) -> Result<Self> {
        let tools = tools::root()?;
        let paths: Vec<_> = programs.iter().map(|(_, path)| on_host(path)).collect();
        let programs: Vec<_> = programs
            .iter()
            .zip(&paths)
            .map(|((name, _), path)| (*name, path.as_path()))
            .collect();
        let setup = NodeSetup {
            name,
            files,
            programs: &programs,
        };
        let mut command = Command::new("/lib/systemd/systemd");
        command.args(["--system", "--unit=lvs-lab.target"]);
        command.env_clear().env("container", "lvs-lab");
        let prepare = || enter(&setup, &tools);
        let daemon = Daemon::start_command(node, "systemd", command, prepare)?;
        let systemd = Self { node, daemon };
        systemd.wait_until_running()?;
        Ok(systemd)
    }

    /// Runs a program on the node: `systemctl`, `journalctl`, `systemd-analyze`, or one of its own.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Result<Output> {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env_clear().env("PATH", "/usr/bin:/bin");
        let child = self.daemon.spawn_beside(self.node, &mut command)?;
        child.wait_with_output().context(program)
    }

    /// Returns the path by which the guest sees a file of the node.
    #[must_use]
    pub fn path(&self, file: &str) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.daemon.id()));
        root.join(file.trim_start_matches('/'))
    }

    fn wait_until_running(&self) -> Result<()> {
        let started = Instant::now();
        loop {
            let output = self.run("systemctl", &["is-active", "lvs-lab.target"])?;
            if output.status.success() {
                return Ok(());
            }
            if started.elapsed() > PATIENCE {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                return Err(Error::failed(format!("systemd does not boot: {said}")));
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Gives the thread the node's host name and root directory; the next process that it starts is process 1.
fn enter(setup: &NodeSetup<'_>, tools: &Path) -> Result<()> {
    setup.separate()?;
    unshare(CloneFlags::CLONE_NEWPID).context("make processes of its own")?;
    make_root(tools)?;
    chdir(ROOT).context(ROOT)?;
    // The old root is then above the new one, and is removed.
    pivot_root(".", ".").context("change the root directory")?;
    umount2(".", MntFlags::MNT_DETACH).context("remove the old root directory")?;
    chdir("/").context("/")?;
    setup.fill(&FILES)
}

/// Makes a root directory of links to the tools and the host's C library; systemd mounts the rest.
fn make_root(tools: &Path) -> Result<()> {
    let root = Path::new(ROOT);
    fs::create_dir_all(root).on("create", root)?;
    let kind = Some("tmpfs");
    mount(kind, root, kind, MsFlags::empty(), Some("mode=0755")).on("mount", root)?;
    for directory in ["host", "dev", "proc", "sys", "run", "tmp", "var/lib"] {
        let path = root.join(directory);
        fs::create_dir_all(&path).on("create", &path)?;
    }
    for (from, to, flags) in [
        ("/", "host", MsFlags::empty()),
        ("/dev", "dev", MsFlags::MS_REC),
    ] {
        let to = root.join(to);
        mount(
            Some(from),
            &to,
            None::<&str>,
            MsFlags::MS_BIND | flags,
            None::<&str>,
        )
        .on("mount", &to)?;
    }
    link_libraries(tools)?;
    for program in PROGRAMS {
        link(&tools.join(program), program)?;
    }
    for unit in UNITS {
        let path = tools.join("lib/systemd/system").join(unit);
        link(&path, &format!("etc/systemd/system/{unit}"))?;
    }
    Ok(())
}

fn link_libraries(tools: &Path) -> Result<()> {
    for directory in [LIBRARIES, "lib/x86_64-linux-gnu"] {
        let directory = tools.join(directory);
        for entry in fs::read_dir(&directory).on("read", &directory)? {
            let entry = entry.on("read", &directory)?;
            let name = entry.file_name();
            link(&entry.path(), &format!("{LIBRARIES}/{}", name.display()))?;
        }
    }
    let host = Path::new("/lib/x86_64-linux-gnu");
    for name in OF_THE_HOST {
        let path = fs::canonicalize(host.join(name)).on("find", name.as_ref())?;
        link(&path, &format!("{LIBRARIES}/{name}"))?;
    }
    let loader = fs::canonicalize(Path::new("/").join(LOADER)).on("find", LOADER.as_ref())?;
    link(&loader, LOADER)
}

/// Links a name in the root directory to a file of the host.
fn link(file: &Path, name: &str) -> Result<()> {
    let path = Path::new(ROOT).join(name);
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).on("create", directory)?;
    }
    symlink(on_host(file), &path).on("link", &path)
}

/// Returns the path of one of the host's files on the node.
fn on_host(file: &Path) -> PathBuf {
    Path::new("/host").join(file.strip_prefix("/").unwrap_or(file))
}
