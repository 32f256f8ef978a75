//! `[director]`, `[[directors]]` and `[[real-servers]]`: the nodes with their addresses and gateways.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::defaults::{DefaultInterface, Defaults};
use super::gateway::GatewayTable;
use super::value::{each, parse, refuse, weight};
use crate::cluster::model::{
    Director, DocumentError, DocumentErrorKind, Gateway, Mistakes, NodeName, RealServer,
    RealServerPlace, invalid,
};
use crate::name::IfName;
use crate::net::Address;

/// Holds `[director]`, or one of two `[[directors]]`, as written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DirectorTable {
    /// The node's name; `director` if absent.
    #[serde(default = "default_director")]
    pub name: String,
    /// The gateway of the default route, an address or `{ address, interface, on-link }`; absent leaves the default
    /// route as it is.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(schema_with = "super::schema::gateway"))]
    pub gateway: Option<GatewayTable>,
    /// Whether it routes between interfaces; absent is true for nat and otherwise leaves it as it is.
    #[serde(default)]
    pub ip_forward: Option<bool>,
    /// The node's addresses, the virtual IPs among them.
    #[serde(default)]
    pub addresses: Option<Vec<AddressTable>>,
}

fn default_director() -> String {
    "director".to_owned()
}

/// Holds one of `[[real-servers]]` as written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RealServerTable {
    /// The node's name.
    #[serde(default)]
    pub name: Option<String>,
    /// The node's address and prefix length, on the interface of `[defaults]`: `192.168.1.12/24`. Either this or
    /// `addresses`.
    #[serde(default)]
    pub address: Option<String>,
    /// The node's addresses; the first of a service's family is its real IP.
    #[serde(default)]
    pub addresses: Option<Vec<AddressTable>>,
    /// The groups that it belongs to, by which destinations can name it.
    #[serde(default)]
    pub groups: Vec<String>,
    /// The gateway of the default route; absent: that of `[defaults]`, or with nat the director's address on its
    /// network.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(schema_with = "super::schema::gateway"))]
    pub gateway: Option<GatewayTable>,
    /// The weight of its destinations, 0 to 2147483647; 1 if absent.
    #[serde(default = "default_weight")]
    pub weight: i64,
    /// Whether it is drained: weight 0 everywhere, while `weight` is kept for later.
    #[serde(default)]
    pub drain: bool,
    /// Whether it was found by `file-sd`, so that only destinations that name it serve.
    #[serde(skip)]
    pub is_found: bool,
}

const fn default_weight() -> i64 {
    1
}

/// Holds an entry of `addresses` as written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AddressTable {
    /// The interface; for a real server it may be that of `[defaults]`.
    #[serde(default)]
    pub interface: Option<String>,
    /// Address and prefix length: `172.16.5.11/32`.
    #[serde(default)]
    pub address: Option<String>,
    /// IPv4: the interface's name, alone or with a colon and letters or digits.
    #[serde(default)]
    pub label: Option<String>,
    /// IPv4: absent is the network's broadcast; for a /32 virtual IP the address itself.
    #[serde(default)]
    pub broadcast: Option<String>,
    /// Whether only the active one of two directors carries it; it is an address of both.
    #[serde(default)]
    pub floating: bool,
}

/// Converts `[director]` or `[[directors]]` to directors; none if it is not known which of them are meant.
pub(super) fn directors(
    one: Option<DirectorTable>,
    several: Vec<DirectorTable>,
    mistakes: &mut Mistakes,
) -> Vec<Director> {
    let count = (one.is_some(), several.len());
    let one =
        one.map(|table| mistakes.within("director", |mistakes| table.into_director(0, mistakes)));
    let numbered = several.into_iter().enumerate().collect();
    let several = each("directors", numbered, mistakes, |(i, table), mistakes| {
        Some(DirectorTable::into_director(table, i, mistakes))
    });
    match count {
        (true, 0) | (false, 2..) => one
            .into_iter()
            .chain(several.into_iter().map(|(_, director)| director))
            .collect(),
        _ => Vec::new(),
    }
}

