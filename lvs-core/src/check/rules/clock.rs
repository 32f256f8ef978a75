//! The time: every node within half of what the cluster allows, compared with one server.

use std::time::Duration;

use crate::check::facts::{ClockFact, Facts};
use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::Scene;
use crate::check::severity::Severity;
use crate::cluster::Clock;
use crate::shell::quote;

kinds! {
    NO_TIME_SERVER = "LVS047", Note, Clock,
    title: "No common time server is named",
    impact: "the clocks of the nodes may differ: logs cannot be put together, sessions and certificates expire early on one of them",
    explanation: "\
        Nodes of a cluster must agree on the time to about a second. The file can name the server that \
        all of them follow, and check then compares each node with it. Add [time] ntp-server = \"…\", \
        preferably the server by which they are set.";

    CLOCK_OFF = "LVS048", Error, Clock,
    title: "The clock is off",
    impact: "this node and another one of the cluster may differ by more than the file allows",
    explanation: "\
        Each node is compared with the one time server of the file and may differ from it by half of \
        max-offset, so that any two nodes agree within the whole. Set the clock by that server: chronyc \
        makestep, or make sure that the time daemon runs and follows it.";

    TIME_SERVER_SILENT = "LVS049", Warning, Clock,
    title: "The time server does not answer",
    impact: "whether this node's clock is right is unknown",
    explanation: "\
        The NTP server of the file gave no usable answer in time. The name may be wrong, UDP port 123 \
        closed on the way, or the server itself not synchronised. Ask it by hand, for instance with \
        chronyd -Q 'server NAME iburst'.";
}

pub(super) fn check(scene: &Scene<'_>) -> Vec<Finding> {
    let clock = scene.cluster.clock();
    let Some(server) = &clock.ntp_server else {
        // Where the file says how far clocks may differ, it is meant to be verified.
        let severity = match clock.max_offset == Clock::default().max_offset {
            true => Severity::Note,
            false => Severity::Warning,
        };
        let finding = NO_TIME_SERVER
            .finding("time", "the file names no time server")
            .severity(severity)
            .fix("in the file: [time] ntp-server = \"ADDRESS OR NAME\"");
        return vec![finding];
    };
    let found = scene.facts.and_then(|facts| match facts.clock.as_ref()? {
        ClockFact::Offset(micros) => facts.clock_off(server, *micros, clock.max_offset),
        ClockFact::Silent(reason) => Some(
            TIME_SERVER_SILENT
                .finding(server, reason)
                .on(&facts.node)
                .fix(format!(
                    "chronyd -Q {}",
                    quote(&format!("server {server} iburst"))
                )),
        ),
    });
    Vec::from_iter(found)
}

impl Facts {
    fn clock_off(&self, server: &str, micros: i64, allowed: Duration) -> Option<Finding> {
        let offset = Duration::from_micros(micros.unsigned_abs());
        let half = allowed / 2;
        let direction = if micros > 0 { "behind" } else { "ahead of" };
        let seen = format!(
            "this clock is {:.3} s {direction} {server}; {:.3} s are allowed",
            offset.as_secs_f64(),
            half.as_secs_f64()
        );
        (offset > half).then(|| {
            CLOCK_OFF
                .finding(server, seen)
                .on(&self.node)
                .fix("chronyc makestep")
        })
    }
}
