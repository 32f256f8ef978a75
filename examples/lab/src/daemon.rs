//! Debian's own daemons on the nodes of the guest: `chronyd`, `keepalived`.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use lvs_core::Netns;
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::error::{Context, Error, Result};
use crate::signals::{self, Group};
use crate::tools::tool;

/// How long to wait for a daemon.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Represents one of Debian's programs that runs in the background on a node. When this is dropped it is
/// killed at once, with all processes that it started.
///
/// ```no_run
/// # fn run(node: &lvs_core::Netns) -> lvs_lab::Result<()> {
/// let options = ["-d", "-x", "-u", "root", "local stratum 8"];
/// let chrony = lvs_lab::Daemon::start(node, "chronyd", &options)?;
/// chrony.wait_for("starting")?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Daemon {
    name: String,
    child: Child,
    group: Group,
    output: Arc<Output>,
}

/// Collects the output of a daemon.
#[derive(Debug, Default)]
struct Output {
    lines: Mutex<Lines>,
    more: Condvar,
}

/// Holds the output so far.
#[derive(Debug, Default)]
struct Lines {
    text: String,
    /// Whether the output has ended.
    over: bool,
}

impl Daemon {
    /// Starts it in a node's namespace. It must stay in the foreground and report its state on its standard
    /// output or error.
    ///
    /// # Errors
    /// It is not among Debian's tools, or cannot be started.
    pub fn start(node: &Netns, name: &str, arguments: &[&str]) -> Result<Self> {
        Self::start_after(node, name, arguments, || Ok(()))
    }

    /// Starts it on a thread after `prepare` has run there: the daemon inherits that thread's namespaces.
    pub(crate) fn start_after(
        node: &Netns,
        name: &str,
        arguments: &[&str],
        prepare: impl FnOnce() -> Result<()> + Send,
    ) -> Result<Self> {
        let mut command = tool(name)?;
        command.args(arguments);
        Self::start_command(node, name, command, prepare)
    }

    /// Does the same for a program that is not one of Debian's tools by its path alone.
    pub(crate) fn start_command(
        node: &Netns,
        name: &str,
        mut command: Command,
        prepare: impl FnOnce() -> Result<()> + Send,
    ) -> Result<Self> {
        let (output, writer) = io::pipe().context("make a pipe")?;
        command.process_group(0).stdin(Stdio::null());
        command.stdout(writer.try_clone().context("share a pipe")?);
        command.stderr(writer);
        let child = node.run(|_| {
            prepare()?;
            signals::spawn(&mut command).context(format_args!("start {name}"))
        })??;
        // It holds a copy of the pipe's writing end: the output would never end.
        drop(command);
        let collected = Arc::new(Output::default());
        let ours = Arc::clone(&collected);
        thread::spawn(move || ours.collect(output));
        Ok(Self {
            name: name.to_owned(),
            group: Group::of(&child),
            child,
            output: collected,
        })
    }

    /// Waits until its output contains `words`.
    ///
    /// # Errors
    /// It has ended without them, or does not write them in time.
    pub fn wait_for(&self, words: &str) -> Result<()> {
        let missing = |lines: &mut Lines| !lines.over && !lines.text.contains(words);
        let (lines, _) = self
            .output
            .more
            .wait_timeout_while(self.output.lock(), PATIENCE, missing)
            .unwrap_or_else(PoisonError::into_inner);
        match lines.text.contains(words) {
            true => Ok(()),
            false => Err(Error::failed(format!(
                "{} did not write {words:?}, only:\n{}",
                self.name, lines.text
            ))),
        }
    }

    /// Returns its output so far.
    #[must_use]
    pub fn output(&self) -> String {
        self.output.lock().text.clone()
    }

    /// Starts another program on its node, with its host name, its mounts and its processes.
    pub(crate) fn spawn_beside(&self, node: &Netns, command: &mut Command) -> Result<Child> {
        let id = self.child.id();
        let open = |name| {
            let path = format!("/proc/{id}/ns/{name}");
            File::open(&path).context(path)
        };
        let spaces = [
            (open("mnt")?, CloneFlags::CLONE_NEWNS),
            (open("uts")?, CloneFlags::CLONE_NEWUTS),
            (open("pid")?, CloneFlags::CLONE_NEWPID),
        ];
        node.run(|_| {
            // Threads share their current directory, which a mount namespace of their own does not allow.
            unshare(CloneFlags::CLONE_FS).context("separate the current directory")?;
            for (file, kind) in spaces {
                setns(file, kind).context("enter a namespace")?;
            }
            signals::spawn(command).context(format_args!("start {:?}", command.get_program()))
        })?
    }

    /// Returns the number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns whether its output has ended, and so it and all processes that it started.
    pub(crate) fn is_over(&self) -> bool {
        self.output.lock().over
    }

    /// Ends it by SIGTERM and waits until it has ended.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn end(mut self) -> Result<ExitStatus> {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap_or(i32::MAX));
        kill(pid, Signal::SIGTERM).context(format_args!("end {}", self.name))?;
        self.child
            .wait()
            .context(format_args!("wait for {}", self.name))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.group.kill();
        // It has ended, or is ending.
        let _ = self.child.wait();
    }
}

impl Output {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn collect(&self, output: impl io::Read) {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let mut lines = self.lock();
            lines.text.push_str(&line);
            lines.text.push('\n');
            self.more.notify_all();
        }
        self.lock().over = true;
        self.more.notify_all();
    }
}
