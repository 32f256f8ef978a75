//! The table of the kernel's connection tracker.

use crate::check::kind::kinds;
use crate::check::{Facts, Finding, Severity};
use crate::cluster::Cluster;
use crate::sysctl::SysctlKey;

kinds! {
    CONNTRACK_FULL = "LVS059", Warning, Routing,
    title: "The connection tracker's table is nearly full",
    impact: "when it is, the kernel drops packets of new connections at random",
    explanation: "Where a firewall keeps state, or net/ipv4/vs/conntrack is on, each connection has an entry in nf_conntrack as well, and stays there for minutes after its end. \
        A full table drops what is new, and the kernel logs \"table full, dropping packet\". Raise net/netfilter/nf_conntrack_max, shorten its timeouts, \
        or leave the traffic of services untracked (notrack).";
}

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
        CONNTRACK_FULL
            .finding(MOST, seen)
            .severity(severity)
            .on(&facts.node)
            .fix(format!("sysctl -w {MOST}={}", count.saturating_mul(4)))
    })
}

fn number(facts: &Facts, key: &str) -> Option<u64> {
    let key = SysctlKey::new(key).ok()?;
    facts.sysctls.get(&key)?.parse().ok()
}
