//! The nouns that steps change: how each is named, described, found and changed.

use serde::{Deserialize, Serialize};

use super::Change;
use crate::cluster::Observed;
use crate::ipvs::{Daemon, Destination, Service, ServiceId, Timeouts};
use crate::name::IfName;
use crate::net::{Address, Listener, Route, Tunnel};
use crate::sysctl::SysctlKey;

/// An interface as far as plans go: up or down.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LinkState {
    /// The interface.
    pub name: IfName,
    /// Whether it is set up.
    pub up: bool,
}

/// A kernel switch and its value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Setting {
    /// The switch.
    pub key: SysctlKey,
    /// Its value as text.
    pub value: String,
}

/// A destination with the service it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BoundDestination {
    /// The service.
    pub service: ServiceId,
    /// The destination.
    pub destination: Destination,
}

/// A noun that a step can change.
pub(in crate::cluster) trait Subject: Clone + Serialize {
    const WHAT: &'static str;

    /// Whether it comes and goes with an interface.
    const OF_DEVICE: bool = false;

    /// Which one, in the file's text form.
    fn name(&self) -> String;

    /// How it looks, apart from its name.
    fn detail(&self) -> String;

    /// The one of the same name on a machine.
    fn find(&self, observed: &Observed) -> Option<Self>;

    /// Whether there is no difference that could be changed.
    fn same(&self, other: &Self) -> bool;

    /// Whether it can be taken away.
    fn can_go(&self) -> bool {
        true
    }

    /// What the kernel does when it is told to.
    fn apply(change: &Change<Self>, observed: &mut Observed);
}

impl Subject for Tunnel {
    const WHAT: &'static str = "tunnel";

    fn name(&self) -> String {
        self.name.to_string()
    }

    fn detail(&self) -> String {
        let local = self.local.map(|local| format!(" for {local}"));
        let checksum = if self.checksum { " with checksums" } else { "" };
        format!(
            "{} device{}{checksum}",
            self.kind,
            local.unwrap_or_default()
        )
    }

    fn find(&self, observed: &Observed) -> Option<Self> {
        let mut tunnels = observed.tunnels.iter();
        tunnels.find(|found| found.name == self.name).cloned()
    }

    fn same(&self, other: &Self) -> bool {
        self == other
    }

    /// The kernel's own device comes with its module and stays until that goes.
    fn can_go(&self) -> bool {
        !self.is_standing()
    }

    fn apply(change: &Change<Self>, observed: &mut Observed) {
        observed.set_tunnel(change);
    }
}

impl Subject for Listener {
    const WHAT: &'static str = "listener";

    fn name(&self) -> String {
        self.to_string()
    }

    fn detail(&self) -> String {
        "gue".to_owned()
    }

    fn find(&self, observed: &Observed) -> Option<Self> {
        observed.listeners.get(self).copied()
    }

    fn same(&self, other: &Self) -> bool {
        self == other
    }

    fn apply(change: &Change<Self>, observed: &mut Observed) {
        observed.set_listener(change);
    }
}

impl Subject for LinkState {
    const WHAT: &'static str = "link";
    const OF_DEVICE: bool = true;

    fn name(&self) -> String {
        self.name.to_string()
    }

    fn detail(&self) -> String {
        if self.up { "up" } else { "down" }.to_owned()
    }

    fn find(&self, observed: &Observed) -> Option<Self> {
        observed.links.get(&self.name).map(|up| Self {
            name: self.name.clone(),
            up: *up,
        })
    }

    fn same(&self, other: &Self) -> bool {
        self == other
    }

    fn apply(change: &Change<Self>, observed: &mut Observed) {
        observed.set_link(change);
    }
}

impl Subject for Setting {
    const WHAT: &'static str = "sysctl";
    const OF_DEVICE: bool = true;

    fn name(&self) -> String {
        self.key.to_string()
    }

    fn detail(&self) -> String {
        self.value.clone()
    }

    fn find(&self, observed: &Observed) -> Option<Self> {
        observed.sysctls.get(&self.key).map(|value| Self {
            key: self.key.clone(),
            value: value.clone(),
        })
    }

    fn same(&self, other: &Self) -> bool {
        self == other
    }

    fn apply(change: &Change<Self>, observed: &mut Observed) {
        observed.set_sysctl(change);
    }
}

impl Subject for Address {
    const WHAT: &'static str = "address";

    fn name(&self) -> String {
        self.id.to_string()
    }

