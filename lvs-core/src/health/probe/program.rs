//! A program on the director succeeds.

use std::collections::BTreeSet;
use std::io::{PipeReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::{Pid, User};
use std::os::fd::AsFd;

use super::socket::local;
use super::{Deadline, Target};
use crate::cluster::ClusterName;
use crate::health::{Failure, Healthy, Outcome, Percent, ProgramCheck, Stage};

/// As much of a program's output is kept; the rest is read and dropped.
const KEPT: usize = 4096;
/// As much of its first line is shown.
const SHOWN: usize = 200;

pub(super) fn probe(check: &ProgramCheck, target: &Target, deadline: &Deadline) -> Outcome {
    let (output, writer) = std::io::pipe().map_err(not_started)?;
    let mut command = command(check, target)?;
    command
        .stdin(Stdio::null())
        .stdout(writer.try_clone().map_err(not_started)?)
        .stderr(writer);
    let child = command.spawn().map_err(not_started)?;
    // Drops the writing ends, which would keep the pipe open.
    drop(command);
    let cluster = &target.subject.cluster;
    let (status, output) = Running::new(child, cluster)?.finish(output, deadline)?;
    judge(check, status, &output)
}

fn not_started(error: std::io::Error) -> Failure {
    Failure::NotProbed(format!("start the program: {error}"))
}

fn command(check: &ProgramCheck, target: &Target) -> Result<Command, Failure> {
    let (subject, path) = (&target.subject, &target.path);
    let mut command = Command::new(check.program.as_str());
    command
        .args(check.arguments.iter().map(|argument| argument.as_str()))
        .env_clear()
        .env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        )
        .env("LVS_CLUSTER", subject.cluster.as_str())
        .env("LVS_SERVICE", subject.service.to_string())
        .env("LVS_REAL_SERVER", subject.server.as_str())
        .env("LVS_ADDRESS", path.destination.ip().to_string())
        .env("LVS_PORT", path.destination.port().to_string())
        .current_dir("/")
        // A group of its own, so that all its children can be killed.
        .process_group(0);
    if let Some(mark) = path.mark {
        command.env("LVS_MARK", mark.to_string());
    }
    if let Some(source) = path.source {
        command.env("LVS_SOURCE", source.ip().to_string());
    }
    if let Some(name) = &check.user {
        let user = User::from_name(name.as_str())
            .map_err(|errno| local("look up the user", errno))?
            .ok_or_else(|| Failure::NotProbed(format!("there is no user {name}")))?;
        // The standard library drops the supplementary groups along with root.
        command.gid(user.gid.as_raw()).uid(user.uid.as_raw());
    }
    Ok(command)
}

/// The groups of the programs that run, by the cluster that they are for.
static GROUPS: Mutex<BTreeSet<(ClusterName, Pid)>> = Mutex::new(BTreeSet::new());

fn groups() -> MutexGuard<'static, BTreeSet<(ClusterName, Pid)>> {
    GROUPS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Kills the programs that run for a cluster: they would outlive a process that ends.
#[cfg(feature = "run")]
pub(crate) fn kill_all(cluster: &ClusterName) {
    for (_, group) in groups().iter().filter(|(of, _)| of == cluster) {
        let _ = killpg(*group, Signal::SIGKILL);
    }
}

/// A program that runs. A thread waits for it, so that its end can be polled for like its output.
struct Running {
    cluster: ClusterName,
    group: Pid,
    ended: PipeReader,
    reap: mpsc::Sender<()>,
    status: mpsc::Receiver<ExitStatus>,
}

