//! The host side: boots a guest on a user-mode Linux kernel and waits for its end.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::error::{Context, Error, Result};
use crate::fetch::{self, Installation, Kernel};
use crate::guest::{STARTED, status, variable};
use crate::harness::guests;
use crate::home::{RunDirectory, memory_file_system};
use crate::signals::{self, Group};
use crate::spec::Spec;

/// A guest that hangs is killed after this time; `LVS_LAB_TIMEOUT` (seconds) overrides it.
const TIMEOUT: Duration = Duration::from_secs(300);

/// The guest's memory in MiB, unless its [`Guest`] has another.
const MEMORY: u32 = 256;

/// What a guest is like: [`Guest::new`] is what tests and examples have.
///
/// ```no_run
/// fn main() -> std::process::ExitCode {
///     lvs_lab::Guest::new().memory(2048).run(|| {
///         println!("{}", std::fs::read_to_string("/proc/meminfo")?);
///         Ok::<(), std::io::Error>(())
///     })
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guest {
    memory: u32,
    kernel: Kernel,
}

impl Guest {
    /// Returns a guest with 256 MiB of memory.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            memory: MEMORY,
            kernel: Kernel::Usual,
        }
    }

    /// Sets the memory in MiB. It is taken from the host page by page, when it is touched, and not returned before the
    /// guest ends.
    #[must_use]
    pub const fn memory(self, mebibytes: u32) -> Self {
        Self {
            memory: mebibytes,
            ..self
        }
    }

    /// Sets the kernel.
    pub(crate) const fn kernel(self, kernel: Kernel) -> Self {
        Self { kernel, ..self }
    }

    /// Returns the directory of the file that is its memory, beside that of all others; `None` where only a disk has
    /// room for them.
    fn memory_directory(self) -> Option<&'static Path> {
        let others = u32::try_from(guests()).unwrap_or(u32::MAX);
        let needed = MEMORY.saturating_mul(others).saturating_add(self.memory);
        memory_file_system(u64::from(needed) << 20)
    }
}

impl Default for Guest {
    fn default() -> Self {
        Self::new()
    }
}

/// Tells where the guest's output goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    /// To this process's standard output and error, as it comes.
    Pass,
    /// Into [`End`].
    Keep,
}

/// Holds how a guest ended and its output.
pub(crate) struct End {
    pub(crate) status: Status,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

/// Tells how a guest ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Its process 1 ended with this status.
    Exited(u8),
    /// The kernel died with this output.
    Died(String),
    /// It did not end in this time.
    TimedOut(Duration),
}

/// Boots this executable as process 1 of a guest, with the same arguments, environment and directory, to run
/// the test or example `name`; returns when it has ended.
pub(crate) fn boot(guest: Guest, name: &str, output: Output) -> Result<End> {
    let installation = fetch::installation(guest.kernel)?;
    let run = RunDirectory::new(&installation.home)?;
    let timeout = timeout()?;
    let spec = run.path().join("spec");
    fs::write(&spec, guest_spec(&installation, name, timeout)?.encode()).on("write", &spec)?;
    let (stderr, stderr_writer) = io::pipe().context("make a pipe")?;
    let mut command = Command::new(&installation.linux);
    command
        .args(command_line(guest, &spec)?)
        .current_dir(run.path())
        .env(
            "TMPDIR",
            guest.memory_directory().unwrap_or_else(|| run.path()),
        )
        .stdin(stderr_writer)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let child = signals::spawn(&mut command).on("start", &installation.linux)?;
    drop(command);
    attend(child, stderr, timeout, output)
}

/// Returns the kernel's command line.
///
/// - Consoles are numbered channels to our descriptors, and each needs its own. The guest's standard output is 1; its
///   standard error is 0, which is a pipe to this process, because no input is ever read from a console; 2 is left to the
///   messages of the kernel and UML themselves.
/// - `uml_dir=` is relative because the socket in it has a name of at most 107 bytes.
/// - The RAID benchmark (built in) costs 0.85 s and the 256 old terminals 0.05 s or more. The kernel would measure `lpj`,
///   the speed of its loop for short delays, in 0.06 s of the processor; nothing in a guest depends on such a delay.
/// - `seccomp=` is understood from 6.16 and halves the cost of a system call; older kernels pass it to process 1 as a
///   variable.
fn command_line(guest: Guest, spec: &Path) -> Result<Vec<OsString>> {
    let executable = env::current_exe().context("find this executable")?;
    let fixed = [
        "rootfstype=hostfs",
        "rootflags=/",
        "ro",
        "con=null",
        "con0=null,fd:2",
        "con1=null,fd:1",
        "con2=null,fd:0",
        "quiet",
        "loglevel=4",
        "uml_dir=./",
        "umid=g",
        "initcall_blacklist=raid6_select_algo,raid6_init",
        "pty.legacy_count=0",
        "zswap.enabled=0",
        "lpj=10000000",
        "seccomp=auto",
    ];
    let mut line: Vec<OsString> = fixed.map(OsString::from).into();
    line.push(format!("mem={}M", guest.memory).into());
    line.push(quoted("init=", executable.as_os_str())?);
    line.push(quoted(&format!("{}=", variable::SPEC), spec.as_os_str())?);
    Ok(line)
}

