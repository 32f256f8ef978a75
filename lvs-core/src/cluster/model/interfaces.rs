//! Interfaces by the names that a kernel has for them.

use std::collections::BTreeMap;

use super::cluster::Cluster;
use super::gateway::Gateway;
use crate::name::IfName;
use crate::net::Address;

impl Cluster {
    /// Returns the cluster with the interfaces of a node by their own names, where the file has alternative ones
    /// (`altname`): what [`Net::alternative_names`](crate::net::Net::alternative_names) returns on that node.
    #[must_use]
    pub fn with_interfaces(mut self, node: &str, names: &BTreeMap<IfName, IfName>) -> Self {
        let directors = self.directors.iter_mut();
        for director in directors.filter(|director| director.name == *node) {
            rename(&mut director.addresses, director.gateway.as_mut(), names);
        }
        let servers = self.real_servers.iter_mut();
        for server in servers.filter(|server| server.name == *node) {
            rename(&mut server.addresses, server.gateway.as_mut(), names);
        }
        let sync = self.sync.as_mut().map(|sync| &mut sync.interface);
        if let Some(interface) =
            sync.filter(|_| self.directors.iter().any(|director| director.name == *node))
        {
            resolve(interface, names);
        }
        self
    }
}

fn rename(
    addresses: &mut [Address],
    gateway: Option<&mut Gateway>,
    names: &BTreeMap<IfName, IfName>,
) {
    for address in addresses {
        let former = address.id.interface.clone();
        resolve(&mut address.id.interface, names);
        // A label begins with the interface's name.
        let label = address.label.as_ref();
        if let Some(suffix) = label.and_then(|label| label.strip_prefix(former.as_str())) {
            address.label = Some(format!("{}{suffix}", address.id.interface));
        }
    }
    if let Some(Gateway::On { interface, .. } | Gateway::Through(interface)) = gateway {
        resolve(interface, names);
    }
}

fn resolve(interface: &mut IfName, names: &BTreeMap<IfName, IfName>) {
    if let Some(name) = names.get(interface) {
        interface.clone_from(name);
    }
}
