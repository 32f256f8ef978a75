//! The status as text.

use std::fmt::Write;

use super::{ClusterStatus, DestinationReport, ServiceReport, Status};
use crate::escape_line;
use crate::health::Health;
use crate::ipvs::Weight;

/// A style of terminals.
#[derive(Clone, Copy)]
enum Style {
    Plain,
    Good,
    Bad,
    Uncertain,
}

impl Style {
    fn of(health: Option<Health>) -> Self {
        match health {
            Some(Health::Up) => Self::Good,
            Some(Health::Down) => Self::Bad,
            Some(_) => Self::Uncertain,
            None => Self::Plain,
        }
    }

    /// Returns a text in this style, if there is colour.
    fn paint(self, text: &str, is_coloured: bool) -> String {
        let code = match self {
            Self::Plain => return text.to_owned(),
            Self::Good => 32,
            Self::Bad => 31,
            Self::Uncertain => 33,
        };
        match is_coloured {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }
}

impl Status {
    /// Returns the status as text, in lines of at most so many columns where that is possible: 80 are enough.
    #[must_use]
    pub fn text(&self, width: usize, is_coloured: bool) -> String {
        let clusters = self.clusters.iter();
        let texts: Vec<String> = clusters
            .map(|cluster| cluster.text(width, is_coloured))
            .collect();
        match texts.is_empty() {
            true => "no cluster is applied on this node\n".to_owned(),
            false => texts.join("\n"),
        }
    }
}

impl ClusterStatus {
    fn text(&self, width: usize, is_coloured: bool) -> String {
        let mut text = format!("{} on {}", self.cluster, self.node);
        let facts = [
            self.role.map(|role| role.to_string()),
            (!self.running).then(|| "no controller runs: health is not known".to_owned()),
            self.drift.map(|steps| match steps {
                0 => "no drift".to_owned(),
                1 => "drift: 1 step".to_owned(),
                steps => format!("drift: {steps} steps"),
            }),
        ];
        let facts: Vec<String> = facts.into_iter().flatten().collect();
        if !facts.is_empty() {
            let _ = write!(text, ": {}", facts.join(", "));
        }
        text.push('\n');
        for drained in &self.drains {
            let _ = writeln!(text, "drained: {}", drained.drain);
        }
        let layout = Layout::of(self);
        for service in &self.services {
            text.push('\n');
            text.push_str(&service.text(&layout, width, is_coloured));
        }
        text
    }
}

/// The widths of columns that fit all services of a cluster.
struct Layout {
    server: usize,
    address: usize,
    weight: usize,
}

impl Layout {
    fn of(cluster: &ClusterStatus) -> Self {
        let widest = |cell: fn(&DestinationReport) -> String, least: usize| {
            let services = cluster.services.iter();
            let destinations = services.flat_map(|service| &service.destinations);
            let widths = destinations.map(|destination| cell(destination).chars().count());
            widths.fold(least, usize::max)
        };
        Self {
            server: widest(server, "SERVER".len()),
            address: widest(|state| state.destination.to_string(), "ADDRESS".len()),
            weight: widest(weights, "WEIGHT".len()),
        }
    }

    fn line(&self, cells: [&str; 7]) -> String {
        let [server, address, weight, health, since, connections, rate] = cells;
        let line = format!(
            "  {server:<0$}  {address:<1$}  {weight:<2$}  {health}  {since:>5}  {connections:>6}  {rate:>5}",
            self.server, self.address, self.weight
        );
        format!("{}\n", line.trim_end())
    }
}

impl ServiceReport {
    fn text(&self, layout: &Layout, width: usize, is_coloured: bool) -> String {
        let mut text = self.service.to_string();
        if !self.present {
            text.push_str(": not in the kernel");
        }
        if let (Some(available), Some(minimum)) = (self.available, self.minimum) {
            let _ = write!(text, ": {available} available, minimum {minimum}");
        }
        if let Some(how) = self.below_minimum {
            let word = serde_json::to_value(how).ok();
            let word = word
                .as_ref()
                .and_then(|word| word.as_str())
                .unwrap_or_default();
            let below = format!(", below: {word}");
            text.push_str(&Style::Bad.paint(&below, is_coloured));
        }
        text.push('\n');
        text.push_str(&layout.line([
            "SERVER", "ADDRESS", "WEIGHT", "STATE  ", "SINCE", "ACTIVE", "NEW/S",
        ]));
        for destination in &self.destinations {
            text.push_str(&destination.text(layout, width, is_coloured));
        }
        text
    }
}

impl DestinationReport {
    fn text(&self, layout: &Layout, width: usize, is_coloured: bool) -> String {
        let health = match (self.drain, self.health) {
            (Some(_), _) => "drained".to_owned(),
            (None, Some(health)) => health.to_string(),
            (None, None) => "-".to_owned(),
        };
        let style = match self.drain {
            Some(_) => Style::Uncertain,
            None => Style::of(self.health),
        };
        let number = |number: Option<u64>| {
            number.map_or_else(|| "-".to_owned(), |number| number.to_string())
        };
        let mut text = layout.line([
            &server(self),
            &self.destination.to_string(),
            &weights(self),
            &style.paint(&format!("{health:<7}"), is_coloured),
            &self.since.map_or_else(|| "-".to_owned(), span),
            &number(self.active.map(u64::from)),
            &number(self.rates.map(|rates| rates.connections)),
        ]);
        // That it is up is no news.
        let is_plain = matches!(self.health, Some(Health::Up)) && self.why.as_deref() == Some("up");
        if let Some(why) = self.why.as_ref().filter(|_| !is_plain) {
            for line in wrapped(&escape_line(why), width.saturating_sub(6)) {
                let _ = writeln!(text, "      {line}");
            }
        }
        text
    }
}

fn server(state: &DestinationReport) -> String {
    state
        .server
        .as_ref()
        .map_or_else(|| "-".to_owned(), ToString::to_string)
}

/// Returns the kernel's weight, and the desired one if it is another.
fn weights(state: &DestinationReport) -> String {
    let text = |weight: Option<Weight>| {
        weight.map_or_else(|| "-".to_owned(), |weight| weight.get().to_string())
    };
    match state.desired_weight {
        Some(desired) if state.weight != Some(desired) => {
            format!("{} not {desired}", text(state.weight))
        }
        _ => text(state.weight),
    }
}

/// Returns seconds with the largest unit that says enough: `12s`, `5m`, `3h`, `2d`.
fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Breaks a text into lines between words.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
