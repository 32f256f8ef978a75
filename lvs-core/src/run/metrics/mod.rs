//! Metrics: counters and gauges of clusters and of the node, never rates.

mod metric;
mod samples;

use std::collections::HashMap;
use std::fmt::Display;

pub(super) use samples::Dialect;

use super::counters::{CheckCounts, Counters};
use super::running::Running;
use super::status::{ClusterStatus, DestinationReport, ServiceReport, table};
use crate::cluster::StateDir;
use crate::error::Result;
use crate::health::Health;
use crate::host::Host;
use crate::ipvs::{DestinationId, ServiceEntryStatus, ServiceId, Stats};
use metric::{Metric, Traffic};
use samples::{Labels, Samples};

impl StateDir {
    /// Returns the metrics of the clusters on this node, in the Prometheus text format: those of their
    /// controllers, and else one reading of the kernel.
    ///
    /// # Errors
    /// A record or the kernel's table cannot be read.
    pub fn metrics(&self, host: &mut Host) -> Result<String> {
        let records = self.records()?;
        let mut samples = Samples::new();
        let mut counters = Counters::default();
        for record in records.iter().filter(|record| record.is_applied()) {
            match self.ask(record.cluster(), "metrics")? {
                Some(text) => samples.take(&text),
                None => {
                    let table = table(host)?;
                    let status = ClusterStatus::recorded(record, &table);
                    samples.add_cluster(&status, &table, &mut counters);
                }
            }
        }
        samples.add_node(host, &mut counters);
        Ok(samples.text(Dialect::Prometheus))
    }
}

impl Running {
    pub(super) fn metrics_text(&mut self, dialect: Dialect) -> String {
        let table = table(&mut self.host).unwrap_or_default();
        let status = self.status(&table);
        let mut samples = Samples::new();
        samples.add_cluster(&status, &table, &mut self.counters);
        samples.add_node(&self.host, &mut self.counters);
        samples.text(dialect)
    }
}

impl Samples {
    fn add_cluster(
        &mut self,
        status: &ClusterStatus,
        table: &[ServiceEntryStatus],
        counters: &mut Counters,
    ) {
        let cluster: &dyn Display = &status.cluster;
        let here = Labels::new([("cluster", cluster)]);
        self.add(Metric::Up, &here, u8::from(status.running));
        self.add_known(Metric::PlanSteps, &here, status.drift);
        if let Some(role) = status.role {
            let labels = Labels::new([("cluster", cluster), ("role", &role)]);
            self.add(Metric::Role, &labels, 1);
        }
        let entries: HashMap<ServiceId, &ServiceEntryStatus> = table
            .iter()
            .map(|entry| (entry.status.service.id, entry))
            .collect();
        for service in &status.services {
            let labels = Labels::new([("cluster", cluster), ("service", &service.service)]);
            self.add_minimum(service, &labels);
            if let Some(entry) = entries.get(&service.service) {
                let (total, of_destinations) = counters.totals(entry);
                self.traffic(Traffic::SERVICE, &labels, total);
                let totals = entry
                    .destinations
                    .iter()
                    .map(|found| found.destination.id)
                    .zip(of_destinations)
                    .collect();
                self.add_destinations(cluster, service, &totals, counters);
            }
        }
    }

    fn add_destinations(
        &mut self,
        cluster: &dyn Display,
        service: &ServiceReport,
        totals: &HashMap<DestinationId, Stats>,
        counters: &Counters,
    ) {
        for report in &service.destinations {
            let id = report.destination;
            let labels = Labels::new([
                ("cluster", cluster),
                ("service", &service.service),
                ("destination", &id),
                ("real_server", &server(report)),
            ]);
            if let Some(total) = totals.get(&id) {
                self.traffic(Traffic::DESTINATION, &labels, *total);
            }
            self.add_destination(report, &labels);
            if let Some(checks) = counters.checks.get(&(service.service, id)) {
                self.add_checks(checks, &labels);
            }
        }
    }

    fn add_minimum(&mut self, service: &ServiceReport, labels: &Labels) {
        if let (Some(minimum), Some(available)) = (service.minimum, service.available) {
            self.add(Metric::ServiceMinimum, labels, minimum);
            self.add(Metric::ServiceAvailable, labels, available);
            // Without the service no destination takes connections, however healthy.
            let is_below = u8::from(!service.present || service.below_minimum.is_some());
            self.add(Metric::ServiceBelowMinimum, labels, is_below);
        }
    }

    fn add_destination(&mut self, report: &DestinationReport, labels: &Labels) {
        // Nothing is known of one that no check tests.
        let up = report
            .health
            .filter(|health| !matches!(health, Health::Unknown | Health::Unchecked))
            .map(|health| u8::from(health.is_up()));
        let (weight, desired) = (report.weight, report.desired_weight);
        self.add_known(
            Metric::DestinationWeight,
            labels,
            weight.map(|weight| weight.get()),
        );
        self.add_known(
            Metric::DestinationDesiredWeight,
            labels,
            desired.map(|weight| weight.get()),
        );
        self.add_known(Metric::DestinationActiveConnections, labels, report.active);
        self.add_known(
            Metric::DestinationInactiveConnections,
            labels,
            report.inactive,
        );
        self.add_known(Metric::DestinationUp, labels, up);
    }

    fn add_checks(&mut self, checks: &CheckCounts, labels: &Labels) {
        self.add(
            Metric::CheckDurationSeconds,
            labels,
            checks.duration.as_secs_f64(),
        );
        self.add(Metric::CheckFailures, labels, checks.failures);
    }

    fn add_node(&mut self, host: &Host, counters: &mut Counters) {
        if host.is_ipvs_loaded()
            && let Ok(totals) = host.proc().totals()
        {
            self.traffic(Traffic::NODE, &Labels::NONE, counters.of_node(totals));
        }
    }
}

/// Returns the name of the real server, empty where none is known.
fn server(destination: &DestinationReport) -> &str {
    destination
        .server
        .as_ref()
        .map_or("", |server| server.as_str())
}
