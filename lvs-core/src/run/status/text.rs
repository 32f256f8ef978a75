//! The status as text.

use std::fmt::Write;

use super::{ClusterStatus, DestinationReport, ServiceReport, Status};
use crate::escape_line;
use crate::health::{BelowMinimum, Health};
use crate::ipvs::{ServiceId, Weight};

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
            Some(Health::Unchecked) => Self::Plain,
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
        text = wrapped(&text, width).join("\n");
        text.push('\n');
        for drained in &self.drains {
            let _ = writeln!(text, "drained: {}", drained.drain);
        }
        for ip in &self.withdrawn {
            let line = match self.running {
                true => format!("withdrawn: {ip}"),
                false => {
                    format!("withdrawn: {ip}, by the controller that ran last; an apply adds it")
                }
            };
            let _ = writeln!(text, "{}", wrapped(&line, width).join("\n"));
        }
        for refused in self.refused.iter().flat_map(|text| text.lines()) {
            let _ = writeln!(
                text,
                "refused, an older file is in force: {}",
                escape_line(refused)
            );
        }
        let layout = Layout::of(self, width);
        for service in &self.services {
            let below = match service.below_minimum {
                Some(how) if self.keeps_virtual_ip(service) => Some(format!(
                    "below: {how}, but other services keep the virtual IP"
                )),
                Some(how) => Some(format!("below: {how}")),
                None => service
                    .is_undecided()
                    .then(|| "below: not decided yet, weights are kept".to_owned()),
            };
            text.push('\n');
            text.push_str(&service.text(below.as_deref(), &layout, width, is_coloured));
        }
        text
    }
}

impl ClusterStatus {
    /// Returns whether the virtual IP of a service that would withdraw it is not withdrawn.
    fn keeps_virtual_ip(&self, service: &ServiceReport) -> bool {
        let ServiceId::Socket { address, .. } = service.service else {
            return false;
        };
        service.below_minimum == Some(BelowMinimum::Withdraw)
            && !self.withdrawn.contains(&address.ip())
    }
}

/// A column of the table of destinations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Server,
    Address,
    Weight,
    State,
    Since,
    Active,
    Rate,
}

impl Column {
    const ALL: [Self; 7] = [
        Self::Server,
        Self::Address,
        Self::Weight,
        Self::State,
        Self::Since,
        Self::Active,
        Self::Rate,
    ];
    /// What a narrow terminal does without, in this order.
    const LEFT_OUT: [Self; 4] = [Self::Address, Self::Rate, Self::Active, Self::Since];

    const fn title(self) -> &'static str {
        match self {
            Self::Server => "SERVER",
            Self::Address => "ADDRESS",
            Self::Weight => "WEIGHT",
            Self::State => "STATE",
            Self::Since => "SINCE",
            Self::Active => "ACTIVE",
            Self::Rate => "NEW/S",
        }
    }

    /// Returns the least width: a column does not move when a state becomes `failing`.
    const fn least(self) -> usize {
        match self {
            Self::State => "failing".len(),
            column => column.title().len(),
        }
    }

    /// Returns whether its cells are numbers, which stand below each other by their last digits.
    const fn is_number(self) -> bool {
        matches!(self, Self::Since | Self::Active | Self::Rate)
    }

    fn cell(self, state: &DestinationReport) -> String {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        match self {
            Self::Server => or_dash(state.server.as_ref().map(ToString::to_string)),
            Self::Address => state.destination.to_string(),
            Self::Weight => weights(state),
            Self::State => match (state.health, state.drain) {
                (Some(health), _) => health.to_string(),
                (None, Some(_)) => "drained".to_owned(),
                (None, None) => "-".to_owned(),
            },
            Self::Since => or_dash(state.since.map(span)),
            Self::Active => or_dash(state.active.map(|active| active.to_string())),
            Self::Rate => or_dash(state.rates.map(|rates| rates.connections.to_string())),
        }
    }
}

/// The columns that fit, with the widths that fit all services of a cluster.
struct Layout(Vec<(Column, usize)>);

impl Layout {
    fn of(cluster: &ClusterStatus, width: usize) -> Self {
        let destinations = || {
            let services = cluster.services.iter();
            services.flat_map(|service| &service.destinations)
        };
        let widest = |column: Column| {
            let widths = destinations().map(|state| column.cell(state).chars().count());
            widths.fold(column.least(), usize::max)
        };
        let mut layout = Self(Column::ALL.map(|column| (column, widest(column))).into());
        // One of the two says which it is.
        let unnamed = destinations().any(|state| state.server.is_none());
        for column in Column::LEFT_OUT {
            let column = match column {
                Column::Address if unnamed => Column::Server,
                column => column,
            };
            if layout.width() > width {
                layout.0.retain(|(kept, _)| *kept != column);
            }
        }
        layout
    }

    fn width(&self) -> usize {
        self.0.iter().map(|(_, width)| 2 + width).sum()
    }

    fn line(&self, cell: impl Fn(Column) -> String, style: Style, is_coloured: bool) -> String {
        let mut line = String::new();
        for (column, width) in &self.0 {
            let text = match column.is_number() {
                true => format!("{:>width$}", cell(*column)),
                false => format!("{:<width$}", cell(*column)),
            };
            line.push_str("  ");
            line.push_str(&match column {
                Column::State => style.paint(&text, is_coloured),
                _ => text,
            });
        }
        format!("{}\n", line.trim_end())
    }
}

