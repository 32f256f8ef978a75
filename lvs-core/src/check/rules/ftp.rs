//! FTP, which opens a second connection.

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::{Place, Scene};
use crate::cluster::VirtualService;
use crate::ipvs::{Forwarding, Protocol};

kinds! {
    FTP = "LVS023", Warning, Services,
    title: "FTP whose data connections reach another real server",
    impact: "login works, and the first listing or transfer hangs",
    explanation: "\
        An FTP client opens a second connection for data. With NAT only the module ip_vs_ftp understands \
        to which address and port; without it, the client is told the real server's own address. With \
        direct routing the service needs persistence, so that both connections reach the same real \
        server. Load ip_vs_ftp, or add persistence.";
}

/// The module that understands FTP, for masquerading only.
const MODULE: &str = "ip_vs_ftp";

pub(super) fn check(scene: &Scene<'_>) -> Vec<Finding> {
    let has_module = match &scene.place {
        Place::Director(director) => director.facts.modules.contains(MODULE),
        Place::Paper | Place::RealServer(_) => false,
    };
    scene
        .cluster
        .services()
        .iter()
        .filter(|service| is_ftp(service))
        .filter_map(|service| {
            let is_masqueraded = service
                .destinations
                .iter()
                .any(|destination| destination.forwarding == Forwarding::Masquerade);
            let (seen, fix) = if is_masqueraded && !has_module {
                (
                    "FTP by masquerading needs the module ip_vs_ftp",
                    "modprobe ip_vs_ftp",
                )
            } else if !is_masqueraded && service.service.persistence.is_none() {
                (
                    "FTP by direct routing or a tunnel needs persistence",
                    "in the file, in this service: persistence = 300",
                )
            } else {
                return None;
            };
            Some(FTP.finding(service.service.id, seen).fix(fix))
        })
        .collect()
}

fn is_ftp(service: &VirtualService) -> bool {
    service
        .sockets()
        .iter()
        .any(|socket| socket.protocol == Protocol::TCP && socket.address.port() == 21)
}
