//! Which columns each form of `lvsctl list` has.

use lvs_core::ipvs::{Connection, Daemon, DestinationStatus, Stats, Timeouts};

use crate::arguments::View;
use crate::grid::Grid;
use crate::list::Entry;

/// The columns of a view, and what they show of a destination; a service shows the sum of them
/// where its own counters are not asked for.
struct Columns {
    names: &'static [&'static str],
    destination: fn(&DestinationStatus) -> Vec<String>,
    /// Of services, and of their sum.
    counters: Option<fn(&Stats) -> [u64; 5]>,
}

const PLAIN: Columns = Columns {
    names: &["FORWARDING", "WEIGHT", "ACTIVE", "INACTIVE"],
    destination: |status| {
        let numbers = [
            status.destination.weight.get(),
            status.active,
            status.inactive,
        ];
        let forwarding = status.destination.forwarding.to_string();
        std::iter::once(forwarding)
            .chain(numbers.map(|number| number.to_string()))
            .collect()
    },
    counters: None,
};

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
    } else if view.persistent {
        PERSISTENT
    } else {
        PLAIN
    }
}

/// Services by identity, each with its destinations in the kernel's order.
pub(crate) fn services(entries: &[Entry], view: &View, width: Option<usize>) -> String {
    if entries.is_empty() {
        return "no services\n".to_owned();
    }
    let columns = columns(view);
    let mut grid = Grid::new("", columns.names);
    for entry in entries {
        let service = &entry.status.service;
        match columns.counters {
            Some(counters) => grid.row(service.id.to_string(), text(counters(&entry.status.stats))),
            None => grid.row(service.to_string(), Vec::new()),
        }
        for status in &entry.destinations {
            let name = format!("  {}", status.destination.id);
            grid.row(name, (columns.destination)(status));
        }
    }
    total(&mut grid, entries, &columns);
    grid.text(width)
}

/// The sums, where there is something to add up.
fn total(grid: &mut Grid, entries: &[Entry], columns: &Columns) {
    let numbers = match columns.counters {
        Some(counters) => {
            let all = entries.iter().map(|entry| counters(&entry.status.stats));
            text(all.fold([0; 5], add))
        }
        None => {
            let all = entries.iter().flat_map(|entry| &entry.destinations);
            let connections = all.map(|status| [status.active.into(), status.inactive.into()]);
            let sums = text(connections.fold([0; 2], add));
            let blanks = std::iter::repeat_n(String::new(), 2);
            blanks.chain(sums).collect()
        }
    };
    grid.row("total", numbers);
}

fn add<const COUNT: usize>(mut sums: [u64; COUNT], numbers: [u64; COUNT]) -> [u64; COUNT] {
    for (sum, number) in sums.iter_mut().zip(numbers) {
        *sum = sum.saturating_add(number);
    }
    sums
}

pub(crate) fn connections(connections: &[Connection], width: Option<usize>) -> String {
    if connections.is_empty() {
        return "no connections\n".to_owned();
    }
    let mut grid = Grid::new("CLIENT", &["SERVICE", "DESTINATION", "STATE", "EXPIRES"]);
    for connection in connections {
        let service = match connection.mark() {
            Some(mark) => format!("fwmark {mark}"),
            None => format!("{} {}", connection.protocol, connection.service),
        };
        let engine = connection.engine_data.as_deref().map(printable);
        let state = std::iter::once(connection.state.clone()).chain(engine);
        let values = vec![
            service,
            connection.destination.to_string(),
            state.collect::<Vec<_>>().join(" "),
            connection.expires.to_string(),
        ];
        grid.row(connection.client.to_string(), values);
    }
    grid.text(width)
}

/// A client chose these bytes (a Call-ID of SIP): a terminal must not obey them.
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

pub(crate) fn daemons(daemons: &[Daemon], width: Option<usize>) -> String {
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

/// Kernels before 4.3 do not tell.
fn known(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use lvs_core::ipvs::{Destination, Forwarding, SchedulerName, Service, ServiceStatus};

    fn entry() -> Entry {
        let mut stats = Stats {
            connections: 12,
            packets_in: 345,
            bytes_in: 12_345_678_901_234,
            ..Stats::default()
        };
        stats.rates.connections = 3;
        let service = Service::new("tcp 172.16.5.11:80".parse().unwrap(), SchedulerName::WRR);
        let destination = |id: &str, active| DestinationStatus {
            destination: Destination::new(id.parse().unwrap(), Forwarding::DirectRouting),
            active,
            inactive: 7,
            persistent: 2,
            stats,
        };
        Entry {
            status: ServiceStatus { service, stats },
            destinations: vec![
                destination("192.168.1.13:80", 5),
                destination("[2001:db8:1234:5678:9abc:def0:1234:5678]:80", 40),
            ],
        }
    }

    fn lines(view: &View) -> Vec<String> {
        let text = services(&[entry()], view, Some(80));
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
        let text = services(&[entry()], &View::default(), Some(60));
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
