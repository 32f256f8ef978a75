//! Packets marked for services by firewall mark.

use std::fs;
use std::net::IpAddr;

use lvs_core::cluster::{Cluster, Match};
use lvs_core::ipvs::ServiceId;
use lvs_core::{Host, IfName};

use crate::error::{Context, Result};
use crate::modules::load_module;
use crate::tools::run_tool;

/// Marks packets for the cluster's services in this thread's namespace.
///
/// Debian's user-mode Linux has nftables for bridges only: there nft and the kernel read the rules in a table
/// for bridges, which verifies their syntax, and tc marks the packets.
pub(crate) fn load(host: &mut Host, cluster: &Cluster, rules: &str) -> Result<()> {
    load_module("nf_tables")?;
    match nft(rules) {
        Err(error) if error.to_string().contains("Operation not supported") => {
            let bridge = rules.replace("table ip6 ", "table bridge ");
            nft(&bridge.replace("table ip ", "table bridge "))?;
            by_tc(host, cluster)
        }
        result => result,
    }
}

fn nft(rules: &str) -> Result<()> {
    let path = std::env::temp_dir().join("rules.nft");
    fs::write(&path, rules).on("write", &path)?;
    run_tool("nft", &["-f", &path.display().to_string()]).map(drop)
}

fn by_tc(host: &mut Host, cluster: &Cluster) -> Result<()> {
    for module in ["sch_ingress", "cls_flower", "act_skbedit"] {
        load_module(module)?;
    }
    for link in host.net().links()? {
        if link.mac.is_none() || link.name == IfName::LO {
            continue;
        }
        let device = link.name.as_str();
        run_tool("tc", &["qdisc", "add", "dev", device, "ingress"])?;
        for service in cluster.services() {
            let ServiceId::Fwmark { mark, .. } = service.service.id else {
                continue;
            };
            for rule in &service.matches {
                let line = filter(device, rule, mark.get());
                run_tool("tc", &line.split(' ').collect::<Vec<_>>())?;
            }
        }
    }
    Ok(())
}

/// Returns the arguments with which tc marks the packets of a rule.
fn filter(device: &str, rule: &Match, mark: u32) -> String {
    let (protocol, ip) = (rule.protocol, rule.address.ip());
    let family = match ip {
        IpAddr::V4(_) => "ip",
        IpAddr::V6(_) => "ipv6",
    };
    let port = match rule.address.port() {
        0 => String::new(),
        port => format!(" dst_port {port}"),
    };
    format!(
        "filter add dev {device} parent ffff: protocol {family} flower dst_ip {ip} ip_proto {protocol}{port} \
         action skbedit mark {mark}"
    )
}
