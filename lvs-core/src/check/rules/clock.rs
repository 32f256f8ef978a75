//! The time: every node within half of what the cluster allows, against one server.

use std::time::Duration;

use crate::check::{ClockFact, Code, Facts, Finding};
use crate::cluster::Cluster;

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let clock = cluster.clock();
    let Some(server) = &clock.ntp_server else {
        let seen = "the file names no time server";
        let finding = Finding::new(Code::NO_TIME_SERVER, "time", seen)
            .fix("in the file: [time] ntp-server = \"ADDRESS OR NAME\"");
        return vec![finding];
    };
    let found = facts.and_then(|facts| match facts.clock.as_ref()? {
        ClockFact::Offset(micros) => off(facts, server, *micros, clock.max_offset),
        ClockFact::Silent(reason) => Some(
            Finding::new(Code::TIME_SERVER_SILENT, server, reason)
                .on(&facts.node)
                .fix(format!("chronyd -Q 'server {server} iburst'")),
        ),
    });
    found.into_iter().collect()
}

fn off(facts: &Facts, server: &str, micros: i64, allowed: Duration) -> Option<Finding> {
    let offset = Duration::from_micros(micros.unsigned_abs());
    let half = allowed / 2;
    let direction = if micros > 0 { "behind" } else { "ahead of" };
    let seen = format!(
        "this clock is {:.3} s {direction} {server}; {:.3} s are allowed",
        offset.as_secs_f64(),
        half.as_secs_f64()
    );
    (offset > half).then(|| {
        Finding::new(Code::CLOCK_OFF, server, seen)
            .on(&facts.node)
            .fix("chronyc makestep")
    })
}