impl Running {
    fn new(mut child: Child, cluster: &ClusterName) -> Result<Self, Failure> {
        let group = Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
        let started = std::io::pipe().and_then(|(ended, end)| {
            let (reap, reaped) = mpsc::channel::<()>();
            let (send, status) = mpsc::channel();
            let waiter = move || {
                // Until it is reaped its number is not used again, so that nothing else can be killed.
                let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
                while waitid(Id::Pid(group), flags) == Err(Errno::EINTR) {}
                drop(end);
                let _ = reaped.recv();
                if let Ok(ended) = child.wait() {
                    let _ = send.send(ended);
                }
            };
            thread::Builder::new()
                .name("lvs-program".to_owned())
                .spawn(waiter)?;
            groups().insert((cluster.clone(), group));
            Ok(Self {
                cluster: cluster.clone(),
                group,
                ended,
                reap,
                status,
            })
        });
        started.map_err(|error| {
            let _ = killpg(group, Signal::SIGKILL);
            not_started(error)
        })
    }

    /// Reads output until the program ends or the deadline has passed; then kills what is left of its group.
    fn finish(
        self,
        output: PipeReader,
        deadline: &Deadline,
    ) -> Result<(ExitStatus, Vec<u8>), Failure> {
        let mut kept = Vec::new();
        let result = self.read(output, &mut kept, deadline);
        let _ = killpg(self.group, Signal::SIGKILL);
        groups().remove(&(self.cluster, self.group));
        let _ = self.reap.send(());
        result?;
        // It has ended, so that this does not wait.
        self.status
            .recv()
            .map(|status| (status, kept))
            .map_err(|_| Failure::NotProbed("wait for the program".to_owned()))
    }

    fn read(
        &self,
        mut output: PipeReader,
        kept: &mut Vec<u8>,
        deadline: &Deadline,
    ) -> Result<(), Failure> {
        let mut is_open = true;
        loop {
            let Some(timeout) = deadline.poll_timeout() else {
                return Err(Failure::TimedOut(Stage::Exit));
            };
            let wanted = if is_open {
                PollFlags::POLLIN
            } else {
                PollFlags::empty()
            };
            let mut polled = [
                PollFd::new(output.as_fd(), wanted),
                PollFd::new(self.ended.as_fd(), PollFlags::POLLIN),
            ];
            // A closed pipe is always ready, and must not be asked again.
            let watched = if is_open {
                &mut polled[..]
            } else {
                &mut polled[1..]
            };
            match poll(watched, timeout) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(local("poll", errno)),
            }
            let ready = |fd: &PollFd<'_>| fd.any().unwrap_or_default();
            let (has_output, has_ended) = (is_open && ready(&polled[0]), ready(&polled[1]));
            if has_output {
                is_open = keep(&mut output, kept);
            } else if has_ended {
                return Ok(());
            }
        }
    }
}

/// Reads some output, and keeps it if there is room; false at the end.
fn keep(output: &mut PipeReader, kept: &mut Vec<u8>) -> bool {
    let mut buffer = [0; 4096];
    match output.read(&mut buffer) {
        Ok(0) | Err(_) => false,
        Ok(count) => {
            let room = KEPT.saturating_sub(kept.len()).min(count);
            kept.extend_from_slice(buffer.get(..room).unwrap_or_default());
            true
        }
    }
}

fn judge(check: &ProgramCheck, status: ExitStatus, output: &[u8]) -> Outcome {
    let number = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .unwrap_or(-1);
    let share = u8::try_from(number - 2)
        .ok()
        .and_then(|share| Percent::new(share).ok());
    match (
        number,
        share.filter(|_| check.share_by_status && status.code().is_some()),
    ) {
        (0, _) => Ok(Healthy::default()),
        (_, Some(share)) => Ok(Healthy::with_share(share)),
        _ => Err(Failure::Exit {
            status: number,
            output: first_line(output),
        }),
    }
}

/// Returns the first line as text without control characters, which could change a terminal.
pub(super) fn first_line(output: &[u8]) -> String {
    let line = output
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    String::from_utf8_lossy(line.get(..SHOWN).unwrap_or(line))
        .chars()
        .filter(|c| !c.is_control())
        .collect()
}
