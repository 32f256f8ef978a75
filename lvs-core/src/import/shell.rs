//! What a script of ipvsadm lines does besides: variables, loops over words, branches, addresses.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};

use crate::name::IfName;

/// How many times a loop may go round.
const MAX_WORDS: usize = 4096;

/// Returns the commands of a line: what `;`, `&&` and `||` part outside of quotes, `;;` with the command before it.
pub(super) fn commands(line: &str) -> Vec<&str> {
    let mut commands = Vec::new();
    let (mut start, mut quote, mut substitutions) = (0, None, 0_u32);
    let mut before = ' ';
    let mut rest = line.char_indices();
    while let Some((place, c)) = rest.next() {
        let next = rest.as_str().chars().next();
        match (quote, c) {
            (_, '\\') if quote != Some('\'') => drop(rest.next()),
            (Some(open), _) => quote = quote.filter(|_| c != open),
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '(') if before == '$' || substitutions > 0 => substitutions += 1,
            (None, ')') => substitutions = substitutions.saturating_sub(1),
            (None, '#') if before.is_whitespace() => break,
            (None, ';') if next == Some(';') => drop(rest.next()),
            (None, ';') if substitutions == 0 => {
                commands.push(line.get(start..place));
                start = place + 1;
            }
            (None, '&' | '|') if next == Some(c) && substitutions == 0 => {
                commands.push(line.get(start..place));
                rest.next();
                start = place + 2;
            }
            _ => {}
        }
        before = c;
    }
    commands.push(line.get(start..));
    let commands = commands.into_iter().flatten().map(str::trim);
    commands.filter(|command| !command.is_empty()).collect()
}

/// Returns the arguments of a command, without redirections.
pub(super) fn unredirected(text: &str) -> &str {
    let end = text.find(['&', '|', '>', '<', ';']).unwrap_or(text.len());
    let (arguments, rest) = text.split_at(end);
    // The number of the file that is redirected stands before it.
    match arguments.rsplit_once(char::is_whitespace) {
        Some((before, "0" | "1" | "2")) if rest.starts_with(['>', '<']) => before,
        _ => arguments,
    }
}

/// `for NAME in WORDS`
#[derive(Debug, PartialEq, Eq)]
pub(super) struct For<'a> {
    pub(super) name: &'a str,
    pub(super) words: &'a str,
}

impl<'a> For<'a> {
    pub(super) fn of(text: &'a str) -> Option<Self> {
        let (name, words) = text.strip_prefix("for ")?.trim_start().split_once(" in ")?;
        let (name, words) = (name.trim(), words.trim());
        is_name(name).then_some(Self { name, words })
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

/// Commands that end a service, and run only where the script is called for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// `stop)`, up to `;;`.
    Branch,
    /// `stop() {`, with how many braces are open.
    Function(usize),
}

impl Stop {
    /// Returns what a command begins.
    pub(super) fn of(text: &str) -> Option<Self> {
        let label = text.split_once(')').map(|(label, _)| label);
        let quotes = ['"', '\'', ' ', '('];
        if label.is_some_and(|label| label.trim_matches(quotes) == "stop") {
            return Some(match text.contains("()") {
                true => Self::Function(0),
                false => Self::Branch,
            });
        }
        let name = text.strip_prefix("function ")?.trim_start();
        let name = name.split([' ', '(', '{']).next();
        (name == Some("stop")).then_some(Self::Function(0))
    }

