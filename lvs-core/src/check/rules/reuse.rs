//! Client ports that are used again soon, on old kernels.

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::DirectorScene;
use crate::sysctl::SysctlKey;

kinds! {
    REUSE_STALLS = "LVS034", Warning, Services,
    title: "Reused client ports stall for a second",
    impact: "the first SYN from a client port that is used again soon is lost, and the client waits a second before the next",
    explanation: "\
        Before kernel 5.9, conn_reuse_mode=1 together with conntrack=1 drops the first SYN of a \
        connection from a port that still has an old entry, which happens all the time to busy clients \
        behind one address. Set net/ipv4/vs/conn_reuse_mode=0 or conntrack=0, or use a newer kernel.";
}

/// From this version on, reuse with conntrack no longer drops a SYN.
const FIXED: (u32, u32) = (5, 9);

pub(super) fn check(scene: &DirectorScene<'_>) -> Vec<Finding> {
    Vec::from_iter(find(scene))
}

fn find(scene: &DirectorScene<'_>) -> Option<Finding> {
    let facts = scene.facts;
    let key = SysctlKey::ipvs("conn_reuse_mode").ok()?;
    let stalls = facts.kernel_version()? < FIXED
        && facts.sysctl(&key)? == 1
        && facts.ipvs_sysctl("conntrack")? != 0;
    let seen = format!(
        "kernel {} with conn_reuse_mode=1 and conntrack=1",
        facts.kernel
    );
    stalls.then(|| {
        scene
            .finding(&REUSE_STALLS, &key, seen)
            .fix(format!("sysctl -w {}=0", key.quoted()))
    })
}
