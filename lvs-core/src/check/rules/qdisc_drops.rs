//! Traffic control that drops packets.

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::NodeScene;
use crate::check::severity::Severity;
use crate::net::Qdisc;

kinds! {
    QDISC_DROPS = "LVS085", Warning, Routing,
    title: "Traffic control drops packets",
    impact: "clients wait for packets to be repeated, or get no answer at all",
    explanation: "\
        A queueing discipline or filter of traffic control (tc) on an interface that the cluster needs \
        drops packets, unseen by routes, firewalls and IPVS: netem that was left behind by a test, tbf or \
        police with too small a rate, or a filter of ingress or clsact. It is an error where clients \
        are seen to ask in vain, or where netem drops at random one packet in ten or more. See tc -s \
        qdisc show and tc -s filter show; delete what is not meant, or raise its rate.";
}

/// Fewer dropped packets are a burst.
const SEVERAL: u64 = 3;
/// The kernel's parts of all packets: that share of the random loss of netem is an error.
const TENTH: u32 = u32::MAX / 10;

pub(super) fn check<T>(scene: &NodeScene<'_, T>) -> Vec<Finding> {
    scene
        .own_links()
        .flat_map(|link| {
            scene
                .facts
                .qdiscs
                .iter()
                .filter(move |qdisc| qdisc.interface == link.name)
        })
        .filter_map(|qdisc| scene.qdisc_drops(qdisc))
        .collect()
}

impl<T> NodeScene<'_, T> {
    fn qdisc_drops(&self, qdisc: &Qdisc) -> Option<Finding> {
        let Qdisc {
            interface,
            kind,
            packets,
            drops,
            loss,
            ..
        } = qdisc;
        // A tenth at least: a queue that is full now and then drops fewer.
        let has_dropped = *drops >= SEVERAL && drops.saturating_mul(10) >= *packets;
        let seen = match (has_dropped, *loss) {
            (true, _) => format!("{kind} dropped {drops} packets while the node was watched"),
            (false, 0) => return None,
            (false, loss) => format!(
                "{kind} drops {:.0} % of the packets at random",
                f64::from(loss) / f64::from(u32::MAX) * 100.0
            ),
        };
        let is_felt = *loss >= TENTH || (has_dropped && self.clients_wait());
        let finding = self.finding(&QDISC_DROPS, format!("{kind} on {interface}"), seen);
        let finding = match is_felt && !self.facts.is_standby() {
            true => finding.severity(Severity::Error),
            false => finding,
        };
        Some(
            finding
                .fix(format!(
                    "first, see what it is for: tc -s qdisc show dev {0}; tc -s filter show dev {0} ingress",
                    interface.quoted()
                ))
                .fix(format!("tc qdisc delete {qdisc}")),
        )
    }

    /// Returns whether clients ask again, because no answer has left this node.
    fn clients_wait(&self) -> bool {
        self.facts
            .requests
            .iter()
            .any(|requests| !requests.unanswered.is_empty())
    }
}
