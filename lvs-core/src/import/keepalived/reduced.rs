//! keepalived.conf for VRRP alone: keepalived says which director is active, and lvsctl does the rest.

use std::fmt::Write;

use super::flag;
use super::tree::Node;
use crate::import::{Options, Vrrp};

/// What is not kept of `global_defs`, as lvsctl's own stands there or the cluster file says it.
const REPLACED: [&str; 8] = [
    "vrrp_notify_fifo",
    "vrrp_notify_fifo_script",
    "shutdown_script",
    "shutdown_script_timeout",
    "lvs_timeouts",
    "lvs_sync_daemon",
    "lvs_flush",
    "lvs_flush_onstop",
];

/// What is not kept of an instance: the addresses are lvsctl's now, and the synchronisation of connections.
const DROPPED: [&str; 4] = [
    "virtual_ipaddress",
    "virtual_ipaddress_excluded",
    "promote_secondaries",
    "lvs_sync_daemon_interface",
];

const HEAD: &str = "\
# keepalived for directors that lvsctl configures: VRRP alone. keepalived says which director is active;
# lvsctl-notify (examples/keepalived-notify.sh of lvsctl) has lvsctl apply the file in that role.
# DAEMON_ARGS=\"--vrrp\" in /etc/default/keepalived keeps keepalived out of IPVS.

global_defs {
";

/// What strict VRRP means to the cluster; without it this director would not understand one that has it.
const STRICT: &str = "\
# vrrp_strict stays, as both directors must have it: keepalived ignores auth_pass, and drops packets to the
# addresses in this file, which are none of the cluster's.
";

/// The configuration, and the directives of VRRP that it lacks though the cluster file does not say them.
pub(in crate::import) struct Reduced {
    pub(in crate::import) text: String,
    pub(in crate::import) dropped: Vec<String>,
    /// The addresses that move, each with its line.
    moved: Vec<String>,
}

impl Reduced {
    /// Returns the configuration of a source that makes no cluster file, which would have the addresses.
    pub(in crate::import) fn alone(mut self) -> Vrrp {
        let reason = "lvsctl moves it: write it in the cluster file, with floating = true";
        let moved = self.moved.into_iter();
        self.dropped
            .extend(moved.map(|address| format!("{address}: {reason}")));
        Vrrp {
            text: self.text,
            dropped: self.dropped,
        }
    }
}

/// Returns nothing for a source without VRRP.
pub(super) fn reduced(nodes: &[Node], options: &Options) -> Option<Reduced> {
    if !nodes.iter().any(|node| node.word(0) == "vrrp_instance") {
        return None;
    }
    let mut text = HEAD.to_owned();
    let mut dropped = Vec::new();
    if nodes.iter().any(is_strict) {
        text = text.replace("\nglobal_defs", &format!("{STRICT}\nglobal_defs"));
    }
    let globals = nodes.iter().filter(|node| node.word(0) == "global_defs");
    for child in globals.flat_map(Node::children) {
        let word = child.word(0);
        match REPLACED.contains(&word) || word.starts_with("checker_") {
            false => print(child, 1, &mut text),
            true if word.contains("fifo") || word.starts_with("shutdown") => {
                dropped.push(format!(
                    "{}: not kept: {}: lvsctl's own stands in its place",
                    child.place,
                    child.words.join(" ")
                ));
            }
            true => {}
        }
    }
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "    # As root, whichever user script_user names: lvsctl changes addresses and IPVS.\n    \
         vrrp_notify_fifo /run/keepalived-notify root\n    \
         vrrp_notify_fifo_script \"/bin/sh /etc/keepalived/lvsctl-notify\" root\n    \
         shutdown_script \"/usr/bin/lvsctl apply /etc/lvsctl/{}.toml --role standby\" root\n    \
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
            _ => print(node, 0, &mut text),
        }
    }
    let blocks = nodes.iter().flat_map(Node::children);
    let moved = blocks
        .filter(|node| node.word(0).starts_with("virtual_ipaddress"))
        .flat_map(Node::children)
        .map(|node| format!("{}: not kept: {}", node.place, node.words.join(" ")));
    Some(Reduced {
        text,
        dropped,
        moved: moved.collect(),
    })
}

fn is_strict(node: &Node) -> bool {
    let mut children = node.children().iter();
    children.any(|child| match child.word(0) {
        "vrrp_strict" => true,
        "strict_mode" => flag(child),
        _ => false,
    })
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
