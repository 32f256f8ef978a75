//! Interrupts of a verb that changes something.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{
    SIGABRT, SIGALRM, SIGHUP, SIGINT, SIGIO, SIGPROF, SIGQUIT, SIGSYS, SIGTERM, SIGTRAP, SIGUSR1,
    SIGUSR2, SIGVTALRM, SIGXCPU, SIGXFSZ,
};
use signal_hook::flag::register;

use crate::exit::Problem;

/// The signals that would end the program half-way, beside SIGHUP: those of a user, of a limit and of a timer, and
/// the real-time ones. Not those by which the processor reports a fault.
const STOPPING: [i32; 15] = [
    SIGINT, SIGTERM, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGXCPU, SIGXFSZ,
    SIGIO, POWER, SIGSYS, SIGTRAP, SIGABRT,
];
const STACK_FAULT: i32 = 16;
const POWER: i32 = 30;
const REAL_TIME: RangeInclusive<i32> = 34..=64;

/// Returns a flag that every signal sets that can be handled and would end the program half-way.
///
/// SIGHUP sets nothing: a change that cuts the connection it is made by must still complete, or roll back
/// completely.
pub(crate) fn stop_flag() -> Result<Arc<AtomicBool>, Problem> {
    let stop = Arc::new(AtomicBool::new(false));
    let handled = STOPPING
        .into_iter()
        .chain([STACK_FAULT])
        .chain(REAL_TIME)
        .map(|signal| (signal, Arc::clone(&stop)));
    for (signal, flag) in handled.chain([(SIGHUP, Arc::default())]) {
        register(signal, flag)
            .map_err(|error| Problem::failed(format!("handle signal {signal}: {error}")))?;
    }
    Ok(stop)
}

/// What signals ask of `run`.
pub(crate) struct RunFlags {
    /// To end.
    pub(crate) stop: Arc<AtomicBool>,
    /// To read the file again (SIGHUP).
    pub(crate) reload: Arc<AtomicBool>,
}

/// Returns the flags that signals set while `run` runs.
pub(crate) fn run_flags() -> Result<RunFlags, Problem> {
    let flags = RunFlags {
        stop: stop_flag()?,
        reload: Arc::default(),
    };
    register(SIGHUP, Arc::clone(&flags.reload))
        .map_err(|error| Problem::failed(format!("handle signal {SIGHUP}: {error}")))?;
    Ok(flags)
}
