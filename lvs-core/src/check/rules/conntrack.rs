//! The table of the kernel's connection tracker.

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::NodeScene;
use crate::check::severity::Severity;
use crate::sysctl::SysctlKey;

kinds! {
    CONNTRACK_FULL = "LVS059", Warning, Routing,
    title: "The connection tracker's table is nearly full",
    impact: "when it is full, the kernel drops packets of new connections at random",
    explanation: "\
        Where a firewall keeps state, or net/ipv4/vs/conntrack is on, each connection also has an entry \
        in nf_conntrack, which stays there for minutes after the connection's end. With a full table the \
        kernel drops new connections, and logs \"table full, dropping packet\". Raise \
        net/netfilter/nf_conntrack_max, shorten its timeouts, or leave the traffic of services untracked \
        (notrack).";
}

const MOST: &str = "net/netfilter/nf_conntrack_max";
const COUNT: &str = "net/netfilter/nf_conntrack_count";
/// So many tenths of the maximum are as good as full: a burst of clients takes the rest.
const NEARLY: u64 = 9;

pub(super) fn check<T>(scene: &NodeScene<'_, T>) -> Vec<Finding> {
    Vec::from_iter(find(scene))
}

fn find<T>(scene: &NodeScene<'_, T>) -> Option<Finding> {
    let key = SysctlKey::new(MOST).ok()?;
    let most: u64 = scene.facts.sysctl(&key)?.try_into().ok()?;
    let count = scene.facts.sysctl(&SysctlKey::new(COUNT).ok()?)?;
    let count: u64 = count.try_into().ok()?;
    // A maximum of 0 is no limit.
    let is_full = most > 0 && count.saturating_mul(10) >= most.saturating_mul(NEARLY);
    let seen = format!("the table has {count} entries of at most {most}");
    let severity = match count >= most {
        true => Severity::Error,
        false => Severity::Warning,
    };
    is_full.then(|| {
        scene
            .finding(&CONNTRACK_FULL, &key, seen)
            .severity(severity)
            .fix(format!(
                "sysctl -w {}={}",
                key.quoted(),
                count.saturating_mul(4)
            ))
    })
}
