//! What a scheduler that computes a client's real server does with one of weight 0, which the file tells.

use super::draft::DraftService;
use super::tally::Tally;
use crate::ipvs::{SchedulerName, ServiceFlags, Weight};

/// Keeps the fallback out of the table until it serves, as the sources do: the scheduler would choose it all along, and
/// refuse the clients that hash to it.
pub(super) fn keep_fallback_out(draft: &mut DraftService, tally: &mut Tally) {
    let scheduler = &draft.service.scheduler;
    let is_dh = *scheduler == SchedulerName::DH;
    let hashes = [SchedulerName::SH, SchedulerName::MH].contains(scheduler) || is_dh;
    let skips_idle = !is_dh && draft.service.flags.contains(ServiceFlags::SH_FALLBACK);
    let health = &mut draft.health;
    let stays = health.is_checked() && health.inhibit == Some(true);
    if !hashes || skips_idle || !stays || !draft.destinations.iter().any(|end| end.is_fallback) {
        return;
    }
    let reason = format!(
        "on-failure = \"remove\", as {scheduler} refuses the clients that hash to a fallback of weight 0; the source \
         keeps real servers that fail with weight 0, and its fallback out of the table"
    );
    let lines = health.inhibit_lines.iter();
    lines.for_each(|line| tally.doubt(*line, &reason));
    health.inhibit = Some(false);
    draft.assumed.insert(reason);
}

/// Says in the file whose clients are refused.
pub(super) fn remark(draft: &mut DraftService) {
    let scheduler = &draft.service.scheduler;
    let is_dh = *scheduler == SchedulerName::DH;
    let advice = if *scheduler == SchedulerName::MH {
        "add the scheduler flag mh-fallback"
    } else if *scheduler == SchedulerName::SH {
        "add the scheduler flag sh-fallback"
    } else if is_dh {
        "write on-failure = \"remove\", or use another scheduler"
    } else {
        return;
    };
    if !is_dh && draft.service.flags.contains(ServiceFlags::SH_FALLBACK) {
        return;
    }
    let stays = draft.health.is_checked() && draft.health.inhibit == Some(true);
    let has_fallback = draft.destinations.iter().any(|end| end.is_fallback);
    let mut weights = draft.destinations.iter().filter(|end| !end.is_fallback);
    let is_idle = weights.any(|end| end.destination.weight == Weight::DRAIN);
    let is_shared = draft.health.minimum > 1 && draft.health.is_checked();
    let idle = [
        (stays, "a real server that is down"),
        (
            is_shared && has_fallback,
            "a real server that is up while the fallback serves",
        ),
        (is_idle, "a real server with that weight in the source"),
    ];
    let idle: Vec<_> = idle
        .into_iter()
        .filter_map(|(is, what)| is.then_some(what))
        .collect();
    if !idle.is_empty() {
        draft.remarks.insert(format!(
            "{scheduler} keeps choosing what has weight 0, here {}, and refuses the clients that hash to it: {advice}",
            idle.join(" and ")
        ));
    }
}
