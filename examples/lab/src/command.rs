//! A program of the user's, run on a node of the lab.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use lvs_core::Netns;
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::error::{Context, Error, Result};
use crate::network::Network;
use crate::tools;

/// Where `ip netns` looks for names.
const NAMES: &str = "/run/netns";

/// The directory of the tools by their names.
const TOOLS: &str = "/run/lvs-lab";

/// Mounts all namespaces by their names, for `ip netns exec NAME …`; removes them when dropped.
struct Names(Vec<PathBuf>);

impl Names {
    fn of(network: &Network) -> Result<Self> {
        fs::create_dir_all(NAMES).context(format_args!("create {NAMES}"))?;
        let mut names = Self(Vec::new());
        for (name, netns) in network.machines() {
            let path = Path::new(NAMES).join(name);
            File::create_new(&path).on("create", &path)?;
            names.0.push(path.clone());
            netns.run(|_| bind_own(&path))??;
        }
        Ok(names)
    }
}

fn bind_own(path: &Path) -> Result<()> {
    let own = Some("/proc/thread-self/ns/net");
    mount(own, path, None::<&str>, MsFlags::MS_BIND, None::<&str>).on("name a namespace by", path)
}

impl Drop for Names {
    fn drop(&mut self) {
        for path in &self.0 {
            // A name that is not mounted needs no unmount.
            let _ = umount2(path, MntFlags::MNT_DETACH);
            let _ = fs::remove_file(path);
        }
    }
}

/// Runs a program in a node's namespace, with Debian's `ip`, `ipvsadm` and `sysctl` first in its path and
/// every node under its name for `ip netns exec`.
///
/// # Errors
/// It cannot be started.
pub fn run_command(
    network: &Network,
    node: &Netns,
    program: &OsString,
    arguments: &[OsString],
) -> Result<ExitStatus> {
    let _names = Names::of(network)?;
    link_tools(Path::new(TOOLS))?;
    let mut path = OsString::from(TOOLS);
    path.push(":");
    path.push(env::var_os("PATH").unwrap_or_default());
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("PATH", &path)
        .stdin(Stdio::null());
    let status = node.run(|_| command.status())?;
    status.map_err(|error| Error::failed(format!("run {}: {error}", program.display())))
}

/// Writes scripts for the tools, because they need their own libraries and other programs must not get these.
fn link_tools(directory: &Path) -> Result<()> {
    fs::create_dir_all(directory).on("create", directory)?;
    for name in ["ip", "ipvsadm", "sysctl"] {
        let script = directory.join(name);
        fs::write(&script, tools::script(name)?).on("write", &script)?;
        fs::set_permissions(&script, Permissions::from_mode(0o755)).on("change", &script)?;
    }
    Ok(())
}
