//! What clients see when another director becomes active.

use std::fmt;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use lvs_core::{Host, Netns};

use crate::clients::{Request, requests_during};
use crate::error::{Context, Error, Result};
use crate::http::Kept;
use crate::pair::Pair;

/// How long a takeover may take. It is watched for twice as long.
const BOUND: Duration = Duration::from_secs(2);

/// The number of requests that a client starts in that time on an idle host. So many must have started, too:
/// on a busy host the directors are as slow as the client.
const BEATS: usize = 38;

/// The time between two requests on the kept connection: there is one processor.
const PAUSE: Duration = Duration::from_millis(10);

/// How long to wait for an answer on the kept connection.
const PATIENCE: Duration = Duration::from_secs(20);

/// Describes a change of the active director as two clients observe it: one starts requests steadily, the
/// other keeps its connection and repeats requests on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Takeover {
    /// The director that was active.
    pub before: String,
    /// The director that became active.
    pub after: String,
    /// The longest time without an answer to any new request; some 50 ms without a change.
    pub silence: Duration,
    /// The requests that ended before the change.
    pub undisturbed: Count,
    /// The requests started in the first 2 s after it.
    pub early: Count,
    /// The requests started later.
    pub late: Count,
    /// The answers on the kept connection since the change, all from the same server.
    pub kept: usize,
    /// How long the slowest of these answers took.
    pub longest: Duration,
}

/// Counts requests, and how many of them got no answer within 5 s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// All requests.
    pub begun: usize,
    /// The requests without an answer.
    pub failed: usize,
}

impl Takeover {
    /// Calls `change` with the name of the active director, which it is to replace, and watches the clients
    /// for 4 s or more. The kept connection is opened before and known to both directors.
    ///
    /// # Errors
    /// The kept connection breaks or reaches another server, no request is answered, no director becomes
    /// active, or the same one is active as before.
    pub fn watch(
        pair: &mut Pair,
        change: impl FnOnce(&mut Pair, &str) -> Result<()>,
    ) -> Result<Self> {
        let service = pair.service()?;
        // Another handle of the same namespace, because `pair` is borrowed by the change.
        let client = pair.lab().network().client().run(|_| Netns::current())??;
        let mut kept = client
            .run(|_| Kept::open(service, PATIENCE))?
            .context("keep a connection")?;
        let server = wait_until_synced(pair, &mut kept)?;
        let (watched, requests) = requests_during(&client, service, |begun| {
            let has_come = |time: Instant, beats| {
                move || Instant::now() >= time && begun.load(Ordering::Relaxed) >= beats
            };
            let soon = has_come(Instant::now() + BOUND / 4, BEATS / 4);
            ask_until(soon, &mut kept, &server)?;
            let before = pair.wait_for_active()?;
            let (changed, beats) = (Instant::now(), begun.load(Ordering::Relaxed));
            change(pair, &before)?;
            let late = has_come(changed + BOUND * 2, beats + BEATS * 2);
            let answers =
                ask_until(late, &mut kept, &server).map_err(|error| pair.explained(&error))?;
            Ok::<_, Error>((before, changed, answers))
        })?;
        let (before, changed, answers) = watched?;
        let after = pair.wait_for_active()?;
        if before == after {
            return Err(Error::failed(format!("{before} is active as before")));
        }
        Self::judge((before, after), &requests, changed, answers)
    }

    fn judge(
        (before, after): (String, String),
        requests: &[Request],
        changed: Instant,
        (kept, longest): (usize, Duration),
    ) -> Result<Self> {
        let undisturbed = Count::of(requests.iter().filter(|request| request.ended < changed));
        let silence = silence(requests, changed);
        let requests: Vec<_> = requests
            .iter()
            .filter(|request| request.begun > changed)
            .collect();
        let by_the_clock = requests.partition_point(|request| request.begun < changed + BOUND);
        let (early, late) = requests.split_at(by_the_clock.max(BEATS).min(requests.len()));
        Ok(Self {
            before,
            after,
            silence: silence.ok_or_else(|| Error::failed("no request is answered"))?,
            undisturbed,
            early: Count::of(early.iter().copied()),
            late: Count::of(late.iter().copied()),
            kept,
            longest,
        })
    }
}