impl ServiceReport {
    /// Returns whether it lacks its minimum, and what follows waits for more probes.
    fn is_undecided(&self) -> bool {
        self.present
            && self.below_minimum.is_none()
            && self.available < self.minimum.map(usize::from)
    }

    fn text(
        &self,
        below: Option<&str>,
        layout: &Layout,
        width: usize,
        is_coloured: bool,
    ) -> String {
        let mut title = self.service.to_string();
        if !self.present {
            title.push_str(": not in the kernel");
        }
        if let (Some(available), Some(minimum)) = (self.available, self.minimum) {
            let _ = write!(title, ": {available} available, minimum {minimum}");
        }
        let mut text = wrapped(&title, width).join("\n");
        if let Some(below) = below {
            // On lines of its own where it does not fit.
            let last = text.lines().last().unwrap_or_default().chars().count();
            let fits = last + 2 + below.len() <= width;
            text.push_str(if fits { ", " } else { ",\n  " });
            let lines = wrapped(below, width.saturating_sub(2));
            let painted = lines.iter().map(|line| Style::Bad.paint(line, is_coloured));
            text.push_str(&painted.collect::<Vec<_>>().join("\n  "));
        }
        text.push('\n');
        text.push_str(&layout.line(|column| column.title().to_owned(), Style::Plain, false));
        for destination in &self.destinations {
            text.push_str(&destination.text(layout, width, is_coloured));
        }
        text
    }
}

impl DestinationReport {
    fn text(&self, layout: &Layout, width: usize, is_coloured: bool) -> String {
        let style = match self.drain {
            Some(_) => Style::Uncertain,
            None => Style::of(self.health),
        };
        let mut text = layout.line(|column| column.cell(self), style, is_coloured);
        // That it is up is no news.
        let is_news = !matches!(self.health, Some(Health::Up | Health::Unchecked));
        let is_plain = !is_news && self.why.as_deref() == Some("up");
        if let Some(why) = self.why.as_ref().filter(|_| !is_plain) {
            for line in wrapped(&escape_line(why), width.saturating_sub(6)) {
                let _ = writeln!(text, "      {line}");
            }
        }
        text
    }
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

/// Breaks a text into lines between words; a word that is longer than a line, within it.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace().flat_map(|word| pieces(word, width)) {
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

/// Returns a word in pieces of at most so many characters.
fn pieces(word: &str, width: usize) -> impl Iterator<Item = &str> {
    let starts = word.char_indices().map(|(at, _)| at).step_by(width.max(1));
    starts.map(move |at| {
        let rest = word.get(at..).unwrap_or_default();
        let end = rest.char_indices().nth(width.max(1));
        end.and_then(|(end, _)| rest.get(..end)).unwrap_or(rest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = r#"{"schema": "lvsctl.status/1", "clusters": [{
        "cluster": "web", "node": "director", "role": null, "running": true, "drift": 0,
        "drains": [{"drain": "192.168.1.12", "how": "quiet"}],
        "services": [{
            "service": "tcp 172.16.5.11:80", "present": true, "below_minimum": "withdraw", "minimum": 2,
            "available": 1, "rates": null, "destinations": [
                {"destination": "192.168.1.12:80", "server": "realserver1", "desired_weight": 0, "weight": 0,
                 "health": "up", "since": 6, "why": "drained", "drain": "quiet", "active": 0, "inactive": 0,
                 "rates": null},
                {"destination": "192.168.1.13:80", "server": "realserver2", "desired_weight": 0, "weight": 0,
                 "health": "down", "since": 200, "why": "down: connect timed out by the clients' path",
                 "drain": null, "active": 2, "inactive": 0, "rates": null}]}]}]}"#;

    #[test]
    fn a_narrow_terminal_has_fewer_columns() {
        let status: Status = serde_json::from_str(STATUS).unwrap();
        let wide = status.text(80, false);
        assert!(
            wide.contains("  realserver1  192.168.1.12:80  0       up          6s       0      -\n      drained\n"),
            "{wide}"
        );
        let narrow = status.text(40, false);
        assert!(
            narrow.contains("  realserver2  0       down        3m\n"),
            "{narrow}"
        );
        for (text, width) in [(wide, 80), (narrow, 40)] {
            // The address of a service is not cut.
            let is_short = |line: &str| line.chars().count() <= width;
            assert!(text.lines().all(is_short), "{text}");
        }
        let reddened = status.text(200, true);
        assert!(reddened.contains("\x1b[31mbelow: withdraw"), "{reddened}");
    }

    #[test]
    fn too_few_are_below_even_before_that_is_decided() {
        for (present, is_told) in [("true", true), ("false", false)] {
            let status = STATUS
                .replace("\"below_minimum\": \"withdraw\"", "\"below_minimum\": null")
                .replace("\"present\": true", &format!("\"present\": {present}"));
            let text = serde_json::from_str::<Status>(&status)
                .unwrap()
                .text(99, false);
            let below = "1 available, minimum 2, below: not decided yet, weights are kept\n";
            assert_eq!(text.contains(below), is_told, "{text}");
        }
    }

    #[test]
    fn a_word_that_is_too_long_is_broken() {
        let long = "ä".repeat(150);
        let text = STATUS.replace("connect timed out", &format!("exit status 1: {long} end"));
        let status: Status = serde_json::from_str(&text).unwrap();
        let text = status.text(80, false);
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        assert_eq!(text.matches('ä').count(), 150);
        assert!(text.contains("ä end by the clients' path\n"), "{text}");
        assert_eq!(wrapped("a bcd", 0), ["a", "b", "c", "d"]);
    }
}
