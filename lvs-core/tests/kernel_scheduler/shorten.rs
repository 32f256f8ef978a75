//! Makes a script that parts model and kernel as short as possible.

use std::time::{Duration, Instant};

use lvs_core::scheduler::Generation;

use crate::run::run;
use crate::script::Script;

/// So long may it take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Leaves out ever smaller pieces, as long as what is left still parts them and there is time.
pub(crate) fn shorten(
    script: &Script,
    generation: Generation,
    mut how: String,
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
                Err(mismatch) => (script, how) = (shorter, mismatch),
            }
        }
        piece = if piece == 1 { 0 } else { piece.div_ceil(2) };
    }
    (script, how)
}