/// Returns the longest time without an answer, from the change on.
fn silence(requests: &[Request], changed: Instant) -> Option<Duration> {
    let mut moments: Vec<_> = requests
        .iter()
        .filter(|request| request.answer.is_ok())
        .map(|request| request.ended)
        .filter(|ended| *ended > changed)
        .chain([changed])
        .collect();
    moments.sort_unstable();
    let pause = |pair: &[Instant]| match pair {
        [earlier, later] => Some(*later - *earlier),
        _ => None,
    };
    moments.windows(2).filter_map(pause).max()
}

impl Count {
    fn of<'a>(requests: impl Iterator<Item = &'a Request>) -> Self {
        let (mut begun, mut failed) = (0, 0);
        for request in requests {
            begun += 1;
            failed += usize::from(request.answer.is_err());
        }
        Self { begun, failed }
    }
}

/// Repeats requests on the connection until `over`; returns the number of answers and how long the slowest
/// one took.
fn ask_until(over: impl Fn() -> bool, kept: &mut Kept, server: &str) -> Result<(usize, Duration)> {
    let (mut answers, mut longest) = (0, Duration::ZERO);
    while !over() {
        thread::sleep(PAUSE);
        let asked = Instant::now();
        let answer = kept.fetch().context("keep a connection")?;
        if answer != server {
            return Err(Error::failed(format!(
                "the connection to {server} is answered by {answer}"
            )));
        }
        answers += 1;
        longest = longest.max(asked.elapsed());
    }
    Ok((answers, longest))
}

/// Sends requests until both directors know the connection; returns the name of its server.
fn wait_until_synced(pair: &Pair, kept: &mut Kept) -> Result<String> {
    let client = kept.client().context("keep a connection")?;
    let knows = |host: &mut Host| {
        let connections = host.proc().connections()?;
        Ok::<_, Error>(
            connections
                .iter()
                .any(|connection| connection.client == client && connection.state == "ESTABLISHED"),
        )
    };
    let mut server = String::new();
    pair.wait("both directors know the connection", || {
        server = kept.fetch().context("keep a connection")?;
        pair.directors()
            .into_iter()
            .map(|name| pair.lab().node(&name)?.run(knows)?)
            .try_fold(true, |all, known| Ok(all && known?))
    })?;
    Ok(server)
}

/// Writes a few lines for readers.
impl fmt::Display for Takeover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} was active, {} is", self.before, self.after)?;
        writeln!(f, "no answer for {} ms", self.silence.as_millis())?;
        writeln!(f, "started in the first 2 s: {}", self.early)?;
        writeln!(f, "started later: {}", self.late)?;
        writeln!(
            f,
            "the kept connection: {} answers, the slowest took {} ms",
            self.kept,
            self.longest.as_millis()
        )
    }
}

/// Writes `39 requests, 2 failed`.
impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} requests, {} failed", self.begun, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn request(changed: Instant, begun: u64, answered: bool) -> Request {
        let begun = changed + Duration::from_millis(begun);
        let answer = match answered {
            true => Ok("a".to_owned()),
            false => Err(io::ErrorKind::TimedOut.into()),
        };
        Request {
            begun,
            ended: begun + Duration::from_millis(100),
            answer,
        }
    }

    #[test]
    fn late_is_by_the_clock_and_by_the_beat() {
        let changed = Instant::now();
        let names = || ("a".to_owned(), "b".to_owned());
        let judge = |every: u64| {
            let requests: Vec<_> = (1..=60)
                .map(|number| number * every)
                .map(|begun| request(changed, begun, begun <= 100 || begun > 1_000))
                .collect();
            Takeover::judge(names(), &requests, changed, (1, BOUND)).unwrap()
        };
        let quick = judge(50);
        assert_eq!((quick.early.begun, quick.early.failed), (39, 18));
        assert_eq!((quick.late.begun, quick.late.failed), (21, 0));
        assert_eq!(quick.silence.as_millis(), 950);
        let one = [request(changed, 500, true)];
        let one = Takeover::judge(names(), &one, changed, (1, BOUND)).unwrap();
        assert_eq!(one.silence.as_millis(), 600);
        let slow = judge(100);
        assert_eq!((slow.early.begun, slow.early.failed), (38, 9));
        let nothing = Takeover::judge(names(), &[], changed, (1, BOUND));
        assert!(nothing.unwrap_err().to_string().contains("no request"));
    }
}
