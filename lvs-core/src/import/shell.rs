//! What a script of ipvsadm lines does besides: variables, loops over words, branches, addresses.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};

use crate::name::IfName;

/// How many times a loop may go round.
const MAX_WORDS: usize = 4096;

/// `for NAME in WORDS`, with what stands in its line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct For<'a> {
    pub(super) name: &'a str,
    pub(super) words: &'a str,
    /// The statements between `do` and `done`, if the loop is one line.
    pub(super) body: Option<&'a str>,
}

impl<'a> For<'a> {
    pub(super) fn of(text: &'a str) -> Option<Self> {
        let (name, rest) = text.strip_prefix("for ")?.trim_start().split_once(" in ")?;
        let (words, rest) = rest.split_once(';').unwrap_or((rest, ""));
        let body = rest.trim().strip_prefix("do ").map(str::trim);
        let body = match body {
            Some(body) => Some(body.strip_suffix("done")?.trim_end_matches([' ', ';'])),
            None => None,
        };
        is_name(name.trim()).then(|| Self {
            name: name.trim(),
            words: words.trim(),
            body,
        })
    }
}

/// Returns the words of a loop: as they stand, `{1..9}` and `$(seq 1 9)` as numbers.
pub(super) fn words(text: &str) -> Option<Vec<String>> {
    let seq = text
        .strip_prefix("$(seq ")
        .and_then(|rest| rest.strip_suffix(')'));
    let seq = seq.or_else(|| text.strip_prefix("`seq ")?.strip_suffix('`'));
    if let Some(seq) = seq {
        let seq = seq.trim();
        let (first, last) = seq.split_once(' ').unwrap_or(("1", seq));
        return numbers("", first, last.trim(), "");
    }
    let mut all = Vec::new();
    for word in text.split_whitespace() {
        let braced = word.split_once('{').and_then(|(before, rest)| {
            let (range, after) = rest.split_once('}')?;
            let (first, last) = range.split_once("..")?;
            numbers(before, first, last, after)
        });
        match braced {
            Some(words) => all.extend(words),
            None => all.push(word.trim_matches(['"', '\'']).to_owned()),
        }
        if all.len() > MAX_WORDS {
            return None;
        }
    }
    Some(all)
}

fn numbers(before: &str, first: &str, last: &str, after: &str) -> Option<Vec<String>> {
    let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
    let is_few = last.checked_sub(first)? < MAX_WORDS as u32;
    is_few.then(|| {
        (first..=last)
            .map(|number| format!("{before}{number}{after}"))
            .collect()
    })
}

/// Returns whether a line begins the branch of a `case` that ends a service: `stop)`.
pub(super) fn begins_stop(text: &str) -> bool {
    let label = text.split_once(')').map(|(label, _)| label);
    let quotes = ['"', '\'', ' '];
    label.is_some_and(|label| label.trim_matches(quotes) == "stop")
}

/// Returns whether a line ends a branch.
pub(super) fn ends_branch(text: &str) -> bool {
    text.ends_with(";;") || text == "esac"
}

/// Returns the name and the value of `NAME=value`, alone on its line.
pub(super) fn assignment(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix("export ").unwrap_or(text);
    let (name, value) = text.split_once('=')?;
    let value = value
        .split_once(" #")
        .map_or(value, |(value, _)| value)
        .trim();
    let value = value.trim_end_matches(';');
    let quotes = ['"', '\''];
    let is_one = !value.contains(char::is_whitespace) || value.starts_with(quotes);
    (is_name(name) && is_one).then(|| (name, value.trim_matches(quotes)))
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// An address that a line adds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Added {
    pub(super) network: IpNet,
    pub(super) interface: Option<IfName>,
    pub(super) label: Option<String>,
    pub(super) has_prefix: bool,
}

impl Added {
    pub(super) fn of(text: &str) -> Option<Self> {
        let words: Vec<_> = text
            .split_whitespace()
            .filter(|word| *word != "sudo")
            .collect();
        let added = match *words.as_slice() {
            [ip, "addr" | "address" | "a", "add" | "a" | "replace", ..] if is(ip, "ip") => {
                Self::by_ip(&words)
            }
            [program, device, address, ..] if is(program, "ifconfig") => {
                Self::by_ifconfig(device, address, &words)
            }
            _ => None,
        };
        added.filter(|added| !added.network.addr().is_loopback())
    }

