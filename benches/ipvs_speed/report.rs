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

    /// Returns the upper quartile of the times.
    fn slow(&self) -> Duration {
        let last = self.times.len().saturating_sub(1);
        let mut times = self.times.clone();
        times.sort_unstable();
        let slow = times.get(last - last / 4).copied().unwrap_or_default();
        slow.saturating_sub(self.start)
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

/// How far the favourable end of a ratio's spread may miss its target: a host that is slow in another way than
/// the one on which the targets were set.
const TOLERANCE: f64 = 1.15;

/// Prints lvs-core's line and one for each rival, and fails if a target was clearly missed.
pub(crate) fn print(what: &str, ours: &Entry, rivals: &[(Entry, Target)]) -> Result<()> {
    line(what, ours, "");
    let mut missed = false;
    for (rival, target) in rivals {
        let (text, verdict) = judge(ours, rival, target);
        line("", rival, &text);
        missed |= verdict == Verdict::Missed;
    }
    println!();
    match missed {
        true => Err(format!("{what}: a target was missed").into()),
        false => Ok(()),
    }
}

/// Says whether a target was met.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Met,
    /// Perhaps: the spread of the ratio, or the tolerance, contains it.
    Near,
    Missed,
}

impl Verdict {
    /// Judges by how many times the bound the ratio is, and the favourable end of its spread.
    fn of(excess: f64, favourable: f64) -> Self {
        match (excess, favourable) {
            (excess, _) if excess <= 1.0 => Self::Met,
            (_, favourable) if favourable <= TOLERANCE => Self::Near,
            _ => Self::Missed,
        }
    }

    const fn mark(self) -> &'static str {
        match self {
            Self::Met => "ok",
            Self::Near => "near",
            Self::Missed => "MISSED",
        }
    }
}

fn judge(ours: &Entry, theirs: &Entry, target: &Target) -> (String, Verdict) {
    let ratio = |theirs: Duration, ours: Duration| theirs.as_secs_f64() / ours.as_secs_f64();
    let faster = ratio(theirs.quick(), ours.quick());
    let (least, most) = (
        ratio(theirs.quick(), ours.slow()),
        ratio(theirs.slow(), ours.quick()),
    );
    let (text, verdict) = match target {
        Target::Faster(demanded) => {
            let text = format!(
                "lvs-core is {faster:.1} ({least:.1} to {most:.1}) times as fast, demanded {demanded}"
            );
            (text, Verdict::of(demanded / faster, demanded / most))
        }
        Target::Within(allowed) => {
            let (slower, from, to) = (1.0 / faster, 1.0 / most, 1.0 / least);
            let text = format!(
                "lvs-core takes {slower:.2} ({from:.2} to {to:.2}) times as long, allowed {allowed}"
            );
            (text, Verdict::of(slower / allowed, from / allowed))
        }
        Target::None => {
            return (format!("{faster:.2} times lvs-core's time"), Verdict::Met);
        }
    };
    (format!("{text}: {}", verdict.mark()), verdict)
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
