//! What an interrupt does to a verb that changes something.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag::register;

use crate::exit::Problem;

/// A flag that an interrupt raises instead of ending the program half-way.
///
/// A terminal or a connection that goes away raises nothing: a change that cuts the very connection it
/// was made by must still come to its end, whichever it is.
pub(crate) fn stop_flag() -> Result<Arc<AtomicBool>, Problem> {
    let stop = Arc::new(AtomicBool::new(false));
    let heard = [
        (SIGINT, Arc::clone(&stop)),
        (SIGTERM, Arc::clone(&stop)),
        (SIGHUP, Arc::default()),
    ];
    for (signal, flag) in heard {
        register(signal, flag)
            .map_err(|error| Problem::failed(format!("handle signal {signal}: {error}")))?;
    }
    Ok(stop)
}
