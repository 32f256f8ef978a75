//! keepalived.conf for VRRP alone: keepalived says which director is active, and lvsctl does the rest.

use std::fmt::Write;

use super::tree::Node;
use crate::import::Options;

/// What is kept of `global_defs`.
const GLOBAL: [&str; 6] = [
    "router_id",
    "vrrp_version",
    "vrrp_priority",
    "vrrp_rt_priority",
    "vrrp_mcast_group4",
    "vrrp_mcast_group6",
];

/// What is not kept of an instance: the addresses are lvsctl's now, and so is what happens on a change.
const DROPPED: [&str; 12] = [
    "virtual_ipaddress",
    "virtual_ipaddress_excluded",
    "notify",
    "notify_master",
    "notify_backup",
    "notify_fault",
    "notify_stop",
    "notify_master_rx_lower_pri",
    "notify_deleted",
    "smtp_alert",
    "promote_secondaries",
    "lvs_sync_daemon_interface",
];

const HEAD: &str = "\
# keepalived for directors that lvsctl configures: VRRP alone. keepalived says which director is active;
# lvsctl-notify (examples/keepalived-notify.sh of lvsctl) has lvsctl apply the file in that role.
# DAEMON_ARGS=\"--vrrp\" in /etc/default/keepalived keeps keepalived out of IPVS.

global_defs {
";

pub(super) fn reduced(nodes: &[Node], options: &Options) -> String {
    let mut text = HEAD.to_owned();
    for node in nodes.iter().filter(|node| node.word(0) == "global_defs") {
        for child in node.children() {
            if GLOBAL.contains(&child.word(0)) {
                print(child, 1, &mut text);
            }
        }
    }
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "    script_user root\n    enable_script_security\n\n    \
         vrrp_notify_fifo /run/keepalived-notify\n    \
         vrrp_notify_fifo_script \"/bin/sh /etc/keepalived/lvsctl-notify\"\n    \
         shutdown_script \"/usr/bin/lvsctl apply /etc/lvsctl/{}.toml --role standby\"\n    \
         shutdown_script_timeout 30\n}}\n",
        options.name
    );
    let kept = |node: &&Node| {
        let word = node.word(0);
        word.starts_with("vrrp_") || word.starts_with("track_") || word.starts_with("bfd")
    };
    let mut instances = 0;
    for node in nodes.iter().filter(kept) {
        text.push('\n');
        match node.word(0) {
            "vrrp_instance" => {
                instance(node, instances, &mut text);
                instances += 1;
            }
            "vrrp_sync_group" => print(&without_notifications(node), 0, &mut text),
            _ => print(node, 0, &mut text),
        }
    }
    text
}

fn without_notifications(node: &Node) -> Node {
    let mut node = node.clone();
    if let Some(block) = &mut node.block {
        block.retain(|child| !DROPPED.contains(&child.word(0)));
    }
    node
}

fn instance(node: &Node, index: u32, text: &mut String) {
    let _ = writeln!(text, "{} {{", words(node));
    for child in node.children() {
        if !DROPPED.contains(&child.word(0)) {
            print(child, 1, text);
        }
    }
    // keepalived wants an address to carry; such a one every host has anyway.
    let dummy = std::net::Ipv4Addr::from_bits(0x7f00_004c_u32.saturating_add(index));
    let _ = writeln!(
        text,
        "    virtual_ipaddress {{\n        {dummy}/32 dev lo scope host\n    }}\n}}"
    );
}

fn print(node: &Node, depth: usize, text: &mut String) {
    let indent = "    ".repeat(depth);
    let _ = write!(text, "{indent}{}", words(node));
    let Some(block) = &node.block else {
        text.push('\n');
        return;
    };
    text.push_str(" {\n");
    for child in block {
        print(child, depth + 1, text);
    }
    let _ = writeln!(text, "{indent}}}");
}

/// Words as keepalived reads them again.
fn words(node: &Node) -> String {
    let quoted = |word: &String| {
        let plain = |c: char| !c.is_whitespace() && !"\"'{}#!\\$".contains(c);
        match !word.is_empty() && word.chars().all(plain) {
            true => word.clone(),
            false => format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\"")),
        }
    };
    node.words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}
