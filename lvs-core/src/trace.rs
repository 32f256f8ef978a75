//! Events for `tracing`: the conversation with the kernel, what is done to a node, and what becomes of health.

#[cfg(feature = "cluster")]
use crate::cluster::ApplyEvent;
use crate::error::{Operation, Result};
use crate::netlink::exchange::Exchange;
#[cfg(feature = "run")]
use crate::run::{Notice, RunEvent};

/// Tells of one exchange with the kernel.
pub(crate) fn exchange(operation: &Operation, requests: usize, outcome: &Result<Exchange>) {
    const TARGET: &str = "lvs_core::netlink";
    match outcome {
        Ok(exchange) => tracing::debug!(
            target: TARGET,
            requests,
            replies = exchange.replied(),
            refused = exchange.refusals.len(),
            "{operation}"
        ),
        Err(error) => tracing::debug!(target: TARGET, requests, "{error}"),
    }
}

/// Tells of what happens while a plan is carried out.
#[cfg(feature = "cluster")]
pub(crate) fn apply(event: &ApplyEvent<'_>) {
    const TARGET: &str = "lvs_core::apply";
    match event {
        ApplyEvent::Planned(plan) => {
            let (cluster, node) = (&plan.cluster, &plan.node);
            tracing::info!(target: TARGET, %cluster, %node, changes = plan.steps().count(), "planned");
        }
        ApplyEvent::Phase(phase) => {
            tracing::debug!(target: TARGET, steps = phase.steps.len(), "{}", phase.name)
        }
        ApplyEvent::Done(step) => tracing::info!(target: TARGET, "{step}"),
        ApplyEvent::Failed(step, error) => tracing::error!(target: TARGET, %error, "{step}"),
        ApplyEvent::Verified => tracing::info!(target: TARGET, "verified"),
        ApplyEvent::Announced(announced) => {
            for announcement in *announced {
                tracing::info!(target: TARGET, "announced {announcement}");
            }
        }
        ApplyEvent::Confirming(within) => {
            tracing::info!(target: TARGET, seconds = within.as_secs(), "waiting for the confirmation");
        }
        ApplyEvent::Reverting(plan) => {
            tracing::warn!(target: TARGET, changes = plan.steps().count(), "rolling back");
        }
        ApplyEvent::NotAnnounced(error) => tracing::warn!(target: TARGET, %error, "not announced"),
        ApplyEvent::NotAsked(error) => {
            tracing::warn!(target: TARGET, %error, "addresses not asked for")
        }
        ApplyEvent::Unlocked(error) => {
            tracing::warn!(target: TARGET, %error, "state directory not locked")
        }
        ApplyEvent::Unrecorded(error) => {
            tracing::warn!(target: TARGET, %error, "record not updated")
        }
    }
}

/// Tells of what the controller does and sees.
#[cfg(feature = "run")]
pub(crate) fn run(event: &RunEvent<'_>) {
    const TARGET: &str = "lvs_core::run";
    match event {
        RunEvent::Ready => tracing::info!(target: TARGET, "ready"),
        RunEvent::Role(node, role) => tracing::info!(target: TARGET, %node, %role, "role"),
        RunEvent::Left => tracing::info!(target: TARGET, "ended"),
        RunEvent::Applied(plan) => {
            tracing::info!(target: TARGET, changes = plan.steps().count(), "applied");
        }
        RunEvent::Repaired(plan) => {
            tracing::warn!(target: TARGET, changes = plan.steps().count(), "repaired");
        }
        RunEvent::Drifted(plan) => {
            tracing::warn!(target: TARGET, changes = plan.steps().count(), "drifted");
        }
        RunEvent::Refused(problem) => tracing::error!(target: TARGET, %problem, "refused"),
        RunEvent::Failed(problem) => tracing::error!(target: TARGET, %problem, "failed"),
        RunEvent::Weight(change) => tracing::info!(
            target: TARGET,
            service = %change.service,
            destination = %change.destination,
            verb = ?change.verb,
            reason = ?change.reason,
            "weight"
        ),
        RunEvent::Notice(
            notice @ (Notice::Drift { .. }
            | Notice::Late(_)
            | Notice::NotProbed(..)
            | Notice::Lost(_)),
        ) => tracing::warn!(target: TARGET, "{notice}"),
        RunEvent::Notice(notice) => tracing::info!(target: TARGET, "{notice}"),
    }
}
