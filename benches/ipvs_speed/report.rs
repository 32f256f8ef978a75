//! The table.

use std::time::Duration;

use crate::Result;
use crate::calls::Calls;

/// One contestant in one row.
pub(crate) struct Entry {
    pub(crate) who: &'static str,
    pub(crate) times: Vec<Duration>,
    /// What is to be taken off each time: the start of a program.
    pub(crate) start: Duration,
    pub(crate) calls: Option<Calls>,
}

impl Entry {
    pub(crate) const fn new(who: &'static str) -> Self {
        Self {
            who,
            times: Vec::new(),
            start: Duration::ZERO,
            calls: None,
        }
    }

    /// The median.
    pub(crate) fn time(&self) -> Duration {
        median(&self.times).saturating_sub(self.start)
    }
}

pub(crate) fn median(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// What is demanded of the ratio of a time to that of lvs-core.
pub(crate) enum Target {
    /// The other takes at least so many times as long.
    Faster(f64),
    /// lvs-core takes at most so many times as long.
    Within(f64),
    /// Only to look at.
    None,
}

pub(crate) fn print_heading() {
    println!(
        "{:<38} {:<26} {:>10} {:>7} {:>7}  ratio",
        "what", "who", "time/ms", "talk", "calls"
    );
}

/// Prints lvs-core's line and one for each rival, and fails if a target was missed.
pub(crate) fn print(what: &str, ours: &Entry, rivals: &[(Entry, Target)]) -> Result<()> {
    line(what, ours, "");
    let mut missed = false;
    for (rival, target) in rivals {
        let (verdict, met) = judge(ours.time(), rival.time(), target);
        line("", rival, &verdict);
        missed |= !met;
    }
    println!();
    match missed {
        true => Err(format!("{what}: a target was missed").into()),
        false => Ok(()),
    }
}

fn judge(ours: Duration, theirs: Duration, target: &Target) -> (String, bool) {
    let faster = theirs.as_secs_f64() / ours.as_secs_f64();
    let slower = 1.0 / faster;
    let (text, met) = match target {
        Target::Faster(least) => {
            let text = format!("lvs-core is {faster:.1} times as fast, demanded {least}");
            (text, faster >= *least)
        }
        Target::Within(most) => {
            let text = format!("lvs-core takes {slower:.2} times as long, allowed {most}");
            (text, slower <= *most)
        }
        Target::None => return (format!("{faster:.2} times lvs-core's time"), true),
    };
    let mark = if met { "ok" } else { "MISSED" };
    (format!("{text}: {mark}"), met)
}

fn line(what: &str, entry: &Entry, verdict: &str) {
    let time = entry.time().as_secs_f64() * 1e3;
    let (talk, calls) = match entry.calls {
        Some(calls) => (calls.talk.to_string(), calls.all.to_string()),
        None => Default::default(),
    };
    let text = format!(
        "{what:<38} {:<26} {time:>10.2} {talk:>7} {calls:>7}  {verdict}",
        entry.who
    );
    println!("{}", text.trim_end());
}
