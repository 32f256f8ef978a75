//! Every reason for which the kernel's IPVS refuses a request, and the text that a user reads for it.
//!
//! [`REFUSALS`] is the kernel's list, in its order. Each row is attempted on a handle of its own with
//! an empty table; a refusal that no value of this library can cause is listed with the reason.
//! [`SENSELESS`] is the opposite: values that the kernel accepts although they make no sense.

use lvs_core::ipvs::{
    Command, Daemon, DaemonRole, Destination, DestinationId, Encapsulation, EngineName, Family,
    Forwarding, Ipvs, Netmask, Protocol, SchedulerName, Seconds, Service, ServiceFlags, ServiceId,
    Thresholds, Timeouts, TunnelChecksum, Weight,
};
use lvs_core::{Error, IfName, InvalidValue};
use lvs_lab::{load_module, run_tool, unload_module};
use nix::errno::Errno::{self, EEXIST, EINVAL, ENETUNREACH, ENODEV, ENOENT, EPERM, ESRCH};
use nix::unistd::{Uid, seteuid};

use crate::ipvs::{destination, id, open, persistent, round_robin};

/// Describes the refusal of an attempt.
struct Refusal {
    /// The kernel's errno; `None` if the value was never sent.
    errno: Option<Errno>,
    text: String,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self {
            errno: error.errno().map(Errno::from_raw),
            text: error.to_string(),
        }
    }
}

impl From<InvalidValue> for Refusal {
    fn from(invalid: InvalidValue) -> Self {
        Self {
            errno: None,
            text: invalid.to_string(),
        }
    }
}

type Attempt = fn(&mut Ipvs) -> Result<(), Refusal>;

