//! Client ports that are used again soon, on old kernels.

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::DirectorScene;

kinds! {
    REUSE_STALLS = "LVS034", Warning, Services,
    title: "Reused client ports stall for a second",
    impact: "a client port that is used again soon meets a lost SYN, and waits a second for the next",
    explanation: "Before kernel 5.9, conn_reuse_mode=1 together with conntrack=1 drops the first SYN of a connection from a port that has an old entry, \
        which busy clients behind one address do all the time. Set net/ipv4/vs/conn_reuse_mode=0, or conntrack=0, or use a newer kernel.";
}

/// From this version on, reuse with conntrack no longer drops a SYN.
const FIXED: (u32, u32) = (5, 9);

pub(super) fn check(scene: &DirectorScene<'_>) -> Vec<Finding> {
    let facts = scene.facts;
    let stalls = facts
        .kernel_version()
        .is_some_and(|version| version < FIXED)
        && facts.ipvs_sysctl("conn_reuse_mode") == Some(1)
        && facts
            .ipvs_sysctl("conntrack")
            .is_some_and(|value| value != 0);
    let seen = format!(
        "kernel {} with conn_reuse_mode=1 and conntrack=1",
        facts.kernel
    );
    let found = stalls.then(|| {
        scene
            .finding(&REUSE_STALLS, "net/ipv4/vs/conn_reuse_mode", seen)
            .fix("sysctl -w net/ipv4/vs/conn_reuse_mode=0")
    });
    Vec::from_iter(found)
}
