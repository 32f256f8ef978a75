//! `[director]`, `[[directors]]` and `[[real-servers]]`: the nodes with their addresses and gateways.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::Deserialize;

use super::gateway::GatewayTable;
use super::value::{each, parse, refuse, weight};
use crate::cluster::model::{
    Director, DocumentError, DocumentErrorKind, Gateway, NodeName, RealServer, invalid,
};
use crate::name::IfName;
use crate::net::Address;

/// Holds `[director]`, or one of two `[[directors]]`, as written.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DirectorTable {
    /// The node's name; `director` if absent.
    #[serde(default = "default_director")]
    pub name: String,
    /// The gateway of the default route, an address or `{ address, interface, on-link }`; absent leaves the default
    /// route as it is.
    #[serde(default)]
    pub gateway: Option<GatewayTable>,
    /// Whether it routes between interfaces; absent is true for nat and otherwise leaves it as it is.
    #[serde(default)]
    pub ip_forward: Option<bool>,
    /// The node's addresses, the virtual IPs among them.
    pub addresses: Vec<AddressTable>,
}

fn default_director() -> String {
    "director".to_owned()
}

/// Holds one of `[[real-servers]]` as written.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RealServerTable {
    /// The node's name.
    pub name: String,
    /// The node's addresses; the first of a service's family is its real IP.
    pub addresses: Vec<AddressTable>,
    /// The gateway of the default route; absent with nat: the director's address on its network.
    #[serde(default)]
    pub gateway: Option<GatewayTable>,
    /// The weight of its destinations, 0 to 2147483647; 1 if absent.
    #[serde(default = "default_weight")]
    pub weight: i64,
    /// Whether it is drained: weight 0 everywhere, while `weight` is kept for later.
    #[serde(default)]
    pub drain: bool,
}

const fn default_weight() -> i64 {
    1
}

/// Holds an entry of `addresses` as written.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AddressTable {
    /// The interface.
    pub interface: String,
    /// Address and prefix length: `172.16.5.11/32`.
    pub address: String,
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

/// Converts `[director]` or `[[directors]]` to one or two directors.
pub(super) fn directors(
    one: Option<DirectorTable>,
    several: Vec<DirectorTable>,
) -> Result<Vec<Director>, DocumentError> {
    let (kind, path, problem, hint) = match (one, several.len()) {
        (Some(table), 0) => {
            let director = table.into_director();
            return Ok(vec![director.map_err(|error| error.within("director"))?]);
        }
        (None, 2) => return each("directors", several, DirectorTable::into_director),
        (Some(_), _) => (
            DocumentErrorKind::Conflict,
            "directors",
            "the file also has [director]".to_owned(),
            "write one director as [director], or two as [[directors]]",
        ),
        (None, 0) => (
            DocumentErrorKind::Missing,
            "",
            "the key `director` is missing".to_owned(),
            "add [director], or two [[directors]]",
        ),
        (None, 1) => (
            DocumentErrorKind::Missing,
            "directors",
            "there is only one".to_owned(),
            "write it as [director], or add the one that takes over",
        ),
        (None, count) => (
            DocumentErrorKind::OutOfRange,
            "directors[2]",
            format!("there are {count}, but only two can take over from each other"),
            "leave out all but two",
        ),
    };
    Err(DocumentError::new(kind, path, problem).with_hint(hint))
}

impl DirectorTable {
    fn into_director(self) -> Result<Director, DocumentError> {
        let floating: Vec<bool> = self.addresses.iter().map(|table| table.floating).collect();
        let addresses = each("addresses", self.addresses, AddressTable::into_address)?;
        Ok(Director {
            name: NodeName::new(self.name).map_err(invalid("name"))?,
            floating: addresses
                .iter()
                .zip(floating)
                .filter(|(_, floating)| *floating)
                .map(|(address, _)| address.id.network.addr())
                .collect(),
            gateway: self.gateway.map(gateway).transpose()?,
            ip_forward: self.ip_forward,
            addresses,
        })
    }
}

impl RealServerTable {
    pub(super) fn into_real_server(self) -> Result<RealServer, DocumentError> {
        Ok(RealServer {
            name: NodeName::new(self.name).map_err(invalid("name"))?,
            addresses: each("addresses", self.addresses, AddressTable::into_staying)?,
            gateway: self.gateway.map(gateway).transpose()?,
            weight: weight(self.weight)?,
            drain: self.drain,
        })
    }
}

impl AddressTable {
    /// Converts an address of a real server, which has no other node to float to.
    fn into_staying(self) -> Result<Address, DocumentError> {
        refuse(
            self.floating,
            "floating",
            "only addresses of directors can float",
        )?;
        self.into_address()
    }

    fn into_address(self) -> Result<Address, DocumentError> {
        refuse_label(&self.interface)?;
        let interface = IfName::new(self.interface).map_err(invalid("interface"))?;
        Ok(Address {
            label: self.label,
            broadcast: self
                .broadcast
                .map(|text| parse(&text, "broadcast", "an IPv4 address"))
                .transpose()?,
            ..Address::new(interface, network(&self.address)?)
        })
    }
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

fn gateway(table: GatewayTable) -> Result<Gateway, DocumentError> {
    table
        .into_gateway()
        .map_err(|error| error.within("gateway"))
}
