//! The shorter forms of a cluster file, where they say the same in fewer words: `[defaults]`, groups of real servers,
//! and one entry for services that differ by their addresses only.

use std::collections::BTreeMap;

use super::draft::{DraftDestination, DraftService};
use super::fit::Fitted;
use crate::ipvs::{Destination, ServiceId};
use crate::name::IfName;

/// What the writer shortens; nothing by default.
#[derive(Debug, Default)]
pub(super) struct Shortening {
    /// The interface of most real servers.
    pub(super) interface: Option<IfName>,
    /// The real servers of each group.
    groups: BTreeMap<String, Vec<String>>,
    /// Whether services share an entry.
    pub(super) joins: bool,
}

impl Shortening {
    pub(super) fn of(fitted: &Fitted) -> Self {
        Self {
            interface: interface(fitted),
            groups: groups(fitted),
            joins: true,
        }
    }

    /// Returns the groups of a real server.
    pub(super) fn groups_of(&self, server: &str) -> Vec<&str> {
        let is_in = |names: &&Vec<String>| names.iter().any(|name| name == server);
        let groups = self.groups.iter().filter(|(_, names)| is_in(names));
        groups.map(|(group, _)| group.as_str()).collect()
    }

    /// Returns the group that stands for the destinations of a service, but the fallback.
    pub(super) fn group_for(&self, fitted: &Fitted, service: &DraftService) -> Option<&str> {
        let names = alike(fitted, service)?;
        let mut groups = self.groups.iter();
        let group = groups.find(|(_, members)| members.iter().eq(&names));
        group.map(|(group, _)| group.as_str())
    }
}

/// A default is worth its lines from the second real server on.
fn interface(fitted: &Fitted) -> Option<IfName> {
    let mut counts: BTreeMap<&IfName, usize> = BTreeMap::new();
    for server in &fitted.servers {
        *counts.entry(&server.interface).or_default() += 1;
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    most.filter(|(_, count)| *count > 1)
        .map(|(interface, _)| interface.clone())
}

/// A group takes a line of each member, and saves all but one line of each service.
fn groups(fitted: &Fitted) -> BTreeMap<String, Vec<String>> {
    let mut uses: BTreeMap<Vec<&str>, usize> = BTreeMap::new();
    for names in services(fitted) {
        *uses.entry(names).or_default() += 1;
    }
    uses.retain(|names, count| (names.len() - 1) * *count > names.len());
    let is_single = uses.len() == 1;
    let members = uses
        .into_keys()
        .map(|names| names.into_iter().map(str::to_owned).collect());
    let name = |number: usize| match is_single {
        true => "servers".to_owned(),
        false => format!("servers-{number}"),
    };
    (1..).map(name).zip(members).collect()
}

/// Returns the real servers of each entry for services that one group could stand for.
fn services(fitted: &Fitted) -> Vec<Vec<&str>> {
    let mut last = None;
    let mut entries = Vec::new();
    for service in &fitted.draft.services {
        let is_joined = last.is_some_and(|last| is_alike(last, service));
        last = Some(service);
        entries.extend(alike(fitted, service).filter(|_| !is_joined));
    }
    entries
}

/// Returns the names of the destinations that a group could stand for: they differ by name only, and are real servers
/// in the order of the file.
fn alike<'a>(fitted: &'a Fitted, service: &DraftService) -> Option<Vec<&'a str>> {
    let ends = || service.destinations.iter().filter(|end| !end.is_fallback);
    let first = ends().next()?;
    let is_alike = |end: &DraftDestination| {
        let as_written = |end: &DraftDestination| Destination {
            weight: fitted.written_weight(end).unwrap_or_default(),
            id: crate::ipvs::DestinationId::new(
                first.destination.id.address,
                end.destination.id.port,
            ),
            ..end.destination
        };
        as_written(end) == as_written(first)
            && end.is_checked == first.is_checked
            && fitted.written_weight(end).is_some() == fitted.written_weight(first).is_some()
    };
    let names: Option<Vec<&str>> = ends()
        .map(|end| {
            fitted
                .nodes
                .get(&end.destination.id.address)
                .map(String::as_str)
        })
        .collect();
    let names = names.filter(|names| names.len() > 1 && ends().all(is_alike))?;
    let mut servers = fitted.servers.iter();
    let is_in_order = names
        .iter()
        .all(|name| servers.any(|server| server.name == *name));
    is_in_order.then_some(names)
}

