//! What each command of ipvsadm, and each line of a script, makes of the draft.

use super::Walk;
use crate::cluster::{Sync, check_sysctl};
use crate::import::draft::{DraftAddress, DraftDestination, DraftService, is_label};
use crate::import::report::{DirectiveId, Place};
use crate::import::shell::{self, Added};
use crate::ipvs::{Command, Daemon, DestinationId, ServiceId, Timeouts};
use crate::net::Address;

impl Walk<'_, '_> {
    pub(super) fn command(
        &mut self,
        place: &Place,
        id: DirectiveId,
        command: Command,
        notes: &[String],
    ) {
        let note = || (!notes.is_empty()).then(|| notes.join("; "));
        match command {
            Command::AddService(service) => {
                if self.places.contains_key(&service.id) {
                    return self.tally.left(id, "the service is added above");
                }
                self.places.insert(service.id, self.draft.services.len());
                let mut draft = DraftService::new(service, place, id);
                draft.assumed.extend(note());
                self.draft.services.push(draft);
            }
            Command::AddDestination(service, destination) => {
                let Some(draft) = self.service(&service) else {
                    return self.tally.left(id, "no line above adds its service");
                };
                draft.destinations.push(DraftDestination {
                    destination,
                    directive: id,
                    assumed: note(),
                    is_fallback: false,
                });
            }
            Command::EditService(service) => match self.service(&service.id) {
                Some(draft) => {
                    draft.service = service;
                    self.tally.carried(id, "services");
                }
                None => self.tally.left(id, "no line above adds its service"),
            },
            Command::EditDestination(service, destination) => {
                match self.destination(&service, &destination.id) {
                    Some(draft) => {
                        draft.destination = destination;
                        self.tally.carried(id, "services.destinations");
                    }
                    None => self.tally.left(id, "no line above adds the destination"),
                }
            }
            Command::DeleteService(_) | Command::DeleteDestination(..) => {
                self.delete(id, &command);
            }
            Command::SetTimeouts(timeouts) => self.timeouts(id, timeouts),
            Command::StartDaemon(daemon) => self.daemon(id, &daemon),
            _ => self
                .tally
                .left(id, "a cluster file says what is to be, from empty"),
        }
    }

    fn service(&mut self, id: &ServiceId) -> Option<&mut DraftService> {
        self.draft.services.get_mut(*self.places.get(id)?)
    }

    fn destination(
        &mut self,
        service: &ServiceId,
        id: &DestinationId,
    ) -> Option<&mut DraftDestination> {
        let service = self.service(service)?;
        let mut destinations = service.destinations.iter_mut();
        destinations.find(|draft| draft.destination.id == *id)
    }

    /// What a line above has added is taken out again; scripts begin with deletions of nothing.
    fn delete(&mut self, id: DirectiveId, command: &Command) {
        let gone = "a line below deletes it";
        let mut deleted = Vec::new();
        match command {
            Command::DeleteService(service) => {
                if let Some(place) = self.places.remove(service) {
                    let service = self.draft.services.remove(place);
                    self.places
                        .values_mut()
                        .filter(|other| **other > place)
                        .for_each(|other| *other -= 1);
                    deleted.push(service.directive);
                    deleted.extend(service.destinations.iter().map(|draft| draft.directive));
                }
            }
            Command::DeleteDestination(service, destination) => {
                if let Some(service) = self.service(service) {
                    service.destinations.retain(|draft| {
                        let stays = draft.destination.id != *destination;
                        if !stays {
                            deleted.push(draft.directive);
                        }
                        stays
                    });
                }
            }
            _ => {}
        }
        match deleted.is_empty() {
            true => self.tally.left(id, "it deletes what no line above adds"),
            false => self.tally.carried(id, "services"),
        }
        for deleted in deleted {
            self.tally.left(deleted, gone);
        }
    }

    /// 0 leaves a timeout as it is.
    fn timeouts(&mut self, id: DirectiveId, set: Timeouts) {
        let timeouts = &mut self.draft.timeouts;
        let pairs = [
            (&mut timeouts.tcp, set.tcp),
            (&mut timeouts.tcp_fin, set.tcp_fin),
            (&mut timeouts.udp, set.udp),
        ];
        let mut is_set = false;
        for (kept, given) in pairs.into_iter().filter(|(_, given)| given.0 > 0) {
            *kept = given;
            is_set = true;
        }
        match is_set {
            true => self.tally.carried(id, "ipvs"),
            false => self.tally.left(id, "0 leaves a timeout as it is"),
        }
    }

