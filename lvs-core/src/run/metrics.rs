//! Metrics as text: counters and gauges, never rates.

use std::fmt::{Display, Write};

use super::counters::{CheckCounts, Counters};
use super::running::Running;
use super::status::{ClusterStatus, table};
use crate::cluster::StateDir;
use crate::error::Result;
use crate::health::Health;
use crate::host::Host;
use crate::ipvs::{DestinationId, ServiceEntryStatus, ServiceId, Stats};

/// A text format of metrics. They differ in the name of a counter's family, and in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// The text format 0.0.4, which textfile collectors read.
    Prometheus,
    OpenMetrics,
}

impl Dialect {
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

impl StateDir {
    /// Returns the metrics of the clusters on this node, in the Prometheus text format: those of their
    /// controllers, and else one reading of the kernel.
    ///
    /// # Errors
    /// A record or the kernel's table cannot be read.
    pub fn metrics(&self, host: &mut Host) -> Result<String> {
        let records = self.records()?;
        let mut families = Families::default();
        let mut counters = Counters::default();
        for record in records.iter().filter(|record| record.is_applied()) {
            match self.ask(record.cluster(), "metrics")? {
                Some(text) => families.take(&text),
                None => {
                    let table = table(host)?;
                    let status = ClusterStatus::recorded(record, &table);
                    families.cluster(&status, &table, &mut counters);
                }
            }
        }
        families.totals(host, &mut counters);
        Ok(families.text(Dialect::Prometheus))
    }
}

impl Running {
    pub(super) fn metrics_text(&mut self, dialect: Dialect) -> String {
        let table = table(&mut self.host).unwrap_or_default();
        let status = self.status(&table);
        let mut families = Families::default();
        families.cluster(&status, &table, &mut self.counters);
        families.totals(&self.host, &mut self.counters);
        families.text(dialect)
    }
}

/// The kind of a family.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
}

/// The families of metrics: each name once, with all its samples.
struct Families(Vec<Family>);

struct Family {
    name: &'static str,
    kind: Kind,
    help: &'static str,
    /// Labels and value.
    samples: Vec<String>,
}

const FAMILIES: [(&str, Kind, &str); 29] = [
    (
        "lvs_service_connections",
        Kind::Counter,
        "Connections scheduled by the service.",
    ),
    (
        "lvs_service_packets_in",
        Kind::Counter,
        "Packets from clients of the service.",
    ),
    (
        "lvs_service_packets_out",
        Kind::Counter,
        "Packets to clients of the service, where they pass the director.",
    ),
    (
        "lvs_service_bytes_in",
        Kind::Counter,
        "Bytes from clients of the service.",
    ),
    (
        "lvs_service_bytes_out",
        Kind::Counter,
        "Bytes to clients of the service, where they pass the director.",
    ),
    (
        "lvs_service_minimum",
        Kind::Gauge,
        "Destinations that must be available.",
    ),
    (
        "lvs_service_available",
        Kind::Gauge,
        "Destinations that are available, whether or not the kernel has the service.",
    ),
    (
        "lvs_service_below_minimum",
        Kind::Gauge,
        "1 while fewer than the minimum are available, or the kernel does not have the service.",
    ),
    (
        "lvs_destination_connections",
        Kind::Counter,
        "Connections scheduled to the destination.",
    ),
    (
        "lvs_destination_packets_in",
        Kind::Counter,
        "Packets from clients to the destination.",
    ),
    (
        "lvs_destination_packets_out",
        Kind::Counter,
        "Packets of the destination to clients, where they pass the director.",
    ),
    (
        "lvs_destination_bytes_in",
        Kind::Counter,
        "Bytes from clients to the destination.",
    ),
    (
        "lvs_destination_bytes_out",
        Kind::Counter,
        "Bytes of the destination to clients, where they pass the director.",
    ),
    (
        "lvs_destination_weight",
        Kind::Gauge,
        "Weight in the kernel.",
    ),
    (
        "lvs_destination_desired_weight",
        Kind::Gauge,
        "Weight that the destination must have.",
    ),
    (
        "lvs_destination_active_connections",
        Kind::Gauge,
        "Active connections.",
    ),
    (
        "lvs_destination_inactive_connections",
        Kind::Gauge,
        "Other connections that the kernel remembers.",
    ),
    (
        "lvs_destination_up",
        Kind::Gauge,
        "1 if the destination is healthy, 0 if it is not; absent while that is unknown, and where no check tests it.",
    ),
    (
        "lvs_check_duration_seconds",
        Kind::Gauge,
        "Duration of the last probe.",
    ),
    ("lvs_check_failures", Kind::Counter, "Probes that failed."),
    (
        "lvs_plan_steps",
        Kind::Gauge,
        "Steps that would make the node as it must be: drift.",
    ),
    (
        "lvs_role",
        Kind::Gauge,
        "1 for the role that one of two directors has.",
    ),
    (
        "lvs_total_connections",
        Kind::Counter,
        "Connections of all services of the node, those of probes included.",
    ),
    (
        "lvs_total_packets_in",
        Kind::Counter,
        "Packets from clients of all services of the node.",
    ),
    (
        "lvs_total_packets_out",
        Kind::Counter,
        "Packets to clients of all services of the node.",
    ),
    (
        "lvs_total_bytes_in",
        Kind::Counter,
        "Bytes from clients of all services of the node.",
    ),
    (
        "lvs_total_bytes_out",
        Kind::Counter,
        "Bytes to clients of all services of the node.",
    ),
    (
        "lvs_up",
        Kind::Gauge,
        "1 while a controller of the cluster runs.",
    ),
    ("lvs_build_info", Kind::Gauge, "The version of the program."),
];

