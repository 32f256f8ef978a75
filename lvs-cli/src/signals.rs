//! Interrupts of a verb that changes something.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag::register;

use crate::exit::Problem;

/// Returns a flag that SIGINT and SIGTERM set, instead of ending the program half-way.
///
/// SIGHUP sets nothing: a change that cuts the connection it is made by must still complete, or roll back
/// completely.
pub(crate) fn stop_flag() -> Result<Arc<AtomicBool>, Problem> {
    let stop = Arc::new(AtomicBool::new(false));
    let handled = [
        (SIGINT, Arc::clone(&stop)),
        (SIGTERM, Arc::clone(&stop)),
        (SIGHUP, Arc::default()),
    ];
    for (signal, flag) in handled {
        register(signal, flag)
            .map_err(|error| Problem::failed(format!("handle signal {signal}: {error}")))?;
    }
    Ok(stop)
}
