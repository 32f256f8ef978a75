//! The options of ipvsadm(8), and the few of our own.

/// What an option is about. Those that exclude each other share a name: `-t` and `-f` are both
/// [`Name::Service`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
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
    Method(Method),
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
    /// Our own, in an edit: what is to be given up.
    Without(Removable),
    /// Of ipvsadm's, but nothing that changes a table.
    Useless,
}

/// What a service can be without, and what no value of its option says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Removable {
    Persistence,
    Engine,
    OnePacket,
    SchedulerFlags,
}

impl Name {
    /// Whether an edit that names this no longer keeps the other.
    pub(super) fn replaces(self, old: Self) -> bool {
        let tunnel = matches!(
            old,
            Self::TunnelPort | Self::TunnelChecksum(_) | Self::TunnelFlags
        );
        match (self, old) {
            (Self::Service(_), Self::Service(_)) | (Self::Method(_), Self::Method(_)) => true,
            (Self::Method(method), Self::TunnelType) => method != Method::Ipip,
            (Self::Method(method), _) if tunnel => method != Method::Ipip,
            (Self::TunnelType, _) if tunnel => true,
            (Self::TunnelChecksum(_) | Self::TunnelFlags, _) if tunnel => old != Self::TunnelPort,
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

/// What a line does.
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

/// How a service is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ServiceKind {
    Protocol(u16),
    Fwmark,
}

/// A forwarding method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Gatewaying,
    Ipip,
    Masquerading,
    /// Our `--method`.
    Named,
}

/// Whether a value follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    Nothing,
    Value,
    /// A value unless the next word is an option or there is none.
    Perhaps,
}

/// One option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spec {
    pub(super) short: Option<char>,
    pub(super) long: &'static str,
    pub(super) name: Name,
    pub(super) takes: Takes,
}

const fn option(short: char, long: &'static str, name: Name, takes: Takes) -> Spec {
    Spec {
        short: Some(short),
        long,
        name,
        takes,
    }
}

const fn long(long: &'static str, name: Name, takes: Takes) -> Spec {
    Spec {
        short: None,
        long,
        name,
        takes,
    }
}

use Name as N;
use Takes::{Nothing, Perhaps, Value};
use Verb as V;

const OPTIONS: &[Spec] = &[
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
    // ipvsadm itself writes "-b " and no value if sh or mh have nothing but flag-3.
    option('b', "sched-flags", N::SchedulerFlags, Perhaps),
    option('o', "ops", N::OnePacket, Nothing),
    option('r', "real-server", N::RealServer, Value),
    option('g', "gatewaying", N::Method(Method::Gatewaying), Nothing),
    option('i', "ipip", N::Method(Method::Ipip), Nothing),
    option(
        'm',
        "masquerading",
        N::Method(Method::Masquerading),
        Nothing,
    ),
    long("method", N::Method(Method::Named), Value),
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
    option('n', "numeric", N::Useless, Nothing),
    option('c', "connection", N::Useless, Nothing),
    long("exact", N::Useless, Nothing),
    long("timeout", N::Useless, Nothing),
    long("daemon", N::Useless, Nothing),
    long("stats", N::Useless, Nothing),
    long("rate", N::Useless, Nothing),
    long("thresholds", N::Useless, Nothing),
    long("persistent-conn", N::Useless, Nothing),
    long("tun-info", N::Useless, Nothing),
    long("sort", N::Useless, Nothing),
    long("nosort", N::Useless, Nothing),
];

impl Spec {
    /// The option of a letter.
    pub(super) fn short(letter: char) -> Option<Self> {
        let mut options = OPTIONS.iter().copied();
        options.find(|option| option.short == Some(letter))
    }

    /// The option of a whole name; ipvsadm takes no abbreviations.
    pub(super) fn long(name: &str) -> Option<Self> {
        let mut options = OPTIONS.iter().copied();
        options
            .find(|option| option.long == name)
            .or_else(|| protocol_service(name))
    }
}

/// `protocol-47-service`, for protocols that ipvsadm has no option for.
fn protocol_service(name: &str) -> Option<Spec> {
    let number = name.strip_prefix("protocol-")?.strip_suffix("-service")?;
    let kind = ServiceKind::Protocol(number.parse().ok()?);
    Some(long("protocol-N-service", N::Service(kind), Value))
}
