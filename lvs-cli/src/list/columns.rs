//! The columns of each form of `lvsctl list`.

use lvs_core::ipvs::{
    Connection, Daemon, DestinationOverview, DestinationStatus, ServiceEntryStatus,
    ServiceOverview, Stats, Timeouts,
};

use super::grid::Grid;
use crate::arguments::View;

pub(super) const NONE: &str = "no services\n";

/// Holds the columns of a view, and how to fill them.
struct Columns {
    names: &'static [&'static str],
    destination: fn(&DestinationStatus) -> Vec<String>,
    /// The counters of a service and of the total; without them a service is a heading.
    counters: Option<fn(&Stats) -> [u64; 5]>,
}

const THRESHOLDS: Columns = Columns {
    names: &["UPPER", "LOWER", "ACTIVE", "INACTIVE"],
    destination: |status| {
        let thresholds = status.destination.thresholds;
        text([
            thresholds.upper(),
            thresholds.lower(),
            status.active,
            status.inactive,
        ])
    },
    counters: None,
};

const PERSISTENT: Columns = Columns {
    names: &["WEIGHT", "PERSISTENT", "ACTIVE", "INACTIVE"],
    destination: |status| {
        let weight = status.destination.weight.get();
        text([weight, status.persistent, status.active, status.inactive])
    },
    counters: None,
};

const STATS: Columns = Columns {
    names: &["CONNS", "PKTS-IN", "PKTS-OUT", "BYTES-IN", "BYTES-OUT"],
    destination: |status| text(totals(&status.stats)),
    counters: Some(totals),
};

const RATES: Columns = Columns {
    names: &[
        "CONNS/S",
        "PKTS-IN/S",
        "PKTS-OUT/S",
        "BYTES-IN/S",
        "BYTES-OUT/S",
    ],
    destination: |status| text(rates(&status.stats)),
    counters: Some(rates),
};

const fn totals(stats: &Stats) -> [u64; 5] {
    [
        stats.connections,
        stats.packets_in,
        stats.packets_out,
        stats.bytes_in,
        stats.bytes_out,
    ]
}

const fn rates(stats: &Stats) -> [u64; 5] {
    let rates = stats.rates;
    [
        rates.connections,
        rates.packets_in,
        rates.packets_out,
        rates.bytes_in,
        rates.bytes_out,
    ]
}

fn text<N: ToString, const COUNT: usize>(numbers: [N; COUNT]) -> Vec<String> {
    numbers.map(|number| number.to_string()).into()
}

const fn columns(view: &View) -> Columns {
    if view.stats {
        STATS
    } else if view.rates {
        RATES
    } else if view.thresholds {
        THRESHOLDS
    } else {
        PERSISTENT
    }
}

/// Returns services with the weights and connections of their destinations.
pub(super) fn overview(services: &[ServiceOverview]) -> Grid {
    let mut grid = Grid::new("", &["FORWARDING", "WEIGHT", "ACTIVE", "INACTIVE"]);
    for entry in services {
        grid.row(entry.service.to_string(), Vec::new());
        for destination in &entry.destinations {
            grid.row(format!("  {}", destination.id), brief(destination));
        }
    }
    let all = services.iter().flat_map(|entry| &entry.destinations);
    grid.row(
        "total",
        connections_of(all.map(|found| (found.active, found.inactive))),
    );
    grid
}

fn brief(found: &DestinationOverview) -> Vec<String> {
    vec![
        found.forwarding.to_string(),
        found.weight.to_string(),
        found.active.to_string(),
        found.inactive.to_string(),
    ]
}

/// Formats services with their destinations, by what only netlink tells.
pub(super) fn services(
    services: &[ServiceEntryStatus],
    view: &View,
    width: Option<usize>,
) -> String {
    if services.is_empty() {
        return NONE.to_owned();
    }
    let columns = columns(view);
    let mut grid = Grid::new("", columns.names);
    for ServiceEntryStatus {
        status,
        destinations,
    } in services
    {
        let service = &status.service;
        match columns.counters {
            Some(counters) => grid.row(service.id.to_string(), text(counters(&status.stats))),
            None => grid.row(service.to_string(), Vec::new()),
        }
        for status in destinations {
            let name = format!("  {}", status.destination.id);
            grid.row(name, (columns.destination)(status));
        }
    }
    grid.row("total", total(services, &columns));
    grid.text(width)
}

/// Returns the sums of the columns that can be added up.
fn total(services: &[ServiceEntryStatus], columns: &Columns) -> Vec<String> {
    if let Some(counters) = columns.counters {
        let sums = services
            .iter()
            .map(|service| counters(&service.status.stats))
            .fold([0; 5], add);
        return text(sums);
    }
    let all = services.iter().flat_map(|service| &service.destinations);
    connections_of(all.map(|status| (status.active, status.inactive)))
}

/// Returns the sums of connections, behind two columns that have no sum.
fn connections_of(all: impl Iterator<Item = (u32, u32)>) -> Vec<String> {
    let sums = all
        .map(|(active, inactive)| [active.into(), inactive.into()])
        .fold([0; 2], add);
    std::iter::repeat_n(String::new(), 2)
        .chain(text(sums))
        .collect()
}

fn add<const COUNT: usize>(mut sums: [u64; COUNT], numbers: [u64; COUNT]) -> [u64; COUNT] {
    for (sum, number) in sums.iter_mut().zip(numbers) {
        *sum = sum.saturating_add(number);
    }
    sums
}

