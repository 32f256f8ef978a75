//! From the file as written to a cluster: every text and number becomes a value that can exist.

use std::fmt::Display;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;

use super::{
    AddressTable, DestinationTable, Document, IpvsTable, RealServerTable, SyncTable, TimeTable,
};
use crate::cluster::model::invalid;
use crate::cluster::{
    Clock, Cluster, ClusterName, DocumentError, NodeName, RealServer, Sync, VirtualDestination,
};
use crate::ipvs::{Encapsulation, Forwarding, Seconds, Thresholds, Timeouts, Weight};
use crate::name::IfName;
use crate::net::Address;

/// The kernel keeps timeouts in ticks of up to 1/1000 s in 31 bits.
const MAX_TIMEOUT: i64 = 2_147_483;

impl TryFrom<Document> for Cluster {
    type Error = DocumentError;

    fn try_from(document: Document) -> Result<Self, DocumentError> {
        let name = ClusterName::new(document.name).map_err(invalid("name"))?;
        let tunnel = super::tunnel::encapsulation(document.tunnel)?;
        let method = forwarding(
            &document.forwarding,
            "forwarding",
            tunnel.unwrap_or_default(),
        )?;
        let directors = super::director::directors(document.director, document.directors)?;
        let real_servers = each("real-servers", document.real_servers, real_server)?;
        let everyone: Vec<_> = real_servers.iter().map(|rs| rs.name.clone()).collect();
        let services = each("services", document.services, |table| {
            super::service::service(table, method, tunnel.unwrap_or_default(), &everyone)
        })?;
        super::tunnel::is_used(tunnel, &services)?;
        let timeouts = timeouts(&document.ipvs).map_err(|error| error.within("ipvs"))?;
        let clock = document.time.map(clock).transpose()?;
        let switches = super::ipvs::ipvs_sysctls(&document.ipvs);
        let switches = switches.map_err(|error| error.within("ipvs"))?;
        let sync = document.sync.map(sync).transpose();
        let sync = sync.map_err(|error| error.within("sync"))?;
        let cluster = Self::checked(name, directors, real_servers, services)?
            .with_timeouts(timeouts)
            .with_clock(clock.unwrap_or_default())
            .with_ipvs_sysctls(switches)?;
        match sync {
            Some(sync) => cluster.with_sync(sync),
            None => Ok(cluster),
        }
    }
}

/// Converts a list, putting `list[index]` before the path of whatever is wrong.
pub(super) fn each<T, U>(
    list: &str,
    tables: Vec<T>,
    mut convert: impl FnMut(T) -> Result<U, DocumentError>,
) -> Result<Vec<U>, DocumentError> {
    let indexed = tables.into_iter().enumerate();
    indexed
        .map(|(i, table)| convert(table).map_err(|error| error.within(format_args!("{list}[{i}]"))))
        .collect()
}

fn sync(table: SyncTable) -> Result<Sync, DocumentError> {
    let group = table.group.as_deref();
    let group = group.map(|text| parse(text, "group", "a multicast address"));
    let group = group.transpose()?.unwrap_or(Sync::GROUP);
    let or = |value: Option<i64>, default: u16| value.unwrap_or_else(|| default.into());
    let length = or(table.max_length, Sync::default_length(group));
    Ok(Sync {
        id: number(table.id, "id", 0..=255)?,
        interface: IfName::new(table.interface).map_err(invalid("interface"))?,
        group,
        port: number(or(table.port, Sync::PORT), "port", 1..=65535)?,
        ttl: number(or(table.ttl, 1), "ttl", 1..=255)?,
        max_length: number(length, "max-length", 1..=65000)?,
    })
}

fn real_server(table: RealServerTable) -> Result<RealServer, DocumentError> {
    Ok(RealServer {
        name: NodeName::new(table.name).map_err(invalid("name"))?,
        addresses: each("addresses", table.addresses, staying)?,
        gateway: table.gateway.as_deref().map(gateway).transpose()?,
        weight: weight(table.weight)?,
        drain: table.drain,
    })
}

/// An address of a real server, which has no other to hand it to.
fn staying(table: AddressTable) -> Result<Address, DocumentError> {
    if table.floating {
        let problem = "only addresses of directors move from one machine to another";
        return Err(DocumentError::new("floating", problem).remedy("leave it out"));
    }
    address(table)
}

pub(super) fn address(table: AddressTable) -> Result<Address, DocumentError> {
    let interface = IfName::new(table.interface).map_err(invalid("interface"))?;
    let broadcast = table.broadcast.as_deref();
    Ok(Address {
        label: table.label,
        broadcast: broadcast
            .map(|text| parse(text, "broadcast", "an IPv4 address"))
            .transpose()?,
        ..Address::new(interface, network(&table.address)?)
    })
}