impl Default for Families {
    fn default() -> Self {
        let families = FAMILIES.iter().map(|(name, kind, help)| Family {
            name,
            kind: *kind,
            help,
            samples: Vec::new(),
        });
        let mut families = Self(families.collect());
        let version = env!("CARGO_PKG_VERSION");
        families.add("lvs_build_info", &[("version", &version)], 1);
        families
    }
}

impl Families {
    fn add(&mut self, name: &str, labels: &[(&str, &dyn Display)], value: impl Display) {
        let Some(family) = self.0.iter_mut().find(|family| family.name == name) else {
            return;
        };
        let labels: Vec<String> = labels
            .iter()
            .map(|(label, text)| format!("{label}=\"{}\"", escaped(&text.to_string())))
            .collect();
        family.samples.push(match labels.is_empty() {
            true => format!(" {value}"),
            false => format!("{{{}}} {value}", labels.join(",")),
        });
    }

    fn traffic(&mut self, prefix: &str, labels: &[(&str, &dyn Display)], stats: Stats) {
        for (name, value) in [
            ("connections", stats.connections),
            ("packets_in", stats.packets_in),
            ("packets_out", stats.packets_out),
            ("bytes_in", stats.bytes_in),
            ("bytes_out", stats.bytes_out),
        ] {
            self.add(&format!("{prefix}_{name}"), labels, value);
        }
    }

    fn cluster(
        &mut self,
        status: &ClusterStatus,
        table: &[ServiceEntryStatus],
        counters: &mut Counters,
    ) {
        let cluster: &dyn Display = &status.cluster;
        let here = [("cluster", cluster)];
        self.add("lvs_up", &here, u8::from(status.running));
        if let Some(steps) = status.drift {
            self.add("lvs_plan_steps", &here, steps);
        }
        if let Some(role) = status.role {
            self.add("lvs_role", &[("cluster", cluster), ("role", &role)], 1);
        }
        for service in &status.services {
            let id = service.service;
            let labels: [(&str, &dyn Display); 2] = [("cluster", cluster), ("service", &id)];
            if let (Some(minimum), Some(available)) = (service.minimum, service.available) {
                self.add("lvs_service_minimum", &labels, minimum);
                self.add("lvs_service_available", &labels, available);
                // Without the service no destination takes connections, however healthy.
                let is_below = !service.present || service.below_minimum.is_some();
                self.add("lvs_service_below_minimum", &labels, u8::from(is_below));
            }
            let Some(entry) = table.iter().find(|entry| entry.status.service.id == id) else {
                continue;
            };
            let (total, of_destinations) = counters.totals(entry);
            self.traffic("lvs_service", &labels, total);
            let totals: Vec<(DestinationId, Stats)> = entry
                .destinations
                .iter()
                .map(|found| found.destination.id)
                .zip(of_destinations)
                .collect();
            for destination in &service.destinations {
                let total = totals.iter().find(|(id, _)| *id == destination.destination);
                let checks = counters.checks.get(&(id, destination.destination)).copied();
                self.destination(
                    cluster,
                    id,
                    destination,
                    total.map(|(_, total)| *total),
                    checks,
                );
            }
        }
    }

