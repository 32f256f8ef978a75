//! The guest side: this executable as process 1 of a kernel that was booted for it.
//!
//! It runs twice. First as the kernel starts it: it mounts the missing file systems, loads modules and
//! executes itself again with the arguments and variables of the program that booted it (a process cannot
//! safely change its own). Then as that program, to run its task and to return the status.

use std::any::Any;
use std::convert::Infallible;
use std::env;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::process;
use std::thread;
use std::time::Duration;

use lvs_core::IfName;
use lvs_core::net::Net;
use nix::mount::{MsFlags, mount};
use nix::sys::reboot::{RebootMode, reboot};
use nix::sys::termios::{self, SetArg};
use nix::unistd::{dup2_stderr, dup2_stdout, execve};

use crate::error::{Context, Error, Result};
use crate::modules;
use crate::outcome::Skip;
use crate::spec::Spec;

/// The variables that the host side passes to the guest.
pub(crate) mod variable {
    /// The file with the [`Spec`](crate::spec::Spec), on the kernel's command line.
    pub(crate) const SPEC: &str = "LVS_LAB_SPEC";
    /// What to run: the name of a test, or "example".
    pub(crate) const RUN: &str = "LVS_LAB_RUN";
    /// The directory with `modules.dep`.
    pub(crate) const MODULES: &str = "LVS_LAB_MODULE_DIRECTORY";
    /// Seconds after which the guest ends itself, in case the host side has ended.
    pub(crate) const DEADLINE: &str = "LVS_LAB_DEADLINE";
    /// The directory with unpacked Debian tools.
    pub(crate) const TOOLS: &str = "LVS_LAB_TOOLS";
    /// The reason why there are no tools.
    pub(crate) const NO_TOOLS: &str = "LVS_LAB_NO_TOOLS";
}

/// The first output of a guest, on the console: without it the kernel did not come up.
pub(crate) const STARTED: &str = "lvs-lab: process 1 has started";

/// The exit statuses of a guest.
pub(crate) mod status {
    pub(crate) const FAILED: u8 = 1;
    pub(crate) const SKIPPED: u8 = 77;
    pub(crate) const PANICKED: u8 = 101;
    pub(crate) const LATE: u8 = 124;
    pub(crate) const NOT_BOOTED: u8 = 125;
}

/// Returns the task of this process, if it is process 1 of a guest; does not return in the first of its two
/// runs.
pub(crate) fn task() -> Option<OsString> {
    if process::id() != 1 {
        return None;
    }
    if let Some(task) = env::var_os(variable::RUN) {
        return Some(task);
    }
    let spec = env::var_os(variable::SPEC)?;
    // In one write, so that no message of the kernel comes in between.
    eprint!("{STARTED}");
    let Err(error) = start(Path::new(&spec));
    eprintln!("the guest did not start: {error}");
    power_off(status::NOT_BOOTED)
}

fn start(spec: &Path) -> Result<Infallible> {
    mount_all()?;
    attach_consoles()?;
    let spec = Spec::decode(&fs::read(spec).on("read", spec)?);
    modules::load_at_boot(&spec)?;
    // The kernel calls no helper of the host for modules: so the loaded ones are the same on every host.
    fs::write("/proc/sys/kernel/modprobe", "\n").context("write kernel.modprobe")?;
    env::set_current_dir(&spec.directory).on("enter", &spec.directory)?;
    let (arguments, environment) = spec.vectors()?;
    execve(c"/proc/self/exe", &arguments, &environment).context("execute anew")
}

/// Sets `lo` up: without it there is no local routing table, and IPVS refuses every destination.
pub(crate) fn set_loopback_up() -> Result<()> {
    Ok(Net::open()?.set_up(&IfName::LO)?)
}

/// Mounts the guest's own file systems; the root is the host's, read-only.
fn mount_all() -> Result<()> {
    mount_on("/proc", "proc", "")?;
    mount_on("/sys", "sysfs", "")?;
    if !Path::new("/dev/null").exists() {
        mount_on("/dev", "devtmpfs", "")?;
    }
    fs::create_dir_all("/dev/shm").context("create /dev/shm")?;
    mount_on("/dev/shm", "tmpfs", "mode=1777")?;
    mount_on("/run", "tmpfs", "mode=0755")
}

fn mount_on(target: &str, kind: &str, options: &str) -> Result<()> {
    mount(
        Some(kind),
        target,
        Some(kind),
        MsFlags::empty(),
        Some(options),
    )
    .context(format_args!("mount {kind} on {target}"))
}

/// Makes the consoles 1 and 2 standard output and error, raw so that every byte arrives unchanged.
fn attach_consoles() -> Result<()> {
    dup2_stdout(raw_terminal("/dev/tty1")?).context("attach the standard output")?;
    dup2_stderr(raw_terminal("/dev/tty2")?).context("attach the standard error")
}

fn raw_terminal(path: &str) -> Result<File> {
    let terminal = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .context(path)?;
    let mut settings = termios::tcgetattr(&terminal).context(path)?;
    termios::cfmakeraw(&mut settings);
    termios::tcsetattr(&terminal, SetArg::TCSANOW, &settings).context(path)?;
    Ok(terminal)
}

/// Runs the task and ends the guest with its status.
pub(crate) fn run(task: impl FnOnce() -> Result<(), String>) -> ! {
    thread::spawn(end_when_late);
    // Not before the second execution, for which the kernel maps all that code anew.
    let up = set_loopback_up().map_err(|error| error.to_string());
    let code = match panic::catch_unwind(AssertUnwindSafe(|| up.and_then(|()| task()))) {
        Ok(Ok(())) => 0,
        Ok(Err(error)) => {
            eprintln!("error: {error}");
            status::FAILED
        }
        Err(payload) => after_panic(payload.as_ref()),
    };
    power_off(code)
}

/// Returns the status after a panic. Its message has been printed already, except that of a skip.
fn after_panic(payload: &(dyn Any + Send)) -> u8 {
    let Some(Skip(reason)) = payload.downcast_ref() else {
        return status::PANICKED;
    };
    eprintln!("{reason}");
    status::SKIPPED
}

fn end_when_late() {
    let seconds = env::var(variable::DEADLINE)
        .ok()
        .and_then(|text| text.parse().ok());
    if let Some(seconds) = seconds {
        thread::sleep(Duration::from_secs(seconds));
        power_off(status::LATE)
    }
}

/// Passes the status to the kernel, which exits with it.
fn power_off(code: u8) -> ! {
    drop(io::stdout().flush());
    // There is nowhere to report a failure.
    let _ = termios::tcdrain(io::stdout());
    let _ = termios::tcdrain(io::stderr());
    // The newline is required.
    if let Err(error) = fs::write("/proc/exitcode", format!("{code}\n")) {
        eprintln!("write /proc/exitcode: {error}");
    }
    let Err(error) = reboot(RebootMode::RB_POWER_OFF);
    eprintln!("power off: {error}");
    // The kernel panics when process 1 ends, which is right here: the power-off failed.
    process::exit(i32::from(code))
}

/// Returns a variable that the host side sets for every guest.
pub(crate) fn guest_variable(name: &str) -> Result<OsString> {
    env::var_os(name).ok_or_else(|| Error::failed(format!("{name} is not set: not in a guest")))
}