/// Returns what is wrong with the number of directors.
pub(super) fn miscounted(has_one: bool, several: usize) -> Option<DocumentError> {
    let (kind, path, problem, hint) = match (has_one, several) {
        (true, 0) | (false, 2) => return None,
        (true, _) => (
            DocumentErrorKind::Conflict,
            "directors",
            "the file also has [director]".to_owned(),
            "write one director as [director], or two as [[directors]]",
        ),
        (false, 0) => (
            DocumentErrorKind::Missing,
            "",
            "the key `director` is missing".to_owned(),
            "add [director], or two [[directors]]",
        ),
        (false, 1) => (
            DocumentErrorKind::Missing,
            "directors",
            "there is only one".to_owned(),
            "write it as [director], or add the one that takes over",
        ),
        (false, count) => (
            DocumentErrorKind::OutOfRange,
            "directors[2]",
            format!("there are {count}, but only two can take over from each other"),
            "leave out all but two",
        ),
    };
    Some(DocumentError::new(kind, path, problem).with_hint(hint))
}

impl DirectorTable {
    fn into_director(self, number: usize, mistakes: &mut Mistakes) -> Director {
        if self.addresses.is_none() {
            mistakes.push(DocumentError::missing("addresses"));
        }
        let tables = self.addresses.unwrap_or_default();
        let floating: Vec<bool> = tables.iter().map(|table| table.floating).collect();
        let addresses = each("addresses", tables, mistakes, |table, mistakes| {
            let (name, network) = (table.interface(&DefaultInterface::Absent), table.network());
            table.into_address(name, network, mistakes)
        });
        let name = NodeName::new(self.name).map_err(invalid("name"));
        Director {
            name: mistakes
                .keep(name)
                .unwrap_or_else(|| NodeName::placeholder(format_args!("directors[{number}]"))),
            floating: addresses
                .iter()
                .filter(|(i, _)| floating.get(*i) == Some(&true))
                .map(|(_, address)| address.id.network.addr())
                .collect(),
            gateway: mistakes
                .keep(self.gateway.map(gateway).transpose())
                .flatten(),
            ip_forward: self.ip_forward,
            addresses: addresses.into_iter().map(|(_, address)| address).collect(),
        }
    }
}

/// Holds a real server with what only its file knows.
pub(super) struct FiledServer {
    pub(super) server: RealServer,
    pub(super) groups: Vec<String>,
    pub(super) is_found: bool,
    pub(super) place: RealServerPlace,
    /// Whether addresses are missing because of mistakes.
    pub(super) is_incomplete: bool,
    /// Whether its name is one.
    pub(super) has_name: bool,
}

impl RealServerTable {
    /// Returns a real server that the file does not name, on the interface of `[defaults]`.
    #[cfg(feature = "toml")]
    pub(super) fn found(name: String, network: IpNet) -> Self {
        Self {
            name: Some(name),
            address: Some(network.to_string()),
            addresses: None,
            groups: Vec::new(),
            gateway: None,
            weight: default_weight(),
            drain: false,
            is_found: true,
        }
    }

    /// Returns whether it has an address.
    #[cfg(feature = "toml")]
    pub(super) fn has_address(&self, ip: IpAddr) -> bool {
        self.addresses
            .iter()
            .flatten()
            .filter_map(|table| table.address.as_ref())
            .chain(&self.address)
            .any(|text| {
                text.parse()
                    .is_ok_and(|network: IpNet| network.addr() == ip)
            })
    }

    /// Converts the table, which is the entry of this number; in place of a wrong name it has some other.
    pub(super) fn into_real_server(
        mut self,
        entry: usize,
        defaults: &Defaults,
        mistakes: &mut Mistakes,
    ) -> FiledServer {
        let place = RealServerPlace {
            entry,
            has_one_address: self.address.is_some(),
            has_default_gateway: self.gateway.is_none() && defaults.gateway.is_some(),
        };
        let addresses = self.take_addresses(defaults, mistakes);
        let gateway = mistakes.keep(self.gateway.take().map(gateway).transpose());
        let name = self
            .name
            .take()
            .ok_or_else(|| DocumentError::missing("name"));
        let name = name.and_then(|name| NodeName::new(name).map_err(invalid("name")));
        let weight = mistakes.keep(weight(self.weight)).unwrap_or_default();
        let name = mistakes.keep(name);
        FiledServer {
            has_name: name.is_some(),
            server: RealServer {
                name: name.unwrap_or_else(|| NodeName::placeholder(entry)),
                gateway: gateway.flatten().or_else(|| defaults.gateway.clone()),
                weight,
                drain: self.drain,
                addresses: addresses.clone().unwrap_or_default(),
            },
            groups: self.groups,
            is_found: self.is_found,
            place,
            is_incomplete: addresses.is_none(),
        }
    }

