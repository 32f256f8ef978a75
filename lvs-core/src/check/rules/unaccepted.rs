//! Connections that the kernel has established and the program does not accept.

use std::net::SocketAddr;

use crate::check::facts::ListeningSocket;
use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::NodeScene;
use crate::cluster::VirtualService;
use crate::ipvs::Protocol;

kinds! {
    UNACCEPTED = "LVS084", Error, Services,
    title: "A program listens, but takes nothing from its queue",
    impact: "clients are connected and get no reply, or, when the queue is full, are not even connected",
    explanation: "\
        The kernel answers the first packets of a connection itself and puts it in the queue of the \
        program that listens. A program that was stopped, or hangs, or has no worker left, takes none \
        out: clients are connected and wait. When the queue is full, the kernel drops requests, and \
        counts them as ListenOverflows (nstat -az TcpExtListenOverflows; ss -ltn shows Recv-Q above \
        Send-Q). To the director those connections are established, or in SYN_RECV. Datagrams remain in a queue as well, and are \
        dropped when it is full. Restart the program, or give it more workers and a longer queue (its backlog, net/core/somaxconn).";
}

/// Judges a director too: it may be a real server.
pub(super) fn check<T>(scene: &NodeScene<'_, T>) -> Vec<Finding> {
    scene
        .arrivals()
        .filter_map(|(service, wanted)| scene.unaccepted(service, wanted))
        .collect()
}

impl<T> NodeScene<'_, T> {
    fn unaccepted(&self, service: &VirtualService, wanted: ListeningSocket) -> Option<Finding> {
        let ListeningSocket { protocol, address } = wanted;
        if protocol != Protocol::TCP {
            return self.unread(service, wanted);
        }
        let count = self
            .facts
            .unaccepted
            .iter()
            .filter(|(own, _)| *own == address)
            .count();
        let seen = match (count, self.repeated(address)) {
            (0, 0) => return None,
            (0, dropped) => format!("the queue is full: {dropped} clients asked again and again"),
            (count, 0) => format!("no program has accepted {count} connections for some seconds"),
            (count, dropped) => format!(
                "no program has accepted {count} connections for some seconds; the queue is full, and {dropped} clients \
                 asked again and again"
            ),
        };
        Some(
            self.finding(&UNACCEPTED, format!("{protocol} {address}"), seen)
                .fix(format!("restart the server of {}", service.service.id))
                .fix("or give it more workers and a longer queue"),
        )
    }

    /// Reports datagrams that arrive, are not answered, and remain in the queue of the program.
    fn unread(&self, service: &VirtualService, wanted: ListeningSocket) -> Option<Finding> {
        let ListeningSocket { protocol, address } = wanted;
        let is_unread = self.facts.undrained.iter().any(|own| {
            let listener = ListeningSocket {
                protocol: Protocol::UDP,
                address: *own,
            };
            listener.receives(wanted)
        });
        let seen = "datagrams arrive and remain in the queue, and none is answered";
        let seen_here = self.facts.datagrams_at(address);
        let is_silent = seen_here.is_some_and(|datagrams| datagrams.answered.is_empty());
        (is_unread && is_silent).then(|| {
            self.finding(&UNACCEPTED, format!("{protocol} {address}"), seen)
                .fix(format!("restart the server of {}", service.service.id))
        })
    }

    /// Returns the number of clients whose requests were dropped while a queue was full.
    fn repeated(&self, address: SocketAddr) -> usize {
        self.facts
            .requests
            .iter()
            .filter(|requests| requests.address == address && self.facts.overflows > 0)
            .map(|requests| requests.unanswered.len())
            .sum()
    }
}
