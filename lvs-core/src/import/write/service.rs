//! Services and real servers as tables.

use std::collections::BTreeSet;

use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Key, Table, Value};

use super::director::placed;
use super::{lines, number, printable, text, wrap};
use crate::import::draft::{DraftDestination, DraftService};
use crate::import::fit::{Fitted, FittedServer, word};
use crate::import::shorten::{Shortening, is_alike};
use crate::ipvs::{
    Encapsulation, Family, Forwarding, Netmask, Persistence, Protocol, Service, ServiceFlags,
    ServiceId,
};

pub(super) fn services(document: &mut DocumentMut, fitted: &Fitted, shortening: &Shortening) {
    let services = &fitted.draft.services;
    let tables: ArrayOfTables = services
        .chunk_by(|one, next| shortening.joins && is_alike(one, next))
        .filter_map(|alike| service(fitted, shortening, alike))
        .collect();
    if !tables.is_empty() {
        document.insert("services", Item::ArrayOfTables(tables));
    }
}

/// So many of a kind are told by themselves, and more as a number.
const FEW: usize = 4;

/// Returns the entry of services that differ by their addresses only.
fn service(fitted: &Fitted, shortening: &Shortening, alike: &[DraftService]) -> Option<Table> {
    let draft = alike.first()?;
    let service = &draft.service;
    let mut table = Table::new();
    let places = alike.iter().filter(|draft| draft.place.line > 0);
    let places: BTreeSet<_> = places.map(|draft| &draft.place).collect();
    if !places.is_empty() {
        let places: Vec<_> = places.into_iter().map(ToString::to_string).collect();
        let places = match places.as_slice() {
            [first, between @ .., last] if between.len() >= FEW => {
                format!("{first} to {last}, {} places", places.len())
            }
            places => places.join(", "),
        };
        let places = printable(&places);
        table.decor_mut().set_prefix(format!("\n# {places}\n"));
    }
    match service.id {
        ServiceId::Socket { protocol, address } => {
            let sockets = alike.iter().filter_map(|draft| match draft.service.id {
                ServiceId::Socket { address, .. } => Some(address.to_string()),
                ServiceId::Fwmark { .. } => None,
            });
            match alike.len() {
                1 => table.insert("address", text(&address.to_string())),
                _ => table.insert("addresses", toml_edit::value(sockets.collect::<Array>())),
            };
            if protocol != Protocol::TCP {
                table.insert("protocol", text(&protocol.to_string()));
            }
        }
        ServiceId::Fwmark { mark, family } => {
            table.insert("fwmark", number(mark.get()));
            if family == Family::Ipv6 {
                table.insert("family", text("ipv6"));
            }
            let matches: Array = draft.matches.iter().map(ToString::to_string).collect();
            if !matches.is_empty() {
                table.insert("match", toml_edit::value(matches));
            }
        }
    }
    table.insert("scheduler", text(service.scheduler.as_str()));
    flags(&mut table, service);
    if let Some(persistence) = &service.persistence {
        let engine = service.engine.as_ref().map(crate::ipvs::EngineName::as_str);
        table.insert("persistence", self::persistence(persistence, engine));
    }
    table.insert("destinations", destinations(fitted, shortening, draft));
    health(&mut table, fitted, alike);
    Some(table)
}

fn destinations(fitted: &Fitted, shortening: &Shortening, draft: &DraftService) -> Item {
    let Some(group) = shortening.group_for(fitted, draft) else {
        let ends = draft.destinations.iter();
        return lines(
            ends.map(|end| (destination(fitted, draft, end), None))
                .collect(),
        );
    };
    let mut entries = Array::new();
    let mut ends = draft.destinations.iter().filter(|end| !end.is_fallback);
    if let Some(Value::InlineTable(table)) = ends.next().map(|end| destination(fitted, draft, end))
    {
        let mut entry = InlineTable::new();
        entry.insert("group", group.into());
        let attributes = table.into_iter().filter(|(key, _)| key != "real-server");
        attributes.for_each(|(key, value)| drop(entry.insert(key, value)));
        entries.push(entry);
    }
    let fallbacks = draft.destinations.iter().filter(|end| end.is_fallback);
    fallbacks.for_each(|end| entries.push(destination(fitted, draft, end)));
    toml_edit::value(entries)
}

