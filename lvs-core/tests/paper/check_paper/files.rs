//! Files that are sound, and changes of them.

use lvs_core::Cluster;
use lvs_core::check::{self, Code};

pub(crate) const NAT: &str = r#"
name = "web"
forwarding = "nat"
[director]
gateway = "172.16.0.1"
addresses = [
  { interface = "eth0", address = "172.16.5.11/16" },
  { interface = "eth1", address = "192.168.1.11/24" },
]
[[services]]
address = "172.16.5.11:80"
scheduler = "rr"
[[real-servers]]
name = "realserver1"
addresses = [{ interface = "eth0", address = "192.168.1.12/24" }]
[[real-servers]]
name = "realserver2"
addresses = [{ interface = "eth0", address = "192.168.1.13/24" }]
[time]
ntp-server = "192.168.1.254"
"#;

pub(crate) const DR: &str = r#"
name = "web"
forwarding = "dr"
[director]
gateway = "192.168.1.254"
ip-forward = true
addresses = [
  { interface = "eth0", address = "172.16.5.11/32" },
  { interface = "eth0", address = "192.168.1.11/24", label = "eth0:1" },
]
[[services]]
address = "172.16.5.11:80"
scheduler = "wrr"
[[real-servers]]
name = "realserver1"
addresses = [{ interface = "eth0", address = "192.168.1.12/24" }]
gateway = "192.168.1.254"
weight = 2
[[real-servers]]
name = "realserver2"
addresses = [{ interface = "eth0", address = "192.168.1.13/24" }]
gateway = "192.168.1.254"
weight = 3
[time]
ntp-server = "192.168.1.254"
"#;

pub(crate) const TUNNEL: &str = r#"
name = "web"
forwarding = "tunnel"
[director]
gateway = "192.168.1.254"
addresses = [
  { interface = "eth0", address = "172.16.5.11/32" },
  { interface = "eth0", address = "192.168.1.11/24" },
]
[[services]]
address = "172.16.5.11:80"
[[real-servers]]
name = "realserver1"
addresses = [{ interface = "eth0", address = "10.1.1.12/24" }]
gateway = "10.1.1.254"
[[real-servers]]
name = "realserver2"
addresses = [{ interface = "eth0", address = "10.1.2.13/24" }]
gateway = "10.1.2.254"
[time]
ntp-server = "192.168.1.254"
"#;

#[track_caller]
fn file(base: &str, changes: &[(&str, &str)]) -> String {
    let mut text = base.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from:?} is not in the file");
        text = text.replace(from, to);
    }
    text
}

#[track_caller]
pub(crate) fn cluster(base: &str, changes: &[(&str, &str)]) -> Cluster {
    Cluster::from_toml(&file(base, changes)).unwrap()
}

/// The codes that are found, each once, the worst first.
pub(crate) fn codes(cluster: &Cluster) -> Vec<Code> {
    let report = check::on_paper(cluster);
    let mut codes: Vec<_> = report
        .findings()
        .iter()
        .map(|finding| finding.code)
        .collect();
    codes.dedup();
    codes
}
