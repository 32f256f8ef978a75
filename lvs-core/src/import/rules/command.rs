//! What each command of ipvsadm, and each line of a script, makes of the draft.

use super::address::{Added, gateway};
use super::marking::Marking;
use super::{ELSEWHERE, NOT_IPVSADM, Walk};
use crate::cluster::{Gateway, Sync, check_sysctl};
use crate::import::draft::{DraftAddress, DraftDestination, DraftService, is_label};
use crate::import::report::Place;
use crate::import::shell;
use crate::import::tally::DirectiveId;
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
                if let Some(before) = self.service(&service.id) {
                    // A loop or a function has it several times.
                    let is_same = before.directive == id;
                    return match is_same {
                        true => {}
                        false => self.tally.left(id, "the service is added above"),
                    };
                }
                self.places.insert(service.id, self.draft.services.len());
                let mut draft = DraftService::new(service, place, id);
                draft.assumed.extend(note());
                self.draft.services.push(draft);
            }
            Command::AddDestination(service, destination) => {
                let Some(draft) = self.service(&service) else {
                    let what = format!("{} of {service}", destination.id);
                    return self.without_service(id, Some(&what));
                };
                draft.destinations.push(DraftDestination {
                    destination,
                    directive: id,
                    assumed: note(),
                    is_fallback: false,
                    is_checked: true,
                });
            }
            Command::EditService(service) => match self.service(&service.id) {
                Some(draft) => {
                    draft.service = service;
                    self.tally.carried(id, "services");
                }
                None => self.without_service(id, None),
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

    /// Leaves a line about a service that there is not, perhaps with the destination that it adds.
    fn without_service(&mut self, id: DirectiveId, destination: Option<&str>) {
        let reason = match self.mistakes.is_empty() {
            true => "no line above adds its service",
            false => "no line above that can be read adds its service",
        };
        match destination {
            Some(what) => self.tally.lost(id, what, reason),
            None => self.tally.left(id, reason),
        }
    }

    /// Clears the table of what lines above have added; scripts begin with that.
    pub(super) fn clear(&mut self, id: DirectiveId) {
        self.places.clear();
        let services = std::mem::take(&mut self.draft.services);
        match services.is_empty() {
            true => self.tally.left(id, "it clears what no line above adds"),
            false => self.tally.carried(id, "services"),
        }
        for service in services {
            let destinations = service.destinations.iter().map(|draft| draft.directive);
            for gone in destinations.chain([service.directive]) {
                self.tally.left(gone, "a line below clears the table");
            }
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
        self.draft.sync_lines.push(id);
    }

    /// Imports the sysctls of a line that the file has; what is left of the others is told.
    pub(super) fn sysctls(&mut self, id: DirectiveId, set: &[(String, String)]) {
        let (mut keys, mut left) = (Vec::new(), Vec::new());
        for (name, value) in set {
            match sysctl_problem(name, value) {
                Some(reason) => left.push((name.replace('/', "."), reason)),
                None => keys.push(self.sysctl(id, name, value)),
            }
        }
        let keys = keys.join(", ");
        match (keys.is_empty(), left.as_slice()) {
            (true, left) => {
                let reason = left.first().map_or("", |(_, reason)| reason);
                self.tally.left(id, reason);
            }
            (false, []) => self.tally.carried(id, keys),
            (false, left) => {
                let left = left
                    .iter()
                    .map(|(name, reason)| format!("without {name}: {reason}"));
                self.tally
                    .assumed(id, keys, left.collect::<Vec<_>>().join("; "));
            }
        }
    }

    /// Sets a sysctl and returns the key of the file.
    fn sysctl(&mut self, id: DirectiveId, name: &str, value: &str) -> String {
        let Some(name) = name.strip_prefix(OF_IPVS) else {
            self.draft.ip_forward = Some(true);
            return "director.ip-forward".to_owned();
        };
        let name = name.replace('_', "-");
        self.draft.sysctls.insert(name.clone(), value.to_owned());
        let before = self.draft.sysctl_lines.insert(name.clone(), id);
        if let Some(before) = before.filter(|before| *before != id) {
            let mut others = self.draft.sysctl_lines.values();
            match others.any(|other| *other == before) {
                true => self
                    .tally
                    .doubt(before, &format!("a line below sets {name} again")),
                false => self.tally.left(before, "a line below sets it again"),
            }
        }
        format!("ipvs.{name}")
    }

    /// Imports a line of a script that does not call ipvsadm: sysctls, an address, or the default route.
    pub(super) fn shell(&mut self, id: DirectiveId, text: &str) {
        if let Some(set) = shell::sysctls(text) {
            let mut names = set.iter().map(|(name, _)| name.as_str());
            self.is_of_real_server |=
                names.any(|name| name.ends_with("/arp_ignore") || name.ends_with("/arp_announce"));
            return self.sysctls(id, &set);
        }
        match Marking::of(text) {
            Some(Ok(marking)) => return self.mark(id, marking),
            Some(Err(reason)) => return self.tally.left(id, reason),
            None => {}
        }
        if let Some(gateway) = gateway(text) {
            return self.gateway(id, gateway);
        }
        match Added::of(text) {
            Some(added) if added.is_deleted => self.delete_address(id, &added),
            Some(added) => self.address(id, added),
            None => self.tally.left(id, other(text)),
        }
    }

    fn gateway(&mut self, id: DirectiveId, gateway: Gateway) {
        if self.draft.gateway.is_some() {
            return self
                .tally
                .left(id, "a line above sets the director's gateway");
        }
        self.tally.carried(id, "director.gateway");
        self.draft.gateway = Some(gateway);
        self.draft.gateway_line = Some(id);
    }

    fn delete_address(&mut self, id: DirectiveId, gone: &Added) {
        let ip = gone.network.addr();
        let addresses = std::mem::take(&mut self.draft.addresses).into_iter();
        let (deleted, kept): (Vec<_>, Vec<_>) =
            addresses.partition(|draft| draft.address.id.network.addr() == ip);
        self.draft.addresses = kept;
        match deleted.is_empty() {
            true => self.tally.left(id, "it deletes what no line above adds"),
            false => self.tally.carried(id, "director.addresses"),
        }
        for line in deleted.into_iter().filter_map(|draft| draft.directive) {
            self.tally.left(line, "a line below deletes it");
        }
    }

    fn address(&mut self, id: DirectiveId, added: Added) {
        let assumed = added.interface.is_none().then(|| "interface".to_owned());
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

/// Returns why a line of another program is left.
fn other(text: &str) -> &'static str {
    let has = |word: &str| text.split_whitespace().any(|found| found.ends_with(word));
    let is_filter = has("iptables") || has("ip6tables") || has("nft");
    match () {
        () if has("ipvsadm-restore") => ELSEWHERE,
        () if is_filter && (has("MARK") || has("mark")) => {
            "the plan prints rules for marks: give the service of the mark its match in the file"
        }
        () if is_filter && (has("MASQUERADE") || has("SNAT") || has("masquerade")) => {
            "a cluster file does not masquerade what real servers begin themselves: keep the rule"
        }
        () if is_filter => "rules of the packet filter are not in a cluster file: keep them",
        () => NOT_IPVSADM,
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