enum Row {
    /// The kernel refuses with this errno; the error has these words: object, reason, hint.
    Kernel(&'static str, Errno, &'static [&'static str], Attempt),
    /// A type or `check()` refuses before anything is sent, with these words.
    Before(&'static str, &'static [&'static str], Attempt),
    /// It is not an error.
    Taken(&'static str, Attempt),
    /// Nothing here can cause it, because...
    Never(&'static str, &'static str),
}
use Row::{Before, Kernel, Never, Taken};

const WEB: &str = "tcp 10.0.0.1:80";
const WEB6: &str = "tcp [2001:db8::1]:80";
const DR: Forwarding = Forwarding::DirectRouting;
const NAT: Forwarding = Forwarding::Masquerade;
const IPIP: Forwarding = Forwarding::Tunnel(Encapsulation::Ipip);

#[rustfmt::skip]
const REFUSALS: &[Row] = &[
    Before("ip_vs is not loaded and cannot be loaded", &["open ip_vs", "not loaded", "modprobe ip_vs", "CONFIG_IP_VS"], open_without_module),
    Before("the module is unloaded while the handle exists", &["add service tcp 10.0.0.1:80", "not loaded", "unloaded", "modprobe ip_vs"], module_goes),
    Kernel("no CAP_NET_ADMIN", EPERM, &["add service tcp 10.0.0.1:80", "CAP_NET_ADMIN"], unprivileged),
    Never("unknown command, SET_INFO, dump where one is asked for", "no Command is such a message; the text for EOPNOTSUPP has a test of its own"),
    Never("SERVICE, DEST or DAEMON missing or incomplete", "the codec always writes all of it"),
    Never("SERVICE, DEST, DAEMON or TIMEOUT_* too short", "the codec writes them whole"),
    Never("bad address family", "Family has both that exist; the lab has no kernel without IPv6"),
    Kernel("service exists already", EEXIST, &["add service tcp 10.0.0.1:80", "exists already", "edit it instead"], |ipvs| { let there = web(ipvs); add(ipvs, &there) }),
    Kernel("edit: no service", ESRCH, &["edit service tcp 10.0.0.1:80", "no such service", "add it instead"], |ipvs| Ok(ipvs.edit_service(&round_robin(WEB))?)),
    Kernel("delete: no service", ESRCH, &["delete service tcp 10.0.0.1:80", "no such service"], |ipvs| Ok(ipvs.delete_service(&id(WEB))?)),
    Kernel("read: no service", ESRCH, &["read service tcp 10.0.0.1:80", "no such service"], |ipvs| tried(ipvs.service(&id(WEB)))),
    Kernel("add destination: no service", ESRCH, &["add destination 10.1.0.1:80 to tcp 10.0.0.1:80", "add the service first"], |ipvs| Ok(ipvs.add_destination(&id(WEB), &real(DR))?)),
    Kernel("edit destination: no service", ESRCH, &["edit destination 10.1.0.1:80 of tcp 10.0.0.1:80", "no such service"], |ipvs| Ok(ipvs.edit_destination(&id(WEB), &real(DR))?)),
    Kernel("delete destination: no service", ESRCH, &["delete destination 10.1.0.1:80 from tcp 10.0.0.1:80", "no such service"], |ipvs| Ok(ipvs.delete_destination(&id(WEB), &real(DR).id)?)),
    Kernel("zero: no service", ESRCH, &["zero counters of tcp 10.0.0.1:80", "no such service"], |ipvs| Ok(ipvs.zero(Some(&id(WEB)))?)),
    Kernel("list destinations: no service (the kernel: an empty list)", ESRCH, &["tcp 10.0.0.1:80", "no such service"], |ipvs| tried(ipvs.destinations(&id(WEB)))),
    Kernel("unknown scheduler", ENOENT, &["add service tcp 10.0.0.1:80", "no scheduler nonesuch", "modprobe ip_vs_nonesuch"], |ipvs| add(ipvs, &scheduled("nonesuch")?)),
    Kernel("edit: unknown scheduler", ENOENT, &["edit service tcp 10.0.0.1:80", "modprobe ip_vs_nonesuch"], |ipvs| { web(ipvs); Ok(ipvs.edit_service(&scheduled("nonesuch")?)?) }),
    Kernel("unknown persistence engine", ENOENT, &["add service tcp 10.0.0.1:80", "no persistence engine nonesuch", "ip_vs_pe_nonesuch"], |ipvs| add(ipvs, &with_engine("nonesuch")?)),
    Before("scheduler without a name", &["scheduler", "is empty"], |ipvs| add(ipvs, &scheduled("")?)),
    Before("scheduler of 16 bytes", &["scheduler \"sixteen-bytes-ab\"", "longer than 15 bytes"], |ipvs| add(ipvs, &scheduled("sixteen-bytes-ab")?)),
    Before("engine of 17 bytes", &["persistence engine \"seventeen-bytes-a\"", "longer than 16 bytes"], |ipvs| add(ipvs, &with_engine("seventeen-bytes-a")?)),
    Never("name without its closing NUL", "the codec writes one"),
    Before("IPv6 netmask of 129 bits", &["persistence netmask \"129\"", "1..128"], |_| tried(Netmask::from_prefix(Family::Ipv6, 129))),
    Before("IPv6 netmask of 0 bits, by hand", &["add service tcp [2001:db8::1]:80", "persistence netmask \"/0\"", "at least 1 bit"], |ipvs| add(ipvs, &masked6(0))),
    Kernel("IPv6 netmask of 0 bits, restored", EINVAL, &["add service tcp [2001:db8::1]:80", "netmask", "1..128"], |ipvs| send(ipvs, Command::AddService(masked6(0)))),
    Kernel("IPv6 netmask of 129 bits, restored", EINVAL, &["add service tcp [2001:db8::1]:80", "netmask", "1..128"], |ipvs| send(ipvs, Command::AddService(masked6(129)))),
    Kernel("destination exists already", EEXIST, &["add destination 10.1.0.1:80 to tcp 10.0.0.1:80", "exists already", "edit it instead"], |ipvs| { let id = behind(ipvs, &real(DR)); Ok(ipvs.add_destination(&id, &real(NAT))?) }),
    Kernel("edit: no destination", ENOENT, &["edit destination 10.1.0.1:80 of tcp 10.0.0.1:80", "no such destination", "add it instead"], |ipvs| { let id = web(ipvs).id; Ok(ipvs.edit_destination(&id, &real(DR))?) }),
    Kernel("delete: no destination", ENOENT, &["delete destination 10.1.0.1:80 from tcp 10.0.0.1:80", "no such destination"], |ipvs| { let id = web(ipvs).id; Ok(ipvs.delete_destination(&id, &real(DR).id)?) }),
    Before("weight of 2^31", &["weight \"2147483648\"", "is not in 0..2147483647"], |_| tried(Weight::new(1 << 31))),
    Before("lower threshold above the upper", &["lower threshold \"3\"", "is above the upper threshold 2"], |_| tried(Thresholds::new(2, 3))),
    Before("upper threshold of 2^31", &["add destination 10.1.0.1:80 to tcp 10.0.0.1:80", "upper threshold \"2147483648\"", "is above 2147483647"], |ipvs| { let id = web(ipvs).id; Ok(ipvs.add_destination(&id, &crowded())?) }),
    Before("GUE without a port", &["add destination 10.1.0.1:80 to tcp 10.0.0.1:80", "forwarding", "has no meaning"], |ipvs| { let id = web(ipvs).id; Ok(ipvs.add_destination(&id, &real(portless_gue()))?) }),
    Kernel("GUE without a port, restored", EINVAL, &["add destination 10.1.0.1:80 to tcp 10.0.0.1:80", "GUE needs a port"], |ipvs| { let id = web(ipvs).id; send(ipvs, Command::AddDestination(id, real(portless_gue()))) }),
    Before("destination 0.0.0.0", &["add destination 0.0.0.0:80 to tcp 10.0.0.1:80", "is not the address of a single host"], |ipvs| at(ipvs, WEB, "0.0.0.0:80")),
    Before("destination is a group", &["224.0.0.5:80", "is not the address of a single host"], |ipvs| at(ipvs, WEB, "224.0.0.5:80")),
    Before("destination is of one link", &["[fe80::5]:80", "is not the address of a single host"], |ipvs| at(ipvs, WEB6, "[fe80::5]:80")),
    Before("destination is IPv4 in IPv6", &["[::ffff:10.1.0.1]:80", "is not the address of a single host"], |ipvs| at(ipvs, WEB6, "[::ffff:10.1.0.1]:80")),
    Kernel("destination is a subnet's broadcast", EINVAL, &["add destination 127.255.255.255:80 to tcp 10.0.0.1:80", "broadcast", "bring lo up"], |ipvs| at(ipvs, WEB, "127.255.255.255:80")),
    Before("other family, no tunnel", &["add destination [2001:db8::2]:80 to tcp 10.0.0.1:80", "another family", "only tunnels"], |ipvs| at(ipvs, WEB, "[2001:db8::2]:80")),
    Kernel("other family, no tunnel, restored", EINVAL, &["[2001:db8::2]:80", "another family", "only tunnels"], |ipvs| { let id = web(ipvs).id; send(ipvs, Command::AddDestination(id, destination("[2001:db8::2]:80", DR))) }),
    Kernel("other family, a daemon runs", EINVAL, &["add destination [2001:db8::2]:80 to tcp 10.0.0.1:80", "while a sync daemon runs"], |ipvs| { ipvs.start_daemon(&master("lo"))?; let id = web(ipvs).id; Ok(ipvs.add_destination(&id, &mixed())?) }),
    Kernel("daemon runs already", EEXIST, &["start sync daemon master", "running already", "stop it first"], |ipvs| { ipvs.start_daemon(&master("lo"))?; Ok(ipvs.start_daemon(&master("lo"))?) }),
    Kernel("daemon on no interface", ENODEV, &["start sync daemon master", "no such interface", "eth9"], |ipvs| Ok(ipvs.start_daemon(&master("eth9"))?)),
    Kernel("daemon on an interface that is down", ENETUNREACH, &["start sync daemon master", "is down", "quiet0"], |ipvs| { link_that_is_down(); Ok(ipvs.start_daemon(&master("quiet0"))?) }),
    Never("daemon in no known role", "DaemonRole has both that exist, for starting and for stopping"),
    Before("daemon's group is a machine", &["start sync daemon master", "multicast group \"10.0.0.9\"", "is not a multicast address"], |ipvs| Ok(ipvs.start_daemon(&lonely())?)),
    Kernel("daemon's group is a machine, restored", EINVAL, &["start sync daemon master", "the group is not multicast"], |ipvs| send(ipvs, Command::StartDaemon(lonely()))),
    Kernel("daemon, and a destination of another family", EINVAL, &["start sync daemon master", "destinations of another family"], |ipvs| { behind(ipvs, &mixed()); Ok(ipvs.start_daemon(&master("lo"))?) }),
    Kernel("stop: no daemon", ESRCH, &["stop sync daemon backup", "is not running"], |ipvs| Ok(ipvs.stop_daemon(DaemonRole::Backup)?)),
    Kernel("timeout beyond the kernel's clock", EINVAL, &["set timeouts", "too long", "nothing was changed"], |ipvs| Ok(ipvs.set_timeouts(&udp_timeout(u32::MAX / 2))?)),
    Kernel("negative timeout", EINVAL, &["set timeouts", "too long", "nothing was changed"], |ipvs| Ok(ipvs.set_timeouts(&udp_timeout(u32::MAX))?)),
    Taken("timeout 0 keeps the current one", |ipvs| { let before = ipvs.timeouts()?; ipvs.set_timeouts(&udp_timeout(0))?; assert_eq!(ipvs.timeouts()?, before); Ok(()) }),
    Never("second dump while one runs", "a method has exclusive access to the handle until its dump is complete"),
    Kernel("mh with more destinations than its table", EINVAL, &["edit service tcp 10.0.0.1:80", "mh: more destinations than its table"], crowd_for_mh),
    Never("the module is being unloaded (ENOPROTOOPT)", "a moment that no test can hold; read in the source only"),
    Never("no memory (ENOMEM)", "it cannot be made to happen to one request; read in the source only"),
];

/// Is what is wrong, the words of `check()`, and a command with the mistake.
type Senseless = (&'static str, &'static [&'static str], fn() -> Command);

/// The values that `check()` refuses although the kernel accepts them, which is why there is a `check()`.
#[rustfmt::skip]
const SENSELESS: &[Senseless] = &[
    ("protocol", &["protocol", "is not tcp, udp or sctp"], || service(|s| s.id = ServiceId::Socket { protocol: Protocol(1), address: "10.0.0.1:80".parse().unwrap() })),
    ("forwarding method above 4", &["forwarding", "has no meaning"], || real_server(|d| d.forwarding = Forwarding::Other(5))),
    ("tunnel type above 2", &["forwarding", "has no meaning"], || real_server(|d| d.forwarding = Forwarding::Tunnel(Encapsulation::Other { kind: 3, port: 0, flags: 0 }))),
    ("remote checksum with GRE", &["forwarding", "has no meaning"], || real_server(|d| d.forwarding = Forwarding::Tunnel(Encapsulation::Gre { checksum: TunnelChecksum::Remote }))),
    ("netmask with holes", &["persistence netmask \"255.0.255.0\"", "is not a prefix"], || service(|s| *s = persistent(s.clone(), 60, Netmask::Ipv4([255, 0, 255, 0].into())))),
    ("netmask of no bits", &["persistence netmask \"/0\"", "at least 1 bit"], || service(|s| *s = persistent(s.clone(), 60, Netmask::Ipv4([0; 4].into())))),
    ("persistence that wraps the kernel's clock", &["persistence timeout \"4294968s\"", "more than 4294967 s"], || service(|s| *s = persistent(s.clone(), 4_294_968, Netmask::host(Family::Ipv4)))),
    ("other port with direct routing", &["10.1.0.1:8080", "only masquerading"], || real_server(|d| d.id.port = 8080)),
    ("other port with a tunnel", &["10.1.0.1:8080", "only masquerading"], || real_server(|d| { d.id.port = 8080; d.forwarding = IPIP; })),
    ("other port on the director itself", &["10.1.0.1:8080", "only masquerading"], || real_server(|d| { d.id.port = 8080; d.forwarding = Forwarding::Local; })),
    ("port 0 without persistence", &["service", "needs persistence"], || service(|s| s.id = id("tcp 10.0.0.1:0"))),
    ("flags without a meaning", &["service flags \"0x40\"", "have no meaning"], || service(|s| s.flags = ServiceFlags::from_bits_retain(0x40))),
    ("one-packet scheduling of TCP", &["one-packet scheduling", "is for UDP only"], || service(|s| s.flags = ServiceFlags::ONE_PACKET)),
    ("engine without persistence", &["persistence engine \"sip\"", "needs persistence"], || service(|s| s.engine = Some(EngineName::SIP))),
    ("sync id above 255", &["sync id \"256\"", "is not in 0..255"], || Command::StartDaemon(Daemon { sync_id: 256, ..master("lo") })),
];

pub(crate) fn every_refusal_of_the_kernel_is_explained() {
    for module in ["ip_vs_mh", "ip_vs_pe_sip"] {
        load_module(module).unwrap();
    }
    for row in REFUSALS {
        judge(row);
        let mut ipvs = open();
        ipvs.flush().unwrap();
        for daemon in ipvs.daemons().unwrap() {
            ipvs.stop_daemon(daemon.role).unwrap();
        }
    }
}

fn judge(row: &Row) {
    match row {
        Kernel(situation, errno, words, attempt) => {
            let no = attempt(&mut open()).expect_err(situation);
            assert_eq!(no.errno, Some(*errno), "{situation}: {}", no.text);
            has_words(situation, &no.text, words);
        }
        Before(situation, words, attempt) => {
            let no = attempt(&mut open()).expect_err(situation);
            assert_eq!(no.errno, None, "{situation}: {}", no.text);
            has_words(situation, &no.text, words);
        }
        Taken(situation, attempt) => {
            let refused = attempt(&mut open()).err().map(|no| no.text);
            assert_eq!(refused, None, "{situation}");
        }
        Never(situation, reason) => println!("{situation}: not tried, {reason}"),
    }
}

fn has_words(situation: &str, text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{situation}: no {word:?} in {text:?}");
    }
}

/// A fwmark of 0, or a scheduler or engine whose name cannot be that of a module, cannot even be
/// constructed: the kernel would search for the module, for tens of milliseconds and under a lock.
pub(crate) fn senseless_values_are_refused_although_the_kernel_accepts_them() {
    load_module("ip_vs_pe_sip").unwrap();
    for (what, words, command) in SENSELESS {
        let command = command();
        let refusal = command.check().expect_err(what);
        has_words(what, &refusal.to_string(), words);
        let mut ipvs = open();
        if matches!(command, Command::AddDestination(..)) {
            web(&mut ipvs);
        }
        let taken = send(&mut ipvs, command).err().map(|no| no.text);
        assert_eq!(taken, None, "{what}");
        ipvs.flush().unwrap();
    }
    for (text, word) in [("fwmark 0", "1..4294967295"), ("fwmark 4294967296", "1..")] {
        let refusal = text.parse::<ServiceId>().unwrap_err();
        has_words(text, &refusal.to_string(), &["firewall mark", word]);
    }
    for name in ["a b", "../rr", "rr\n"] {
        let refusal = SchedulerName::new(name).unwrap_err();
        has_words(name, &refusal.to_string(), &["scheduler", "contains"]);
        let refusal = EngineName::new(name).unwrap_err();
        has_words(name, &refusal.to_string(), &["engine", "contains"]);
    }
}

/// Old kernels accept an upper threshold of 2^31 and more, new ones refuse it.
pub(crate) fn upper_threshold_is_accepted_or_explained() {
    let mut ipvs = open();
    let id = web(&mut ipvs).id;
    if let Err(no) = send(&mut ipvs, Command::AddDestination(id, crowded())) {
        assert_eq!(no.errno, Some(EINVAL));
        let words = ["10.1.0.1:80", "upper threshold", "2147483647"];
        has_words("upper threshold, restored", &no.text, &words);
    }
}

// The parts of rows.

/// Returns only the refusal.
fn tried<T, E: Into<Refusal>>(result: Result<T, E>) -> Result<(), Refusal> {
    result.map(|_| ()).map_err(E::into)
}

fn add(ipvs: &mut Ipvs, service: &Service) -> Result<(), Refusal> {
    Ok(ipvs.add_service(service)?)
}

/// Sends a command without `check()`, as restoring does.
fn send(ipvs: &mut Ipvs, command: Command) -> Result<(), Refusal> {
    let results = ipvs.batch(&[command])?;
    Ok(results.into_iter().collect::<Result<(), _>>()?)
}

fn web(ipvs: &mut Ipvs) -> Service {
    let service = round_robin(WEB);
    ipvs.add_service(&service).unwrap();
    service
}

fn behind(ipvs: &mut Ipvs, destination: &Destination) -> ServiceId {
    let id = web(ipvs).id;
    ipvs.add_destination(&id, destination).unwrap();
    id
}

fn at(ipvs: &mut Ipvs, service: &str, address: &str) -> Result<(), Refusal> {
    let service = round_robin(service);
    ipvs.add_service(&service)?;
    Ok(ipvs.add_destination(&service.id, &destination(address, DR))?)
}

fn service(change: fn(&mut Service)) -> Command {
    let mut service = round_robin(WEB);
    change(&mut service);
    Command::AddService(service)
}

fn real_server(change: fn(&mut Destination)) -> Command {
    let mut destination = real(DR);
    change(&mut destination);
    Command::AddDestination(id(WEB), destination)
}

fn scheduled(name: &str) -> Result<Service, InvalidValue> {
    Ok(Service::new(id(WEB), SchedulerName::new(name)?))
}

fn with_engine(name: &str) -> Result<Service, InvalidValue> {
    let mut service = persistent(round_robin(WEB), 60, Netmask::host(Family::Ipv4));
    service.engine = Some(EngineName::new(name)?);
    Ok(service)
}

fn masked6(bits: u8) -> Service {
    persistent(round_robin(WEB6), 60, Netmask::Ipv6(bits))
}

fn real(forwarding: Forwarding) -> Destination {
    destination("10.1.0.1:80", forwarding)
}

fn mixed() -> Destination {
    destination("[2001:db8::2]:80", IPIP)
}

fn crowded() -> Destination {
    let mut destination = real(DR);
    destination.thresholds = Thresholds::new(1 << 31, 0).unwrap();
    destination
}

/// Returns a tunnel that [`Encapsulation::Gue`] cannot express.
fn portless_gue() -> Forwarding {
    Forwarding::Tunnel(Encapsulation::Other {
        kind: 1,
        port: 0,
        flags: 0,
    })
}

fn master(interface: &str) -> Daemon {
    Daemon::new(DaemonRole::Master, IfName::new(interface).unwrap(), 1)
}

fn lonely() -> Daemon {
    let mut daemon = master("lo");
    daemon.group = Some("10.0.0.9".parse().unwrap());
    daemon
}

fn udp_timeout(seconds: u32) -> Timeouts {
    Timeouts {
        udp: Seconds(seconds),
        ..Timeouts::default()
    }
}

fn link_that_is_down() {
    run_tool("ip", &["link", "add", "quiet0", "type", "dummy"]).unwrap();
}

/// Runs an attempt without ip_vs, and loads it again afterwards.
fn without_module<T>(attempt: impl FnOnce() -> T) -> T {
    let modules = [
        "ip_vs_rr",
        "ip_vs_wrr",
        "ip_vs_wlc",
        "ip_vs_mh",
        "ip_vs_pe_sip",
        "ip_vs",
    ];
    for module in modules {
        unload_module(module).unwrap();
    }
    let done = attempt();
    for module in modules {
        load_module(module).unwrap();
    }
    done
}

fn open_without_module(_: &mut Ipvs) -> Result<(), Refusal> {
    tried(without_module(Ipvs::open))
}

fn module_goes(ipvs: &mut Ipvs) -> Result<(), Refusal> {
    without_module(|| add(ipvs, &round_robin(WEB)))
}

fn unprivileged(ipvs: &mut Ipvs) -> Result<(), Refusal> {
    seteuid(Uid::from_raw(65534)).unwrap();
    let refused = add(ipvs, &round_robin(WEB));
    seteuid(Uid::from_raw(0)).unwrap();
    refused
}

/// The table has 4093 places.
fn crowd_for_mh(ipvs: &mut Ipvs) -> Result<(), Refusal> {
    let id = web(ipvs).id;
    let numbered = |number: u32| {
        let address = (0x0a01_0000 + number).to_be_bytes();
        let real = Destination::new(DestinationId::new(address.into(), 80), DR);
        Command::AddDestination(id, real)
    };
    let crowd: Vec<_> = (1..=4094).map(numbered).collect();
    for added in ipvs.batch(&crowd)? {
        added?;
    }
    Ok(ipvs.edit_service(&Service::new(id, SchedulerName::MH))?)
}