fn network(text: &str) -> Result<IpNet, DocumentError> {
    if let Ok(bare) = IpAddr::from_str(text) {
        let example = if bare.is_ipv4() { 24 } else { 64 };
        return Err(
            DocumentError::new("address", format!("{text:?} has no prefix length"))
                .remedy(format!("write the network's, as in \"{text}/{example}\"")),
        );
    }
    parse(
        text,
        "address",
        "an address with its prefix length, like \"192.168.1.11/24\"",
    )
}

pub(super) fn gateway(text: &str) -> Result<IpAddr, DocumentError> {
    parse(text, "gateway", "an IP address")
}

/// Parses a text whose own error would say too little.
pub(super) fn parse<T: FromStr>(text: &str, key: &str, what: &str) -> Result<T, DocumentError> {
    text.parse()
        .map_err(|_| DocumentError::new(key, format!("{text:?} is not {what}")))
}

fn forwarding(text: &str, key: &str, tunnel: Encapsulation) -> Result<Forwarding, DocumentError> {
    match text {
        "nat" | "masquerade" => Ok(Forwarding::Masquerade),
        "dr" | "direct-routing" => Ok(Forwarding::DirectRouting),
        "tunnel" => Ok(Forwarding::Tunnel(tunnel)),
        "ipip" => Ok(Forwarding::Tunnel(Encapsulation::Ipip)),
        _ => Err(
            DocumentError::new(key, format!("unknown forwarding method {text:?}"))
                .remedy("the methods are nat, dr and tunnel"),
        ),
    }
}

pub(super) fn destination(
    table: DestinationTable,
    default: Forwarding,
    tunnel: Encapsulation,
) -> Result<VirtualDestination, DocumentError> {
    let method = table.forwarding.as_deref();
    let method = method
        .map(|text| forwarding(text, "forwarding", tunnel))
        .transpose()?;
    Ok(VirtualDestination {
        real_server: NodeName::new(table.real_server).map_err(invalid("real-server"))?,
        forwarding: method.unwrap_or(default),
        port: table
            .port
            .map(|port| number(port, "port", 1..=65535))
            .transpose()?,
        weight: table.weight.map(weight).transpose()?,
        thresholds: thresholds(table.upper_threshold, table.lower_threshold)?,
    })
}

fn thresholds(upper: i64, lower: i64) -> Result<Thresholds, DocumentError> {
    let range = || 0..=i64::from(i32::MAX);
    let upper = number(upper, "upper-threshold", range())?;
    let lower = number(lower, "lower-threshold", range())?;
    Thresholds::new(upper, lower).map_err(invalid("lower-threshold"))
}

fn weight(weight: i64) -> Result<Weight, DocumentError> {
    let weight = number(weight, "weight", 0..=i64::from(i32::MAX))?;
    Weight::new(weight).map_err(invalid("weight"))
}

/// A number of the file in the range of its key.
pub(super) fn number<T: TryFrom<i64>>(
    value: i64,
    key: &str,
    range: RangeInclusive<i64>,
) -> Result<T, DocumentError> {
    let fits = range
        .contains(&value)
        .then(|| T::try_from(value).ok())
        .flatten();
    fits.ok_or_else(|| out_of_range(value, key, range.start(), range.end()))
}

fn out_of_range(
    value: impl Display,
    key: &str,
    from: impl Display,
    to: impl Display,
) -> DocumentError {
    DocumentError::new(key, format!("{value} is not in {from}..{to}"))
}

fn timeouts(table: &IpvsTable) -> Result<Timeouts, DocumentError> {
    let seconds = |value: Option<i64>, key| match value {
        // 0 means "leave it" to the kernel and here; a person who writes it expects something else.
        Some(value) => number(value, key, 1..=MAX_TIMEOUT).map(Seconds),
        None => Ok(Seconds(0)),
    };
    Ok(Timeouts {
        tcp: seconds(table.tcp_timeout, "tcp-timeout")?,
        tcp_fin: seconds(table.tcp_fin_timeout, "tcp-fin-timeout")?,
        udp: seconds(table.udp_timeout, "udp-timeout")?,
    })
}

fn clock(table: TimeTable) -> Result<Clock, DocumentError> {
    let offset = table.max_offset.unwrap_or(1.0);
    let max_offset = Duration::try_from_secs_f64(offset)
        .ok()
        .filter(|offset| !offset.is_zero());
    Ok(Clock {
        ntp_server: table.ntp_server,
        max_offset: max_offset.ok_or_else(|| {
            let problem = format!("{offset} is not a number of seconds above 0");
            DocumentError::new("time.max-offset", problem)
        })?,
    })
}
