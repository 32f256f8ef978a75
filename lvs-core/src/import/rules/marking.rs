//! Lines of iptables and nftables that mark packets: what a service by firewall mark matches.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;

use ipnet::IpNet;

use super::Walk;
use crate::cluster::Match;
use crate::import::limits::MARKED;
use crate::import::tally::DirectiveId;
use crate::import::{names, shell};
use crate::ipvs::{Protocol, ServiceId};

/// Why a line that sets a mark is left.
pub(super) type Reason = String;

const OTHER: &str = "it matches by more than protocol, destination address and port: keep the rule, and give the service of \
                     the mark its match in the file if it has one";
const CHAIN: &str =
    "match is for packets that arrive (PREROUTING of the table mangle): keep the rule";
const EVERYWHERE: &str = "without an address every packet has the mark: give the service of the mark its match in the file";
const PROTOCOL: &str = "a match has the protocol tcp, udp or sctp";

/// What a line marks.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Marking {
    pub(super) mark: NonZeroU32,
    pub(super) packets: Vec<Match>,
    /// The interface that the rule is for; a match is for every one.
    pub(super) interface: Option<String>,
    /// Whether the line deletes the rule.
    pub(super) is_deleted: bool,
}

impl Marking {
    /// Reads a line that sets a mark, or says why it has no match; `None` for any other line.
    pub(super) fn of(text: &str) -> Option<Result<Self, Reason>> {
        let words = shell::split(text);
        let mut words = words.iter().map(String::as_str);
        let program = words.find(|word| *word != "sudo")?;
        let program = program
            .trim_end_matches('}')
            .rsplit(['/', '$', '{'])
            .next()?;
        let program = program.to_ascii_lowercase();
        let words: Vec<&str> = words.collect();
        let has = |wanted: &str| words.contains(&wanted);
        match program.as_str() {
            "iptables" | "ip6tables" if has("MARK") => Some(Rule::of_iptables(&words)),
            "nft" if has("mark") && has("set") => Some(Rule::of_nft(&words)),
            _ => None,
        }
        .map(|rule| rule.and_then(Rule::marking))
    }
}

/// A rule of the packet filter, as far as it is a match.
#[derive(Default)]
struct Rule {
    is_deleted: bool,
    protocol: Option<Protocol>,
    addresses: Vec<IpAddr>,
    ports: Vec<u16>,
    interface: Option<String>,
    mark: Option<NonZeroU32>,
}

impl Rule {
    fn of_iptables(words: &[&str]) -> Result<Self, Reason> {
        let (mut rule, mut is_mangle, mut is_arriving) = (Self::default(), false, false);
        let mut rest = words.iter().copied().peekable();
        while let Some(word) = rest.next() {
            let mut value = || rest.next().unwrap_or_default();
            match word {
                "-t" | "--table" => is_mangle = value() == "mangle",
                "-A" | "--append" | "-I" | "--insert" | "-D" | "--delete" => {
                    rule.is_deleted = word.starts_with("-D") || word == "--delete";
                    is_arriving = value() == "PREROUTING";
                    // Where it is inserted.
                    rest.next_if(|next| next.parse::<u32>().is_ok());
                }
                "-p" | "--protocol" => rule.protocol = protocol(value()),
                "-d" | "--dst" | "--destination" => rule.take_addresses(value().split(','))?,
                "-s" | "--src" | "--source" if ["0.0.0.0/0", "0/0", "::/0"].contains(&value()) => {}
                "-i" | "--in-interface" => rule.interface = Some(value().to_owned()),
                "-m" | "--match" if ["tcp", "udp", "sctp", "multiport"].contains(&value()) => {}
                "--dport" | "--destination-port" | "--dports" | "--destination-ports" => {
                    rule.take_ports(value().split(','), ':')?;
                }
                "-j" | "--jump" if value() == "MARK" => {}
                "--set-mark" | "--set-xmark" => rule.mark = mark(value()),
                "-w" | "--wait" => {}
                _ => return Err(OTHER.to_owned()),
            }
        }
        match is_mangle && is_arriving {
            true => Ok(rule),
            false => Err(CHAIN.to_owned()),
        }
    }