    /// A director runs both daemons, whichever of them the source starts.
    fn daemon(&mut self, id: DirectiveId, daemon: &Daemon) {
        let sync = match sync(daemon) {
            Ok(sync) => sync,
            Err(reason) => return self.tally.left(id, reason),
        };
        let other = self.daemon.replace((daemon.role, id));
        match other.filter(|(role, _)| *role != daemon.role) {
            Some((_, other)) => {
                self.tally.carried(other, "sync");
                self.tally.carried(id, "sync");
            }
            None => {
                let reason = "both daemons run, and the source starts one";
                self.tally.assumed(id, "sync", reason);
            }
        }
        if self
            .draft
            .sync
            .as_ref()
            .is_some_and(|before| *before != sync)
            && let Some((_, other)) = other
        {
            self.tally
                .left(other, "a line below starts a daemon with other options");
        }
        self.draft.sync = Some(sync);
    }

    /// Imports a line that sets sysctls, if the file has all of them.
    pub(super) fn sysctls(&mut self, id: DirectiveId, set: &[(String, String)]) {
        let reason = set
            .iter()
            .find_map(|(name, value)| sysctl_problem(name, value));
        if let Some(reason) = reason {
            return self.tally.left(id, reason);
        }
        for (name, value) in set {
            let Some(name) = name.strip_prefix(OF_IPVS) else {
                self.draft.ip_forward = Some(true);
                self.tally.carried(id, "director.ip-forward");
                continue;
            };
            let name = name.replace('_', "-");
            self.tally.carried(id, format!("ipvs.{name}"));
            self.draft.sysctls.insert(name.clone(), value.clone());
            let before = self.draft.sysctl_lines.insert(name, id);
            if let Some(before) = before.filter(|before| *before != id) {
                self.tally.left(before, "a line below sets it again");
            }
        }
    }

    /// Imports a line of a script that does not call ipvsadm: a sysctl, an address, or that packets are forwarded.
    pub(super) fn shell(&mut self, id: DirectiveId, text: &str) {
        if let Some(set) = shell::sysctls(text) {
            return self.sysctls(id, &set);
        }
        let Some(added) = Added::of(text) else {
            return self.tally.left(id, "it is not a line of ipvsadm");
        };
        let unknown = [
            (added.interface.is_none(), "interface"),
            (!added.has_prefix, "prefix length"),
        ];
        let unknown: Vec<_> = unknown
            .into_iter()
            .filter_map(|(is, what)| is.then_some(what))
            .collect();
        let assumed = (!unknown.is_empty()).then(|| unknown.join(" and "));
        let interface = added.interface.as_ref().unwrap_or(&self.options.interface);
        let mut address = Address::new(interface.clone(), added.network);
        address.label = added.label.filter(|label| is_label(label, &address));
        match &assumed {
            Some(what) => self
                .tally
                .assumed(id, "director.addresses", format!("the {what}")),
            None => self.tally.carried(id, "director.addresses"),
        }
        self.draft.addresses.push(DraftAddress {
            address,
            assumed,
            directive: Some(id),
        });
    }
}

/// Where the sysctls of IPVS are.
const OF_IPVS: &str = "net/ipv4/vs/";

/// Returns why the file does not set a sysctl.
fn sysctl_problem(name: &str, value: &str) -> Option<String> {
    match (name.strip_prefix(OF_IPVS), name, value) {
        (Some(name), ..) => {
            let checked = check_sysctl(&name.replace('_', "-"), value);
            checked.err().map(|mistake| mistake.to_string())
        }
        (None, "net/ipv4/ip_forward", "1") => None,
        _ => Some("apply sets the sysctls that a node needs, and restores them".to_owned()),
    }
}

/// Returns what both daemons of a director have in common.
pub(in crate::import) fn sync(daemon: &Daemon) -> Result<Sync, String> {
    let id = u8::try_from(daemon.sync_id);
    let id = id.map_err(|_| format!("the sync id {} is not in 0..255", daemon.sync_id))?;
    let mut sync = Sync::new(id, daemon.interface.clone());
    if let Some(group) = daemon.group.filter(|group| group.is_multicast()) {
        sync.group = group;
        sync.max_length = Sync::default_length(group);
    }
    sync.port = daemon.port.filter(|port| *port > 0).unwrap_or(sync.port);
    sync.ttl = daemon.ttl.filter(|ttl| *ttl > 0).unwrap_or(sync.ttl);
    let length = daemon.max_length.unwrap_or(sync.max_length);
    sync.max_length = length.clamp(Sync::SHORTEST, 65_000);
    Ok(sync)
}
