//! Defences of IPVS that drop packets of clients.

use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::DirectorScene;
use crate::check::severity::Severity;
use crate::cluster::NodeKind;
use crate::ipvs::DaemonRole;
use crate::sysctl::SysctlKey;

kinds! {
    IPVS_DROPS = "LVS075", Error, Services,
    title: "IPVS drops packets or connections at random",
    impact: "clients wait for a packet to be repeated, or lose connections, although every real server is well",
    explanation: "\
        Against floods IPVS can drop packets (net/ipv4/vs/drop_packet, one of am_droprate) and connections \
        that are not established (drop_entry). The value 1 lets the kernel do so while memory is short, \
        and shows 2 meanwhile; 3 does it always. Nothing is counted or logged. Set them to 0 or 1, and \
        look for the flood or for the missing memory if the value is 2.";

    IPVS_PAUSED = "LVS076", Error, Services,
    title: "IPVS leaves the services to another director",
    impact: "packets of clients reach the director's own ports, and no real server gets any",
    explanation: "\
        While a backup daemon of connection synchronisation runs and net/ipv4/vs/backup_only is 1, the \
        kernel does not balance at all: the director is a standby. On a director that is active, or the \
        only one, no client is served, although the table is complete. Stop the backup daemon, or set \
        backup_only to 0.";
}

/// From this value on the kernel drops: 2 for as long as memory is short, 3 always.
const ACTIVE: i64 = 2;

pub(super) fn check(scene: &DirectorScene<'_>) -> Vec<Finding> {
    if scene.facts.is_standby() {
        return Vec::new();
    }
    [
        scene.drops("drop_packet", Severity::Error),
        scene.drops("drop_entry", Severity::Warning),
        scene.paused(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

impl DirectorScene<'_> {
    fn drops(&self, name: &str, severity: Severity) -> Option<Finding> {
        let key = SysctlKey::ipvs(name).ok()?;
        let value = self.facts.sysctl(&key).filter(|value| *value >= ACTIVE)?;
        // The file may want it.
        if self.desired.sysctls.contains_key(&key) {
            return None;
        }
        let seen = match value {
            ACTIVE => format!("{name} is 2: memory is short, and the kernel drops"),
            _ => format!("{name} is {value}: the kernel always drops"),
        };
        Some(
            self.finding(&IPVS_DROPS, &key, seen)
                .severity(severity)
                .fix(format!("sysctl -w {}=0", key.quoted())),
        )
    }

    fn paused(&self) -> Option<Finding> {
        let key = SysctlKey::BACKUP_ONLY;
        let is_backup = self
            .facts
            .observed
            .iter()
            .flat_map(|seen| &seen.daemons)
            .any(|daemon| daemon.role == DaemonRole::Backup);
        let is_paused = is_backup && self.facts.sysctl(&key).is_some_and(|value| value != 0);
        (is_paused && self.desired.kind == NodeKind::Director).then(|| {
            let seen = "it is 1, and a backup daemon runs on this active director";
            self.finding(&IPVS_PAUSED, &key, seen)
                .fix(format!("sysctl -w {}=0", key.quoted()))
        })
    }
}
