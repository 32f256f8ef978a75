//! Commands that fixes print.

use std::net::SocketAddr;

use crate::ipvs::{Family, Protocol, ServiceId};

/// The programs whose commands are fixes.
const PROGRAMS: [&str; 9] = [
    "chronyc", "chronyd", "ethtool", "ip", "lvsctl", "modprobe", "nft", "sysctl", "tc",
];

/// Returns whether a line of a fix is a command, not advice or a line of the file. A command after "or" is one, too.
pub(super) fn is_command(line: &str) -> bool {
    let line = line.strip_prefix("or ").unwrap_or(line);
    let program = line.split_once(' ').map(|(program, _)| program);
    program.is_some_and(|program| PROGRAMS.contains(&program))
}

/// Returns the command that edits or deletes a destination: `lvsctl destination delete -u VIP:53 -r RIP:53`.
pub(super) fn destination(verb: &str, service: ServiceId, destination: SocketAddr) -> String {
    let service = options(service);
    format!("lvsctl destination {verb} {service} -r {destination}")
}

/// Returns the command that deletes a service: `lvsctl service delete -t VIP:80`.
pub(super) fn delete_service(service: ServiceId) -> String {
    format!("lvsctl service delete {}", options(service))
}

fn options(service: ServiceId) -> String {
    match service {
        ServiceId::Socket { protocol, address } => match protocol {
            Protocol::UDP => format!("-u {address}"),
            Protocol::SCTP => format!("--sctp-service {address}"),
            _ => format!("-t {address}"),
        },
        ServiceId::Fwmark { mark, family } => match family {
            Family::Ipv4 => format!("-f {mark}"),
            Family::Ipv6 => format!("-f {mark} -6"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_those_of_ipvsadm() {
        let line = |service: &str, server: &str| {
            destination("delete", service.parse().unwrap(), server.parse().unwrap())
        };
        assert_eq!(
            line("udp 172.16.5.11:53", "192.168.1.12:53"),
            "lvsctl destination delete -u 172.16.5.11:53 -r 192.168.1.12:53"
        );
        assert_eq!(
            line("tcp [2001:db8::1]:80", "[2001:db8::2]:80"),
            "lvsctl destination delete -t [2001:db8::1]:80 -r [2001:db8::2]:80"
        );
        assert_eq!(
            line("fwmark 1 ipv6", "[2001:db8::2]:80"),
            "lvsctl destination delete -f 1 -6 -r [2001:db8::2]:80"
        );
    }
}
