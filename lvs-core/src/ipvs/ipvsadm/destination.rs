//! The options of a destination.

use super::error::{Parsed, Problem};
use super::line::{Given, Line};
use super::option::{MethodOption, OptionName, Verb};
use super::service::Endpoint;
use crate::ipvs::{
    Destination, DestinationId, Encapsulation, Forwarding, Protocol, ServiceId, Thresholds, Weight,
};

const IPIP: u8 = 0;
const GUE: u8 = 1;
const GRE: u8 = 2;

impl Line<'_> {
    /// Parses the destination of the service that a line is about.
    pub(super) fn destination_id(&mut self, service: &ServiceId) -> Parsed<DestinationId> {
        let Some(given) = self.take_one(OptionName::RealServer)? else {
            return Err(Problem::missing(self.command.word, "names no real server").hint("add -r"));
        };
        let protocol = match service {
            ServiceId::Socket { protocol, .. } => *protocol,
            ServiceId::Fwmark { .. } => Protocol::TCP,
        };
        let lookup = self.lookup(protocol);
        let Endpoint { address, port } = Endpoint::parse(given.text(), lookup)?;
        Ok(DestinationId::new(
            address,
            port.unwrap_or_else(|| service.port()),
        ))
    }

    /// Parses a complete destination.
    pub(super) fn destination(&mut self, service: &ServiceId) -> Parsed<Destination> {
        let written = self.destination_id(service)?;
        let forwarding = self.forwarding()?;
        let id = self.with_possible_port(service, written, forwarding)?;
        let mut destination = Destination::new(id, forwarding);
        if destination.is_of_wrong_family(service) {
            let hint = match service {
                ServiceId::Fwmark { .. } if id.address.is_ipv6() => {
                    "add -6, as on the line of the service"
                }
                _ => "add -i, or name a real server of the service's family",
            };
            return Err(Problem::value(
                id.address.to_string(),
                "is of another family than the service, which only tunnels support",
            )
            .hint(hint));
        }
        destination.weight = self.weight()?;
        destination.thresholds = self.thresholds()?;
        Ok(destination)
    }

    /// Replaces the port by the service's if the method cannot change it, as ipvsadm does silently.
    fn with_possible_port(
        &mut self,
        service: &ServiceId,
        id: DestinationId,
        forwarding: Forwarding,
    ) -> Parsed<DestinationId> {
        let is_exact = self.take_one(OptionName::ExactPort)?.is_some();
        let port = service.port();
        let is_possible = !forwarding.keeps_port() || id.port == port;
        if is_exact || is_possible || matches!(service, ServiceId::Fwmark { .. }) {
            return Ok(id);
        }
        self.notes.push(format!(
            "{id} gets the service's port {port}, which only -m can change"
        ));
        Ok(DestinationId { port, ..id })
    }

    fn forwarding(&mut self) -> Parsed<Forwarding> {
        let given = self.take(|name| matches!(name, OptionName::Method(_)))?;
        let Some(given) = given else {
            if self.verb == Verb::EditDestination {
                self.notes
                    .push("without -g, -i or -m the destination gets direct routing".to_owned());
            }
            return Ok(Forwarding::DirectRouting);
        };
        Ok(match given.name {
            OptionName::Method(MethodOption::Ipip) => Forwarding::Tunnel(self.encapsulation()?),
            OptionName::Method(MethodOption::Masquerading) => Forwarding::Masquerade,
            OptionName::Method(MethodOption::Named) => named_method(&given)?,
            _ => Forwarding::DirectRouting,
        })
    }

    fn encapsulation(&mut self) -> Parsed<Encapsulation> {
        let kind = match self.take_one(OptionName::TunnelType)? {
            None => IPIP,
            Some(given) => tunnel_type(&given)?,
        };
        let port = self.take_one(OptionName::TunnelPort)?;
        let checksum = self.take(|name| matches!(name, OptionName::TunnelChecksum(_)))?;
        let flags = self.take_one(OptionName::TunnelFlags)?;
        if flags.is_none() {
            check_encapsulation(kind, port.as_ref(), checksum.as_ref())?;
        }
        let flags = match (&checksum, &flags) {
            (Some(checksum), Some(flags)) => {
                let reason = format!("cannot be combined with {:?}", checksum.word);
                return Err(Problem::conflict(flags.word, reason));
            }
            (_, Some(flags)) => flags.number("a number in 0..65535")?,
            (Some(given), None) => match given.name {
                OptionName::TunnelChecksum(flags) => flags,
                _ => 0,
            },
            (None, None) => 0,
        };
        let port = match port {
            Some(port) => port.number("a port in 0..65535")?,
            None => 0,
        };
        if kind == GUE && port == 0 {
            return Err(Problem::missing("gue", "needs a port").hint("add --tun-port"));
        }
        Ok(Encapsulation::from_numbers(kind, port, flags))
    }

    fn weight(&mut self) -> Parsed<Weight> {
        let Some(given) = self.take_one(OptionName::Weight)? else {
            return Ok(Weight::ONE);
        };
        Weight::new(given.number("a weight in 0..2147483647")?)
            .map_err(|invalid| Problem::invalid(given.text(), &invalid))
    }

    fn thresholds(&mut self) -> Parsed<Thresholds> {
        let mut read = |name| -> Parsed<(u32, &str)> {
            match self.take_one(name)? {
                None => Ok((0, "")),
                Some(given) => Ok((given.number("a number of connections")?, given.word)),
            }
        };
        let (upper, _) = read(OptionName::Upper)?;
        let (lower, word) = read(OptionName::Lower)?;
        Thresholds::new(upper, lower).map_err(|invalid| Problem::invalid(word, &invalid))
    }
}

/// Parses the value of `--method`, which is not of ipvsadm.
fn named_method(given: &Given<'_>) -> Parsed<Forwarding> {
    Ok(match given.text() {
        "local" => Forwarding::Local,
        "bypass" => Forwarding::Bypass,
        "5" => Forwarding::Other(5),
        "6" => Forwarding::Other(6),
        "7" => Forwarding::Other(7),
        word => {
            let reason = "is not a forwarding method: local, bypass, 5, 6 or 7";
            return Err(Problem::value(word, reason).hint("the others are -g, -i and -m"));
        }
    })
}

fn tunnel_type(given: &Given<'_>) -> Parsed<u8> {
    match given.text() {
        "ipip" => Ok(IPIP),
        "gue" => Ok(GUE),
        "gre" => Ok(GRE),
        _ => given.number("a tunnel type: ipip, gue, gre or a number in 0..255"),
    }
}

/// Refuses a combination without a meaning; with `--tun-flags`, which describes what a kernel holds, it is
/// accepted.
fn check_encapsulation(
    kind: u8,
    port: Option<&Given<'_>>,
    checksum: Option<&Given<'_>>,
) -> Parsed<()> {
    if let (true, Some(port)) = (kind != GUE, port) {
        let reason = "goes only with --tun-type gue";
        return Err(Problem::conflict(port.word, reason));
    }
    match checksum {
        Some(checksum) if kind == IPIP => {
            let reason = "goes only with --tun-type gue or gre";
            Err(Problem::conflict(checksum.word, reason))
        }
        _ => Ok(()),
    }
}
