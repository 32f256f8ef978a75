//! The options of a destination.

use super::error::{Parsed, Problem};
use super::line::{Given, Line};
use super::option::{Method, Name, Verb};
use super::service::{Endpoint, endpoint, number};
use crate::ipvs::{
    Destination, DestinationId, Encapsulation, Forwarding, ServiceId, Thresholds, Weight,
};

/// Which destination of the service a line is about.
pub(super) fn id(line: &mut Line<'_>, service: &ServiceId) -> Parsed<DestinationId> {
    let Endpoint { address, port } = real_server(line)?;
    let port = port.unwrap_or_else(|| port_of(service));
    Ok(DestinationId { address, port })
}

/// A whole destination.
pub(super) fn destination(
    line: &mut Line<'_>,
    service: &ServiceId,
    notes: &mut Vec<String>,
) -> Parsed<Destination> {
    let written = id(line, service)?;
    let forwarding = forwarding(line, notes)?;
    let id = reachable(line, service, written, forwarding, notes)?;
    if id.family() != service.family() && !matches!(forwarding, Forwarding::Tunnel(_)) {
        return Err(Problem::new(
            id.address.to_string(),
            "is of another family than the service, which only tunnels can do",
        )
        .remedy("add -i, or name a real server of the service's family"));
    }
    Ok(Destination {
        id,
        forwarding,
        weight: weight(line)?,
        thresholds: thresholds(line)?,
    })
}

fn real_server(line: &mut Line<'_>) -> Parsed<Endpoint> {
    match line.take_one(Name::RealServer)? {
        Some(given) => endpoint(given.text()),
        None => Err(Problem::new(line.command.word, "names no real server").remedy("add -r")),
    }
}

fn port_of(service: &ServiceId) -> u16 {
    match service {
        ServiceId::Socket { address, .. } => address.port(),
        ServiceId::Fwmark { .. } => 0,
    }
}

/// With the service's port where the method cannot change it, as ipvsadm does it without saying.
fn reachable(
    line: &mut Line<'_>,
    service: &ServiceId,
    id: DestinationId,
    forwarding: Forwarding,
    notes: &mut Vec<String>,
) -> Parsed<DestinationId> {
    let exact = line.take_one(Name::ExactPort)?.is_some();
    let bound = matches!(
        forwarding,
        Forwarding::DirectRouting | Forwarding::Tunnel(_)
    );
    let port = port_of(service);
    let fwmark = matches!(service, ServiceId::Fwmark { .. });
    if exact || fwmark || !bound || id.port == port {
        return Ok(id);
    }
    notes.push(format!(
        "{id} gets the service's port {port}, which only -m can change"
    ));
    Ok(DestinationId { port, ..id })
}

fn forwarding(line: &mut Line<'_>, notes: &mut Vec<String>) -> Parsed<Forwarding> {
    let given = line.take(|name| matches!(name, Name::Method(_)))?;
    let Some(given) = given else {
        if line.verb == Verb::EditDestination {
            notes.push("without -g, -i or -m the destination gets direct routing".to_owned());
        }
        return Ok(Forwarding::DirectRouting);
    };
    Ok(match given.name {
        Name::Method(Method::Ipip) => Forwarding::Tunnel(encapsulation(line)?),
        Name::Method(Method::Masquerading) => Forwarding::Masquerade,
        Name::Method(Method::Named) => named_method(&given)?,
        _ => Forwarding::DirectRouting,
    })
}

/// Our own, for what ipvsadm cannot say.
fn named_method(given: &Given<'_>) -> Parsed<Forwarding> {
    Ok(match given.text() {
        "local" => Forwarding::Local,
        "bypass" => Forwarding::Bypass,
        "5" => Forwarding::Other(5),
        "6" => Forwarding::Other(6),
        "7" => Forwarding::Other(7),
        word => {
            let reason = "is not a forwarding method: local, bypass, 5, 6 or 7";
            return Err(Problem::new(word, reason).remedy("the others are -g, -i and -m"));
        }
    })
}

fn encapsulation(line: &mut Line<'_>) -> Parsed<Encapsulation> {
    let kind = match line.take_one(Name::TunnelType)? {
        None => 0,
        Some(given) => tunnel_type(&given)?,
    };
    let port = line.take_one(Name::TunnelPort)?;
    let checksum = line.take(|name| matches!(name, Name::TunnelChecksum(_)))?;
    let flags = line.take_one(Name::TunnelFlags)?;
    if flags.is_none() {
        check_encapsulation(kind, port.as_ref(), checksum.as_ref())?;
    }
    let flags = match (&checksum, &flags) {
        (Some(checksum), Some(flags)) => {
            let reason = format!("says a second time what {:?} said", checksum.word);
            return Err(Problem::new(flags.word, reason));
        }
        (_, Some(flags)) => number(flags, "a number in 0..65535")?,
        (Some(given), None) => match given.name {
            Name::TunnelChecksum(flags) => flags,
            _ => 0,
        },
        (None, None) => 0,
    };
    let port = match port {
        Some(port) => number(&port, "a port in 0..65535")?,
        None => 0,
    };
    if kind == GUE && port == 0 {
        return Err(Problem::new("gue", "needs a port").remedy("add --tun-port"));
    }
    Ok(Encapsulation::from_numbers(kind, port, flags))
}

const IPIP: u8 = 0;
const GUE: u8 = 1;

fn tunnel_type(given: &Given<'_>) -> Parsed<u8> {
    match given.text() {
        "ipip" => Ok(IPIP),
        "gue" => Ok(GUE),
        "gre" => Ok(2),
        _ => number(given, "a tunnel type: ipip, gue, gre or a number in 0..255"),
    }
}

/// Refuses what has no meaning; `--tun-flags` may, for it says what a kernel holds.
fn check_encapsulation(
    kind: u8,
    port: Option<&Given<'_>>,
    checksum: Option<&Given<'_>>,
) -> Parsed<()> {
    if let (true, Some(port)) = (kind != GUE, port) {
        return Err(Problem::new(port.word, "goes only with --tun-type gue"));
    }
    match checksum {
        Some(checksum) if kind == IPIP => {
            let reason = "goes only with --tun-type gue or gre";
            Err(Problem::new(checksum.word, reason))
        }
        _ => Ok(()),
    }
}

fn weight(line: &mut Line<'_>) -> Parsed<Weight> {
    let Some(given) = line.take_one(Name::Weight)? else {
        return Ok(Weight::ONE);
    };
    let weight = number(&given, "a weight in 0..2147483647")?;
    Weight::new(weight).map_err(|invalid| Problem::invalid(given.text(), &invalid))
}

fn thresholds(line: &mut Line<'_>) -> Parsed<Thresholds> {
    let mut read = |name| match line.take_one(name)? {
        None => Ok((0, "")),
        Some(given) => Ok((number(&given, "a number of connections")?, given.word)),
    };
    let (upper, _) = read(Name::Upper)?;
    let (lower, word) = read(Name::Lower)?;
    Thresholds::new(upper, lower).map_err(|invalid| Problem::invalid(word, &invalid))
}
