//! keepalived.conf, as keepalived 2.x reads it.

mod block;
mod check;
mod common;
mod declared;
mod directives;
mod expand;
mod global;
mod group;
mod programs;
mod real_server;
mod reduced;
mod sequence;
mod service_options;
mod sorry_server;
mod timing;
mod tree;
mod virtual_server;
mod vrrp;

use std::collections::BTreeMap;
use std::str::FromStr;

use super::draft::Draft;
use super::limits::SERVICES;
use super::tally::{DirectiveId, Tally};
use super::{ImportError, Options, Reader};
use crate::ipvs::{ServiceId, Weight};
use crate::name::IfName;
use block::Block;
use common::Chosen;
use declared::Declared;
use expand::Expander;
use group::Group;
use reduced::Reduced;
use tree::Node;

/// What is collected while the directives are walked.
struct Walk<'a> {
    tally: &'a mut Tally,
    draft: Draft,
    groups: BTreeMap<String, Group>,
    options: &'a Options,
    /// The numbers of virtual routers by the names of their instances.
    routers: BTreeMap<String, u8>,
    /// The line of an instance that names the interface of synchronisation.
    sync_line: Option<DirectiveId>,
    services: BTreeMap<ServiceId, Declared>,
    /// The virtual servers that make services.
    blocks: Vec<(Node, Block)>,
    /// The directives about timing of the virtual server that is read.
    timings: Vec<DirectiveId>,
    /// How many services groups may still make.
    services_left: usize,
}

const SEVERAL_INSTANCES: &str = "The source has several VRRP instances and no vrrp_sync_group: each could \
    have another master. One of two directors is active here, with all addresses: put the instances in one \
    vrrp_sync_group.";

/// Returns the draft, and the configuration that is left for keepalived.
pub(super) fn draft(
    file: &str,
    text: &str,
    options: &Options,
    read: &mut Reader<'_>,
    tally: &mut Tally,
) -> Result<(Draft, Option<Reduced>), ImportError> {
    let id = options.id.as_deref().unwrap_or(options.node.as_str());
    let lines = Expander::new(id, read, tally).lines(file, text)?;
    let nodes = tree::parse(&lines, tally)?;
    let mut walk = Walk {
        tally,
        draft: Draft {
            interface: nodes.iter().rev().find_map(default_interface),
            ..Draft::default()
        },
        groups: BTreeMap::new(),
        options,
        routers: nodes.iter().filter_map(vrrp::router).collect(),
        sync_line: None,
        services: BTreeMap::new(),
        blocks: Vec::new(),
        timings: Vec::new(),
        services_left: SERVICES,
    };
    // Groups may be declared below the virtual servers that name them, and addresses below services.
    for node in &nodes {
        walk.before(node)?;
    }
    for node in &nodes {
        walk.virtual_servers(node)?;
    }
    walk.settle_blocks();
    let count = |word| nodes.iter().filter(|node| node.word(0) == word).count();
    if count("vrrp_instance") > 1 && count("vrrp_sync_group") == 0 {
        walk.draft.notes.push(SEVERAL_INSTANCES.to_owned());
    }
    let Walk {
        draft,
        tally,
        groups,
        ..
    } = walk;
    for group in groups.values() {
        group.settle(tally);
    }
    Ok((draft, reduced::reduced(&nodes, options)))
}

impl Walk<'_> {
    fn before(&mut self, node: &Node) -> Result<(), ImportError> {
        match node.word(0) {
            "global_defs" => self.global(node),
            "virtual_server_group" => self.group(node)?,
            "vrrp_instance" => self.vrrp_instance(node),
            "virtual_server" => {}
            "SSL" => node.leave(self.tally, "checks have no client certificates"),
            "track_file" => node.leave(
                self.tally,
                "its number is for VRRP and FILE_CHECK: see --keepalived",
            ),
            "static_ipaddress" => self.static_addresses(node),
            word if word.starts_with("vrrp_") || word.starts_with("track_") => {
                node.leave(self.tally, vrrp::LEFT);
            }
            word if word.starts_with("static_")
                || word == "garp_group"
                || word == "linkbeat_interfaces" =>
            {
                node.leave(self.tally, "it stays in keepalived's configuration");
            }
            word if word.starts_with("bfd") => {
                node.leave(self.tally, "BFD is for keepalived or BIRD")
            }
            word if word.starts_with("net_namespace") => self.namespace(node),
            word if word == "instance" || word.starts_with("use_pid") => {
                node.leave(self.tally, "how keepalived is run");
            }
            _ => node.leave(self.tally, "keepalived knows no such directive here"),
        }
        Ok(())
    }

    /// Tells of every virtual server what its services have of its checks, when all are declared.
    fn settle_blocks(&mut self) {
        for (number, (node, block)) in std::mem::take(&mut self.blocks).iter().enumerate() {
            let of_block = self.services.values();
            let of_block = of_block.filter(|declared| declared.blocks.contains(&number));
            let chosen = of_block.filter_map(|declared| {
                Some(Chosen {
                    checks: self
                        .draft
                        .services
                        .get(declared.place)?
                        .health
                        .checks
                        .clone(),
                    reason: declared.reason,
                })
            });
            let chosen: Vec<_> = chosen.collect();
            self.settle_checks(node, block, &chosen);
        }
        let services = self.draft.services.iter_mut();
        for service in services.filter(|service| service.health.sets_weight()) {
            let ends = service.destinations.iter_mut();
            let servers = ends.filter(|end| end.is_checked && !end.is_fallback);
            servers.for_each(|end| end.destination.weight = Weight::new(100).unwrap_or_default());
        }
    }

    fn virtual_servers(&mut self, node: &Node) -> Result<(), ImportError> {
        match node.word(0) {
            "virtual_server" => self.virtual_server(node),
            _ => Ok(()),
        }
    }

    /// Reads a number, or leaves the directive with the reason.
    fn number<T: FromStr>(&mut self, node: &Node, what: &str) -> Option<T> {
        let number = node.word(1).parse().ok();
        if number.is_none() {
            self.tally
                .left(node.id, format!("{:?} is not {what}", node.word(1)));
        }
        number
    }
}

/// Returns the interface of addresses that name none, with its directive.
fn default_interface(node: &Node) -> Option<(IfName, DirectiveId)> {
    let mut children = match node.word(0) {
        "global_defs" => node.children().iter().rev(),
        _ => return None,
    };
    let named = children.find(|child| child.word(0) == "default_interface")?;
    Some((IfName::new(named.word(1).to_owned()).ok()?, named.id))
}

/// `yes`, `on`, `true` or nothing; `no`, `off`, `false`.
fn flag(node: &Node) -> bool {
    !matches!(
        node.word(1).to_ascii_lowercase().as_str(),
        "no" | "off" | "false"
    )
}
