//! What the kernel most likely means by an errno, and what to do next. It hardly ever says so
//! itself: IPVS writes no extended acks, and its reasons go to the kernel's log if anywhere.

use std::fs;

use nix::libc::{
    EAFNOSUPPORT, EEXIST, EINVAL, ENETUNREACH, ENODEV, ENOENT, EOPNOTSUPP, EPERM, ERANGE, ESRCH,
};

use super::{Command, Destination, Encapsulation, Forwarding, Netmask, Service, ServiceId};
use crate::error::{Cause, Error};
use crate::proc::Proc;

/// Adds what is known about this errno for this command.
pub(super) fn advise(command: &Command, error: Error) -> Error {
    // The same errno as that of a scheduler that is not there.
    if error.errno() == Some(ENOENT) && !Proc::new().is_ipvs_loaded() {
        return general(error);
    }
    explain(command, error)
}

fn explain(command: &Command, error: Error) -> Error {
    match error.errno().and_then(|errno| reason(command, errno)) {
        Some(advice) => error.advise(advice),
        None => general(error),
    }
}

/// Adds what an errno means whatever was asked.
pub(super) fn general(error: Error) -> Error {
    if error.is_outcome_unknown() {
        return error.advise("some of it may have been done: read the table before going on");
    }
    match error.errno() {
        Some(EPERM) => error.advise(permission()),
        Some(ESRCH) => error.advise("there is no such service"),
        Some(ENOENT) => error.advise("the ip_vs module was taken out meanwhile; open it again"),
        Some(EOPNOTSUPP) => error.advise("this kernel's ip_vs does not know the command"),
        _ => error,
    }
}

/// The error of opening: a family that the kernel does not find even by loading its module.
pub(super) fn open(error: Error) -> Error {
    if error.errno() != Some(ENOENT) {
        return general(error);
    }
    Error::new(error.operation().clone(), Cause::NotLoaded).advise(
        "load it as root with \"modprobe ip_vs\"; if there is no such module, this kernel was \
         built without CONFIG_IP_VS",
    )
}

fn reason(command: &Command, errno: i32) -> Option<String> {
    match command {
        Command::AddService(service) => service_reason(service, errno),
        Command::EditService(service) => service_reason(service, errno),
        Command::AddDestination(service, destination) => {
            destination_reason(service, destination, errno).map(str::to_owned)
        }
        Command::EditDestination(service, destination) => match errno {
            ENOENT => Some("the service has no such destination; add it instead".to_owned()),
            _ => destination_reason(service, destination, errno).map(str::to_owned),
        },
        Command::DeleteDestination(..) if errno == ENOENT => {
            Some("the service has no such destination".to_owned())
        }
        Command::SetTimeouts(_) if errno == EINVAL => {
            Some("a timeout is too long for the kernel's clock; nothing was changed".to_owned())
        }
        Command::StartDaemon(daemon) => {
            daemon_reason(errno).map(|text| format!("{text} ({})", daemon.interface))
        }
        Command::StopDaemon(_) if errno == ESRCH => Some("it is not running".to_owned()),
        _ => None,
    }
}

fn service_reason(service: &Service, errno: i32) -> Option<String> {
    let text = match errno {
        ENOENT => return Some(missing_module(service)),
        EEXIST => "it is there already; edit it instead",
        ESRCH => "there is no such service; add it instead",
        EAFNOSUPPORT => "this kernel's ip_vs has no IPv6, or IPv6 was switched off at boot",
        EINVAL if has_bad_netmask(service) => "its IPv6 netmask is not in 1..128",
        EINVAL => "its scheduler refuses it (mh: more destinations than its table has places)",
        _ => return None,
    };
    Some(text.to_owned())
}

fn has_bad_netmask(service: &Service) -> bool {
    let netmask = service.persistence.map(|persistence| persistence.netmask);
    matches!(netmask, Some(Netmask::Ipv6(bits)) if bits == 0 || bits > 128)
}

/// The kernel looks for the scheduler first, and loads the modules itself where it can.
fn missing_module(service: &Service) -> String {
    let scheduler = &service.scheduler;
    let mut text = format!(
        "the kernel has no scheduler {scheduler}: load it with \"modprobe ip_vs_{scheduler}\" or \
         choose another"
    );
    if let Some(engine) = &service.engine {
        text.push_str(&format!(
            "; or it has no persistence engine {engine} (module ip_vs_pe_{engine})"
        ));
    }
    text
}

