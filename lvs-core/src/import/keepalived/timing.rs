//! How often a check runs, and how long it may take.

use super::Walk;
use super::tree::Node;
use crate::import::health::{Check, Health, Kind};

/// Parameters that a check inherits.
#[derive(Clone, Debug, Default)]
pub(super) struct Timing {
    interval: Option<Span>,
    timeout: Option<Span>,
    retry: Option<u32>,
    retry_delay: Option<Span>,
}

/// Milliseconds.
type Span = u64;

impl Timing {
    /// keepalived's own defaults, which are written out.
    ///
    /// Every 60 s, 5 s to answer, and one more try after 1 s; 3 more of DNS, after the interval, none of a program,
    /// which may take the interval, and of a page after 3 s.
    pub(super) fn complete(&self, check: Check) -> Check {
        let interval = self.interval.unwrap_or(60_000);
        let (timeout, retry, delay) = match &check.kind {
            Kind::Program { .. } => (interval, 0, 1_000),
            Kind::Dns { .. } => (5_000, 3, interval),
            Kind::Http(_) | Kind::Https(_) => (5_000, 1, 3_000),
            Kind::Tcp | Kind::Udp { .. } => (5_000, 1, 1_000),
        };
        let retry = self.retry.unwrap_or(retry);
        let delay = self.retry_delay.unwrap_or(delay);
        Check {
            interval: Some(span(interval)),
            fast_interval: (retry > 0 && delay < interval).then(|| span(delay)),
            timeout: Some(span(self.timeout.unwrap_or(timeout).min(LONGEST_TIMEOUT))),
            fall: Some(retry.saturating_add(1)),
            ..check
        }
    }
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
fn take<T>(value: &mut Option<T>, read: Option<T>) -> bool {
    let is_read = read.is_some();
    if is_read {
        *value = read;
    }
    is_read
}

impl Walk<'_> {
    /// Reads a parameter that checks inherit; false if it is none.
    pub(super) fn timing(&mut self, node: &Node, timing: &mut Timing) -> bool {
        let span = || {
            let seconds = node.word(1).parse::<f64>().ok();
            let seconds = seconds.filter(|seconds| (0.001..=1e9).contains(seconds));
            seconds.map(|seconds| (seconds * 1000.0).round() as Span)
        };
        let is_known = match node.word(0) {
            "delay_loop" => take(&mut timing.interval, span()),
            "connect_timeout" | "misc_timeout" => take(&mut timing.timeout, span()),
            "delay_before_retry" => take(&mut timing.retry_delay, span()),
            "retry" | "nb_get_retry" | "nb_get_retries" => {
                take(&mut timing.retry, node.word(1).parse().ok())
            }
            _ => return false,
        };
        match is_known {
            true => Health::said(self.tally, node.id, "check"),
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