    /// `add rule FAMILY TABLE CHAIN ip daddr ADDRESS tcp dport PORT meta mark set MARK`
    fn of_nft(words: &[&str]) -> Result<Self, Reason> {
        let words = words.join(" ");
        // A set is one word.
        let words = words
            .replace("{ ", "{")
            .replace(" }", "}")
            .replace(", ", ",");
        let words: Vec<&str> = words.split_whitespace().collect();
        let Some((["add" | "insert", "rule"], rest)) = words.split_at_checked(2) else {
            return Err(OTHER.to_owned());
        };
        let rest = match rest {
            ["ip" | "ip6" | "inet", _, chain, rest @ ..] | [_, chain, rest @ ..]
                if chain.to_ascii_lowercase().contains("prerouting") =>
            {
                rest
            }
            _ => return Err(CHAIN.to_owned()),
        };
        let (mut rule, mut rest) = (Self::default(), rest);
        loop {
            rest = match rest {
                [] => return Ok(rule),
                ["ip" | "ip6", "daddr", addresses, after @ ..] => {
                    rule.take_addresses(members(addresses))?;
                    after
                }
                [name @ ("tcp" | "udp" | "sctp"), "dport", ports, after @ ..] => {
                    rule.protocol = protocol(name);
                    rule.take_ports(members(ports), '-')?;
                    after
                }
                ["meta", "l4proto", name, after @ ..] => {
                    rule.protocol = protocol(name);
                    after
                }
                ["iif" | "iifname", name, after @ ..] => {
                    rule.interface = Some((*name).to_owned());
                    after
                }
                ["meta", "mark", "set", value, after @ ..] => {
                    rule.mark = mark(value);
                    after
                }
                ["counter", after @ ..] => after,
                _ => return Err(OTHER.to_owned()),
            };
        }
    }

    fn take_addresses<'a>(
        &mut self,
        addresses: impl Iterator<Item = &'a str>,
    ) -> Result<(), Reason> {
        for text in addresses.take(MARKED) {
            let network = text.parse::<IpNet>();
            let address = match network {
                Ok(network) if network.prefix_len() == network.max_prefix_len() => network.addr(),
                Ok(_) => return Err(format!("{text} is a network, and a match has an address")),
                Err(_) => text
                    .parse()
                    .map_err(|_| format!("{text:?} is not an address"))?,
            };
            if address.is_loopback() || address.is_unspecified() || address.is_multicast() {
                return Err(format!("no client connects to {address}"));
            }
            self.addresses.push(address);
        }
        Ok(())
    }

    /// Takes ports and ranges of them.
    fn take_ports<'a>(
        &mut self,
        ports: impl Iterator<Item = &'a str>,
        between: char,
    ) -> Result<(), Reason> {
        let port = |text: &str| {
            let port = names::port(text).filter(|port| *port > 0);
            port.ok_or_else(|| format!("{text:?} is not a port"))
        };
        for text in ports {
            // A name may have a hyphen.
            let range = text
                .split_once(between)
                .filter(|_| names::port(text).is_none());
            let (first, last) = range.unwrap_or((text, text));
            let (first, last) = (port(first)?, port(last)?);
            if usize::from(last.saturating_sub(first)) + self.ports.len() >= MARKED {
                return Err(format!(
                    "more than {MARKED} ports: give the service of the mark its match in the file"
                ));
            }
            self.ports.extend(first..=last);
        }
        Ok(())
    }

    fn marking(self) -> Result<Marking, Reason> {
        let mark = self.mark.ok_or_else(|| OTHER.to_owned())?;
        let protocol = self.protocol.ok_or_else(|| PROTOCOL.to_owned())?;
        let ports = match self.ports.is_empty() {
            true => vec![0],
            false => self.ports,
        };
        let addresses = self.addresses.iter();
        let packets: Vec<_> = addresses
            .flat_map(|ip| ports.iter().map(|port| SocketAddr::new(*ip, *port)))
            .map(|address| Match { protocol, address })
            .take(MARKED)
            .collect();
        match packets.is_empty() {
            true => Err(EVERYWHERE.to_owned()),
            false => Ok(Marking {
                mark,
                packets,
                interface: self.interface,
                is_deleted: self.is_deleted,
            }),
        }
    }
}

