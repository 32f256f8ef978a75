//! The meaning of an errno for IPVS: the likely reason, and what to do next.
//!
//! The kernel hardly ever tells: IPVS writes no extended acks, and its reasons go to the kernel's log, if
//! they are recorded at all.

use std::fs;

use nix::libc::{
    EAFNOSUPPORT, EEXIST, EINVAL, ENETUNREACH, ENODEV, ENOENT, EOPNOTSUPP, EPERM, ERANGE, ESRCH,
};

use super::{Command, Destination, Encapsulation, Forwarding, Netmask, Service, ServiceId};
use crate::error::{Cause, Error, Operation};

/// Adds what the errno means for this command.
pub(super) fn explain(command: &Command, error: Error) -> Error {
    match error.errno().and_then(|errno| command.reason(errno)) {
        Some(reason) => error.with_hint(reason),
        None => general(error),
    }
}

/// Adds what the errno means for any request.
pub(super) fn general(error: Error) -> Error {
    if error.is_outcome_unknown() {
        return error
            .with_hint("part of it may have been done: read the table before you continue");
    }
    match error.errno() {
        Some(EPERM) => error.with_hint(permission()),
        Some(ESRCH) => error.with_hint("there is no such service"),
        Some(EOPNOTSUPP) => error.with_hint("this kernel's ip_vs does not know the command"),
        _ => error,
    }
}

/// Returns the error of opening, where `ENOENT` means that the kernel does not find the netlink family
/// even by loading its module.
pub(super) fn open(error: Error) -> Error {
    if error.errno() != Some(ENOENT) {
        return general(error);
    }
    Error::new(error.operation().clone(), Cause::NotLoaded).with_hint(
        "load it as root with \"modprobe ip_vs\"; if there is no such module, this kernel was \
         built without CONFIG_IP_VS",
    )
}

/// Returns the error of a handle whose module was unloaded after it was opened.
pub(super) fn unloaded(operation: &Operation) -> Error {
    Error::new(operation.clone(), Cause::NotLoaded).with_hint(
        "the module was unloaded meanwhile, and its table with it; load it as root with \
         \"modprobe ip_vs\"",
    )
}

impl Command {
    /// Returns the likely reason why the kernel refused this command with this errno.
    fn reason(&self, errno: i32) -> Option<String> {
        match self {
            Self::AddService(service) | Self::EditService(service) => service.reason(errno),
            Self::AddDestination(service, destination) => {
                destination.reason(service, errno).map(str::to_owned)
            }
            Self::EditDestination(service, destination) => match errno {
                ENOENT => Some("the service has no such destination; add it instead".to_owned()),
                _ => destination.reason(service, errno).map(str::to_owned),
            },
            Self::DeleteDestination(..) if errno == ENOENT => {
                Some("the service has no such destination".to_owned())
            }
            Self::SetTimeouts(_) if errno == EINVAL => {
                Some("a timeout is too long for the kernel's clock; nothing was changed".to_owned())
            }
            Self::StartDaemon(daemon) => {
                daemon_reason(errno).map(|text| format!("{text} ({})", daemon.interface))
            }
            Self::StopDaemon(_) if errno == ESRCH => Some("it is not running".to_owned()),
            _ => None,
        }
    }
}

impl Service {
    fn reason(&self, errno: i32) -> Option<String> {
        let text = match errno {
            ENOENT => return Some(self.missing_module()),
            EEXIST => "it exists already; edit it instead",
            ESRCH => "there is no such service; add it instead",
            EAFNOSUPPORT => "this kernel's ip_vs has no IPv6, or IPv6 was disabled at boot",
            EINVAL if self.has_bad_netmask() => "its IPv6 netmask is not in 1..128",
            EINVAL => "its scheduler refuses it (mh: more destinations than its table has places)",
            _ => return None,
        };
        Some(text.to_owned())
    }

    fn has_bad_netmask(&self) -> bool {
        let netmask = self.persistence.map(|persistence| persistence.netmask);
        matches!(netmask, Some(Netmask::Ipv6(bits)) if bits == 0 || bits > 128)
    }

    /// The kernel looks for the scheduler first, and loads the modules itself if it can.
    fn missing_module(&self) -> String {
        let scheduler = &self.scheduler;
        let mut text = format!(
            "the kernel has no scheduler {scheduler}: load it with \"modprobe ip_vs_{scheduler}\" or \
             choose another"
        );
        if let Some(engine) = &self.engine {
            text.push_str(&format!(
                "; or it has no persistence engine {engine} (module ip_vs_pe_{engine})"
            ));
        }
        text
    }
}

