//! What the tests of networking share.

use lvs_core::net::{Address, IpNet, Net};
use lvs_core::{Host, IfName, Netns};

pub(crate) type Outcome = lvs_core::Result<()>;

pub(crate) fn name(text: &str) -> IfName {
    text.parse().unwrap()
}

pub(crate) fn network(text: &str) -> IpNet {
    text.parse().unwrap()
}

pub(crate) fn address(interface: &str, text: &str) -> Address {
    let mut address = Address::new(name(interface), network(text));
    address.no_dad = address.id.network.addr().is_ipv6();
    address
}

/// Runs `test` in a fresh namespace with `lo` and one end of a cable, `eth0`, set up.
pub(crate) fn with_eth0(test: impl FnOnce(&mut Host) -> Outcome + Send) -> Outcome {
    Netns::create()?.run(|host| {
        let net = host.net();
        net.add_veth(&name("eth0"), &name("peer"), None)?;
        for interface in ["lo", "eth0", "peer"] {
            net.set_up(&name(interface))?;
        }
        test(host)
    })?
}

/// The names of the interfaces that were made here: `lo` is everywhere, and where the module for
/// tunnels is loaded every namespace has a `tunl0`.
pub(crate) fn made(net: &mut Net) -> lvs_core::Result<Vec<String>> {
    let names = net.links()?.into_iter().map(|link| link.name.to_string());
    Ok(names
        .filter(|name| !["lo", "tunl0"].contains(&name.as_str()))
        .collect())
}
