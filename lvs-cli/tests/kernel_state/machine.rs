//! A namespace with the interfaces of a director, and lvsctl in it.

use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Output};

use lvs_core::sysctl::SysctlKey;
use lvs_core::{Host, IfName, Netns};

pub(crate) const NAT: &str = include_str!("../../../examples/nat.toml");
pub(crate) const LVSCTL: &str = env!("CARGO_BIN_EXE_lvsctl");
/// The cluster file, in the guest.
pub(crate) const FILE: &str = "/run/web.toml";
/// The state directory, in the guest.
pub(crate) const STATE: &str = "/run/state";

/// The director of the NAT example.
pub(crate) struct Machine {
    pub(crate) netns: Netns,
}

impl Machine {
    /// Makes a namespace with interfaces that are up, and nothing else.
    pub(crate) fn new() -> Self {
        fs::write(FILE, NAT).unwrap();
        Self::of(Netns::create().unwrap())
    }

    pub(crate) fn of(netns: Netns) -> Self {
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
        Self { netns }
    }

    /// Returns the number of the namespace's file.
    pub(crate) fn inode(&self) -> u64 {
        let file = fs::File::from(self.netns.as_fd().try_clone_to_owned().unwrap());
        file.metadata().unwrap().ino()
    }

    /// Returns a command that starts lvsctl on the cluster file.
    pub(crate) fn command(verb: &[&str]) -> Command {
        let mut command = Command::new(LVSCTL);
        command.arg(verb[0]);
        if ["plan", "apply", "remove"].contains(&verb[0]) {
            command.args([FILE, "--node", "director"]);
        }
        command.args(&verb[1..]).args(["--state", STATE]);
        command
    }

    /// Runs lvsctl here: a program inherits the namespace of the thread that starts it.
    pub(crate) fn run(&self, verb: &[&str]) -> Output {
        let output = |_: &mut Host| Self::command(verb).output().unwrap();
        self.netns.run(output).unwrap()
    }

    /// Returns what the cluster changes: IPv4 addresses and routes, whether it forwards, and the services.
    pub(crate) fn look(&self) -> String {
        let read = |host: &mut Host| {
            let (mut addresses, mut routes) = (host.net().addresses()?, host.net().routes()?);
            addresses.retain(|address| address.id.network.addr().is_ipv4());
            addresses.sort();
            routes.retain(|route| route.id.destination.addr().is_ipv4());
            let forwards = host.sysctl().read(&SysctlKey::IP_FORWARD)?;
            let services = host.ipvs()?.services()?;
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
    let text = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned();
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    assert_eq!(output.status.code(), Some(status), "{text}");
}