fn destination_reason(
    service: &ServiceId,
    destination: &Destination,
    errno: i32,
) -> Option<&'static str> {
    let mixed = destination.id.family() != service.family();
    let tunnel = matches!(destination.forwarding, Forwarding::Tunnel(_));
    Some(match errno {
        EEXIST => "it is there already, perhaps with another forwarding method; edit it instead",
        ESRCH => "there is no such service; add the service first",
        ERANGE => "the lower threshold is above the upper, or the weight above 2147483647",
        EAFNOSUPPORT => "this kernel's ip_vs has no IPv6, or IPv6 was switched off at boot",
        EINVAL if mixed && tunnel => {
            "while a sync daemon runs there can be no destination of another family than its service"
        }
        EINVAL if mixed => "it is of another family than the service, which only tunnels can do",
        EINVAL if destination.thresholds.upper() > i32::MAX as u32 => {
            "this kernel takes no upper threshold above 2147483647"
        }
        EINVAL if lacks_port(destination.forwarding) => "a tunnel by GUE needs a port",
        EINVAL => {
            "the kernel takes the address for none of a single machine: any, multicast or \
             broadcast; or this network namespace has no routes yet, then bring lo up first"
        }
        _ => return None,
    })
}

/// What cannot be written, but read from a kernel that does not look.
const fn lacks_port(forwarding: Forwarding) -> bool {
    matches!(
        forwarding,
        Forwarding::Tunnel(Encapsulation::Other {
            kind: 1,
            port: 0,
            ..
        })
    )
}

const fn daemon_reason(errno: i32) -> Option<&'static str> {
    Some(match errno {
        EEXIST => "a daemon of this role runs already; stop it first",
        ENODEV => "there is no such interface",
        ENETUNREACH => "the interface is down",
        EINVAL => "the group is not multicast, or a service has destinations of another family",
        _ => return None,
    })
}

/// IPVS asks for the capability in the initial user namespace, which no container that has its own
/// can give, whoever one is in there.
fn permission() -> &'static str {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    if is_initial(&map) {
        "it needs CAP_NET_ADMIN: run it as root"
    } else {
        "it needs CAP_NET_ADMIN in the initial user namespace, and this process is in another \
         one: root in a rootless container is not enough; run it on the host"
    }
}

/// The initial user namespace maps every id to itself. What cannot be read is taken for that.
fn is_initial(uid_map: &str) -> bool {
    let words: Vec<_> = uid_map.split_whitespace().collect();
    matches!(*words.as_slice(), [] | ["0", "0", "4294967295"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Operation;
    use crate::ipvs::{EngineName, SchedulerName};

    fn advised(command: &Command, errno: i32) -> String {
        let error = Error::kernel(command.operation(), errno, None);
        explain(command, error).to_string()
    }

    #[test]
    fn missing_scheduler_and_engine_name_their_modules() {
        let id = "udp 10.0.0.1:5060".parse().unwrap();
        let mut service = Service::new(id, SchedulerName::new("foo").unwrap());
        service.engine = Some(EngineName::SIP);
        let text = advised(&Command::AddService(service), ENOENT);
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
        let text = advised(&Command::AddDestination(service, destination), EINVAL);
        assert!(
            text.contains("broadcast") && text.contains("lo up"),
            "{text}"
        );
    }

    #[test]
    fn unknown_commands_are_the_kernels_age() {
        let text = advised(&Command::Flush, EOPNOTSUPP);
        assert!(text.starts_with("delete all services: "), "{text}");
        assert!(text.contains("does not know the command"), "{text}");
    }

    #[test]
    fn absent_family_is_not_loaded() {
        let error = open(Error::kernel(Operation::new("open", "ip_vs"), ENOENT, None));
        assert!(error.is_not_loaded());
        assert!(error.advice().unwrap().contains("modprobe ip_vs"));
    }

    #[test]
    fn user_namespaces_are_told_apart_by_their_map() {
        assert!(is_initial("         0          0 4294967295\n"));
        assert!(is_initial(""));
        assert!(!is_initial("         0       1000          1\n"));
        assert!(!is_initial("0 100000 65536\n1000 1000 1\n"));
    }
}
