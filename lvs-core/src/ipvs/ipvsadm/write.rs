//! Writing one line of ipvsadm, in one of three forms.

use std::fmt::{Display, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::ipvs::{
    Daemon, DaemonRole, Destination, DestinationId, Encapsulation, Family, Forwarding, Netmask,
    Persistence, Protocol, SchedulerName, Service, ServiceFlags, ServiceId, Thresholds, Timeouts,
    TunnelChecksum,
};
use crate::shell::quote;

/// Is the purpose of a line, which determines its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Loses nothing: options of our own express what ipvsadm has no words for.
    Lossless,
    /// Is byte for byte what `ipvsadm -Sn` of Debian (1.31) prints, flaws included.
    ///
    /// Found out by running it on tables that only netlink can make; see `tests/data/ipvsadm/README.md`.
    Compatible,
    /// Is what an operator would type: without the defaults of tunnels.
    Typed,
}

/// Is a line that is being written.
pub(super) struct LineWriter {
    form: Form,
    text: String,
}

impl LineWriter {
    /// Begins a line with its command.
    pub(super) fn new(form: Form, command: &str) -> Self {
        Self {
            form,
            text: command.to_owned(),
        }
    }

    /// Returns the line of a command that is about a service without describing it.
    pub(super) fn on_service(mut self, id: &ServiceId) -> String {
        self.service_id(id);
        self.text
    }

    /// Returns the line of a command that is about a destination without describing it.
    pub(super) fn on_destination(mut self, service: &ServiceId, id: &DestinationId) -> String {
        self.service_id(service);
        self.real_server(id);
        self.text
    }

    /// Returns the line of a command that describes a service.
    pub(super) fn service(mut self, service: &Service) -> String {
        self.service_id(&service.id);
        self.name("-s", service.scheduler.as_str());
        if self.form == Form::Typed {
            self.flags(service);
        }
        if let Some(persistence) = service.persistence {
            self.persistence(persistence);
        }
        if let Some(engine) = &service.engine {
            self.name("--pe", engine.as_str());
        }
        if service.flags.contains(ServiceFlags::ONE_PACKET) {
            self.word("-o");
        }
        if self.form != Form::Typed {
            self.flags(service);
        }
        // Without it the service would be refused, as ipvsadm refuses it.
        if self.form == Form::Lossless && service.lacks_persistence() {
            self.word("--exact-port");
        }
        self.text
    }

    /// Returns the line of a command that describes a destination.
    pub(super) fn destination(mut self, service: &ServiceId, destination: &Destination) -> String {
        self.service_id(service);
        self.real_server(&destination.id);
        self.method(destination.forwarding);
        if self.form == Form::Typed {
            self.tunnel(destination.forwarding);
        }
        self.option("-w", destination.weight);
        self.thresholds(destination.thresholds);
        if self.form != Form::Typed {
            self.tunnel(destination.forwarding);
        }
        // Without it the destination would be read with the service's port.
        let has_other_port = matches!(service, ServiceId::Socket { .. })
            && destination.forwarding.keeps_port()
            && destination.id.port != service.port();
        if self.form == Form::Lossless && has_other_port {
            self.word("--exact-port");
        }
        self.text
    }

    /// Returns the line that sets the timeouts.
    pub(super) fn timeouts(form: Form, timeouts: &Timeouts) -> String {
        let mut line = Self::new(form, "--set");
        for seconds in [timeouts.tcp, timeouts.tcp_fin, timeouts.udp] {
            line.word(seconds.0);
        }
        line.text
    }

    /// Returns the line that starts a daemon.
    pub(super) fn daemon(form: Form, daemon: &Daemon) -> String {
        let mut line = Self::new(form, "--start-daemon");
        line.word(daemon.role);
        line.name("--mcast-interface", daemon.interface.as_str());
        line.option("--syncid", daemon.sync_id);
        line.option_if("--sync-maxlen", daemon.max_length);
        line.option_if("--mcast-group", daemon.group);
        line.option_if("--mcast-port", daemon.port);
        line.option_if("--mcast-ttl", daemon.ttl);
        line.text
    }

    /// Returns the line that stops a daemon.
    pub(super) fn stop_daemon(form: Form, role: DaemonRole) -> String {
        let mut line = Self::new(form, "--stop-daemon");
        line.word(role);
        line.text
    }