/// Returns `init="/a path"`, in the kernel's own quoting, which has no escape for a quote.
fn quoted(key: &str, value: &OsStr) -> Result<OsString> {
    if value.as_encoded_bytes().contains(&b'"') {
        let reason = format!("the path {} contains a quote", value.display());
        return Err(Error::unavailable(reason));
    }
    let mut word = OsString::from(key);
    word.push("\"");
    word.push(value);
    word.push("\"");
    Ok(word)
}

fn guest_spec(installation: &Installation, name: &str, timeout: Duration) -> Result<Spec> {
    let mut spec = Spec::of_this_process()?;
    spec.set(variable::RUN, name);
    spec.set(variable::MODULES, &installation.modules);
    spec.set(variable::DEADLINE, timeout.as_secs().to_string());
    spec.set("TMPDIR", "/run");
    match &installation.tools {
        Ok(tools) => spec.set(variable::TOOLS, tools),
        Err(reason) => spec.set(variable::NO_TOOLS, reason),
    }
    Ok(spec)
}

fn timeout() -> Result<Duration> {
    let Some(text) = env::var_os("LVS_LAB_TIMEOUT") else {
        return Ok(TIMEOUT);
    };
    text.to_str()
        .and_then(|text| text.parse().ok())
        .filter(|seconds| *seconds > 0)
        .map(Duration::from_secs)
        .ok_or_else(|| Error::failed("LVS_LAB_TIMEOUT is not a number of seconds"))
}

/// Reads all output of the guest until it ends or its time is over.
fn attend(
    mut child: Child,
    stderr: io::PipeReader,
    timeout: Duration,
    output: Output,
) -> Result<End> {
    let group = Group::of(&child);
    let stdout = child.stdout.take();
    let console = child.stderr.take();
    let (done, ended) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let pass = output == Output::Pass;
        let stdout = scope.spawn(move || drain(stdout, pass.then(io::stdout)));
        let stderr = scope.spawn(move || drain(Some(stderr), pass.then(io::stderr)));
        let console = scope.spawn(move || drain(console, None::<io::Sink>));
        let group = &group;
        let watchdog = scope.spawn(move || {
            let late = ended.recv_timeout(timeout) == Err(mpsc::RecvTimeoutError::Timeout);
            if late {
                group.kill();
            }
            late
        });
        let status = child.wait().context("wait for the guest");
        drop(done);
        let late = watchdog.join().unwrap_or_default();
        // Helpers that outlived the kernel would keep the pipes open.
        group.kill();
        let mut end = End {
            status: Status::TimedOut(timeout),
            stdout: stdout.join().unwrap_or_default(),
            stderr: stderr.join().unwrap_or_default(),
        };
        let console = console.join().unwrap_or_default();
        if !late {
            end.status = judge(status?, &String::from_utf8_lossy(&console))?;
        }
        Ok(end)
    })
}

fn drain(from: Option<impl Read>, mut to: Option<impl Write>) -> Vec<u8> {
    let mut kept = Vec::new();
    let Some(mut from) = from else {
        return kept;
    };
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return kept,
            Ok(length) => {
                let chunk = buffer.get(..length).unwrap_or_default();
                match &mut to {
                    // A closed output must not stop the reading: the guest would hang in its write.
                    Some(to) => drop(to.write_all(chunk).and_then(|()| to.flush())),
                    None => kept.extend_from_slice(chunk),
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return kept,
        }
    }
}

/// Derives how a guest ended. Process 1 passes its status to the kernel, which exits with it; a panic ends in
/// SIGABRT.
///
/// Without [`STARTED`] from process 1 the kernel never came up: it then exits with 1 or by a signal.
/// Otherwise the output before that line is noise.
fn judge(status: ExitStatus, console: &str) -> Result<Status> {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    let after = console.split_once(STARTED).map(|(_, words)| words);
    let words = after.unwrap_or(console).trim();
    match code {
        None | Some(1) if after.is_none() => Err(Error::unavailable(format!(
            "user-mode Linux does not start here ({status}): {words}"
        ))),
        None => {
            let reason = format!("the guest's kernel died ({status}): {words}");
            Ok(Status::Died(reason))
        }
        Some(status::NOT_BOOTED) => {
            let reason = format!("the guest did not start: {words}");
            Ok(Status::Died(reason))
        }
        Some(code) => Ok(Status::Exited(code)),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn paths_are_quoted_and_a_quote_is_refused() {
        let word = quoted("init=", OsStr::new("/a b")).unwrap();
        assert_eq!(word, "init=\"/a b\"");
        assert!(matches!(
            quoted("init=", OsStr::new("/a\"b")),
            Err(Error::Unavailable(_))
        ));
    }

    #[test]
    fn a_signal_is_the_kernels_death() {
        let console = format!("noise\r\n{STARTED}\r\nKernel panic\n");
        let died = judge(ExitStatus::from_raw(6), &console).unwrap();
        assert!(matches!(died, Status::Died(words) if words.ends_with("): Kernel panic")));
        let exited = judge(ExitStatus::from_raw(7 << 8), &console).unwrap();
        assert_eq!(exited, Status::Exited(7));
    }

    #[test]
    fn a_kernel_that_never_came_up_is_unavailable() {
        let error = judge(ExitStatus::from_raw(1 << 8), "ptrace: not permitted\n").unwrap_err();
        assert!(matches!(error, Error::Unavailable(reason) if reason.contains("not permitted")));
    }
}
