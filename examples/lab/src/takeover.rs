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

/// By now it must be over. It is watched for twice as long.
const BOUND: Duration = Duration::from_secs(2);

/// Requests that a client begins in that time, where it has a processor. So many must have begun, too: on a
/// machine that has something else to do, the directors are as slow as the client.
const BEATS: usize = 38;

/// Between two questions on the connection that is kept: the processor is one.
const PAUSE: Duration = Duration::from_millis(10);

/// How long an answer on a connection is awaited that is kept.
const PATIENCE: Duration = Duration::from_secs(20);

/// A change of the active director, seen by two clients: one begins requests all the time, the other keeps its
/// connection and asks again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Takeover {
    /// Who was active.
    pub before: String,
    /// Who became active.
    pub after: String,
    /// The longest time without an answer to anybody who began a request; some 50 ms where nothing happens.
    pub silence: Duration,
    /// Requests that had ended before the change.
    pub undisturbed: Count,
    /// Requests begun in the first 2 s after it.
    pub early: Count,
    /// Requests begun later.
    pub late: Count,
    /// The answers on the kept connection since the change, all from the same server …
    pub kept: usize,
    /// … and how long the slowest of them took.
    pub longest: Duration,
}

/// Requests, and how many of them got no answer within 5 s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// All of them.
    pub begun: usize,
    /// Those without an answer.
    pub failed: usize,
}

impl Takeover {
    /// Has `change` change something about the active director, whose name it is told, and watches for 4 s or
    /// more what becomes of it. The kept connection is opened before, and known to both directors.
    ///
    /// # Errors
    /// The kept connection breaks or meets another server; no request is answered; nobody becomes active, or the
    /// same one as before.
    pub fn watch(
        pair: &mut Pair,
        change: impl FnOnce(&mut Pair, &str) -> Result<()>,
    ) -> Result<Self> {
        let service = pair.service()?;
        // The same machine, for one that may be looked at while others change.
        let client = pair.lab().network().client().run(|_| Netns::current())??;
        let kept = client.run(|_| Kept::open(service, PATIENCE))?;
        let mut kept = kept.context("keep a connection")?;
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
            let answers = ask_until(late, &mut kept, &server);
            let answers = answers.map_err(|error| pair.explained(&error))?;
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
        let undisturbed = Count::of(requests.iter().filter(|it| it.ended < changed));
        let silence = silence(requests, changed);
        let requests: Vec<_> = requests.iter().filter(|it| it.begun > changed).collect();
        let by_the_clock = requests.partition_point(|it| it.begun < changed + BOUND);
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

/// The longest time without an answer, from the change on.
fn silence(requests: &[Request], changed: Instant) -> Option<Duration> {
    let answered = requests.iter().filter(|it| it.answer.is_ok());
    let answered = answered.map(|it| it.ended).filter(|it| *it > changed);
    let mut moments: Vec<_> = answered.chain([changed]).collect();
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

/// Has the connection go on until it is over; answers how many answers came and how long the slowest one took.
fn ask_until(over: impl Fn() -> bool, kept: &mut Kept, server: &str) -> Result<(usize, Duration)> {
    let (mut answers, mut longest) = (0, Duration::ZERO);
    while !over() {
        thread::sleep(PAUSE);
        let asked = Instant::now();
        let answer = kept.fetch().context("keep a connection")?;
        if answer != server {
            return Err(Error::failed(format!(
                "the connection with {server} is one with {answer}"
            )));
        }
        answers += 1;
        longest = longest.max(asked.elapsed());
    }
    Ok((answers, longest))
}

/// Both directors know a connection when some of its packets have passed. Answers the name of its server.
fn wait_until_synced(pair: &Pair, kept: &mut Kept) -> Result<String> {
    let client = kept.client().context("keep a connection")?;
    let knows = |host: &mut Host| {
        let connections = host.proc().connections()?;
        let mut own = connections.iter().filter(|it| it.client == client);
        Ok::<_, Error>(own.any(|it| it.state == "ESTABLISHED"))
    };
    let mut server = String::new();
    pair.wait("both directors know the connection", || {
        server = kept.fetch().context("keep a connection")?;
        let directors = pair.directors().into_iter();
        let mut known = directors.map(|it| pair.lab().node(&it)?.run(knows)?);
        known.try_fold(true, |all, one| Ok(all && one?))
    })?;
    Ok(server)
}

/// A few lines for people.
impl fmt::Display for Takeover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} was active, {} is", self.before, self.after)?;
        writeln!(f, "no answer for {} ms", self.silence.as_millis())?;
        writeln!(f, "begun in the first 2 s: {}", self.early)?;
        writeln!(f, "begun later: {}", self.late)?;
        writeln!(
            f,
            "the kept connection: {} answers, the slowest took {} ms",
            self.kept,
            self.longest.as_millis()
        )
    }
}

/// `39 requests, 2 failed`
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
            let begun = (1..=60).map(|number| number * every);
            let requests: Vec<_> = begun
                .map(|it| request(changed, it, it <= 100 || it > 1_000))
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
