//! Files of clusters in other forms, and what several tests type.

use lvs_lab::run_tool;

use crate::check::TUNNEL;

/// The file with a text in the place of another one, which it must have.
#[track_caller]
pub(crate) fn changed(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from:?} is not in the file");
    text.replace(from, to)
}

/// Types lines of `ip` in this thread's namespace.
#[track_caller]
pub(crate) fn ip(lines: &[impl AsRef<str>]) {
    for line in lines {
        let words: Vec<_> = line.as_ref().split_whitespace().collect();
        run_tool("ip", &words).unwrap();
    }
}

/// The example in another wrapping.
pub(crate) fn wrapped(tunnel: &str) -> String {
    changed(TUNNEL, "{ type = \"ipip\" }", tunnel)
}

/// By masquerading over IPv6.
pub(crate) const NAT_OF_IPV6: &str = r#"
name = "six"
forwarding = "nat"
[director]
addresses = [
  { interface = "eth0", address = "2001:db8:1::11/64" },
  { interface = "eth1", address = "2001:db8:2::11/64" },
]
[[services]]
address = "[2001:db8:1::11]:80"
scheduler = "rr"
[[real-servers]]
name = "realserver1"
addresses = [{ interface = "eth0", address = "2001:db8:2::12/64" }]
[[real-servers]]
name = "realserver2"
addresses = [{ interface = "eth0", address = "2001:db8:2::13/64" }]
"#;

/// http and https by one mark.
pub(crate) fn marked(text: &str) -> String {
    changed(
        text,
        "address = \"172.16.5.11:80\"\n",
        "fwmark = 1\nfamily = \"ipv4\"\n\
         match = [\"tcp 172.16.5.11:80\", \"tcp 172.16.5.11:443\"]\npersistence = 300\n",
    )
}

/// The director as its own third real server.
pub(crate) fn local_node(text: &str, port: &str) -> String {
    let scheduler = "address = \"172.16.5.11:80\"\n";
    assert!(text.contains(scheduler));
    text.replace(
        scheduler,
        &format!(
            "{scheduler}destinations = [{{ real-server = \"realserver1\" }}, \
             {{ real-server = \"realserver2\" }}, {{ real-server = \"director\"{port} }}]\n"
        ),
    )
}