impl Destination {
    fn reason(&self, service: &ServiceId, errno: i32) -> Option<&'static str> {
        let is_mixed = self.id.family() != service.family();
        Some(match errno {
            EEXIST => "it exists already, perhaps with another forwarding method; edit it instead",
            ESRCH => "there is no such service; add the service first",
            ERANGE => "the lower threshold is above the upper, or the weight above 2147483647",
            EAFNOSUPPORT => "this kernel's ip_vs has no IPv6, or IPv6 was disabled at boot",
            EINVAL if is_mixed && self.forwarding.is_tunnel() => {
                "while a sync daemon runs, no destination can be of another family than its service"
            }
            EINVAL if is_mixed => {
                "it is of another family than the service, which only tunnels support"
            }
            EINVAL if self.thresholds.upper() > i32::MAX as u32 => {
                "this kernel accepts no upper threshold above 2147483647"
            }
            EINVAL if self.lacks_tunnel_port() => "a tunnel by GUE needs a port",
            EINVAL => {
                "the kernel does not accept the address as that of a single host: it is any, \
                 multicast or broadcast; or this network namespace has no routes yet: bring lo up first"
            }
            _ => return None,
        })
    }

    /// Returns whether it has a tunnel that cannot be configured here, but that an old kernel, which
    /// does not check, may report.
    const fn lacks_tunnel_port(&self) -> bool {
        matches!(
            self.forwarding,
            Forwarding::Tunnel(Encapsulation::Other {
                kind: 1,
                port: 0,
                ..
            })
        )
    }
}

const fn daemon_reason(errno: i32) -> Option<&'static str> {
    Some(match errno {
        EEXIST => "a daemon of this role is running already; stop it first",
        ENODEV => "there is no such interface",
        ENETUNREACH => "the interface is down",
        EINVAL => "the group is not multicast, or a service has destinations of another family",
        _ => return None,
    })
}

/// IPVS requires the capability in the initial user namespace. A container with a user namespace of its
/// own cannot grant it, not even to its root.
fn permission() -> &'static str {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    if is_initial(&map) {
        "it needs CAP_NET_ADMIN: run it as root"
    } else {
        "it needs CAP_NET_ADMIN in the initial user namespace, and this process is in another \
         one: root in a rootless container is not enough; run it on the host"
    }
}

/// Returns whether the map is that of the initial user namespace, which maps every id to itself. A map
/// that cannot be read is assumed to be.
fn is_initial(uid_map: &str) -> bool {
    let words: Vec<_> = uid_map.split_whitespace().collect();
    matches!(*words.as_slice(), [] | ["0", "0", "4294967295"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipvs::{EngineName, SchedulerName};

    fn explained(command: &Command, errno: i32) -> String {
        let error = Error::kernel(command.operation(), errno, None);
        explain(command, error).to_string()
    }

    #[test]
    fn missing_scheduler_and_engine_name_their_modules() {
        let id = "udp 10.0.0.1:5060".parse().unwrap();
        let mut service = Service::new(id, SchedulerName::new("foo").unwrap());
        service.engine = Some(EngineName::SIP);
        let text = explained(&Command::AddService(service), ENOENT);
        assert!(
            text.starts_with("add service udp 10.0.0.1:5060: "),
            "{text}"
        );
        assert!(
            text.contains("modprobe ip_vs_foo") && text.contains("ip_vs_pe_sip"),
            "{text}"
        );
    }

    #[test]
    fn refused_address_names_both_likely_reasons() {
        let service = "tcp 10.0.0.1:80".parse().unwrap();
        let id = "10.0.0.2:80".parse().unwrap();
        let destination = Destination::new(id, Forwarding::DirectRouting);
        let text = explained(&Command::AddDestination(service, destination), EINVAL);
        assert!(
            text.contains("broadcast") && text.contains("lo up"),
            "{text}"
        );
    }

    #[test]
    fn an_unknown_command_means_an_old_kernel() {
        let text = explained(&Command::Flush, EOPNOTSUPP);
        assert!(text.starts_with("delete all services: "), "{text}");
        assert!(text.contains("does not know the command"), "{text}");
    }

    #[test]
    fn absent_family_is_not_loaded() {
        let error = open(Error::kernel(Operation::new("open", "ip_vs"), ENOENT, None));
        assert!(error.is_not_loaded());
        assert!(error.hint().unwrap().contains("modprobe ip_vs"));
    }

    #[test]
    fn user_namespaces_are_distinguished_by_their_map() {
        assert!(is_initial("         0          0 4294967295\n"));
        assert!(is_initial(""));
        assert!(!is_initial("         0       1000          1\n"));
        assert!(!is_initial("0 100000 65536\n1000 1000 1\n"));
    }
}
