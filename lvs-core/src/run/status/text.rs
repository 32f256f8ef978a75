//! The status as text.

use std::fmt::Write;

use super::layout::{Layout, Page, Style};
use super::{ClusterStatus, DestinationReport, ServiceReport, Status};
use crate::escape_line;
use crate::health::{BelowMinimum, Health};
use crate::ipvs::ServiceId;

impl Status {
    /// Returns the status as text, in lines of at most so many columns where that is possible: 80 are enough.
    #[must_use]
    pub fn text(&self, width: usize, is_coloured: bool) -> String {
        let page = Page { width, is_coloured };
        let elsewhere = self.elsewhere.iter().map(|controller| {
            let line = format!(
                "{controller} runs here with another state directory: name that one with --state"
            );
            page.wrapped(&line, 0).join("\n") + "\n"
        });
        let texts: Vec<_> = self
            .clusters
            .iter()
            .map(|cluster| cluster.text(page))
            .chain(elsewhere)
            .collect();
        match texts.is_empty() {
            true => "no cluster is applied on this node\n".to_owned(),
            false => texts.join("\n"),
        }
    }
}

impl ClusterStatus {
    fn text(&self, page: Page) -> String {
        let mut text = self.head(page);
        let layout = Layout::of(self, page);
        for service in &self.services {
            text.push('\n');
            text.push_str(&service.text(self.below(service).as_deref(), &layout));
        }
        text
    }

    /// Returns what is said of the cluster as a whole.
    fn head(&self, page: Page) -> String {
        let mut title = format!("{} on {}", self.cluster, self.node);
        let facts = self.facts();
        if !facts.is_empty() {
            let _ = write!(title, ": {}", facts.join(", "));
        }
        let mut text = page.wrapped(&title, 0).join("\n") + "\n";
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
            let _ = writeln!(text, "{}", page.wrapped(&line, 0).join("\n"));
        }
        for refused in self.refused.iter().flat_map(|text| text.lines()) {
            let _ = writeln!(
                text,
                "refused, an older file is in force: {}",
                escape_line(refused)
            );
        }
        text
    }

    fn facts(&self) -> Vec<String> {
        [
            self.role.map(|role| role.to_string()),
            (!self.running).then(|| "no controller runs: health is not known".to_owned()),
            self.drift.map(|steps| match steps {
                0 => "no drift".to_owned(),
                1 => "drift: 1 step".to_owned(),
                steps => format!("drift: {steps} steps"),
            }),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Returns what happens because a service is below its minimum.
    fn below(&self, service: &ServiceReport) -> Option<String> {
        match service.below_minimum {
            Some(BelowMinimum::ServeAll) => Some(service.all_serve()),
            Some(how) if service.falls_back_to_down() => {
                Some(format!("below: {how}, which is down"))
            }
            Some(how) if self.keeps_virtual_ip(service) => Some(format!(
                "below: {how}, but other services keep the virtual IP"
            )),
            Some(how) => Some(format!("below: {how}")),
            None => service
                .is_undecided()
                .then(|| "below: not decided yet, weights are kept".to_owned()),
        }
    }

    /// Returns whether the virtual IP of a service that would withdraw it is not withdrawn.
    fn keeps_virtual_ip(&self, service: &ServiceReport) -> bool {
        let ServiceId::Socket { address, .. } = service.service else {
            return false;
        };
        service.below_minimum == Some(BelowMinimum::Withdraw)
            && !self.withdrawn.contains(&address.ip())
    }
}

impl ServiceReport {
    /// Returns why every destination serves, unless none is left.
    fn all_serve(&self) -> String {
        let why = match self.without_fallback {
            true => ", because the fallback cannot serve",
            false => "",
        };
        let end = match self.refuses() {
            true => "; no destination is left, new connections are refused",
            false => "",
        };
        format!("below: serve-all{why}{end}")
    }

    /// Returns whether it lacks its minimum, and what follows waits for more probes.
    fn is_undecided(&self) -> bool {
        self.present
            && self.below_minimum.is_none()
            && self.available < self.minimum.map(usize::from)
    }

    fn text(&self, below: Option<&str>, layout: &Layout) -> String {
        let page = layout.page;
        let mut title = self.service.to_string();
        if !self.present {
            title.push_str(": not in the kernel");
        }
        if let (Some(available), Some(minimum)) = (self.available, self.minimum) {
            let _ = write!(title, ": {available} available, minimum {minimum}");
        }
        let mut text = page.wrapped(&title, 0).join("\n");
        if let Some(below) = below {
            // On lines of its own where it does not fit.
            let last = text.lines().last().unwrap_or_default().chars().count();
            let fits = last + 2 + below.len() <= page.width;
            text.push_str(if fits { ", " } else { ",\n  " });
            let lines: Vec<_> = page
                .wrapped(below, 2)
                .iter()
                .map(|line| page.paint(line, Style::Bad))
                .collect();
            text.push_str(&lines.join("\n  "));
        }
        text.push('\n');
        text.push_str(&layout.line(|column| column.title().to_owned(), Style::Plain));
        for destination in &self.destinations {
            text.push_str(&destination.text(layout));
        }
        text
    }
}

impl DestinationReport {
    fn text(&self, layout: &Layout) -> String {
        let style = match self.drain {
            Some(_) => Style::Uncertain,
            None => Style::of(self.health),
        };
        let mut text = layout.line(|column| column.cell(self), style);
        // That it is up is no news.
        let is_news = !matches!(self.health, Some(Health::Up | Health::Unchecked));
        let is_plain = !is_news && self.why.as_deref() == Some("up");
        if let Some(why) = self.why.as_ref().filter(|_| !is_plain) {
            for line in layout.page.wrapped(&escape_line(why), 6) {
                let _ = writeln!(text, "      {line}");
            }
        }
        text
    }
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
    fn what_serves_all_is_told_as_it_is() {
        let told = |text: &str| {
            let text = text.replace(
                "\"below_minimum\": \"withdraw\"",
                "\"below_minimum\": \"serve-all\"",
            );
            serde_json::from_str::<Status>(&text)
                .unwrap()
                .text(120, false)
        };
        let refused = "below: serve-all; no destination is left, new connections are refused\n";
        let text = told(STATUS);
        assert!(text.contains(refused), "{text}");
        let served = STATUS.replacen("\"desired_weight\": 0", "\"desired_weight\": 3", 1);
        let text = told(&served);
        assert!(text.contains("below: serve-all\n"), "{text}");
        let without = served.replace(
            "\"present\": true",
            "\"present\": true, \"without_fallback\": true",
        );
        let text = told(&without);
        assert!(
            text.contains("below: serve-all, because the fallback cannot serve\n"),
            "{text}"
        );
    }

    #[test]
    fn a_fallback_that_is_down_is_told_as_down() {
        let told = |weight: &str| {
            let text = STATUS.replace("\"withdraw\"", "\"fallback\"").replace(
                "\"realserver2\", \"desired_weight\": 0",
                &format!("\"realserver2\", \"desired_weight\": {weight}"),
            );
            serde_json::from_str::<Status>(&text)
                .unwrap()
                .text(120, false)
        };
        let down = told("1");
        assert!(down.contains("below: fallback, which is down\n"), "{down}");
        let other = told("0");
        assert!(other.contains("below: fallback\n"), "{other}");
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
    }
}