    fn detail(&self) -> String {
        // Without one the kernel uses the interface's name.
        let label = self
            .label
            .as_deref()
            .filter(|label| *label != self.id.interface.as_str());
        let label = label.into_iter().map(|label| format!("label {label}"));
        let broadcast = self
            .broadcast
            .iter()
            .map(|broadcast| format!("broadcast {broadcast}"));
        let no_dad = self.no_dad.then(|| "nodad".to_owned());
        let parts: Vec<_> = label.chain(broadcast).chain(no_dad).collect();
        parts.join(" ")
    }

    fn find(&self, observed: &Observed) -> Option<Self> {
        observed.address(&self.id).cloned()
    }

    /// The kernel cannot change label and broadcast in place.
    fn same(&self, other: &Self) -> bool {
        self.id == other.id
    }

    fn apply(change: &Change<Self>, observed: &mut Observed) {
        observed.set_address(change);
    }
}

impl Subject for Route {
    const WHAT: &'static str = "route";

    fn name(&self) -> String {
        self.id.to_string()
    }

    fn detail(&self) -> String {
        let by = match (&self.gateway, &self.interface) {
            (Some(gateway), _) => format!("via {gateway}"),
            (None, Some(interface)) => format!("dev {interface}"),
            (None, None) => "by no interface".to_owned(),
        };
        match self.advmss {
            Some(advmss) => format!("{by} advmss {advmss}"),
            None => by,
        }
    }

    fn find(&self, observed: &Observed) -> Option<Self> {
        observed.route(&self.id).cloned()
    }

    /// By whom it was made does not count; an interface that is not named is any.
    fn same(&self, other: &Self) -> bool {
        let interfaces = self.interface.as_ref().zip(other.interface.as_ref());
        self.gateway == other.gateway
            && self.advmss == other.advmss
            && interfaces.is_none_or(|(one, two)| one == two)
    }

    fn apply(change: &Change<Self>, observed: &mut Observed) {
        observed.set_route(change);
    }
}

impl Subject for Timeouts {
    const WHAT: &'static str = "timeouts";

    fn name(&self) -> String {
        "tcp tcp-fin udp".to_owned()
    }

    fn detail(&self) -> String {
        format!("{} {} {}", self.tcp, self.tcp_fin, self.udp)
    }

    fn find(&self, observed: &Observed) -> Option<Self> {
        Some(observed.timeouts())
    }

    fn same(&self, other: &Self) -> bool {
        self == other
    }

    fn apply(change: &Change<Self>, observed: &mut Observed) {
        observed.set_timeouts(change);
    }
}

impl Subject for Daemon {
    const WHAT: &'static str = "daemon";

    fn name(&self) -> String {
        self.role.to_string()
    }

    fn detail(&self) -> String {
        let or = |value: Option<String>| value.unwrap_or_else(|| "default".to_owned());
        format!(
            "id {} on {} group {} port {} ttl {} max-length {}",
            self.sync_id,
            self.interface,
            or(self.group.map(|it| it.to_string())),
            or(self.port.map(|it| it.to_string())),
            or(self.ttl.map(|it| it.to_string())),
            or(self.max_length.map(|it| it.to_string())),
        )
    }

    fn find(&self, observed: &Observed) -> Option<Self> {
        let mut daemons = observed.daemons.iter();
        daemons.find(|found| found.role == self.role).cloned()
    }

    fn same(&self, other: &Self) -> bool {
        self == other
    }

    fn apply(change: &Change<Self>, observed: &mut Observed) {
        observed.set_daemon(change);
    }
}

impl Subject for Service {
    const WHAT: &'static str = "service";

    fn name(&self) -> String {
        self.id.to_string()
    }

    fn detail(&self) -> String {
        self.describe()
    }

    fn find(&self, observed: &Observed) -> Option<Self> {
        observed
            .service(&self.id)
            .map(|found| found.service.clone())
    }

    fn same(&self, other: &Self) -> bool {
        self == other
    }

    fn apply(change: &Change<Self>, observed: &mut Observed) {
        observed.set_service(change);
    }
}

impl Subject for BoundDestination {
    const WHAT: &'static str = "destination";

    fn name(&self) -> String {
        format!("{} of {}", self.destination.id, self.service)
    }

    fn detail(&self) -> String {
        self.destination.describe()
    }

    fn find(&self, observed: &Observed) -> Option<Self> {
        let found = observed.destination(&self.service, &self.destination.id)?;
        Some(Self {
            service: self.service,
            destination: *found,
        })
    }

    fn same(&self, other: &Self) -> bool {
        self == other
    }

    fn apply(change: &Change<Self>, observed: &mut Observed) {
        observed.set_destination(change);
    }
}
