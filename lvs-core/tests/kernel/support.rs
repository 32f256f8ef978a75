//! Helpers of the tests of networking.

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

/// IPv4 services of real servers that have IPv6 only.
pub(crate) const MIXED: &str = r#"
name = "mixed"
forwarding = "tunnel"
[director]
gateway = "192.168.1.254"
addresses = [
  { interface = "eth0", address = "172.16.5.11/32" },
  { interface = "eth0", address = "192.168.1.11/24" },
  { interface = "eth0", address = "2001:db8:1::11/64" },
]
[[services]]
address = "172.16.5.11:80"
scheduler = "rr"
[[real-servers]]
name = "realserver1"
addresses = [{ interface = "eth0", address = "2001:db8:1::12/64" }]
gateway = "2001:db8:1::fe"
[[real-servers]]
name = "realserver2"
addresses = [{ interface = "eth0", address = "2001:db8:1::13/64" }]
gateway = "2001:db8:1::fe"
"#;

/// Runs `test` in a fresh namespace with `lo` and a veth pair, `eth0` and `peer`, set up.
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

/// Returns the names of the interfaces that the test made: every namespace has `lo`, and a `tunl0` where the
/// module for tunnels is loaded.
pub(crate) fn made(net: &mut Net) -> lvs_core::Result<Vec<String>> {
    Ok(net
        .links()?
        .into_iter()
        .map(|link| link.name.to_string())
        .filter(|name| !["lo", "tunl0"].contains(&name.as_str()))
        .collect())
}

/// Runs `ip` in the thread's namespace; it must succeed.
#[allow(dead_code, reason = "not every test has a use for it")]
pub(crate) fn ip(arguments: &str) -> String {
    let output = std::process::Command::new("ip")
        .args(arguments.split_whitespace())
        .output()
        .unwrap();
    let problem = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {arguments}: {problem}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
