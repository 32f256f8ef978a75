//! Directors, and what concerns all of their services, as tables.

use ipnet::IpNet;
use toml_edit::{ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value};

use super::{lines, number, text};
use crate::cluster::{Gateway, Sync};
use crate::import::fit::Fitted;
use crate::ipvs::{Encapsulation, Seconds, TunnelChecksum};

pub(super) fn directors(document: &mut DocumentMut, fitted: &Fitted) {
    let mut tables = fitted.directors.iter().map(|name| director(fitted, name));
    match fitted.directors.len() {
        0 | 1 => {
            let table = tables.next().unwrap_or_default();
            document.insert("director", Item::Table(table));
        }
        _ => {
            let tables: ArrayOfTables = tables.collect();
            document.insert("directors", Item::ArrayOfTables(tables));
        }
    }
}

fn director(fitted: &Fitted, name: &str) -> Table {
    let mut table = Table::new();
    table.insert("name", text(name));
    if let Some(gateway) = &fitted.draft.gateway {
        table.insert("gateway", self::gateway(gateway));
    }
    if let Some(forward) = fitted.draft.ip_forward {
        table.insert("ip-forward", toml_edit::value(forward));
    }
    let floats = fitted.directors.len() > 1;
    let own = match fitted.directors.first().is_some_and(|first| first == name) {
        true => &fitted.draft.own,
        false => &fitted.draft.peers,
    };
    let staying = own.iter().map(|draft| (draft, false));
    let moving = fitted.draft.addresses.iter().map(|draft| (draft, floats));
    let addresses = staying.chain(moving).map(|(draft, floats)| {
        let address = &draft.address;
        let mut table = placed(address.id.interface.as_str(), &address.id.network);
        if let Some(label) = &address.label {
            table.insert("label", label.as_str().into());
        }
        if let Some(broadcast) = address.broadcast {
            table.insert("broadcast", broadcast.to_string().into());
        }
        if floats {
            table.insert("floating", true.into());
        }
        let assumed = draft
            .assumed
            .as_ref()
            .map(|what| format!("assumed: {what}"));
        (Value::InlineTable(table), assumed)
    });
    table.insert("addresses", lines(addresses.collect()));
    table
}

pub(super) fn gateway(gateway: &Gateway) -> Item {
    if let Gateway::Near(address) = gateway {
        return text(&address.to_string());
    }
    let mut table = InlineTable::new();
    if let Some(address) = gateway.address() {
        table.insert("address", address.to_string().into());
    }
    if let Some(interface) = gateway.interface() {
        table.insert("interface", interface.as_str().into());
    }
    if gateway.is_on_link() {
        table.insert("on-link", true.into());
    }
    toml_edit::value(table)
}

pub(super) fn placed(interface: &str, network: &IpNet) -> InlineTable {
    let mut table = InlineTable::new();
    table.insert("interface", interface.into());
    table.insert("address", network.to_string().into());
    table
}

pub(super) fn encapsulation(encapsulation: Encapsulation) -> InlineTable {
    let mut table = InlineTable::new();
    let (kind, checksum) = match encapsulation {
        Encapsulation::Gue { checksum, .. } => ("gue", checksum),
        Encapsulation::Gre { checksum } => ("gre", checksum),
        _ => ("ipip", TunnelChecksum::None),
    };
    table.insert("type", kind.into());
    if let Encapsulation::Gue { port, .. } = encapsulation {
        table.insert("port", i64::from(port.get()).into());
    }
    if checksum != TunnelChecksum::None {
        table.insert("checksum", checksum.to_string().into());
    }
    table
}

pub(super) fn ipvs(document: &mut DocumentMut, fitted: &Fitted) {
    let mut table = Table::new();
    let timeouts = fitted.draft.timeouts;
    for (key, Seconds(seconds)) in [
        ("tcp-timeout", timeouts.tcp),
        ("tcp-fin-timeout", timeouts.tcp_fin),
        ("udp-timeout", timeouts.udp),
    ] {
        if seconds > 0 {
            table.insert(key, number(seconds));
        }
    }
    for (key, value) in &fitted.draft.sysctls {
        table.insert(
            key,
            match value.parse::<i64>() {
                Ok(value) => number(value),
                Err(_) => text(value),
            },
        );
    }
    if !table.is_empty() {
        document.insert("ipvs", Item::Table(table));
    }
}

pub(super) fn sync(sync: &Sync) -> Table {
    let mut table = Table::new();
    table.insert("id", number(sync.id));
    table.insert("interface", text(sync.interface.as_str()));
    table.insert("group", text(&sync.group.to_string()));
    table.insert("port", number(sync.port));
    table.insert("ttl", number(sync.ttl));
    table.insert("max-length", number(sync.max_length));
    table
}
