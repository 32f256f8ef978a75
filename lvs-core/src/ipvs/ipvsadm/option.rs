//! The options of ipvsadm(8), and those that were added to it here.

/// Is what an option sets. Options that exclude each other share a name: `-t` and `-f` are both
/// [`OptionName::Service`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OptionName {
    Command(Verb),
    Service(ServiceKind),
    Ipv6,
    Scheduler,
    Persistent,
    Netmask,
    Engine,
    SchedulerFlags,
    OnePacket,
    RealServer,
    Method(MethodOption),
    Weight,
    Upper,
    Lower,
    TunnelType,
    TunnelPort,
    TunnelChecksum(u16),
    TunnelFlags,
    ExactPort,
    SyncId,
    MaxLength,
    Interface,
    Group,
    Port,
    Ttl,
    /// Removes something in an edit; not an option of ipvsadm.
    Without(Removable),
    /// An option of ipvsadm that does not change a table.
    Irrelevant,
}

/// Is a part of a service that can be removed, but not by a value of its own option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Removable {
    Persistence,
    Engine,
    OnePacket,
    SchedulerFlags,
}

impl OptionName {
    /// Returns whether an edit with this option no longer keeps the other one.
    pub(super) fn replaces(self, old: Self) -> bool {
        let is_of_tunnel = matches!(
            old,
            Self::TunnelPort | Self::TunnelChecksum(_) | Self::TunnelFlags
        );
        match (self, old) {
            (Self::Service(_), Self::Service(_)) | (Self::Method(_), Self::Method(_)) => true,
            (Self::Method(method), Self::TunnelType) => method != MethodOption::Ipip,
            (Self::Method(method), _) if is_of_tunnel => method != MethodOption::Ipip,
            (Self::TunnelType, _) if is_of_tunnel => true,
            (Self::TunnelChecksum(_) | Self::TunnelFlags, _) if is_of_tunnel => {
                old != Self::TunnelPort
            }
            (Self::Without(Removable::Persistence), _) => {
                matches!(old, Self::Persistent | Self::Netmask)
            }
            (Self::Without(Removable::Engine), _) => old == Self::Engine,
            (Self::Without(Removable::OnePacket), _) => old == Self::OnePacket,
            (Self::Without(Removable::SchedulerFlags), _) => old == Self::SchedulerFlags,
            _ => self == old,
        }
    }
}

/// Is the command of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    AddService,
    EditService,
    DeleteService,
    AddDestination,
    EditDestination,
    DeleteDestination,
    Flush,
    Zero,
    SetTimeouts,
    StartDaemon,
    StopDaemon,
    /// `-L`, `-S`, `-R`, `-h`.
    NotAChange,
}

/// Is the kind of an option that identifies a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ServiceKind {
    Protocol(u16),
    Fwmark,
}

/// Is an option for a forwarding method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MethodOption {
    Gatewaying,
    Ipip,
    Masquerading,
    /// `--method`, which is not an option of ipvsadm.
    Named,
}

/// Tells whether a value follows an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Argument {
    None,
    Required,
    /// A value, unless the next word is an option or there is none.
    Optional,
}

/// Describes an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OptionSpec {
    pub(super) short: Option<char>,
    pub(super) long: &'static str,
    pub(super) name: OptionName,
    pub(super) argument: Argument,
}

const fn option(
    short: char,
    long: &'static str,
    name: OptionName,
    argument: Argument,
) -> OptionSpec {
    OptionSpec {
        short: Some(short),
        long,
        name,
        argument,
    }
}

const fn long(long: &'static str, name: OptionName, argument: Argument) -> OptionSpec {
    OptionSpec {
        short: None,
        long,
        name,
        argument,
    }
}

use Argument::{None as Nothing, Optional as Perhaps, Required as Value};
use OptionName as N;
use Verb as V;

