//! FTP, which opens a second connection.

use crate::check::kind::kinds;
use crate::check::scene::{director_here, sockets};
use crate::check::{Facts, Finding};
use crate::cluster::{Cluster, VirtualService};
use crate::ipvs::{Forwarding, Protocol};

kinds! {
    FTP = "LVS023", Warning, Services,
    title: "FTP whose data connections find another real server",
    impact: "login works, and the first listing or transfer hangs",
    explanation: "An FTP client opens a second connection for data. With NAT only the module ip_vs_ftp understands where to; without it, the real server's own \
        address is told to the client. With direct routing the service needs persistence, so that both connections meet the same real server. \
        Load ip_vs_ftp, or add persistence.";
}

/// The module that understands it, for masquerading only.
const MODULE: &str = "ip_vs_ftp";

pub(super) fn check(cluster: &Cluster, facts: Option<&Facts>) -> Vec<Finding> {
    let director = facts.filter(|facts| director_here(cluster, facts).is_some());
    let has_module = director.is_some_and(|facts| facts.modules.contains(MODULE));
    let services = cluster.services().iter().filter(|service| is_ftp(service));
    let found = services.filter_map(|service| {
        let masquerades = has_method(service, Forwarding::Masquerade);
        let (seen, fix) = if masquerades && !has_module {
            (
                "masquerading FTP needs the module ip_vs_ftp",
                "modprobe ip_vs_ftp",
            )
        } else if !masquerades && service.service.persistence.is_none() {
            (
                "FTP without persistence",
                "in the file, in this service: persistence = 300",
            )
        } else {
            return None;
        };
        Some(FTP.finding(service.service.id, seen).fix(fix))
    });
    found.collect()
}

fn is_ftp(service: &VirtualService) -> bool {
    let sockets = sockets(service);
    let mut sockets = sockets.iter();
    sockets.any(|it| it.protocol == Protocol::TCP && it.address.port() == 21)
}

fn has_method(service: &VirtualService, method: Forwarding) -> bool {
    let mut destinations = service.destinations.iter();
    destinations.any(|destination| destination.forwarding == method)
}