    /// `ip addr add ADDRESS/PREFIX dev INTERFACE [label LABEL]`
    fn by_ip(words: &[&str]) -> Option<Self> {
        let address = ["add", "a", "replace"];
        let rest = words.get(2..)?;
        let text = rest.iter().find(|word| !address.contains(word))?;
        Some(Self {
            network: network(text)?,
            interface: after(words, "dev").and_then(|name| IfName::new(name.to_owned()).ok()),
            label: after(words, "label").map(str::to_owned),
            has_prefix: true,
        })
    }

    /// `ifconfig INTERFACE[:N] ADDRESS [netmask MASK] …`
    fn by_ifconfig(device: &str, address: &str, words: &[&str]) -> Option<Self> {
        let mask = after(words, "netmask").and_then(|mask| mask.parse::<Ipv4Addr>().ok());
        let network = match (address.parse(), mask) {
            (Ok(ip), Some(mask)) => Ipv4Net::with_netmask(ip, mask).ok()?.into(),
            _ => network(address)?,
        };
        let interface = device.split(':').next().unwrap_or(device);
        Some(Self {
            network,
            interface: IfName::new(interface.to_owned()).ok(),
            label: device.contains(':').then(|| device.to_owned()),
            has_prefix: mask.is_some() || address.contains('/'),
        })
    }
}

fn is(program: &str, name: &str) -> bool {
    program.rsplit('/').next() == Some(name)
}

fn network(text: &str) -> Option<IpNet> {
    let alone = || text.parse::<IpAddr>().ok().map(IpNet::from);
    text.parse().ok().or_else(alone)
}

fn after<'a>(words: &[&'a str], key: &str) -> Option<&'a str> {
    let mut words = words.iter().skip_while(|word| **word != key);
    words.nth(1).copied()
}

/// Returns whether a line lets the host forward packets.
pub(super) fn forwards(text: &str) -> bool {
    let text: String = text
        .chars()
        .filter(|c| !c.is_whitespace() && !"\"'".contains(*c))
        .collect();
    text == "echo1>/proc/sys/net/ipv4/ip_forward" || text.ends_with("net.ipv4.ip_forward=1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_loops_are_numbers_too() {
        let joined = |text| words(text).map(|words| words.join(" "));
        assert_eq!(joined("a \"b\"").as_deref(), Some("a b"));
        assert_eq!(
            joined("10.0.0.{2..4}").as_deref(),
            Some("10.0.0.2 10.0.0.3 10.0.0.4")
        );
        assert_eq!(joined("$(seq 2 3)").as_deref(), Some("2 3"));
        assert_eq!(joined("`seq 2`").as_deref(), Some("1 2"));
        assert_eq!(joined("$(seq 1 100000)"), None);
    }

    #[test]
    fn loops_are_known_in_one_line_or_several() {
        let body = |text| For::of(text).map(|found| found.body);
        assert_eq!(body("for i in 1 2; do x $i; done"), Some(Some("x $i")));
        assert_eq!(body("for i in 1 2"), Some(None));
        assert_eq!(body("for i in 1 2; do"), Some(None));
        assert_eq!(body("for (( i=1; i<3; i++ ))"), None);
    }

    #[test]
    fn addresses_are_added_by_two_programs() {
        let added = |text| {
            let Added {
                network,
                interface,
                label,
                has_prefix,
            } = Added::of(text).unwrap();
            let interface = interface.map(|name| name.to_string());
            (
                network.to_string(),
                interface.unwrap(),
                label.unwrap_or_default(),
                has_prefix,
            )
        };
        let expected = |network: &str, label: &str, has_prefix| {
            (
                network.to_owned(),
                "eth0".to_owned(),
                label.to_owned(),
                has_prefix,
            )
        };
        assert_eq!(
            added("/sbin/ifconfig eth0:0 10.0.0.1 broadcast 10.0.0.1 netmask 255.255.255.255 up"),
            expected("10.0.0.1/32", "eth0:0", true)
        );
        assert_eq!(
            added("ifconfig eth0 10.0.0.1 up"),
            expected("10.0.0.1/32", "", false)
        );
        assert_eq!(
            added("sudo ip a add 10.0.0.1/24 dev eth0 label eth0:1"),
            expected("10.0.0.1/24", "eth0:1", true)
        );
        assert_eq!(Added::of("ifconfig eth0 up"), None);
    }
}
