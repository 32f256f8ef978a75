//! `vrrp_instance`: its addresses become the director's, the rest stays keepalived's.

use std::net::IpAddr;

use ipnet::IpNet;

use super::Walk;
use super::group::no_address;
use super::tree::Node;
use crate::import::draft::{DraftAddress, is_label};
use crate::name::IfName;
use crate::net::Address;

/// The reason why directives of VRRP are left.
pub(super) const LEFT: &str = "VRRP is keepalived's: see --keepalived";

/// Returns the name of an instance and the number of its virtual router.
pub(super) fn router(node: &Node) -> Option<(String, u8)> {
    let mut children = node.children().iter();
    let number = children.find(|child| child.word(0) == "virtual_router_id")?;
    let is_instance = node.word(0) == "vrrp_instance";
    let number = number.word(1).parse().ok().filter(|_| is_instance)?;
    Some((node.word(1).to_owned(), number))
}

impl Walk<'_> {
    pub(super) fn vrrp_instance(&mut self, node: &Node) {
        self.tally.left(node.id, LEFT);
        let named = node
            .children()
            .iter()
            .find(|child| child.word(0) == "interface");
        let interface = named.and_then(|child| IfName::new(child.word(1).to_owned()).ok());
        for child in node.children() {
            match child.word(0) {
                "virtual_ipaddress" | "virtual_ipaddress_excluded" => {
                    self.tally.carried(child.id, "director.addresses");
                    for address in child.children() {
                        let address = self.address(address, interface.as_ref());
                        self.draft.floats |= address.is_some();
                        self.draft.addresses.extend(address);
                    }
                }
                "use_vmac" => self.virtual_mac(node, child, interface.as_ref()),
                "lvs_sync_daemon_interface" => self.sync_interface(child, node.word(1)),
                "unicast_src_ip" => {
                    self.unicast_address(child, child.word(1), interface.as_ref(), true)
                }
                "unicast_peer" => {
                    self.tally.left_too(child.id, LEFT);
                    for peer in child.children() {
                        self.unicast_address(peer, peer.word(0), interface.as_ref(), false);
                    }
                }
                "virtual_routes" | "virtual_rules" => child.leave(
                    self.tally,
                    "routes and rules that come and go with the role are keepalived's",
                ),
                _ => {
                    self.tally.left_too(child.id, LEFT);
                    child.leave_children(self.tally, LEFT);
                }
            }
        }
    }

    /// `ADDRESS[/PREFIX] [brd ADDRESS] [dev INTERFACE] [scope SCOPE] [label LABEL] …`
    fn address(&mut self, node: &Node, instance: Option<&IfName>) -> Option<DraftAddress> {
        let text = node.word(0);
        let network = text.parse::<IpNet>().ok();
        let alone = || text.parse::<IpAddr>().ok().map(IpNet::from);
        let Some(network) = network.or_else(alone) else {
            self.tally.left(node.id, no_address(text));
            return None;
        };
        if network.addr().is_loopback() {
            self.tally
                .left(node.id, "a loopback address attracts no traffic");
            return None;
        }
        if matches!(network.addr(), IpAddr::V6(ip) if ip.is_unicast_link_local()) {
            let reason = "a link-local address: lvsctl leaves these to the kernel";
            self.tally.left(node.id, reason);
            return None;
        }
        let after = |key: &str| {
            let mut words = node.words.iter().skip(1);
            words.find(|word| *word == key)?;
            words.next()
        };
        let device = after("dev").and_then(|name| IfName::new(name.clone()).ok());
        let default = || {
            let (interface, line) = self.draft.interface.as_ref()?;
            self.tally.carried(*line, "director.addresses");
            Some(interface.clone())
        };
        let interface = device.or_else(|| instance.cloned()).or_else(default);
        let assumed = interface.is_none().then(|| "interface".to_owned());
        let mut address = Address::new(
            interface.unwrap_or_else(|| self.options.interface.clone()),
            network,
        );
        if network.addr().is_ipv4() {
            address.label = after("label")
                .filter(|label| is_label(label, &address))
                .cloned();
        }
        match &assumed {
            None => self.tally.carried(node.id, "director.addresses"),
            Some(what) => {
                let reason = format!("the {what} ({})", address.id.interface);
                self.tally.assumed(node.id, "director.addresses", reason);
            }
        }
        let ignored = ignored(&node.words, &address);
        if !ignored.is_empty() {
            let doubt = format!("without {}", ignored.join(" "));
            self.tally.doubt(node.id, &doubt);
        }
        Some(DraftAddress {
            address,
            assumed,
            directive: Some(node.id),
        })
    }

    /// `use_vmac [LINK]`: keepalived's addresses are on a link of their own, with the MAC address of the virtual router.
    fn virtual_mac(&mut self, instance: &Node, node: &Node, interface: Option<&IfName>) {
        let interface = interface.unwrap_or(&self.options.interface);
        let reason = format!(
            "the virtual IPs are on {interface} with its own MAC address, not on a link with that of the virtual router"
        );
        self.draft.notes.push(format!(
            "use_vmac of the vrrp_instance {}: {reason}; neighbours learn it by the announcement after a change of roles.",
            instance.word(1)
        ));
        self.tally.left(node.id, reason);
    }

    /// The addresses that the director has whether it is active or not.
    pub(super) fn static_addresses(&mut self, node: &Node) {
        self.tally.carried(node.id, "director.addresses");
        for child in node.children() {
            let address = self.address(child, None);
            self.draft.own.extend(address);
        }
    }

    /// Addresses by which directors speak of VRRP: this one's own, and those of others.
    fn unicast_address(&mut self, node: &Node, ip: &str, instance: Option<&IfName>, is_own: bool) {
        self.tally.left_too(node.id, LEFT);
        let Ok(ip) = ip.parse::<IpAddr>() else { return };
        let interface = instance.unwrap_or(&self.options.interface).clone();
        let to = match is_own {
            true => &mut self.draft.own,
            false => &mut self.draft.peers,
        };
        to.push(DraftAddress {
            address: Address::new(interface, IpNet::from(ip)),
            assumed: Some("prefix length".to_owned()),
            directive: Some(node.id),
        });
    }
}

/// Returns the words of an address that the file does not have: its broadcast, its scope and the like.
fn ignored<'a>(words: &'a [String], address: &Address) -> Vec<&'a str> {
    let mut words = words.iter().skip(1).map(String::as_str);
    let mut ignored = Vec::new();
    while let Some(word) = words.next() {
        let is_known = match (word, words.clone().next()) {
            ("dev", _) => true,
            ("label", label) => label == address.label.as_deref(),
            // As the kernel and keepalived have it anyway.
            ("scope", scope) => scope == Some("global"),
            _ => false,
        };
        match is_known {
            true => drop(words.next()),
            false => ignored.push(word),
        }
    }
    ignored
}
