//! The table of the kernel's connection tracker.

use crate::check::{Code, Facts, Finding, Severity};
use crate::cluster::Cluster;
use crate::sysctl::SysctlKey;

const MOST: &str = "net/netfilter/nf_conntrack_max";
const COUNT: &str = "net/netfilter/nf_conntrack_count";
/// From so many parts of ten on it is as good as full: a wave of clients takes the rest.
const NEARLY: u64 = 9;

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let ours = facts.filter(|facts| cluster.node_names().any(|name| *name == facts.node));
    ours.and_then(judge).into_iter().collect()
}

/// 0 is no limit.
fn judge(facts: &Facts) -> Option<Finding> {
    let (count, most) = (number(facts, COUNT)?, number(facts, MOST)?);
    let full = most > 0 && count.saturating_mul(10) >= most.saturating_mul(NEARLY);
    let seen = format!("it has {count} entries, and takes {most}");
    let severity = if count >= most {
        Severity::Error
    } else {
        Severity::Warning
    };
    full.then(|| {
        Finding::new(Code::CONNTRACK_FULL, MOST, seen)
            .severity(severity)
            .on(&facts.node)
            .fix(format!("sysctl -w {MOST}={}", count.saturating_mul(4)))
    })
}

fn number(facts: &Facts, key: &str) -> Option<u64> {
    let key = SysctlKey::new(key).ok()?;
    facts.sysctls.get(&key)?.parse().ok()
}
