//! Tests and examples that run in a guest.

use std::env;
use std::ffi::OsStr;
use std::num::NonZero;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::{PoisonError, RwLock};
use std::thread;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use nix::sched::{CloneFlags, unshare};

use crate::boot::{End, Guest, Output, Status, boot};
use crate::error::{Context, Error, Result};
use crate::fetch::Kernel;
use crate::guest::{self, status};
use crate::outcome::{Outcome, Skip};
use crate::signals;

/// The task of a guest that runs an example.
const EXAMPLE: &str = "an example";

/// The most guests at a time: each one takes some 60 MB.
const MOST_GUESTS: usize = 24;

/// Holds a test and its name; made by [`tests!`](crate::tests!).
#[derive(Clone, Copy, Debug)]
pub struct Test {
    name: &'static str,
    run: fn() -> Result<(), String>,
    is_alone: bool,
    is_long: bool,
    kernel: Kernel,
    before: Option<fn()>,
}

impl Test {
    /// Returns a test that runs in a guest of its own; `path` is its path in the crate of the tests.
    #[must_use]
    pub const fn new(path: &'static str, run: fn() -> Result<(), String>) -> Self {
        Self {
            name: path,
            run,
            is_alone: false,
            is_long: false,
            kernel: Kernel::Usual,
            before: None,
        }
    }

    /// Returns the same test, before which something is done on the host.
    #[must_use]
    pub const fn after(self, before: fn()) -> Self {
        Self {
            before: Some(before),
            ..self
        }
    }

    /// Returns the same test, which runs while no other one of the executable does.
    #[must_use]
    pub const fn alone(self) -> Self {
        Self {
            is_alone: true,
            ..self
        }
    }

    /// Returns the same test, which starts in the first half because it takes longer than others.
    #[must_use]
    pub const fn long(self) -> Self {
        Self {
            is_long: true,
            ..self
        }
    }

    /// Returns the same test on a kernel that has iptables: another one than the usual, if that has none.
    #[must_use]
    pub const fn iptables(self) -> Self {
        Self {
            kernel: Kernel::WithIptables,
            ..self
        }
    }

    /// Returns the path without the crate, as other tests have it.
    fn name(&self) -> &'static str {
        self.name
            .split_once("::")
            .map_or(self.name, |(_, name)| name)
    }
}