impl Marking {
    /// Returns the service that its packets are for.
    fn service(&self) -> Option<ServiceId> {
        let first = self.packets.first()?;
        Some(ServiceId::Fwmark {
            mark: self.mark,
            family: first.address.ip().into(),
        })
    }
}

impl Walk<'_, '_> {
    /// Remembers what a line marks: the service of the mark may be below. One that deletes a rule undoes a line above.
    pub(super) fn mark(&mut self, id: DirectiveId, marking: Marking) {
        if !marking.is_deleted {
            return self.markings.push((marking, id));
        }
        let is_same =
            |other: &Marking| (other.mark, &other.packets) == (marking.mark, &marking.packets);
        let markings = std::mem::take(&mut self.markings).into_iter();
        let (gone, kept): (Vec<_>, Vec<_>) = markings.partition(|(other, _)| is_same(other));
        self.markings = kept;
        match gone.is_empty() {
            true => self.tally.left(id, "it deletes what no line above adds"),
            false => self.tally.carried(id, "services.match"),
        }
        for (_, line) in gone {
            self.tally.left(line, "a line below deletes it");
        }
    }

    /// Gives services by firewall mark what lines mark for them. A packet is one service's: a mark precedes an address.
    pub(super) fn match_marks(&mut self) {
        let services = self.draft.services.iter();
        let mut taken: BTreeMap<Match, DirectiveId> = services
            .filter_map(|draft| match draft.service.id {
                ServiceId::Socket { protocol, address } => {
                    Some((Match { protocol, address }, draft.directive))
                }
                ServiceId::Fwmark { .. } => None,
            })
            .collect();
        for (marking, id) in std::mem::take(&mut self.markings) {
            let place = marking.service().and_then(|id| self.places.get(&id));
            let Some(draft) = place.and_then(|place| self.draft.services.get_mut(*place)) else {
                let reason = "no line adds a service of this mark";
                self.tally.left(id, reason);
                continue;
            };
            let mut packets = marking.packets.iter();
            let is_others = |owner: Option<&DirectiveId>| owner.is_some_and(|owner| *owner != id);
            if let Some(other) = packets.find(|packets| is_others(taken.get(packets))) {
                let reason = format!("a service or another mark of the source has {other} already");
                self.tally.left(id, reason);
                continue;
            }
            for packets in &marking.packets {
                // A loop or a function has the line several times.
                if taken.insert(*packets, id).is_none() {
                    draft.matches.push(*packets);
                }
            }
            self.tally.belongs(id, &[draft.directive]);
            match &marking.interface {
                Some(interface) => {
                    let reason = format!("on every interface, not on {interface} only");
                    self.tally.assumed(id, "services.match", reason);
                }
                None => self.tally.carried(id, "services.match"),
            }
        }
    }
}

fn protocol(text: &str) -> Option<Protocol> {
    let known = [Protocol::TCP, Protocol::UDP, Protocol::SCTP];
    let protocol = text.to_ascii_lowercase().parse().ok()?;
    known.contains(&protocol).then_some(protocol)
}

/// `1`, `0x1`, or `0x1/0xffffffff`, which sets all of the mark.
fn mark(text: &str) -> Option<NonZeroU32> {
    let (value, mask) = text.split_once('/').unwrap_or((text, "0xffffffff"));
    let number = |text: &str| match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    number(mask).filter(|mask| *mask == u32::MAX)?;
    NonZeroU32::new(number(value)?)
}