/// As keys, and above the destinations as comments.
fn health(table: &mut Table, fitted: &Fitted, alike: &[DraftService]) {
    let Some(draft) = alike.first() else { return };
    let lines = draft.health.lines(fitted.fallback(draft));
    if let Ok(keys) = lines.join("\n").parse::<DocumentMut>() {
        for (name, value) in keys.iter() {
            let key = keys.key(name).cloned();
            table.insert_formatted(&key.unwrap_or_else(|| Key::new(name)), value.clone());
        }
    }
    let of_addresses = alike.iter().flat_map(|draft| &draft.assumed_addresses);
    let mut of_addresses: BTreeSet<_> = of_addresses.cloned().collect();
    if of_addresses.len() > FEW {
        let count = of_addresses.len();
        of_addresses = BTreeSet::from([format!(
            "the interface and the prefix length of {count} virtual IPs, as the director's addresses say"
        )]);
    }
    let assumed: BTreeSet<_> = alike.iter().flat_map(|draft| &draft.assumed).collect();
    let assumed = assumed.into_iter().chain(&of_addresses);
    let assumed = assumed.map(|what| format!("assumed: {what}"));
    let remarks: BTreeSet<_> = alike.iter().flat_map(|draft| &draft.remarks).collect();
    let mut told = String::new();
    for note in assumed.chain(remarks.into_iter().cloned()) {
        wrap(&note, &mut told);
    }
    if let Some(mut key) = table.key_mut("destinations") {
        key.leaf_decor_mut().set_prefix(told);
    }
}

fn flags(table: &mut Table, service: &Service) {
    if service.flags.contains(ServiceFlags::ONE_PACKET) {
        table.insert("one-packet", toml_edit::value(true));
    }
    let names: Array = service.scheduler_flags().into_iter().collect();
    if !names.is_empty() {
        table.insert("scheduler-flags", toml_edit::value(names));
    }
}

fn persistence(persistence: &Persistence, engine: Option<&str>) -> Item {
    let family = persistence.netmask.family();
    let timeout = i64::from(persistence.timeout.0);
    let masked = persistence.netmask != Netmask::host(family);
    if !masked && engine.is_none() {
        return number(timeout);
    }
    let mut table = InlineTable::new();
    table.insert("timeout", timeout.into());
    if let Some(length) = persistence.netmask.prefix().filter(|_| masked) {
        table.insert("netmask", i64::from(length).into());
    }
    if let Some(engine) = engine {
        table.insert("engine", engine.into());
    }
    Item::Value(Value::InlineTable(table))
}

fn destination(fitted: &Fitted, service: &DraftService, draft: &DraftDestination) -> Value {
    let destination = &draft.destination;
    let mut table = InlineTable::new();
    let name = fitted.nodes.get(&destination.id.address);
    table.insert("real-server", name.map_or("", String::as_str).into());
    let port = match service.service.id {
        ServiceId::Socket { address, .. } => address.port(),
        ServiceId::Fwmark { .. } => 0,
    };
    if destination.id.port != port {
        table.insert("port", i64::from(destination.id.port).into());
    }
    if let Some(weight) = fitted.written_weight(draft) {
        table.insert("weight", i64::from(weight.get()).into());
    }
    let ipip = Forwarding::Tunnel(Encapsulation::Ipip);
    if destination.forwarding == ipip && fitted.tunnel.is_some() {
        table.insert("forwarding", "ipip".into());
    } else if word(destination.forwarding) != fitted.method {
        table.insert("forwarding", word(destination.forwarding).into());
    }
    let thresholds = destination.thresholds;
    if thresholds.upper() > 0 {
        table.insert("upper-threshold", i64::from(thresholds.upper()).into());
    }
    if thresholds.lower() > 0 {
        table.insert("lower-threshold", i64::from(thresholds.lower()).into());
    }
    if service.health.is_checked() && !draft.is_checked {
        table.insert("check", false.into());
    }
    Value::InlineTable(table)
}

pub(super) fn servers(document: &mut DocumentMut, fitted: &Fitted, shortening: &Shortening) {
    let servers = fitted.servers.iter();
    let tables: ArrayOfTables = servers.map(|real| server(real, shortening)).collect();
    if !tables.is_empty() {
        document.insert("real-servers", Item::ArrayOfTables(tables));
    }
}

fn server(server: &FittedServer, shortening: &Shortening) -> Table {
    let mut table = Table::new();
    table.insert("name", text(&server.name));
    let (key, mut address) = match shortening.interface.as_ref() == Some(&server.interface) {
        true => ("address", Value::from(server.network.to_string())),
        false => {
            let mut addresses = Array::new();
            addresses.push(placed(server.interface.as_str(), &server.network));
            ("addresses", Value::Array(addresses))
        }
    };
    let comment = format!(" # assumed: {}", printable(server.assumed));
    address.decor_mut().set_suffix(comment);
    table.insert(key, Item::Value(address));
    if let Some(gateway) = server.gateway {
        let mut gateway = Value::from(gateway.to_string());
        gateway
            .decor_mut()
            .set_suffix(" # assumed: the virtual IP, the only address on its network that moves");
        table.insert("gateway", Item::Value(gateway));
    }
    let groups: Array = shortening.groups_of(&server.name).into_iter().collect();
    if !groups.is_empty() {
        table.insert("groups", toml_edit::value(groups));
    }
    if let Some(weight) = server.weight {
        table.insert("weight", number(weight.get()));
    }
    table
}