/// Defines `TESTS`, the tests of a module, for [`run_tests`], with one guest for each test.
///
/// A test is a `fn()` that panics when it fails, or one that returns a `Result<(), E>` with a readable `E`.
/// It runs as root on its own kernel, with `lo` up and `ip_vs` loaded; all other files are the host's,
/// read-only. A test that cannot run prints `SKIPPED name: reason`, or fails with `LVS_REQUIRE_KERNEL=1`.
///
/// ```no_run
/// mod weights {
///     lvs_lab::tests! { zero_is_quiet, ip_vs_is_there }
///
///     fn zero_is_quiet() -> Result<(), std::io::Error> {
///         Ok(())
///     }
///
///     fn ip_vs_is_there() {
///         assert!(std::fs::exists("/proc/net/ip_vs").unwrap());
///     }
/// }
///
/// fn main() -> std::process::ExitCode {
///     lvs_lab::run_tests(&[weights::TESTS])
/// }
/// ```
///
/// Tests that measure time begin with `alone;`: no other guest runs meanwhile. What `before = PATH;` names is called
/// on the host before each of them, to fetch what few tests need. A test with `#[long]` takes more than 40 s: it starts
/// in the first half, so that it does not outlast the others. One with `#[iptables]` has a kernel that knows iptables.
#[macro_export]
macro_rules! tests {
    (before = $before:path; $($(#[$mark:ident])* $test:path),* $(,)?) => {
        pub(crate) const TESTS: &[$crate::Test] = &[$($crate::test!($($mark)* $test).after($before)),*];
    };
    (alone; $($test:path),* $(,)?) => {
        pub(crate) const TESTS: &[$crate::Test] = &[$($crate::test!($test).alone()),*];
    };
    ($($(#[$mark:ident])* $test:path),* $(,)?) => {
        pub(crate) const TESTS: &[$crate::Test] = &[$($crate::test!($($mark)* $test)),*];
    };
}

/// Returns the [`Test`] of a function.
#[doc(hidden)]
#[macro_export]
macro_rules! test {
    (long $($rest:tt)+) => {
        $crate::test!($($rest)+).long()
    };
    (iptables $($rest:tt)+) => {
        $crate::test!($($rest)+).iptables()
    };
    ($test:path) => {
        $crate::Test::new(
            ::core::concat!(::core::module_path!(), "::", ::core::stringify!($test)),
            || $crate::Outcome::outcome($test()),
        )
    };
}

/// Runs the tests of all modules, each of them made by [`tests!`](crate::tests!); is the `main` of an
/// integration test with `harness = false`.
///
/// Guests mostly wait, for clients, links and locks: eight of them share a processor unless `--test-threads` is
/// given.
#[must_use]
pub fn run_tests(modules: &[&'static [Test]]) -> ExitCode {
    if let Some(task) = guest::task() {
        guest::run(|| run_one(modules, &task));
    }
    signals::kill_guests_on_interrupt();
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or_else(|| Some(guests()));
    let output = match arguments.nocapture {
        true => Output::Pass,
        false => Output::Keep,
    };
    let trials = mixed(modules)
        .into_iter()
        .map(|test| Trial::ignorable_test(test.name(), move || in_turn(test, output)))
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Returns all tests in the order of their start: each module evenly from the beginning to the end, because some compute
/// and others wait, the long ones in the first half; and at the very end those that run alone.
fn mixed(modules: &[&'static [Test]]) -> Vec<&'static Test> {
    let mut tests: Vec<_> = modules
        .iter()
        .flat_map(|tests| {
            let places = (0..tests.len()).map(|number| (number * 2 + 1) * 1000 / tests.len());
            places.zip(*tests)
        })
        .collect();
    // The long ones wait most of their time: where all of a time are long, the processors are idle.
    let start = |place: usize, test: &Test| if test.is_long { place / 2 } else { place };
    tests.sort_by_key(|(place, test)| (test.is_alone, start(*place, test)));
    tests.into_iter().map(|(_, test)| test).collect()
}

/// Returns how many guests run at a time.
pub(crate) fn guests() -> usize {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    processors.saturating_mul(8).min(MOST_GUESTS)
}

/// Runs a test when no other one runs alone, or alone.
fn in_turn(test: &Test, output: Output) -> Result<Completion, Failed> {
    static TURN: RwLock<()> = RwLock::new(());
    // Nothing is behind the lock that a panic could leave half done.
    match test.is_alone {
        true => {
            let _turn = TURN.write().unwrap_or_else(PoisonError::into_inner);
            trial(test, output)
        }
        false => {
            let _turn = TURN.read().unwrap_or_else(PoisonError::into_inner);
            trial(test, output)
        }
    }
}

fn run_one(modules: &[&[Test]], task: &OsStr) -> Result<(), String> {
    let mut tests = modules.iter().copied().flatten();
    match tests.find(|test| test.name() == task) {
        Some(test) => (test.run)(),
        None => Err(format!("there is no test {}", task.display())),
    }
}

fn trial(test: &Test, output: Output) -> Result<Completion, Failed> {
    if let Some(before) = test.before {
        before();
    }
    if on_this_kernel() {
        return match run_here(test.run) {
            Ok(Ended::Done) => Ok(Completion::Completed),
            Ok(Ended::Skipped(reason)) => skipped(test.name(), &reason),
            Err(error) => Err(error.to_string().into()),
        };
    }
    let guest = Guest::new().kernel(test.kernel);
    let end = match boot_twice(guest, test.name(), output) {
        Ok(end) => end,
        Err(Error::Unavailable(reason)) => return skipped(test.name(), &reason),
        Err(error) => return Err(error.to_string().into()),
    };
    let output_text = || {
        let text = [&end.stdout[..], &end.stderr[..]].concat();
        String::from_utf8_lossy(&text).into_owned()
    };
    match end.status {
        Status::Exited(0) => Ok(Completion::Completed),
        Status::Exited(status::SKIPPED) => skipped(test.name(), last_line(&output_text())),
        Status::Exited(code) => Err(format!("{}(status {code})", output_text()).into()),
        Status::Died(ref words) => Err(format!("{}{words}", output_text()).into()),
        Status::TimedOut(time) => {
            Err(format!("{}killed after {} s", output_text(), time.as_secs()).into())
        }
    }
}

/// Boots a second time if the kernel died: user-mode Linux 5.10 and 6.1 do so about once in some hundred
/// guests, mostly while they end. A test that kills its kernel does so twice.
fn boot_twice(guest: Guest, name: &str, output: Output) -> Result<End> {
    let end = boot(guest, name, output)?;
    match &end.status {
        Status::Died(words) => {
            eprintln!("{name}: {words}; booting again");
            boot(guest, name, output)
        }
        _ => Ok(end),
    }
}

fn last_line(text: &str) -> &str {
    text.trim_end().lines().next_back().unwrap_or_default()
}

fn skipped(name: &str, reason: &str) -> Result<Completion, Failed> {
    if env::var_os("LVS_REQUIRE_KERNEL").is_some_and(|value| value == "1") {
        return Err(format!("LVS_REQUIRE_KERNEL=1, but it cannot run: {reason}").into());
    }
    eprintln!("SKIPPED {name}: {reason}");
    Ok(Completion::ignored_with(reason))
}

/// Runs a program's body in a guest; its output and exit status become the program's.
///
/// Arguments, variables and current directory are the same there, and it runs as root on a kernel of its own.
///
/// ```no_run
/// fn main() -> std::process::ExitCode {
///     lvs_lab::example(|| {
///         println!("{}", std::fs::read_to_string("/proc/version")?);
///         Ok::<(), std::io::Error>(())
///     })
/// }
/// ```
#[must_use]
pub fn example<O: Outcome>(body: impl FnOnce() -> O + Send) -> ExitCode {
    Guest::new().run(body)
}

impl Guest {
    /// Runs a program's body in this guest, as [`example`] does in the usual one.
    #[must_use]
    pub fn run<O: Outcome>(self, body: impl FnOnce() -> O + Send) -> ExitCode {
        if guest::task().is_some() {
            guest::run(|| body().outcome());
        }
        signals::kill_guests_on_interrupt();
        let result = match on_this_kernel() {
            true => run_here(|| body().outcome()).and_then(|ended| match ended {
                Ended::Done => Ok(0),
                Ended::Skipped(reason) => Err(Error::unavailable(reason)),
            }),
            false => boot(self, EXAMPLE, Output::Pass).and_then(|end| match end.status {
                Status::Exited(code) => Ok(code),
                Status::Died(words) => Err(Error::failed(words)),
                Status::TimedOut(time) => {
                    let reason = format!("killed after {} s", time.as_secs());
                    Err(Error::failed(reason))
                }
            }),
        };
        match result {
            Ok(code) => ExitCode::from(code),
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::FAILURE
            }
        }
    }
}

/// Returns whether `LVS_LAB=host` selects the host's own kernel: as root, with a network namespace for each
/// test.
fn on_this_kernel() -> bool {
    env::var_os("LVS_LAB").is_some_and(|value| value == "host")
}

enum Ended {
    Done,
    Skipped(String),
}

fn run_here(body: impl FnOnce() -> Result<(), String> + Send) -> Result<Ended> {
    let run = || {
        unshare(CloneFlags::CLONE_NEWNET).context("LVS_LAB=host: make a network namespace")?;
        guest::set_loopback_up()?;
        match panic::catch_unwind(AssertUnwindSafe(body)) {
            Ok(result) => result.map(|()| Ended::Done).map_err(Error::failed),
            Err(payload) => match payload.downcast::<Skip>() {
                Ok(skip) => Ok(Ended::Skipped(skip.0)),
                Err(_) => Err(Error::failed("the test panicked")),
            },
        }
    };
    thread::scope(|scope| scope.spawn(run).join())
        .unwrap_or_else(|_| Err(Error::failed("the test panicked")))
}