/// Returns the members of a set of nftables, or the one value.
fn members(text: &str) -> impl Iterator<Item = &str> {
    let inner = text
        .strip_prefix('{')
        .and_then(|text| text.strip_suffix('}'));
    inner.unwrap_or(text).split(',')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        match Marking::of(text) {
            None => "other".to_owned(),
            Some(Err(reason)) => reason,
            Some(Ok(marking)) => {
                let packets: Vec<_> = marking.packets.iter().map(ToString::to_string).collect();
                format!("{}: {}", marking.mark, packets.join(", "))
            }
        }
    }

    #[test]
    fn a_line_that_marks_is_a_match() {
        let iptables = "iptables -t mangle -A PREROUTING";
        let nft = "nft add rule ip mangle prerouting";
        for (line, expected) in [
            (format!("{iptables} -p tcp -d 10.0.0.1 --dport 80 -j MARK --set-mark 1"), "1: tcp 10.0.0.1:80"),
            (
                format!("sudo /sbin/{iptables} -i eth0 -p tcp -s 0.0.0.0/0 -d 10.0.0.1/32 -m tcp --dport http -j MARK --set-xmark 0x1/0xffffffff"),
                "1: tcp 10.0.0.1:80",
            ),
            (
                format!("{iptables} -d 10.0.0.1 -p udp -m multiport --dports 20,5060:5061 -j MARK --set-mark 0xa"),
                "10: udp 10.0.0.1:20, udp 10.0.0.1:5060, udp 10.0.0.1:5061",
            ),
            (format!("{iptables} -p tcp -d 10.0.0.1,10.0.0.2 -j MARK --set-mark 1"), "1: tcp 10.0.0.1:0, tcp 10.0.0.2:0"),
            ("ip6tables -t mangle -I PREROUTING 1 -p tcp -d 2001:db8::1 --dport 80 -j MARK --set-mark 1".to_owned(), "1: tcp [2001:db8::1]:80"),
            (format!("{nft} ip daddr 10.0.0.1 tcp dport 80 meta mark set 3"), "3: tcp 10.0.0.1:80"),
            (format!("{nft} ip daddr 10.0.0.1 tcp dport {{ 80, 443-444 }} counter meta mark set 0x3"), "3: tcp 10.0.0.1:80, tcp 10.0.0.1:443, tcp 10.0.0.1:444"),
            (format!("{iptables} -p tcp -d 10.0.0.0/24 --dport 80 -j MARK --set-mark 1"), "10.0.0.0/24 is a network, and a match has an address"),
            (format!("{iptables} -p tcp --dport 80 -j MARK --set-mark 1"), EVERYWHERE),
            (format!("{iptables} -d 10.0.0.1 -j MARK --set-mark 1"), PROTOCOL),
            (format!("{iptables} -p tcp -d 10.0.0.1 -j MARK --set-mark 1/0xf"), OTHER),
            (format!("{iptables} -p tcp ! -d 10.0.0.1 -j MARK --set-mark 1"), OTHER),
            (format!("{iptables} -p tcp -d 10.0.0.1 -s 10.9.0.0/16 -j MARK --set-mark 1"), OTHER),
            ("iptables -t mangle -A OUTPUT -p tcp -d 10.0.0.1 -j MARK --set-mark 1".to_owned(), CHAIN),
            ("nft add rule ip mangle output ip daddr 10.0.0.1 tcp dport 80 meta mark set 1".to_owned(), CHAIN),
            ("iptables -t nat -A POSTROUTING -j MASQUERADE".to_owned(), "other"),
        ] {
            assert_eq!(read(&line), expected, "{line}");
        }
        let many = format!("{iptables} -p tcp -d 10.0.0.1 --dport 1:65535 -j MARK --set-mark 1");
        assert!(
            read(&many).starts_with("more than 256 ports"),
            "{}",
            read(&many)
        );
    }
}