    /// Returns what goes on behind a command; nothing where this one is the last.
    pub(super) fn after(self, text: &str) -> Option<Self> {
        match self {
            Self::Branch => (!text.ends_with(";;") && text != "esac").then_some(self),
            Self::Function(open) => {
                let words = || text.split_whitespace();
                let opened = words().filter(|word| word.ends_with('{')).count();
                let closed = words().filter(|word| *word == "}").count();
                let open = (open + opened).saturating_sub(closed);
                (closed == 0 || open > 0).then_some(Self::Function(open))
            }
        }
    }
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
            .filter(|word| !matches!(*word, "sudo" | "-4" | "-6"))
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

/// Returns the sysctls that a line sets, by their names with slashes: `sysctl -w NAME=VALUE …`,
/// `echo VALUE > /proc/sys/NAME` or `echo VALUE | tee /proc/sys/NAME`.
pub(super) fn sysctls(text: &str) -> Option<Vec<(String, String)>> {
    let words = unquoted_words(text);
    let mut words = words
        .iter()
        .map(String::as_str)
        .filter(|word| *word != "sudo");
    let program = words.next()?;
    if is(program, "sysctl") {
        let set = words.take_while(|word| !matches!(*word, ">" | "|"));
        // The number of the file that is redirected stands before it.
        let set = set.filter(|word| !word.starts_with('-') && !matches!(*word, "1" | "2"));
        let set = set.map(|word| {
            let (name, value) = word.split_once('=')?;
            Some((name.replace('.', "/"), value.to_owned()))
        });
        return set
            .collect::<Option<Vec<_>>>()
            .filter(|set| !set.is_empty());
    }
    if !is(program, "echo") && !is(program, "printf") {
        return None;
    }
    let words: Vec<_> = words.filter(|word| !word.starts_with('-')).collect();
    let end = words.iter().position(|word| matches!(*word, ">" | "|"))?;
    let (value, target) = words.split_at(end);
    let mut target = target.iter();
    let name = target.find_map(|word| word.strip_prefix("/proc/sys/"))?;
    Some(vec![(name.to_owned(), value.join(" "))])
}

/// Returns words without their quotes; `>` and `|` are words of their own.
fn unquoted_words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in text.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '>' | '|') => {
                words.extend(word.take());
                words.push(c.to_string());
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word.take());
    words
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
    fn loops_over_words_are_known() {
        let found = |text| For::of(text).map(|found| found.words);
        assert_eq!(found("for i in 1 2"), Some("1 2"));
        assert_eq!(found("for (( i=1"), None);
    }

    #[test]
    fn a_line_has_several_commands() {
        for (line, expected) in [
            ("a; b && c || d", vec!["a", "b", "c", "d"]),
            (
                "a 'x; y' \"z && z\" > /dev/null 2>&1",
                vec!["a 'x; y' \"z && z\" > /dev/null 2>&1"],
            ),
            ("stop) a; b ;;", vec!["stop) a", "b ;;"]),
            (
                "for i in $(seq 1 2; x); do a; done # b; c",
                vec!["for i in $(seq 1 2; x)", "do a", "done # b; c"],
            ),
            ("a &&", vec!["a"]),
            ("a \\; b", vec!["a \\; b"]),
        ] {
            assert_eq!(commands(line), expected, "{line}");
        }
    }

    #[test]
    fn what_is_redirected_is_no_argument() {
        assert_eq!(unredirected("-a -w 2 2>/dev/null"), "-a -w 2");
        assert_eq!(unredirected("-a -w 2 > /dev/null 2>&1"), "-a -w 2 ");
        assert_eq!(unredirected("-R < rules"), "-R ");
    }

    #[test]
    fn sysctls_are_set_by_several_programs() {
        let set = |text| {
            let set = sysctls(text).unwrap_or_default().into_iter();
            let set = set.map(|(name, value)| format!("{name}={value}"));
            set.collect::<Vec<_>>().join(", ")
        };
        let conntrack = "net/ipv4/vs/conntrack=1";
        for (text, expected) in [
            ("sysctl -w net.ipv4.vs.conntrack=1", conntrack),
            (
                "/sbin/sysctl -q -w net/ipv4/vs/conntrack=1 >/dev/null 2>&1",
                conntrack,
            ),
            ("sudo sysctl net.ipv4.vs.conntrack=\"1\"", conntrack),
            ("echo 1 > /proc/sys/net/ipv4/vs/conntrack", conntrack),
            ("echo \"1\">/proc/sys/net/ipv4/vs/conntrack", conntrack),
            (
                "echo -n 1 | sudo tee /proc/sys/net/ipv4/vs/conntrack > /dev/null",
                conntrack,
            ),
            (
                "sysctl -w net.ipv4.vs.sync_threshold='3 50' net.ipv4.vs.conntrack=1",
                "net/ipv4/vs/sync_threshold=3 50, net/ipv4/vs/conntrack=1",
            ),
            ("echo done", ""),
            ("sysctl -p", ""),
        ] {
            assert_eq!(set(text), expected, "{text}");
        }
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