    fn word(&mut self, word: impl Display) {
        // Writing to a string cannot fail.
        let _ = write!(self.text, " {word}");
    }

    fn option(&mut self, option: &str, value: impl Display) {
        self.word(option);
        self.word(value);
    }

    fn option_if(&mut self, option: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.option(option, value);
        }
    }

    /// Writes an option with a name. A name may begin with a character that would be read as something
    /// else; it is then joined to its option.
    fn name(&mut self, option: &str, name: &str) {
        let is_plain = name.starts_with(|first: char| first.is_ascii_alphanumeric());
        let name = match self.form {
            Form::Typed => quote(name),
            Form::Lossless | Form::Compatible => name.into(),
        };
        if is_plain || self.form == Form::Compatible {
            self.option(option, name);
        } else {
            self.word(format_args!("{option}={name}"));
        }
    }

    fn service_id(&mut self, id: &ServiceId) {
        match *id {
            ServiceId::Fwmark { mark, family } => {
                match self.form {
                    // ipvsadm prints marks above 2147483647 as negative numbers.
                    Form::Compatible => self.option("-f", mark.get().cast_signed()),
                    Form::Lossless | Form::Typed => self.option("-f", mark),
                }
                if family == Family::Ipv6 {
                    self.word("-6");
                }
            }
            ServiceId::Socket { protocol, address } => {
                match (protocol, self.form) {
                    (Protocol::TCP, _) => self.word("-t"),
                    (Protocol::UDP, _) => self.word("-u"),
                    (Protocol::SCTP, _) => self.word("--sctp-service"),
                    (_, Form::Compatible) => self.word("--xxx-service"),
                    // ipvsadm refuses it, which is better than another service.
                    (Protocol(number), Form::Lossless | Form::Typed) => {
                        self.word(format_args!("--protocol-{number}-service"));
                    }
                }
                self.endpoint(address.ip(), address.port());
            }
        }
    }

    fn real_server(&mut self, id: &DestinationId) {
        self.word("-r");
        self.endpoint(id.address, id.port);
    }

    /// Writes an address and a port. ipvsadm uses the C library, which writes the last four bytes of
    /// `::102:304` as an IPv4 address.
    fn endpoint(&mut self, address: IpAddr, port: u16) {
        let bits = match address {
            IpAddr::V6(address) if self.form == Form::Compatible => compatible_ipv4(address),
            _ => None,
        };
        match bits {
            Some(bits) => self.word(format_args!("[::{}]:{port}", Ipv4Addr::from_bits(bits))),
            None => self.word(SocketAddr::new(address, port)),
        }
    }

    /// ipvsadm takes an IPv4 mask as an address, and an IPv6 mask as a length.
    fn persistence(&mut self, persistence: Persistence) {
        self.option("-p", persistence.timeout.0);
        match persistence.netmask {
            mask if mask == Netmask::host(mask.family()) => {}
            Netmask::Ipv4(mask) => self.option("-M", mask),
            Netmask::Ipv6(length) => self.option("-M", length),
        }
    }

    fn flags(&mut self, service: &Service) {
        let mut words = service.scheduler_flags();
        if words.is_empty() && self.form != Form::Lossless {
            return;
        }
        // ipvsadm has no name for the third flag of sh and mh; alone it leaves a blank behind "-b".
        let has_own_names = [SchedulerName::SH, SchedulerName::MH].contains(&service.scheduler);
        if self.form == Form::Compatible && has_own_names {
            words.retain(|word| *word != "flag-3");
        }
        let unnamed = service.flags.difference(ServiceFlags::NAMED);
        let unnamed = (self.form == Form::Lossless && !unnamed.is_empty())
            .then(|| format!("{:#x}", unnamed.bits()));
        let words: Vec<_> = words.into_iter().chain(unnamed.as_deref()).collect();
        if !words.is_empty() || self.form == Form::Compatible {
            self.option("-b", words.join(","));
        }
    }

    fn method(&mut self, forwarding: Forwarding) {
        match (forwarding, self.form) {
            (Forwarding::Masquerade, _) => self.word("-m"),
            (Forwarding::DirectRouting, _) => self.word("-g"),
            (Forwarding::Tunnel(_), _) => self.word("-i"),
            (Forwarding::Local, Form::Lossless) => self.option("--method", "local"),
            (Forwarding::Bypass, Form::Lossless) => self.option("--method", "bypass"),
            (Forwarding::Other(number), Form::Lossless) => self.option("--method", number),
            (Forwarding::Local, Form::Compatible) | (_, Form::Typed) => self.word("-g"),
            (_, Form::Compatible) => self.word("(null)"),
        }
    }

    fn thresholds(&mut self, thresholds: Thresholds) {
        let (upper, lower) = (thresholds.upper(), thresholds.lower());
        match self.form {
            Form::Compatible => {}
            Form::Typed if thresholds == Thresholds::OFF => {}
            Form::Typed => {
                self.option("-x", upper);
                self.option("-y", lower);
            }
            Form::Lossless => {
                self.option_if("-x", Some(upper).filter(|upper| *upper != 0));
                self.option_if("-y", Some(lower).filter(|lower| *lower != 0));
            }
        }
    }

    fn tunnel(&mut self, forwarding: Forwarding) {
        let Forwarding::Tunnel(encapsulation) = forwarding else {
            return;
        };
        match self.form {
            Form::Lossless => self.lossless_tunnel(encapsulation),
            Form::Compatible => self.compatible_tunnel(encapsulation),
            Form::Typed => self.typed_tunnel(encapsulation),
        }
    }

    fn lossless_tunnel(&mut self, encapsulation: Encapsulation) {
        let (kind, port, flags) = encapsulation.numbers();
        match tunnel_type(kind) {
            Some(name) => self.option("--tun-type", name),
            None => self.option("--tun-type", kind),
        }
        let has_no_meaning = matches!(encapsulation, Encapsulation::Other { .. });
        if has_no_meaning || kind == GUE {
            self.option("--tun-port", port);
        }
        if has_no_meaning {
            self.option("--tun-flags", flags);
        } else if kind != IPIP {
            checksum_option(flags)
                .into_iter()
                .for_each(|option| self.word(option));
        }
    }

    fn compatible_tunnel(&mut self, encapsulation: Encapsulation) {
        let (kind, port, flags) = encapsulation.numbers();
        let Some(name) = tunnel_type(kind) else {
            return;
        };
        self.option("--tun-type", name);
        if kind == GUE {
            self.option("--tun-port", port);
        }
        if kind != IPIP {
            checksum_option(flags)
                .into_iter()
                .for_each(|option| self.word(option));
        }
    }

    /// IP in IP is what `-i` alone means, and no checksum is the default.
    fn typed_tunnel(&mut self, encapsulation: Encapsulation) {
        let checksum = match encapsulation {
            Encapsulation::Gue { port, checksum } => {
                self.option("--tun-type", "gue");
                self.option("--tun-port", port);
                checksum
            }
            Encapsulation::Gre { checksum } => {
                self.option("--tun-type", "gre");
                checksum
            }
            Encapsulation::Ipip | Encapsulation::Other { .. } => TunnelChecksum::None,
        };
        match checksum {
            TunnelChecksum::None => {}
            TunnelChecksum::Full => self.word("--tun-csum"),
            TunnelChecksum::Remote => self.word("--tun-remcsum"),
        }
    }
}

const IPIP: u8 = 0;
const GUE: u8 = 1;
const GRE: u8 = 2;

const fn tunnel_type(kind: u8) -> Option<&'static str> {
    match kind {
        IPIP => Some("ipip"),
        GUE => Some("gue"),
        GRE => Some("gre"),
        _ => None,
    }
}

/// Returns the option of a checksum flag; other flags have none.
const fn checksum_option(flags: u16) -> Option<&'static str> {
    match flags {
        0 => Some("--tun-nocsum"),
        1 => Some("--tun-csum"),
        2 => Some("--tun-remcsum"),
        _ => None,
    }
}

/// Returns the IPv4 address that the C library would print at the end of an IPv6 address.
fn compatible_ipv4(address: Ipv6Addr) -> Option<u32> {
    let bits = u32::try_from(address.to_bits()).ok()?;
    (bits > u32::from(u16::MAX)).then_some(bits)
}
