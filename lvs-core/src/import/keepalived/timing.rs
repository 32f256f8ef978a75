//! How often a check runs, and how long it may take.

use std::collections::BTreeMap;

use super::Walk;
use super::tree::Node;
use crate::import::health::{Check, Health, Kind};
use crate::import::tally::DirectiveId;

/// Parameters that a check inherits, each with its directive.
#[derive(Clone, Debug, Default)]
pub(super) struct Timing {
    interval: Option<Given<Span>>,
    /// To connect and to answer; programs have one of their own.
    timeout: Option<Given<Span>>,
    program_timeout: Option<Given<Span>>,
    retry: Option<Given<u32>>,
    retry_delay: Option<Given<Span>>,
}

/// Milliseconds.
type Span = u64;

/// A value and the directive that gives it.
#[derive(Clone, Copy, Debug)]
struct Given<T> {
    value: T,
    directive: DirectiveId,
}

/// Whether the check of a service has what a directive says: all of it, or something more patient.
pub(super) type Uses = BTreeMap<DirectiveId, bool>;

impl Timing {
    /// keepalived's own defaults, which are written out.
    ///
    /// Every 60 s, 5 s to answer, and one more try after 1 s; 3 more of DNS, after the interval, none of a program,
    /// which may take the interval, and of a page after 3 s.
    pub(super) fn complete(&self, check: Check) -> Check {
        let interval = value(self.interval).unwrap_or(60_000);
        let (timeout, retry, delay) = match &check.kind {
            Kind::Program { .. } => (interval, 0, 1_000),
            Kind::Dns { .. } => (5_000, 3, interval),
            Kind::Http(_) | Kind::Https(_) => (5_000, 1, 3_000),
            Kind::Tcp | Kind::Udp { .. } => (5_000, 1, 1_000),
        };
        let retry = value(self.retry).unwrap_or(retry);
        let delay = value(self.retry_delay).unwrap_or(delay);
        let timeout = value(self.timeout_of(&check.kind)).unwrap_or(timeout);
        Check {
            interval: Some(span(interval)),
            fast_interval: (retry > 0 && delay < interval).then(|| span(delay)),
            timeout: Some(span(timeout.min(LONGEST_TIMEOUT))),
            fall: Some(retry.saturating_add(1)),
            ..check
        }
    }

    const fn timeout_of(&self, kind: &Kind) -> Option<Given<Span>> {
        match kind {
            Kind::Program { .. } => self.program_timeout,
            _ => self.timeout,
        }
    }

    /// Returns what of a check the file cannot say as the source does, each with its directive.
    pub(super) fn clamped(&self, own: &Check) -> Vec<(DirectiveId, String)> {
        let interval = value(self.interval).unwrap_or(60_000);
        let timeout = self
            .timeout_of(&own.kind)
            .filter(|given| given.value > LONGEST_TIMEOUT);
        let retry = self.retry.filter(|given| given.value >= u8::MAX.into());
        let delay = self
            .retry_delay
            .filter(|given| own.fall > Some(1) && given.value > interval);
        let timeout = timeout.map(|given| {
            let told = "timeout = \"300s\", the longest that the file takes; the source waits";
            (given.directive, format!("{told} {}", span(given.value)))
        });
        let retry = retry.map(|given| {
            let told =
                "fall = 255, the most that the file takes; the source takes a server out after";
            (
                given.directive,
                format!("{told} {} failures", u64::from(given.value) + 1),
            )
        });
        let delay = delay.map(|given| {
            let (interval, delay) = (span(interval), span(given.value));
            let told = format!("a check that fails is repeated after its interval, {interval}; the source waits {delay}");
            (given.directive, told)
        });
        [timeout, retry, delay].into_iter().flatten().collect()
    }

    /// Adds the directives of which a check is made, and whether the one that is used says the same.
    pub(super) fn uses(&self, own: &Check, used: &Check, uses: &mut Uses) {
        let mut says = |directive: DirectiveId, is_exact: bool| {
            *uses.entry(directive).or_default() |= is_exact;
        };
        let interval = value(self.interval).unwrap_or(60_000);
        if let Some(given) = self.interval {
            says(given.directive, own.interval == used.interval);
        }
        if let Some(given) = self.timeout_of(&own.kind) {
            let is_short = given.value <= LONGEST_TIMEOUT;
            says(given.directive, is_short && own.timeout == used.timeout);
        }
        if let Some(given) = self.retry {
            let is_few = given.value < u8::MAX.into();
            says(given.directive, is_few && own.fall == used.fall);
        }
        // Without a retry there is no delay before it.
        if let Some(given) = self.retry_delay.filter(|_| own.fall > Some(1)) {
            let is_short = given.value <= interval;
            says(
                given.directive,
                is_short && own.fast_interval == used.fast_interval,
            );
        }
    }
}

fn value<T: Copy>(given: Option<Given<T>>) -> Option<T> {
    given.map(|given| given.value)
}

/// The longest timeout that the cluster file takes.
const LONGEST_TIMEOUT: Span = 300_000;

/// Returns a time as the file writes it: whole seconds, or milliseconds.
fn span(milliseconds: Span) -> String {
    match milliseconds % 1000 {
        0 => format!("{}s", milliseconds / 1000),
        _ => format!("{milliseconds}ms"),
    }
}

/// Replaces a value by one that could be read; false if none could.
fn take<T>(given: &mut Option<Given<T>>, read: Option<T>, directive: DirectiveId) -> bool {
    let read = read.map(|value| Given { value, directive });
    let is_read = read.is_some();
    *given = read.or_else(|| given.take());
    is_read
}

impl Walk<'_> {
    /// Reads a parameter that checks inherit; false if it is none. Some are keepalived's only where a page is asked for.
    pub(super) fn timing(&mut self, node: &Node, timing: &mut Timing, asks_pages: bool) -> bool {
        let span = || {
            let seconds = node.word(1).parse::<f64>().ok();
            let seconds = seconds.filter(|seconds| (0.001..=1e9).contains(seconds));
            seconds.map(|seconds| (seconds * 1000.0).round() as Span)
        };
        let is_known = match node.word(0) {
            "delay_loop" => take(&mut timing.interval, span(), node.id),
            "connect_timeout" => take(&mut timing.timeout, span(), node.id),
            "misc_timeout" => take(&mut timing.program_timeout, span(), node.id),
            "delay_before_retry" => take(&mut timing.retry_delay, span(), node.id),
            "nb_get_retry" if !asks_pages => return false,
            "retry" | "nb_get_retry" => take(&mut timing.retry, node.word(1).parse().ok(), node.id),
            _ => return false,
        };
        match is_known {
            true => {
                self.timings.push(node.id);
                Health::said(self.tally, node.id, "check");
            }
            false => {
                let reason = format!(
                    "{:?} is not a number that keepalived takes here",
                    node.word(1)
                );
                self.tally.left(node.id, reason);
            }
        }
        true
    }
}