const OPTIONS: &[OptionSpec] = &[
    option('A', "add-service", N::Command(V::AddService), Nothing),
    option('E', "edit-service", N::Command(V::EditService), Nothing),
    option('D', "delete-service", N::Command(V::DeleteService), Nothing),
    option('a', "add-server", N::Command(V::AddDestination), Nothing),
    option('e', "edit-server", N::Command(V::EditDestination), Nothing),
    option(
        'd',
        "delete-server",
        N::Command(V::DeleteDestination),
        Nothing,
    ),
    option('C', "clear", N::Command(V::Flush), Nothing),
    option('Z', "zero", N::Command(V::Zero), Nothing),
    long("set", N::Command(V::SetTimeouts), Nothing),
    long("start-daemon", N::Command(V::StartDaemon), Value),
    long("stop-daemon", N::Command(V::StopDaemon), Value),
    option('L', "list", N::Command(V::NotAChange), Nothing),
    option('l', "list", N::Command(V::NotAChange), Nothing),
    option('S', "save", N::Command(V::NotAChange), Nothing),
    option('R', "restore", N::Command(V::NotAChange), Nothing),
    option('h', "help", N::Command(V::NotAChange), Nothing),
    option(
        't',
        "tcp-service",
        N::Service(ServiceKind::Protocol(6)),
        Value,
    ),
    option(
        'u',
        "udp-service",
        N::Service(ServiceKind::Protocol(17)),
        Value,
    ),
    long(
        "sctp-service",
        N::Service(ServiceKind::Protocol(132)),
        Value,
    ),
    option(
        'f',
        "fwmark-service",
        N::Service(ServiceKind::Fwmark),
        Value,
    ),
    option('6', "ipv6", N::Ipv6, Nothing),
    option('s', "scheduler", N::Scheduler, Value),
    option('p', "persistent", N::Persistent, Perhaps),
    option('M', "netmask", N::Netmask, Value),
    long("pe", N::Engine, Value),
    // ipvsadm itself writes "-b " without a value if sh or mh have no flag but flag-3.
    option('b', "sched-flags", N::SchedulerFlags, Perhaps),
    option('o', "ops", N::OnePacket, Nothing),
    option('r', "real-server", N::RealServer, Value),
    option(
        'g',
        "gatewaying",
        N::Method(MethodOption::Gatewaying),
        Nothing,
    ),
    option('i', "ipip", N::Method(MethodOption::Ipip), Nothing),
    option(
        'm',
        "masquerading",
        N::Method(MethodOption::Masquerading),
        Nothing,
    ),
    long("method", N::Method(MethodOption::Named), Value),
    option('w', "weight", N::Weight, Value),
    option('x', "u-threshold", N::Upper, Value),
    option('y', "l-threshold", N::Lower, Value),
    long("tun-type", N::TunnelType, Value),
    long("tun-port", N::TunnelPort, Value),
    long("tun-nocsum", N::TunnelChecksum(0), Nothing),
    long("tun-csum", N::TunnelChecksum(1), Nothing),
    long("tun-remcsum", N::TunnelChecksum(2), Nothing),
    long("tun-flags", N::TunnelFlags, Value),
    long("exact-port", N::ExactPort, Nothing),
    long("no-persistent", N::Without(Removable::Persistence), Nothing),
    long("no-pe", N::Without(Removable::Engine), Nothing),
    long("no-ops", N::Without(Removable::OnePacket), Nothing),
    long(
        "no-sched-flags",
        N::Without(Removable::SchedulerFlags),
        Nothing,
    ),
    long("syncid", N::SyncId, Value),
    long("sync-maxlen", N::MaxLength, Value),
    long("mcast-interface", N::Interface, Value),
    long("mcast-group", N::Group, Value),
    long("mcast-port", N::Port, Value),
    long("mcast-ttl", N::Ttl, Value),
    option('n', "numeric", N::Irrelevant, Nothing),
    option('c', "connection", N::Irrelevant, Nothing),
    long("exact", N::Irrelevant, Nothing),
    long("timeout", N::Irrelevant, Nothing),
    long("daemon", N::Irrelevant, Nothing),
    long("stats", N::Irrelevant, Nothing),
    long("rate", N::Irrelevant, Nothing),
    long("thresholds", N::Irrelevant, Nothing),
    long("persistent-conn", N::Irrelevant, Nothing),
    long("tun-info", N::Irrelevant, Nothing),
    long("sort", N::Irrelevant, Nothing),
    long("nosort", N::Irrelevant, Nothing),
];

impl OptionSpec {
    /// Returns the option of a letter.
    pub(super) fn short(letter: char) -> Option<Self> {
        OPTIONS
            .iter()
            .find(|option| option.short == Some(letter))
            .copied()
    }

    /// Returns the option of a complete name; ipvsadm accepts no abbreviations.
    pub(super) fn long(name: &str) -> Option<Self> {
        OPTIONS
            .iter()
            .find(|option| option.long == name)
            .copied()
            .or_else(|| protocol_service(name))
    }
}

/// Returns the option `protocol-47-service`, for protocols that ipvsadm has no option for.
fn protocol_service(name: &str) -> Option<OptionSpec> {
    let number = name.strip_prefix("protocol-")?.strip_suffix("-service")?;
    let kind = ServiceKind::Protocol(number.parse().ok()?);
    Some(long("protocol-N-service", N::Service(kind), Value))
}
