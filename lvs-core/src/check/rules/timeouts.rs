//! Timeouts of connections that are shorter than the pauses of clients.

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::DirectorScene;
use crate::cluster::IpvsState;
use crate::ipvs::{Protocol, Seconds};

kinds! {
    SHORT_TIMEOUT = "LVS080", Warning, Traffic,
    title: "Connections are forgotten while clients use them",
    impact: "a client that pauses longer loses its connection, or its datagrams go to another real server",
    explanation: "\
        The kernel forgets a connection when no packet has come for the timeout: 900 s for TCP and 300 s \
        for UDP unless they were changed. The next packet of a forgotten TCP connection is refused, one \
        of UDP is scheduled anew. New connections work, so that a test sees nothing. Timeouts are of the \
        whole director, and any program can change them: ipvsadm --set, lvsctl timeouts. Name them in the \
        file ([ipvs] tcp-timeout and others), or set them again.";
}

/// Browsers and pools keep connections for a minute without a word.
const LEAST_TCP: Seconds = Seconds(60);
/// Resolvers repeat a question within that time.
const LEAST_UDP: Seconds = Seconds(10);

pub(super) fn check(scene: &DirectorScene<'_>) -> Vec<Finding> {
    Vec::from_iter(scene.short_timeout())
}

impl DirectorScene<'_> {
    fn short_timeout(&self) -> Option<Finding> {
        let IpvsState::Loaded { timeouts, .. } = &self.facts.observed.as_ref()?.ipvs else {
            return None;
        };
        let desired = &self.desired.timeouts;
        let has = |protocol| {
            self.cluster.services().iter().any(|service| {
                let sockets = service.sockets();
                sockets.iter().any(|socket| socket.protocol == protocol)
            })
        };
        let unset = Seconds(0);
        let tcp = (timeouts.tcp < LEAST_TCP && desired.tcp == unset && has(Protocol::TCP))
            .then(|| format!("those of TCP after {} s", timeouts.tcp.0));
        let udp = (timeouts.udp < LEAST_UDP && desired.udp == unset && has(Protocol::UDP))
            .then(|| format!("those of UDP after {} s", timeouts.udp.0));
        let short: Vec<_> = [tcp, udp].into_iter().flatten().collect();
        let seen = format!("idle connections are forgotten: {}", short.join(", "));
        let normal = IpvsState::DEFAULT_TIMEOUTS;
        (!short.is_empty() && !self.facts.is_standby()).then(|| {
            self.finding(&SHORT_TIMEOUT, "timeouts", seen).fix(format!(
                "lvsctl timeouts {} {} {}",
                normal.tcp.0, normal.tcp_fin.0, normal.udp.0
            ))
        })
    }
}
