//! A cluster of any size as its file, and the table of its director as rules of ipvsadm.

use std::fmt::Write;
use std::net::Ipv4Addr;

/// The size of a cluster: each real server is a destination of every service.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) vips: u32,
    pub(crate) ports: u16,
    pub(crate) servers: u32,
}

impl Size {
    pub(crate) fn services(self) -> u32 {
        self.vips * u32::from(self.ports)
    }

    pub(crate) fn destinations(self) -> u32 {
        self.services() * self.servers
    }

    /// Returns the cluster file.
    pub(crate) fn toml(self) -> String {
        let mut text = String::from(
            "name = \"large\"\nforwarding = \"dr\"\n\
             [defaults]\ninterface = \"eth0\"\n\
             [director]\nname = \"director\"\naddresses = [\n",
        );
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "{{ interface = \"eth0\", address = \"10.0.0.1/8\" }},"
        );
        for vip in 0..self.vips {
            let _ = writeln!(
                text,
                "{{ interface = \"eth0\", address = \"{}/32\" }},",
                ip(VIPS, vip)
            );
        }
        text.push_str("]\n");
        for server in 0..self.servers {
            let _ = writeln!(
                text,
                "[[real-servers]]\nname = \"server{server}\"\naddress = \"{}/8\"\ngroups = [\"web\"]",
                ip(SERVERS, server)
            );
        }
        for vip in (0..self.vips).map(|number| ip(VIPS, number)) {
            let addresses: Vec<_> = (1..=self.ports)
                .map(|port| format!("\"{vip}:{port}\""))
                .collect();
            let _ = writeln!(
                text,
                "[[services]]\naddresses = [{}]\nscheduler = \"rr\"\ndestinations = [{{ group = \"web\" }}]",
                addresses.join(", ")
            );
        }
        text
    }

    /// Returns the rules that make the table this one.
    pub(crate) fn rules(self) -> String {
        let mut text = String::from("-C\n");
        for (vip, port) in self.sockets() {
            let _ = writeln!(text, "-A -t {vip}:{port} -s rr");
            for server in 0..self.servers {
                let server = ip(SERVERS, server);
                let _ = writeln!(text, "-a -t {vip}:{port} -r {server}:{port} -g -w 1");
            }
        }
        text
    }

    fn sockets(self) -> impl Iterator<Item = (Ipv4Addr, u16)> {
        (0..self.vips).flat_map(move |vip| (1..=self.ports).map(move |port| (ip(VIPS, vip), port)))
    }
}

const VIPS: u32 = 0xAC10_0000;
const SERVERS: u32 = 0x0A01_0000;

const fn ip(first: u32, number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(first + number)
}
