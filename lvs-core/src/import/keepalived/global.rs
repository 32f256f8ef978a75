//! `global_defs`: timeouts and the synchronisation of connections are the cluster's; the rest is
//! keepalived's.

use super::tree::Node;
use super::{Walk, vrrp};
use crate::cluster::Sync;
use crate::ipvs::Seconds;
use crate::name::IfName;

impl Walk<'_> {
    pub(super) fn global(&mut self, node: &Node) {
        self.tally.left(node.id, "keepalived's own settings");
        for child in node.children() {
            match child.word(0) {
                "lvs_timeouts" => self.timeouts(child),
                "lvs_sync_daemon" => self.sync_daemon(child),
                "lvs_flush" | "lvs_flush_onstop" | "lvs_flush_on_stop" => {
                    let reason =
                        "lvsctl deletes only services that it added or that the file replaces";
                    self.tally.left(child.id, reason);
                }
                // Addresses that take it say so.
                "default_interface" if self.tally.is_used(child.id) => {}
                "default_interface" => self.tally.left(child.id, "every address names its own"),
                word if word.starts_with("net_namespace") => self.namespace(child),
                word if word.starts_with("vrrp_") => child.leave(self.tally, vrrp::LEFT),
                word if word.contains("notification") || word.contains("smtp") => {
                    child.leave(self.tally, "lvsctl sends no mail");
                }
                "router_id" | "script_user" | "enable_script_security" => {
                    child.leave(self.tally, "it stays in keepalived's configuration");
                }
                word if word.contains("checker") => {
                    child.leave(self.tally, "keepalived's process for checks");
                }
                _ => child.leave(self.tally, "keepalived's own setting"),
            }
        }
    }

    /// The namespace in which the table is, and with `net_namespace` the addresses too.
    pub(super) fn namespace(&mut self, node: &Node) {
        let (word, name) = (node.word(0), node.word(1));
        if !matches!(word, "net_namespace" | "net_namespace_ipvs") || name.is_empty() {
            return node.leave(self.tally, "how keepalived is run");
        }
        let reason = format!("run lvsctl there: ip netns exec {name} lvsctl");
        node.leave(self.tally, &reason);
        let what = match word {
            "net_namespace" => "keepalived, its addresses and the table of IPVS are",
            _ => "the table of IPVS is, but not the addresses that VRRP moves,",
        };
        self.draft.notes.push(format!(
            "{word}: {what} in the network namespace {name}. This file does not say it: {reason}"
        ));
    }

    /// `lvs_timeouts tcp SECONDS tcpfin SECONDS udp SECONDS`
    fn timeouts(&mut self, node: &Node) {
        let mut timeouts = self.draft.timeouts;
        for pair in node.words.get(1..).unwrap_or_default().chunks(2) {
            let [key, value] = pair else {
                return self.tally.left(node.id, "a timeout without a number");
            };
            // The kernel keeps timeouts in ticks of up to 1/1000 s in 31 bits.
            let seconds = value
                .parse()
                .ok()
                .filter(|seconds| (1..=2_147_483).contains(seconds));
            let Some(seconds) = seconds.map(Seconds) else {
                return self
                    .tally
                    .left(node.id, format!("{value:?} is not in 1..2147483"));
            };
            match key.as_str() {
                "tcp" => timeouts.tcp = seconds,
                "tcpfin" | "tcp_fin" => timeouts.tcp_fin = seconds,
                "udp" => timeouts.udp = seconds,
                _ => {
                    return self
                        .tally
                        .left(node.id, format!("{key:?} is not a timeout"));
                }
            }
        }
        self.draft.timeouts = timeouts;
        self.tally.carried(node.id, "ipvs");
    }

    /// `lvs_sync_daemon INTERFACE [[inst] INSTANCE] [id N] [maxlen N] [port N] [ttl N] [group ADDRESS]`
    fn sync_daemon(&mut self, node: &Node) {
        let Ok(interface) = IfName::new(node.word(1).to_owned()) else {
            return self
                .tally
                .left(node.id, format!("{:?} is not an interface", node.word(1)));
        };
        let after = |key: &str| {
            let mut words = node.words.iter().skip(2);
            words.find(|word| *word == key)?;
            words.next()
        };
        let number = |key: &str| after(key).and_then(|word| word.parse::<u16>().ok());
        // As keepalived does without id, the virtual router's.
        let instance = after("inst").map_or_else(|| node.word(2), String::as_str);
        let router = self.routers.get(instance).copied();
        let id = number("id").map_or(router, |id| u8::try_from(id).ok());
        let mut sync = Sync::new(id.unwrap_or_default(), interface);
        if let Some(group) = after("group").and_then(|word| word.parse().ok()) {
            sync.group = group;
            sync.max_length = Sync::default_length(group);
        }
        sync.port = number("port").filter(|port| *port > 0).unwrap_or(sync.port);
        sync.ttl = number("ttl")
            .and_then(|ttl| u8::try_from(ttl).ok())
            .unwrap_or(sync.ttl)
            .max(1);
        let length = number("maxlen").unwrap_or(sync.max_length);
        sync.max_length = length.clamp(Sync::SHORTEST, 65_000);
        if !sync.group.is_multicast() {
            return self
                .tally
                .left(node.id, format!("{} is not a multicast group", sync.group));
        }
        match id {
            Some(_) => self.tally.carried(node.id, "sync"),
            None => {
                let reason = "id 0: no id and no virtual_router_id is given";
                self.tally.assumed(node.id, "sync", reason);
            }
        }
        self.draft.sync = Some(sync);
        self.draft.sync_lines = vec![node.id];
        if let Some(line) = self.sync_line.take() {
            self.tally.left(line, "lvs_sync_daemon says it for all");
        }
    }

    /// `lvs_sync_daemon_interface INTERFACE` of an instance: by the number of its virtual router.
    pub(super) fn sync_interface(&mut self, node: &Node, instance: &str) {
        let Ok(interface) = IfName::new(node.word(1).to_owned()) else {
            let reason = format!("{:?} is not an interface", node.word(1));
            return self.tally.left(node.id, reason);
        };
        if self.draft.sync.is_some() {
            return self
                .tally
                .left(node.id, "the synchronisation is declared above");
        }
        let id = self.routers.get(instance).copied();
        self.draft.sync = Some(Sync::new(id.unwrap_or_default(), interface));
        self.sync_line = Some(node.id);
        self.draft.sync_lines = vec![node.id];
        match id {
            Some(_) => self.tally.carried(node.id, "sync"),
            None => self
                .tally
                .assumed(node.id, "sync", "id 0: no virtual_router_id is given"),
        }
    }
}
