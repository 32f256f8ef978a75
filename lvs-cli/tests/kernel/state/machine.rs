//! A namespace with the interfaces of a director, and lvsctl in it.

use std::fs;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Output};

use lvs_core::sysctl::SysctlKey;
use lvs_core::{Host, IfName, Netns};

pub(crate) const NAT: &str = include_str!("../../../../examples/nat.toml");
pub(crate) const TWO: &str = include_str!("../../../../examples/two_directors.toml");
pub(crate) const LVSCTL: &str = env!("CARGO_BIN_EXE_lvsctl");
/// The cluster file, in the guest.
pub(crate) const FILE: &str = "/run/web.toml";
/// The state directory, in the guest.
pub(crate) const STATE: &str = "/run/state";

/// A director of an example.
pub(crate) struct Machine {
    pub(crate) netns: Netns,
    node: &'static str,
    state: String,
}

impl Machine {
    /// Makes a namespace with interfaces that are up, and nothing else, for the director of the NAT example.
    pub(crate) fn new() -> Self {
        Self::of_file(NAT, "director")
    }

    pub(crate) fn of_file(text: &str, node: &'static str) -> Self {
        fs::write(FILE, text).unwrap();
        let netns = Netns::create().unwrap();
        let name = |text: &str| text.parse::<IfName>().unwrap();
        let prepare = |host: &mut Host| {
            host.net().set_up(&IfName::LO)?;
            for (link, peer) in [("eth0", "port0"), ("eth1", "port1")] {
                host.net().add_veth(&name(link), &name(peer), None)?;
                host.net().set_up(&name(peer))?;
                host.net().set_up(&name(link))?;
            }
            Ok::<_, lvs_core::Error>(())
        };
        netns.run(prepare).unwrap().unwrap();
        let state = STATE.to_owned();
        Self { netns, node, state }
    }

    /// Returns it with a state directory of its own.
    pub(crate) fn with_state(self, name: &str) -> Self {
        let state = format!("{STATE}-{name}");
        Self { state, ..self }
    }

    /// Returns the number of the namespace's file.
    pub(crate) fn inode(&self) -> u64 {
        let file = fs::File::from(self.netns.as_fd().try_clone_to_owned().unwrap());
        file.metadata().unwrap().ino()
    }

    /// Returns a command that starts lvsctl on the cluster file.
    pub(crate) fn command(&self, verb: &[&str]) -> Command {
        let mut command = Command::new(LVSCTL);
        command.arg(verb[0]);
        if ["plan", "apply", "remove"].contains(&verb[0]) {
            command.args([FILE, "--node", self.node]);
        }
        command.args(&verb[1..]);
        if !["list", "save"].contains(&verb[0]) {
            command.args(["--state", &self.state]);
        }
        command
    }

    /// Runs lvsctl here: a program inherits the namespace of the thread that starts it.
    pub(crate) fn run(&self, verb: &[&str]) -> Output {
        let output = |_: &mut Host| self.command(verb).output().unwrap();
        self.netns.run(output).unwrap()
    }

    pub(crate) fn carries(&self, ip: &str) -> bool {
        let ip = ip.parse().unwrap();
        let addresses = self
            .netns
            .run(|host| host.net().addresses())
            .unwrap()
            .unwrap();
        addresses
            .iter()
            .any(|address| address.id.network.addr() == IpAddr::V4(ip))
    }

    /// Returns what the cluster changes: IPv4 addresses and routes, whether it forwards, and the services.
    pub(crate) fn look(&self) -> String {
        let read = |host: &mut Host| {
            let (mut addresses, mut routes) = (host.net().addresses()?, host.net().routes()?);
            addresses.retain(|address| address.id.network.addr().is_ipv4());
            addresses.sort();
            routes.retain(|route| route.id.destination.addr().is_ipv4());
            let forwards = host.sysctl().read(&SysctlKey::IP_FORWARD)?;
            let mut services = Vec::new();
            for entry in host.ipvs()?.snapshot()? {
                services.push(format!("{:?}", entry.status.service));
                let destinations = entry.destinations.iter();
                services.extend(destinations.map(|status| format!("{:?}", status.destination)));
            }
            services.sort();
            Ok::<_, lvs_core::Error>(format!(
                "{addresses:?}\n{routes:?}\n{forwards}\n{services:?}"
            ))
        };
        self.netns.run(read).unwrap().unwrap()
    }
}

/// Returns the names of the records.
pub(crate) fn records() -> Vec<String> {
    let mut names: Vec<_> = Path::new(STATE)
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains('@'))
        .collect();
    names.sort();
    names
}

#[track_caller]
pub(crate) fn says(output: &Output, status: i32, parts: &[&str]) {
    let text = text(output);
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    assert_eq!(output.status.code(), Some(status), "{text}");
}

pub(crate) fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}