pub(super) fn connections(connections: &[Connection], width: Option<usize>) -> String {
    if connections.is_empty() {
        return "no connections\n".to_owned();
    }
    let mut grid = Grid::new("CLIENT", &["SERVICE", "DESTINATION", "STATE", "EXPIRES"]);
    for connection in connections {
        let service = match connection.mark() {
            Some(mark) => format!("fwmark {mark}"),
            None => format!("{} {}", connection.protocol, connection.service),
        };
        let mut state = connection.state.to_string();
        if let Some(data) = &connection.engine_data {
            state = format!("{state} {}", printable(data));
        }
        let values = vec![
            service,
            connection.destination.to_string(),
            state,
            connection.expires.to_string(),
        ];
        grid.row(connection.client.to_string(), values);
    }
    grid.text(width)
}

/// Escapes bytes that a client chose (a Call-ID of SIP): a terminal must not obey them.
fn printable(data: &str) -> String {
    data.chars()
        .map(|letter| match letter {
            ' '..='~' => letter.to_string(),
            other => other.escape_default().to_string(),
        })
        .collect()
}

pub(crate) fn timeouts(timeouts: &Timeouts) -> String {
    let Timeouts { tcp, tcp_fin, udp } = timeouts;
    format!("tcp      {tcp}\ntcp-fin  {tcp_fin}\nudp      {udp}\n")
}

pub(super) fn daemons(daemons: &[Daemon], width: Option<usize>) -> String {
    if daemons.is_empty() {
        return "no sync daemon is running\n".to_owned();
    }
    let names = ["INTERFACE", "ID", "GROUP", "PORT", "TTL", "MAX-LENGTH"];
    let mut grid = Grid::new("ROLE", &names);
    for daemon in daemons {
        let values = vec![
            daemon.interface.to_string(),
            daemon.sync_id.to_string(),
            known(daemon.group),
            known(daemon.port),
            known(daemon.ttl),
            known(daemon.max_length),
        ];
        grid.row(daemon.role.to_string(), values);
    }
    grid.text(width)
}

/// Returns nothing for what kernels before 4.3 do not report.
fn known(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use lvs_core::ipvs::{Destination, Forwarding, SchedulerName, Service, ServiceStatus};

    fn listed() -> ServiceEntryStatus {
        let mut stats = Stats::default();
        stats.connections = 12;
        stats.packets_in = 345;
        stats.bytes_in = 12_345_678_901_234;
        stats.rates.connections = 3;
        let service = Service::new("tcp 172.16.5.11:80".parse().unwrap(), SchedulerName::WRR);
        let destination = |id: &str, active| DestinationStatus {
            destination: Destination::new(id.parse().unwrap(), Forwarding::DirectRouting),
            active,
            inactive: 7,
            persistent: 2,
            stats,
        };
        ServiceEntryStatus {
            status: ServiceStatus { service, stats },
            destinations: vec![
                destination("192.168.1.13:80", 5),
                destination("[2001:db8:1234:5678:9abc:def0:1234:5678]:80", 40),
            ],
        }
    }

    fn lines(view: &View) -> Vec<String> {
        let text = match view.is_brief() {
            true => overview(&[listed().into()]).text(Some(80)),
            false => services(&[listed()], view, Some(80)),
        };
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn the_plain_table() {
        assert_eq!(
            lines(&View::default()),
            [
                "                                            FORWARDING  WEIGHT  ACTIVE  INACTIVE",
                "tcp 172.16.5.11:80 wrr",
                "  192.168.1.13:80                           dr               1       5         7",
                "  [2001:db8:1234:5678:9abc:def0:1234:5678]:80",
                "                                            dr               1      40         7",
                "total                                                               45        14",
            ]
        );
    }

    #[test]
    fn counters_are_exact_and_summed_over_services() {
        let view = View {
            stats: true,
            ..View::default()
        };
        assert_eq!(
            lines(&view),
            [
                "                             CONNS  PKTS-IN  PKTS-OUT        BYTES-IN  BYTES-OUT",
                "tcp 172.16.5.11:80              12      345         0  12345678901234          0",
                "  192.168.1.13:80               12      345         0  12345678901234          0",
                "  [2001:db8:1234:5678:9abc:def0:1234:5678]:80",
                "                                12      345         0  12345678901234          0",
                "total                           12      345         0  12345678901234          0",
            ]
        );
        let view = View {
            rates: true,
            ..View::default()
        };
        let lines = lines(&view);
        let first: Vec<_> = lines[1].split_whitespace().collect();
        assert_eq!(first, ["tcp", "172.16.5.11:80", "3", "0", "0", "0", "0"]);
    }

    #[test]
    fn ordinary_servers_keep_to_one_line_in_sixty_columns() {
        let text = overview(&[listed().into()]).text(Some(60));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines[2],
            "  192.168.1.13:80       dr               1       5         7"
        );
        assert!(lines.iter().all(|line| line.len() <= 60), "{text}");
    }

    #[test]
    fn what_a_client_wrote_does_not_reach_the_terminal() {
        assert_eq!(
            printable("a84b@host \x1b[2J\u{9b}é"),
            "a84b@host \\u{1b}[2J\\u{9b}\\u{e9}"
        );
    }
}
