//! Sysctls, timeouts and daemons.

use super::Walk;
use crate::cluster::{IpvsState, Observed};
use crate::import::fit::MIXED;
use crate::import::rules;
use crate::import::tally::DirectiveId;
use crate::ipvs::{Forwarding, Timeouts};
use crate::sysctl::SysctlKey;

/// The sysctls of `net.ipv4.vs` that a cluster file takes; they are written where they are not as the
/// kernel begins.
pub(super) const SYSCTLS: [(&str, &str); 28] = [
    ("amemthresh", "1024"),
    ("am-droprate", "10"),
    ("drop-entry", "0"),
    ("drop-packet", "0"),
    ("secure-tcp", "0"),
    ("conntrack", "0"),
    ("snat-reroute", "1"),
    ("sync-version", "1"),
    ("sync-ports", "1"),
    ("sync-persist-mode", "0"),
    ("sync-sock-size", "0"),
    ("sync-threshold", "3 50"),
    ("sync-refresh-period", "0"),
    ("sync-retries", "0"),
    ("cache-bypass", "0"),
    ("expire-nodest-conn", "0"),
    ("expire-quiescent-template", "0"),
    ("sloppy-tcp", "0"),
    ("sloppy-sctp", "0"),
    ("nat-icmp-send", "0"),
    ("pmtu-disc", "1"),
    ("backup-only", "0"),
    ("conn-reuse-mode", "1"),
    ("schedule-icmp", "0"),
    ("ignore-tunneled", "0"),
    ("run-estimation", "1"),
    ("est-nice", "0"),
    ("conn-lfactor", "-4"),
];

impl Walk<'_> {
    pub(super) fn sysctls(&mut self, observed: &Observed) {
        for (key, value) in &observed.sysctls {
            let id = self
                .tally
                .add(&self.kernel, &format!("sysctl {key} = {value}"));
            if *key == SysctlKey::IP_FORWARD {
                self.ip_forward(id, value);
                continue;
            }
            let name = key
                .as_str()
                .strip_prefix("net/ipv4/vs/")
                .unwrap_or_default();
            let name = name.replace('_', "-");
            let known = SYSCTLS.iter().find(|(known, _)| *known == name);
            match known.map(|(_, default)| value.split_whitespace().eq(default.split_whitespace()))
            {
                Some(false) => {
                    let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
                    self.draft.sysctl_lines.insert(name.clone(), id);
                    self.draft.sysctls.insert(name, value);
                    self.tally.carried(id, "ipvs");
                }
                Some(true) => self.tally.left(id, "it is the kernel's default"),
                None => self.tally.left(id, "it follows from the services"),
            }
        }
    }

    /// Where there is masquerading the file implies 1, and refuses 0.
    fn ip_forward(&mut self, id: DirectiveId, value: &str) {
        let destinations = self
            .draft
            .services
            .iter()
            .flat_map(|service| &service.destinations);
        let mut methods = destinations.map(|draft| draft.destination.forwarding);
        match (
            value,
            methods.any(|method| method == Forwarding::Masquerade),
        ) {
            ("0", true) => self
                .tally
                .left(id, "masquerading needs 1: answers would never leave"),
            ("1", _) => {
                self.draft.ip_forward = Some(true);
                self.tally.carried(id, "director.ip-forward");
            }
            _ => self.tally.left(id, "it is the kernel's default"),
        }
    }

    pub(super) fn timeouts(&mut self, observed: &Observed) {
        let Timeouts { tcp, tcp_fin, udp } = observed.timeouts();
        let text = format!("timeouts {tcp} {tcp_fin} {udp}");
        let id = self.tally.add(&self.kernel, &text);
        match observed.timeouts() == IpvsState::DEFAULT_TIMEOUTS {
            true => self.tally.left(id, "they are the kernel's defaults"),
            false => {
                self.draft.timeouts = observed.timeouts();
                self.tally.carried(id, "ipvs");
            }
        }
    }

    /// `[sync]` stands for both daemons, alike.
    pub(super) fn daemons(&mut self, observed: &Observed) {
        let mixed = observed.services().iter().any(|found| {
            let family = found.service.id.family();
            found
                .destinations
                .iter()
                .any(|destination| destination.id.family() != family)
        });
        for daemon in &observed.daemons {
            let text = format!(
                "daemon {} {} id {}",
                daemon.role, daemon.interface, daemon.sync_id
            );
            let id = self.tally.add(&self.kernel, &text);
            match rules::sync(daemon) {
                Ok(_) if mixed => self.tally.left(id, MIXED),
                Ok(sync) if self.draft.sync.as_ref().is_none_or(|other| *other == sync) => {
                    self.draft.sync = Some(sync);
                    self.tally.carried(id, "sync");
                }
                Ok(_) => self.tally.left(id, "it differs from the other daemon"),
                Err(reason) => self.tally.left(id, reason),
            }
        }
    }
}
