//! The guest side: this executable as process 1 of a kernel that was booted for it.
//!
//! It comes by twice. First as the kernel starts it: it mounts what is missing, loads modules and executes
//! itself anew with the arguments and variables of the program that booted it (a process cannot safely
//! change its own). Then as that program, to run what it was booted for and to hand the status back.

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

/// Variables by which the two sides talk.
pub(crate) mod variable {
    /// The file with the [`Spec`](crate::spec::Spec), on the kernel's command line.
    pub(crate) const SPEC: &str = "LVS_LAB_SPEC";
    /// What to run: the name of a test, or "example".
    pub(crate) const RUN: &str = "LVS_LAB_RUN";
    /// The directory with `modules.dep`.
    pub(crate) const MODULES: &str = "LVS_LAB_MODULE_DIRECTORY";
    /// Seconds after which the guest ends itself, should the host side be gone by then.
    pub(crate) const DEADLINE: &str = "LVS_LAB_DEADLINE";
    /// The directory with unpacked Debian tools …
    pub(crate) const TOOLS: &str = "LVS_LAB_TOOLS";
    /// … or the reason why there is none.
    pub(crate) const NO_TOOLS: &str = "LVS_LAB_NO_TOOLS";
}

/// The first thing a guest says, on the console: without it the kernel did not come up.
pub(crate) const STARTED: &str = "lvs-lab: process 1 has started";

/// Statuses a guest hands back.
pub(crate) mod status {
    pub(crate) const FAILED: u8 = 1;
    pub(crate) const SKIPPED: u8 = 77;
    pub(crate) const PANICKED: u8 = 101;
    pub(crate) const LATE: u8 = 124;
    pub(crate) const NOT_BOOTED: u8 = 125;
}

/// What this process was booted for, if it is process 1 of a guest; the first time it comes by, it does not return.
pub(crate) fn task() -> Option<OsString> {
    if process::id() != 1 {
        return None;
    }
    if let Some(task) = env::var_os(variable::RUN) {
        return Some(task);
    }
    let spec = env::var_os(variable::SPEC)?;
    // In one piece, so that the kernel cannot speak in between.
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
    // No helper of the host's is asked for modules: what is there is the same on every machine.
    fs::write("/proc/sys/kernel/modprobe", "\n").context("write kernel.modprobe")?;
    set_loopback_up()?;
    env::set_current_dir(&spec.directory).on("enter", &spec.directory)?;
    let (arguments, environment) = spec.vectors()?;
    execve(c"/proc/self/exe", &arguments, &environment).context("execute anew")
}

/// Before `lo` is up there is no local routing table, and IPVS refuses every destination.
pub(crate) fn set_loopback_up() -> Result<()> {
    Ok(Net::open()?.set_up(&IfName::LO)?)
}

/// The root is the host's, read-only; only these are the guest's own.
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

/// Standard output and error are the consoles 1 and 2, raw so that every byte arrives as it is.
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
    let code = match panic::catch_unwind(AssertUnwindSafe(task)) {
        Ok(Ok(())) => 0,
        Ok(Err(error)) => {
            eprintln!("error: {error}");
            status::FAILED
        }
        Err(payload) => after_panic(payload.as_ref()),
    };
    power_off(code)
}

/// The panic's message has been printed already; a skip is one that nobody has seen.
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

/// Hands the status to the kernel, which exits with it.
fn power_off(code: u8) -> ! {
    drop(io::stdout().flush());
    // Nowhere to complain if this fails.
    let _ = termios::tcdrain(io::stdout());
    let _ = termios::tcdrain(io::stderr());
    // The newline is required.
    if let Err(error) = fs::write("/proc/exitcode", format!("{code}\n")) {
        eprintln!("write /proc/exitcode: {error}");
    }
    let Err(error) = reboot(RebootMode::RB_POWER_OFF);
    eprintln!("power off: {error}");
    // Process 1 must not end: the kernel takes that for an accident, and here it is one.
    process::exit(i32::from(code))
}

/// A variable the host side sets for every guest.
pub(crate) fn guest_variable(name: &str) -> Result<OsString> {
    env::var_os(name).ok_or_else(|| Error::failed(format!("{name} is not set: not in a guest")))
}
