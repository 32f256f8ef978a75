//! Switches of `net.ipv4.vs` that would do nothing, or everything.

use crate::cluster::model::{Cluster, DocumentError};
use crate::ipvs::SchedulerName;

pub(super) fn check(cluster: &Cluster) -> Result<(), DocumentError> {
    let is = |name: &str, value: &str| {
        let mut switches = cluster.ipvs_sysctls.iter();
        switches.any(|(key, found)| key.as_str() == format!("net/ipv4/vs/{name}") && found == value)
    };
    if cluster.sync.is_some() && is("backup_only", "1") {
        let problem =
            "with [sync] the director would forward nothing: it hears another's connections";
        return Err(DocumentError::new("ipvs.backup-only", problem).remedy("leave it out"));
    }
    unused_scheduler(cluster, SchedulerName::LBLC)?;
    unused_scheduler(cluster, SchedulerName::LBLCR)
}

/// Its switch is there only when its module is.
fn unused_scheduler(cluster: &Cluster, scheduler: SchedulerName) -> Result<(), DocumentError> {
    let key = format!("net/ipv4/vs/{scheduler}_expiration");
    let set = cluster
        .ipvs_sysctls
        .keys()
        .any(|found| found.as_str() == key);
    let mut services = cluster.services.iter();
    if set && !services.any(|service| service.service.scheduler == scheduler) {
        let path = format!("ipvs.{scheduler}-expiration");
        let problem = format!("no service has the scheduler {scheduler}");
        return Err(DocumentError::new(path, problem).remedy("leave it out"));
    }
    Ok(())
}
