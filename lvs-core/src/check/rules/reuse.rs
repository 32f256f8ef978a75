//! Client ports that are used again soon, on old kernels.

use crate::check::kind::kinds;
use crate::check::scene::director_here;
use crate::check::{Facts, Finding};
use crate::cluster::Cluster;

kinds! {
    REUSE_STALLS = "LVS034", Warning, Services,
    title: "Reused client ports stall for a second",
    impact: "a client port that is used again soon meets a lost SYN, and waits a second for the next",
    explanation: "Before kernel 5.9, conn_reuse_mode=1 together with conntrack=1 drops the first SYN of a connection from a port that has an old entry, \
        which busy clients behind one address do all the time. Set net/ipv4/vs/conn_reuse_mode=0, or conntrack=0, or use a newer kernel.";
}

/// From here on, reuse with conntrack no longer drops a SYN.
const MENDED: (u32, u32) = (5, 9);

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let director = facts.filter(|facts| director_here(cluster, facts).is_some());
    let found = director.filter(|facts| {
        facts.kernel_version().is_some_and(|it| it < MENDED)
            && facts.ipvs_sysctl("conn_reuse_mode") == Some(1)
            && facts.ipvs_sysctl("conntrack").is_some_and(|it| it != 0)
    });
    let found = found.map(|facts| {
        let seen = format!(
            "kernel {} with conn_reuse_mode=1 and conntrack=1",
            facts.kernel
        );
        REUSE_STALLS
            .finding("net/ipv4/vs/conn_reuse_mode", seen)
            .on(&facts.node)
            .fix("sysctl -w net/ipv4/vs/conn_reuse_mode=0")
    });
    found.into_iter().collect()
}