/// Returns whether two services differ by their addresses only, as an entry writes them.
pub(super) fn is_alike(one: &DraftService, other: &DraftService) -> bool {
    let (
        ServiceId::Socket { protocol, address },
        ServiceId::Socket {
            protocol: theirs,
            address: at,
        },
    ) = (one.service.id, other.service.id)
    else {
        return false;
    };
    // A destination's port is written where it is not the service's.
    let port = |end: &DraftDestination, own: u16| {
        Some(end.destination.id.port).filter(|port| *port != own)
    };
    let same_end = |(a, b): (&DraftDestination, &DraftDestination)| {
        let (x, y) = (&a.destination, &b.destination);
        port(a, address.port()) == port(b, at.port())
            && (
                (a.is_fallback, a.is_checked),
                x.id.address,
                x.weight,
                x.forwarding,
                x.thresholds,
            ) == (
                (b.is_fallback, b.is_checked),
                y.id.address,
                y.weight,
                y.forwarding,
                y.thresholds,
            )
    };
    let same_service = {
        let mut there = other.service.clone();
        there.id = one.service.id;
        there == one.service
    };
    protocol == theirs
        && same_service
        && one.health == other.health
        && (&one.assumed, &one.remarks) == (&other.assumed, &other.remarks)
        && one.destinations.len() == other.destinations.len()
        && one
            .destinations
            .iter()
            .zip(&other.destinations)
            .all(same_end)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;
    use crate::cluster::Cluster;
    use crate::import::draft::Draft;
    use crate::import::tally::Tally;
    use crate::import::{Options, fit, keepalived, ldirectord, rules, write};
    use crate::testing::seeds;

    fn options() -> Options {
        Options::new("web".parse().unwrap(), "director".parse().unwrap())
    }

    /// Returns the file without and with shorter forms, which are the same cluster.
    fn both(draft: Draft, mut tally: Tally, name: &str) -> (String, String) {
        let fitted = fit::fit(draft, &mut tally, &options());
        let written = |form: &Shortening| write::write(&fitted, form, &[], "source", &options());
        let (long, short) = (
            written(&Shortening::default()),
            written(&Shortening::of(&fitted)),
        );
        if !fitted.draft.services.is_empty() {
            let cluster = |text: &str| {
                Cluster::from_toml(text).unwrap_or_else(|error| panic!("{name}: {error}\n{text}"))
            };
            assert_eq!(cluster(&short), cluster(&long), "{name}\n{short}\n{long}");
        }
        assert!(short.len() <= long.len(), "{name}\n{short}\n{long}");
        (long, short)
    }

    fn of_keepalived(text: &str, name: &str) -> Option<(String, String)> {
        let mut tally = Tally::default();
        let read = &mut |_: &str| Ok(Vec::new());
        let (draft, _) = keepalived::draft("k", text, &options(), read, &mut tally).ok()?;
        Some(both(draft, tally, name))
    }

    #[test]
    fn the_corpus_is_the_same_in_shorter_forms() {
        for kind in [
            "keepalived_conf",
            "ldirectord_cf",
            "ipvsadm_script",
            "rules",
        ] {
            for path in seeds(kind) {
                let name = path.display().to_string();
                let text = String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
                let mut tally = Tally::default();
                let none = &mut |_: &str| None;
                let draft = match kind {
                    "keepalived_conf" => {
                        of_keepalived(&text, &name);
                        continue;
                    }
                    "ldirectord_cf" => ldirectord::draft("l", &text, none, &mut tally),
                    _ => rules::draft("r", &text, &options(), none, &mut tally),
                };
                if let Ok(draft) = draft {
                    both(draft, tally, &name);
                }
            }
        }
    }

    /// Virtual servers over a few addresses, ports, weights and sets of real servers.
    fn random(seed: u64) -> String {
        let mut state = seed;
        let mut below = |limit: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) % limit
        };
        let mut text = String::new();
        let (servers, same) = (1 + below(6), below(2) == 0);
        for number in 0..1 + below(6) {
            let port = 80 + below(3);
            let _ = writeln!(
                text,
                "virtual_server 10.0.{}.{number} {port} {{\nlb_algo rr\nprotocol TCP",
                below(2)
            );
            let _ = writeln!(
                text,
                "lb_kind {}",
                ["NAT", "DR"][usize::from(below(4) == 0)]
            );
            if below(4) == 0 {
                let _ = writeln!(text, "sorry_server 10.1.0.9 {port}");
            }
            for server in 0..servers {
                if same || below(3) > 0 {
                    let port = if below(5) == 0 { 8080 } else { port };
                    let weight = if same { 2 } else { 1 + below(2) };
                    let _ = writeln!(
                        text,
                        "real_server 10.1.0.{} {port} {{\nweight {weight}",
                        server + 1
                    );
                    let _ = writeln!(text, "TCP_CHECK {{\nconnect_timeout 3\n}}\n}}");
                }
            }
            text.push_str("}\n");
        }
        text
    }

    #[test]
    fn random_files_are_the_same_in_shorter_forms() {
        let (mut groups, mut joined, mut saved) = (0, 0, 0);
        for seed in 1..=500 {
            if let Some((long, short)) = of_keepalived(&random(seed), &seed.to_string()) {
                groups += usize::from(short.contains("group = "));
                joined += usize::from(short.contains("addresses = [\""));
                saved += long.len() - short.len();
            }
        }
        assert!(
            groups > 20 && joined > 20 && saved > 10_000,
            "{groups} {joined} {saved}"
        );
    }

    /// Twelve servers of three virtual IPs with two ports each.
    #[test]
    fn many_servers_take_few_lines() {
        let mut text = String::new();
        for vip in 1..=3 {
            for port in [80, 443] {
                let _ = writeln!(
                    text,
                    "virtual_server 10.0.0.{vip} {port} {{\nlb_algo wrr\nlb_kind DR\nprotocol TCP"
                );
                for server in 1..=12 {
                    let _ = writeln!(text, "real_server 10.0.1.{server} {port} {{\nweight 1\n}}");
                }
                text.push_str("}\n");
            }
        }
        let (long, short) = of_keepalived(&text, "many").unwrap();
        let count = |text: &str| text.lines().count();
        assert!(count(&long) > 150, "{long}");
        assert!(count(&short) < 110, "{short}");
    }
}
