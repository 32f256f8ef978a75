//! Makes a script on which model and kernel differ as short as possible.

use std::time::{Duration, Instant};

use lvs_core::scheduler::Generation;

use crate::scheduler::run::run;
use crate::scheduler::script::Script;

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Leaves out ever smaller pieces, as long as model and kernel still differ on the rest and there is time.
pub(crate) fn shorten(
    script: &Script,
    generation: Generation,
    mut mismatch: String,
) -> (Script, String) {
    let deadline = Instant::now() + PATIENCE;
    let mut script = script.clone();
    let mut piece = script.steps.len().div_ceil(2);
    while piece > 0 && Instant::now() < deadline {
        let mut at = 0;
        while at < script.steps.len() && Instant::now() < deadline {
            let mut shorter = script.clone();
            let end = (at + piece).min(shorter.steps.len());
            shorter.steps.drain(at..end);
            match run(&shorter, generation) {
                Ok(_) => at += piece,
                Err(other) => (script, mismatch) = (shorter, other),
            }
        }
        piece = if piece == 1 { 0 } else { piece.div_ceil(2) };
    }
    (script, mismatch)
}
