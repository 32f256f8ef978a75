//! Debian's own daemons on the machines of the guest: `chronyd`, `keepalived`.

use std::io::{self, BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use lvs_core::Netns;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::error::{Context, Error, Result};
use crate::signals::{self, Group};
use crate::tools::tool;

/// How long a daemon is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// One of Debian's programs that goes on by itself on a machine. When this is dropped it is killed, with all
/// that it started, and gets no time to say goodbye.
///
/// ```no_run
/// # fn run(machine: &lvs_core::Netns) -> lvs_lab::Result<()> {
/// let options = ["-d", "-x", "-u", "root", "local stratum 8"];
/// let chrony = lvs_lab::Daemon::start(machine, "chronyd", &options)?;
/// chrony.wait_for("starting")?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Daemon {
    name: String,
    child: Child,
    group: Group,
    said: Arc<Said>,
}

/// What it has said so far.
#[derive(Debug, Default)]
struct Said {
    words: Mutex<Words>,
    more: Condvar,
}

#[derive(Debug, Default)]
struct Words {
    text: String,
    /// There will be no more.
    over: bool,
}

impl Daemon {
    /// Starts it in a machine's namespace. It must stay in the foreground and say on its standard output or
    /// error how it is.
    ///
    /// # Errors
    /// It is not among Debian's tools, or cannot be started.
    pub fn start(machine: &Netns, name: &str, arguments: &[&str]) -> Result<Self> {
        Self::start_after(machine, name, arguments, || Ok(()))
    }

    /// Starts it on a thread that has been prepared: what that has of its own, the daemon inherits.
    pub(crate) fn start_after(
        machine: &Netns,
        name: &str,
        arguments: &[&str],
        prepare: impl FnOnce() -> Result<()> + Send,
    ) -> Result<Self> {
        let (output, writer) = io::pipe().context("make a pipe")?;
        let mut command = tool(name)?;
        command.args(arguments).process_group(0);
        command.stdin(Stdio::null());
        command.stdout(writer.try_clone().context("share a pipe")?);
        command.stderr(writer);
        let child = machine.run(|_| {
            prepare()?;
            signals::spawn(&mut command).context(format_args!("start {name}"))
        })??;
        // It holds our copy of what the daemon writes to: the output would never end.
        drop(command);
        let said = Arc::new(Said::default());
        let ours = Arc::clone(&said);
        thread::spawn(move || ours.keep(output));
        Ok(Self {
            name: name.to_owned(),
            group: Group::of(&child),
            child,
            said,
        })
    }

    /// Waits until it has said this, ever.
    ///
    /// # Errors
    /// It has ended without, or says nothing of the kind.
    pub fn wait_for(&self, words: &str) -> Result<()> {
        let missing = |said: &mut Words| !said.over && !said.text.contains(words);
        let said = self.said.lock();
        let said = self.said.more.wait_timeout_while(said, PATIENCE, missing);
        let (said, _) = said.unwrap_or_else(PoisonError::into_inner);
        match said.text.contains(words) {
            true => Ok(()),
            false => Err(Error::failed(format!(
                "{} did not say {words:?}, only:\n{}",
                self.name, said.text
            ))),
        }
    }

    /// All that it has said so far, line by line.
    #[must_use]
    pub fn said(&self) -> String {
        self.said.lock().text.clone()
    }

    /// Whether it will say no more: it has ended, and all that it started.
    pub(crate) fn is_over(&self) -> bool {
        self.said.lock().over
    }

    /// Asks it to end, by SIGTERM, and waits until it has.
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

impl Said {
    fn lock(&self) -> MutexGuard<'_, Words> {
        self.words.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, output: impl io::Read) {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let mut words = self.lock();
            words.text.push_str(&line);
            words.text.push('\n');
            self.more.notify_all();
        }
        self.lock().over = true;
        self.more.notify_all();
    }
}
