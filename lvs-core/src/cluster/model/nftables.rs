//! The nftables rules that mark packets for services by firewall mark.

use std::fmt::Write;

use super::cluster::Cluster;
use super::virtual_service::VirtualService;
use crate::ipvs::{Family, ServiceId};

impl Cluster {
    /// Returns the rules that mark what the file says, as a file for `nft -f` that can be loaded repeatedly;
    /// `None` where nothing is to be marked.
    ///
    /// Each family has a table of its own, because not every kernel has `inet`.
    pub(in crate::cluster) fn nftables(&self) -> Option<String> {
        Some(
            [("ip", Family::Ipv4), ("ip6", Family::Ipv6)]
                .map(|(word, family)| {
                    let rules = self
                        .services
                        .iter()
                        .filter(|service| service.service.id.family() == family)
                        .flat_map(VirtualService::nftables_rules);
                    self.nftables_table(word, rules.collect())
                })
                .concat(),
        )
        .filter(|text| !text.is_empty())
    }

    /// Declares the table so that it can be deleted, and defines it anew: all in one transaction.
    fn nftables_table(&self, family: &str, rules: Vec<String>) -> String {
        if rules.is_empty() {
            return String::new();
        }
        let table = format!("table {family} lvs-{}", self.name);
        let mut text = format!("{table}\ndelete {table}\n{table} {{\n  chain prerouting {{\n");
        // -150 is "mangle", a word that not every version of nft knows in every family.
        text.push_str("    type filter hook prerouting priority -150; policy accept;\n");
        for rule in rules {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "    {rule}");
        }
        text.push_str("  }\n}\n");
        text
    }
}

impl VirtualService {
    fn nftables_rules(&self) -> Vec<String> {
        let ServiceId::Fwmark { mark, .. } = self.service.id else {
            return Vec::new();
        };
        self.matches
            .iter()
            .map(|packets| format!("{} meta mark set {mark}", packets.expression()))
            .collect()
    }
}
