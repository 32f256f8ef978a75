//! The printed table.

use std::time::Duration;

use crate::Result;
use crate::calls::Calls;

/// Holds the times of one contestant in one row.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) times: Vec<Duration>,
    /// The start of a program, which is subtracted from each time.
    pub(crate) start: Duration,
    pub(crate) calls: Option<Calls>,
}

impl Entry {
    pub(crate) const fn new(name: &'static str) -> Self {
        Self {
            name,
            times: Vec::new(),
            start: Duration::ZERO,
            calls: None,
        }
    }

    /// Returns the lower quartile of the times.
    fn quick(&self) -> Duration {
        quantile(&self.times, 4).saturating_sub(self.start)
    }

    fn median(&self) -> Duration {
        quantile(&self.times, 2).saturating_sub(self.start)
    }
}

/// Returns the end of the first of so many equal parts: 2 for the median, 4 for the lower quartile.
pub(crate) fn quantile(times: &[Duration], parts: usize) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.get(times.len() / parts).copied().unwrap_or_default()
}

/// Sets a bound for the ratio of a time to that of lvs-core.
pub(crate) enum Target {
    /// The rival takes at least so many times as long.
    Faster(f64),
    /// lvs-core takes at most so many times as long.
    Within(f64),
    /// There is no bound.
    None,
}

pub(crate) fn print_heading() {
    println!(
        "{:<38} {:<27} {:>8} {:>8} {:>6} {:>6}  ratio",
        "what", "contestant", "quick/ms", "median", "talk", "calls"
    );
}

/// Prints lvs-core's line and one for each rival, and fails if a target was missed.
pub(crate) fn print(what: &str, ours: &Entry, rivals: &[(Entry, Target)]) -> Result<()> {
    line(what, ours, "");
    let mut missed = false;
    for (rival, target) in rivals {
        let (verdict, met) = judge(ours.quick(), rival.quick(), target);
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
    let milliseconds = |time: Duration| format!("{:.2}", time.as_secs_f64() * 1e3);
    let (quick, median) = (milliseconds(entry.quick()), milliseconds(entry.median()));
    let (talk, calls) = match entry.calls {
        Some(calls) => (calls.talk.to_string(), calls.all.to_string()),
        None => Default::default(),
    };
    let text = format!(
        "{what:<38} {:<27} {quick:>8} {median:>8} {talk:>6} {calls:>6}  {verdict}",
        entry.name
    );
    println!("{}", text.trim_end());
}