    fn destination(
        &mut self,
        cluster: &dyn Display,
        service: ServiceId,
        state: &super::status::DestinationReport,
        total: Option<Stats>,
        checks: Option<CheckCounts>,
    ) {
        let name = state
            .server
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        let labels: [(&str, &dyn Display); 4] = [
            ("cluster", cluster),
            ("service", &service),
            ("destination", &state.destination),
            ("real_server", &name),
        ];
        if let Some(total) = total {
            self.traffic("lvs_destination", &labels, total);
        }
        // Nothing is known of one that no check tests.
        let up = state
            .health
            .filter(|health| !matches!(health, Health::Unknown | Health::Unchecked));
        for (gauge, value) in [
            ("weight", state.weight.map(|weight| weight.get())),
            (
                "desired_weight",
                state.desired_weight.map(|weight| weight.get()),
            ),
            ("active_connections", state.active),
            ("inactive_connections", state.inactive),
            ("up", up.map(|health| u32::from(health.is_up()))),
        ] {
            if let Some(value) = value {
                self.add(&format!("lvs_destination_{gauge}"), &labels, value);
            }
        }
        if let Some(checks) = checks {
            self.add(
                "lvs_check_duration_seconds",
                &labels,
                checks.duration.as_secs_f64(),
            );
            self.add("lvs_check_failures", &labels, checks.failures);
        }
    }

    fn totals(&mut self, host: &Host, counters: &mut Counters) {
        if host.is_ipvs_loaded()
            && let Ok(totals) = host.proc().totals()
        {
            self.traffic("lvs_total", &[], counters.of_node(totals));
        }
    }

    /// Takes in the samples that a controller has told, but for those of the node as a whole.
    fn take(&mut self, text: &str) {
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        for sample in samples {
            let end = sample.find(['{', ' ']).unwrap_or(sample.len());
            let (name, rest) = sample.split_at(end);
            let family = name.strip_suffix("_total").unwrap_or(name);
            let is_of_node = family.starts_with("lvs_total") || family == "lvs_build_info";
            let mut families = self.0.iter_mut();
            if let Some(family) = families.find(|known| known.name == family && !is_of_node) {
                family.samples.push(rest.to_owned());
            }
        }
    }

    fn text(&self, dialect: Dialect) -> String {
        let mut text = String::new();
        for family in self.0.iter().filter(|family| !family.samples.is_empty()) {
            let (kind, suffix) = match family.kind {
                Kind::Counter => ("counter", "_total"),
                Kind::Gauge => ("gauge", ""),
            };
            let name = match dialect {
                Dialect::Prometheus => format!("{}{suffix}", family.name),
                Dialect::OpenMetrics => family.name.to_owned(),
            };
            let _ = writeln!(text, "# HELP {name} {}", family.help);
            let _ = writeln!(text, "# TYPE {name} {kind}");
            for sample in &family.samples {
                let _ = writeln!(text, "{}{suffix}{sample}", family.name);
            }
        }
        if dialect == Dialect::OpenMetrics {
            text.push_str("# EOF\n");
        }
        text
    }
}

fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\\\");
    text.replace('"', "\\\"").replace('\n', "\\n")
}
