//! Samples of metrics, and their text.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Write};

use super::metric::{Kind, Metric, Traffic};
use crate::ipvs::Stats;

/// A text format of metrics. They differ in the name of a counter's family, and in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::run) enum Dialect {
    /// The text format 0.0.4, which textfile collectors read.
    Prometheus,
    OpenMetrics,
}

impl Dialect {
    pub(in crate::run) const fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// The labels of a sample as they are written: `{cluster="web"}`, or nothing.
pub(super) struct Labels(String);

impl Labels {
    pub(super) const NONE: Self = Self(String::new());

    pub(super) fn new<const N: usize>(labels: [(&str, &dyn Display); N]) -> Self {
        let labels: Vec<_> = labels
            .iter()
            .map(|(label, text)| format!("{label}=\"{}\"", escaped(&text.to_string())))
            .collect();
        Self(format!("{{{}}}", labels.join(",")))
    }
}

impl Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\\\");
    text.replace('"', "\\\"").replace('\n', "\\n")
}

/// Holds samples by their families, each as its labels and its value are written.
pub(super) struct Samples(BTreeMap<Metric, Vec<String>>);

impl Samples {
    /// Returns that of the program's version alone.
    pub(super) fn new() -> Self {
        let mut samples = Self(BTreeMap::new());
        let version = Labels::new([("version", &env!("CARGO_PKG_VERSION"))]);
        samples.add(Metric::BuildInfo, &version, 1);
        samples
    }

    pub(super) fn add(&mut self, metric: Metric, labels: &Labels, value: impl Display) {
        let samples = self.0.entry(metric).or_default();
        samples.push(format!("{labels} {value}"));
    }

    /// Adds a value that may not be known.
    pub(super) fn add_known(
        &mut self,
        metric: Metric,
        labels: &Labels,
        value: Option<impl Display>,
    ) {
        if let Some(value) = value {
            self.add(metric, labels, value);
        }
    }

    pub(super) fn traffic(&mut self, traffic: Traffic, labels: &Labels, stats: Stats) {
        self.add(traffic.connections, labels, stats.connections);
        self.add(traffic.packets_in, labels, stats.packets_in);
        self.add(traffic.packets_out, labels, stats.packets_out);
        self.add(traffic.bytes_in, labels, stats.bytes_in);
        self.add(traffic.bytes_out, labels, stats.bytes_out);
    }

    /// Takes in the samples that a controller has told, but for those of the node as a whole.
    pub(super) fn take(&mut self, text: &str) {
        for sample in text.lines().filter(|line| !line.starts_with('#')) {
            let end = sample.find(['{', ' ']).unwrap_or(sample.len());
            let (name, rest) = sample.split_at(end);
            if let Some(metric) = Metric::of_sample(name)
                && !metric.is_of_node()
            {
                self.0.entry(metric).or_default().push(rest.to_owned());
            }
        }
    }

    pub(super) fn text(&self, dialect: Dialect) -> String {
        let mut text = String::new();
        for (metric, samples) in &self.0 {
            let (kind, suffix) = match metric.kind() {
                Kind::Counter => ("counter", "_total"),
                Kind::Gauge => ("gauge", ""),
            };
            let family = match dialect {
                Dialect::Prometheus => suffix,
                Dialect::OpenMetrics => "",
            };
            let name = metric.name();
            let _ = writeln!(text, "# HELP {name}{family} {}", metric.help());
            let _ = writeln!(text, "# TYPE {name}{family} {kind}");
            for sample in samples {
                let _ = writeln!(text, "{name}{suffix}{sample}");
            }
        }
        if dialect == Dialect::OpenMetrics {
            text.push_str("# EOF\n");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_controller_tells_is_taken_but_for_the_node() {
        let mut told = Samples::new();
        let labels = Labels::new([("cluster", &"a\"b")]);
        told.add(Metric::Up, &labels, 1);
        told.traffic(Traffic::SERVICE, &labels, Stats::default());
        told.traffic(Traffic::NODE, &Labels::NONE, Stats::default());
        let mut taken = Samples::new();
        taken.take(&told.text(Dialect::Prometheus));
        let text = taken.text(Dialect::OpenMetrics);
        assert!(text.contains("lvs_up{cluster=\"a\\\"b\"} 1\n"), "{text}");
        assert!(
            text.contains("\n# TYPE lvs_service_bytes_in counter\n"),
            "{text}"
        );
        assert!(
            text.contains("lvs_service_bytes_in_total{cluster="),
            "{text}"
        );
        assert!(!text.contains("lvs_total"), "{text}");
        assert_eq!(text.matches("lvs_build_info{").count(), 1, "{text}");
    }
}
