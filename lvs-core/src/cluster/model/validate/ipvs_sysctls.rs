//! Sysctls of `net.ipv4.vs` that would stop all forwarding, or have no effect.

use crate::cluster::model::cluster::Cluster;
use crate::cluster::model::error::{DocumentError, DocumentErrorKind};
use crate::cluster::model::places::Gaps;
use crate::ipvs::SchedulerName;
use crate::sysctl::SysctlKey;

impl Cluster {
    pub(in crate::cluster::model) fn validate_ipvs_sysctls(
        &self,
        gaps: &Gaps,
    ) -> Result<(), DocumentError> {
        let backup_only = self.ipvs_sysctls.get(&SysctlKey::BACKUP_ONLY);
        if self.sync.is_some() && backup_only.is_some_and(|value| value == "1") {
            return Err(DocumentError::new(
                DocumentErrorKind::Conflict,
                "ipvs.backup-only",
                "with [sync] the director would forward nothing, because it receives connections too",
            )
            .with_hint("leave it out"));
        }
        if gaps.services {
            return Ok(());
        }
        self.validate_expiration_of(SchedulerName::LBLC)?;
        self.validate_expiration_of(SchedulerName::LBLCR)
    }

    /// Refuses the sysctl of a scheduler that no service has: it exists only while the scheduler's module is
    /// loaded.
    fn validate_expiration_of(&self, scheduler: SchedulerName) -> Result<(), DocumentError> {
        let is_set = SysctlKey::ipvs(&format!("{scheduler}_expiration"))
            .is_ok_and(|key| self.ipvs_sysctls.contains_key(&key));
        let is_used = self
            .services
            .iter()
            .any(|service| service.service.scheduler == scheduler);
        if !is_set || is_used {
            return Ok(());
        }
        Err(DocumentError::new(
            DocumentErrorKind::Unused,
            format!("ipvs.{scheduler}-expiration"),
            format!("no service has the scheduler {scheduler}"),
        )
        .with_hint("leave it out"))
    }
}