    /// Returns the addresses; nothing if one of them is wrong or if there are none.
    fn take_addresses(
        &mut self,
        defaults: &Defaults,
        mistakes: &mut Mistakes,
    ) -> Option<Vec<Address>> {
        let tables = match (self.address.take(), self.addresses.take()) {
            (Some(address), None) => {
                let table = AddressTable::alone(address);
                let address = table.into_staying(&defaults.interface, mistakes);
                return address.map(|address| vec![address]);
            }
            (None, Some(tables)) => tables,
            (Some(_), Some(_)) => {
                let problem = "a real server has either an address or addresses";
                let mistake = DocumentError::new(DocumentErrorKind::Conflict, "addresses", problem);
                mistakes.push(mistake.with_hint("write all of them in addresses"));
                return None;
            }
            (None, None) => {
                mistakes.push(DocumentError::missing("addresses"));
                return None;
            }
        };
        let count = tables.len();
        let addresses = each("addresses", tables, mistakes, |table, mistakes| {
            table.into_staying(&defaults.interface, mistakes)
        });
        (addresses.len() == count)
            .then(|| addresses.into_iter().map(|(_, address)| address).collect())
    }
}

impl AddressTable {
    fn alone(address: String) -> Self {
        Self {
            interface: None,
            address: Some(address),
            label: None,
            broadcast: None,
            floating: false,
        }
    }

    /// Converts an address of a real server, which has no other node to float to.
    fn into_staying(self, default: &DefaultInterface, mistakes: &mut Mistakes) -> Option<Address> {
        mistakes.keep(refuse(
            self.floating,
            "floating",
            "only addresses of directors can float",
        ));
        let (name, network) = (self.interface(default), self.network());
        self.into_address(name, network, mistakes)
    }

    fn interface(&self, default: &DefaultInterface) -> Result<Option<IfName>, DocumentError> {
        match (&self.interface, default) {
            (Some(name), _) => interface(name.clone()).map(Some),
            (None, DefaultInterface::Named(name)) => Ok(Some(name.clone())),
            (None, DefaultInterface::Wrong) => Ok(None),
            (None, DefaultInterface::Absent) => Err(DocumentError::missing("interface")),
        }
    }

    fn network(&self) -> Result<IpNet, DocumentError> {
        let address = self.address.as_deref();
        address.map_or_else(|| Err(DocumentError::missing("address")), network)
    }

    fn into_address(
        self,
        interface: Result<Option<IfName>, DocumentError>,
        network: Result<IpNet, DocumentError>,
        mistakes: &mut Mistakes,
    ) -> Option<Address> {
        let interface = mistakes.keep(interface).flatten();
        let network = mistakes.keep(network);
        let broadcast = self.broadcast.as_deref();
        let broadcast = broadcast.map(|text| parse(text, "broadcast", "an IPv4 address"));
        let broadcast = mistakes.keep(broadcast.transpose());
        Some(Address {
            label: self.label,
            broadcast: broadcast?,
            ..Address::new(interface?, network?)
        })
    }
}

pub(super) fn interface(name: String) -> Result<IfName, DocumentError> {
    refuse_label(&name)?;
    IfName::new(name).map_err(invalid("interface"))
}

/// Refuses the name of an alias, as ifconfig wrote it: to the kernel it is a label.
fn refuse_label(interface: &str) -> Result<(), DocumentError> {
    let Some((name, _)) = interface.split_once(':') else {
        return Ok(());
    };
    let problem = format!("{interface:?} is a label, not an interface");
    Err(
        DocumentError::new(DocumentErrorKind::InvalidValue, "interface", problem)
            .with_hint(format!("write interface = {name:?}, label = {interface:?}")),
    )
}

fn network(text: &str) -> Result<IpNet, DocumentError> {
    if let Ok(bare) = IpAddr::from_str(text) {
        let example = if bare.is_ipv4() { 24 } else { 64 };
        return Err(DocumentError::new(
            DocumentErrorKind::Missing,
            "address",
            "prefix length is missing",
        )
        .with_hint(format!("write the network's, as in {text}/{example}")));
    }
    let network = parse(
        text,
        "address",
        "an address with its prefix length, like \"192.168.1.11/24\"",
    )?;
    // 012 is 12 to one program and 10 to another.
    let address = text.split('/').next().unwrap_or_default();
    if IpAddr::from_str(address).is_err() {
        let problem = format!("{text:?} has a number with leading zeros");
        let error = DocumentError::new(DocumentErrorKind::InvalidValue, "address", problem);
        return Err(error.with_hint("write it without them"));
    }
    Ok(network)
}

pub(super) fn gateway(table: GatewayTable) -> Result<Gateway, DocumentError> {
    table
        .into_gateway()
        .map_err(|error| error.within("gateway"))
}
