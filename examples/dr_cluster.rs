//! LVS by direct routing on a real kernel, without root: `cargo run --example dr_cluster`.
//!
//! Builds the nodes of `dr.toml` and the router as network namespaces, applies the file to each node and lets
//! a client behind the router fetch a page twenty times: the servers answer eight and twelve requests, as
//! their weights 2 and 3 demand. Then it resets the ARP sysctls on one of the real servers to show their
//! purpose.

use std::collections::BTreeMap;
use std::error::Error;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::Duration;

use lvs_core::ipvs::ServiceId;
use lvs_core::net::{MacAddress, arp};
use lvs_core::sysctl::{Conf, SysctlKey};
use lvs_core::{Cluster, Host, IfName};
use lvs_lab::{Lab, run_tool};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const VIP: Ipv4Addr = Ipv4Addr::new(172, 16, 5, 11);
const REQUESTS: usize = 20;

/// The real server whose ARP sysctls are reset.
const UNPROTECTED: &str = "realserver2";

fn main() -> ExitCode {
    lvs_lab::example(run)
}

fn run() -> Result<()> {
    let cluster = Cluster::from_toml(include_str!("dr.toml"))?;
    let lab = Lab::new(&cluster, 1)?;
    for plan in lab.apply()? {
        println!("{plan}");
    }
    lab.wait_for_servers()?;
    let owners = owners(&lab, &cluster)?;
    println!(
        "the router asks who has {VIP}; {} answers\n",
        owners.join(", ")
    );
    expect(&owners, &["director"])?;

    let service = &cluster.services().first().ok_or("no service")?.service.id;
    let answers = lab.ask(service, REQUESTS)?;
    println!("{answers}\n{}", table(&lab)?);
    for (name, expected) in [("realserver1", 8), ("realserver2", 12)] {
        let count = answers.of(name);
        println!("{name} answered {count} of {REQUESTS}");
        if count != expected {
            return Err(format!("by its weight it should be {expected}").into());
        }
    }
    reset_arp_sysctls(&lab, &cluster, service)
}

/// Resets the ARP sysctls of a real server, which then answers for the virtual IP on its `lo` as well: the
/// faster of the two hosts gets all connections of a neighbour.
fn reset_arp_sysctls(lab: &Lab, cluster: &Cluster, service: &ServiceId) -> Result<()> {
    println!("\nNow arp_ignore and arp_announce are reset on {UNPROTECTED}.");
    lab.node(UNPROTECTED)?.run(|host| {
        for conf in [Conf::All, Conf::Interface(IfName::LO)] {
            host.sysctl().write(&SysctlKey::arp_ignore(&conf), "0")?;
            host.sysctl().write(&SysctlKey::arp_announce(&conf), "0")?;
        }
        Ok::<(), lvs_core::Error>(())
    })??;
    let mut owners = owners(lab, cluster)?;
    println!(
        "the router asks who has {VIP}; {} answer\n",
        owners.join(", ")
    );
    owners.sort();
    expect(&owners, &["director", UNPROTECTED])?;

    let before = connections(lab, service)?;
    let flush = |_: &mut Host| run_tool("ip", &["neigh", "flush", "dev", "eth0"]);
    let router = lab.network().router().ok_or("no router")?;
    router.run(flush)??;
    let answers = lab.ask(service, REQUESTS)?;
    let scheduled = connections(lab, service)? - before;
    println!("{answers}\nof {REQUESTS} requests the director received {scheduled}");
    if scheduled == 0 && answers.of(UNPROTECTED) == REQUESTS {
        println!(
            "{UNPROTECTED} was the faster to answer: no balancing, and weights have no effect"
        );
    }
    Ok(())
}

/// Returns the names of the nodes that answer for the virtual IP, the fastest first.
fn owners(lab: &Lab, cluster: &Cluster) -> Result<Vec<String>> {
    let lan: IfName = "eth0".parse()?;
    let mut names: BTreeMap<MacAddress, String> = BTreeMap::new();
    for name in cluster.node_names() {
        let link = lab
            .node(name.as_str())?
            .run(|host| host.net().link(&lan))??;
        names.extend(link.mac.map(|mac| (mac, name.to_string())));
    }
    let router = lab.network().router().ok_or("no router")?;
    let answers = router.run(|_| arp::probe(&lan, VIP, Duration::from_millis(300)))??;
    let name = |mac: &MacAddress| names.get(mac).cloned().unwrap_or_else(|| mac.to_string());
    Ok(answers.iter().map(name).collect())
}

/// Returns the number of connections of a service that the director knows, including ended ones of the last
/// two minutes.
fn connections(lab: &Lab, service: &ServiceId) -> Result<u32> {
    let director = lab.node("director")?;
    let destinations = director.run(|host| host.ipvs()?.destinations(service))??;
    Ok(destinations
        .iter()
        .map(|status| status.active + status.inactive)
        .sum())
}

fn table(lab: &Lab) -> Result<String> {
    Ok(lab.table(&"director".parse()?)?)
}

fn expect(owners: &[String], expected: &[&str]) -> Result<()> {
    match owners == expected {
        true => Ok(()),
        false => Err(format!("{} should have answered", expected.join(" and ")).into()),
    }
}
