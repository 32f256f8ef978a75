//! A check of a source, and its line in the cluster file.

use serde::Deserialize;

use crate::cluster::checks::{CheckDefaults, CheckTable};

/// How a real server is tested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::import) enum Kind {
    Tcp,
    Http(Page),
    Https(Page),
    Dns {
        name: Option<String>,
        record: Option<String>,
    },
    Udp {
        /// As the file writes it.
        payload: Option<String>,
    },
    Program {
        command: String,
        user: Option<String>,
        /// Whether its exit status is a weight, 2 more than that.
        is_weight: bool,
    },
}

impl Kind {
    pub(in crate::import) const fn name(&self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Http(_) => "http",
            Self::Https(_) => "https",
            Self::Dns { .. } => "dns",
            Self::Udp { .. } => "udp",
            Self::Program { .. } => "program",
        }
    }

    /// Returns it without the host that a page is asked for with.
    fn without_host(&self) -> Self {
        let page = |page: &Page| Page {
            host: None,
            ..page.clone()
        };
        match self {
            Self::Http(asked) => Self::Http(page(asked)),
            Self::Https(asked) => Self::Https(page(asked)),
            other => other.clone(),
        }
    }

    /// Returns whether a check of this kind says what a line of ldirectord says.
    pub(in crate::import) fn says(&self, key: &str) -> bool {
        match key {
            "request" => matches!(self, Self::Http(_) | Self::Https(_) | Self::Dns { .. }),
            "receive" | "virtualhost" | "httpmethod" => {
                matches!(self, Self::Http(_) | Self::Https(_))
            }
            "checkcommand" => matches!(self, Self::Program { .. }),
            _ => true,
        }
    }
}

/// The page that is asked for, and the answer that is expected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::import) struct Page {
    pub(in crate::import) method: Option<String>,
    pub(in crate::import) path: Option<String>,
    pub(in crate::import) host: Option<String>,
    pub(in crate::import) status: Option<String>,
    pub(in crate::import) contains: Option<String>,
}

/// A check with its parameters; seconds as text, as in `"1.5s"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::import) struct Check {
    pub(in crate::import) kind: Kind,
    pub(in crate::import) port: Option<u16>,
    pub(in crate::import) interval: Option<String>,
    /// The interval while a server fails or comes back.
    pub(in crate::import) fast_interval: Option<String>,
    pub(in crate::import) timeout: Option<String>,
    /// Failures in a row after which a server is down.
    pub(in crate::import) fall: Option<u32>,
}

impl Check {
    pub(in crate::import) const fn new(kind: Kind) -> Self {
        Self {
            kind,
            port: None,
            interval: None,
            fast_interval: None,
            timeout: None,
            fall: None,
        }
    }

    /// Returns whether both test the same, however often.
    pub(in crate::import) fn is_like(&self, other: &Self) -> bool {
        self.kind == other.kind && self.port == other.port
    }

    /// Returns the test with the more patient of both timings.
    fn patient(self, other: &Self) -> Self {
        let fast = self.fast_interval.zip(other.fast_interval.clone());
        Self {
            interval: slower(self.interval, other.interval.clone()),
            fast_interval: fast.and_then(|(one, other)| slower(Some(one), Some(other))),
            timeout: slower(self.timeout, other.timeout.clone()),
            fall: self.fall.max(other.fall),
            ..self
        }
    }

    /// Returns what differs where only ports or hosts do.
    pub(in crate::import) fn difference(all: &[Vec<Self>]) -> Option<String> {
        let mut made = all.iter().filter(|checks| !checks.is_empty());
        let first = made.next()?;
        let others: Vec<_> = made.collect();
        let all_alike = |alike: fn(&Self, &Self) -> bool| {
            let pairs = |other: &Vec<Self>| {
                first
                    .iter()
                    .zip(other)
                    .all(|(one, other)| alike(one, other))
            };
            others
                .iter()
                .all(|other| other.len() == first.len() && pairs(other))
        };
        let what = if others.is_empty() {
            return None;
        } else if all_alike(|one, other| one.kind == other.kind) {
            "their ports"
        } else if all_alike(|one, other| {
            one.port == other.port && one.kind.without_host() == other.kind.without_host()
        }) {
            "their hosts (virtualhost)"
        } else if all_alike(|one, other| one.kind.without_host() == other.kind.without_host()) {
            "their ports and hosts (virtualhost)"
        } else {
            return None;
        };
        Some(format!(
            "the checks of its real servers differ by {what} only: give all the same to have the check whole"
        ))
    }

    /// Returns what all have in common, with the most patient timing of each.
    pub(in crate::import) fn common(all: &[Vec<Self>]) -> Vec<Self> {
        let Some((first, others)) = all.split_first() else {
            return Vec::new();
        };
        let of_all = |check: &Self| {
            others.iter().try_fold(check.clone(), |check, others| {
                let alike = others.iter().find(|other| other.is_like(&check))?;
                Some(check.patient(alike))
            })
        };
        first.iter().filter_map(of_all).collect()
    }

    /// Returns that the port of the service accepts connections, if checks that are made each make one over TCP.
    pub(in crate::import) fn connection(all: &[Vec<Self>]) -> Option<Self> {
        let connects =
            |check: &Self| matches!(check.kind, Kind::Tcp | Kind::Http(_) | Kind::Https(_));
        let mut made = all.iter().filter(|checks| !checks.is_empty());
        if !made.all(|checks| checks.iter().any(connects)) {
            return None;
        }
        let patient = all.iter().flatten().cloned();
        let patient = patient.reduce(|one, other| one.patient(&other))?;
        Some(Self {
            kind: Kind::Tcp,
            port: None,
            ..patient
        })
    }

    /// Returns whether the exit status of a program is the weight.
    pub(in crate::import) const fn sets_weight(&self) -> bool {
        matches!(
            self.kind,
            Kind::Program {
                is_weight: true,
                ..
            }
        )
    }

    /// Returns why the file would refuse it.
    pub(in crate::import) fn problem(&self) -> Option<String> {
        if let Kind::Http(page) | Kind::Https(page) = &self.kind
            && let Some(method) = &page.method
            && !["GET", "HEAD", "OPTIONS"].contains(&method.as_str())
        {
            return Some(format!(
                "no check asks by {method}, only by GET, HEAD or OPTIONS: use a program"
            ));
        }
        #[derive(Deserialize)]
        struct Written {
            check: CheckTable,
        }
        match toml::from_str::<Written>(&format!("check = {}", self.value(None))) {
            Ok(written) => {
                let checked = written.check.check(&CheckDefaults::default());
                checked.err().map(|invalid| invalid.to_string())
            }
            Err(error) => Some(error.message().to_owned()),
        }
    }

    /// Returns it as the file writes it; `weight` is that of all real servers, if they have one.
    pub(super) fn value(&self, weight: Option<u32>) -> String {
        let mut fields = vec![format!("type = {}", quoted(self.kind.name()))];
        let mut text = |key: &str, value: &Option<String>| {
            let value = value.iter();
            fields.extend(value.map(|value| format!("{key} = {}", quoted(value))));
        };
        match &self.kind {
            Kind::Http(page) | Kind::Https(page) => {
                text("method", &page.method);
                text("path", &page.path);
                text("host", &page.host);
                text("status", &page.status);
                text("contains", &page.contains);
            }
            Kind::Dns { name, record } => {
                text("name", &name.clone().or_else(|| Some(".".to_owned())));
                text(
                    "record",
                    &record.as_ref().map(|record| record.to_uppercase()),
                );
            }
            Kind::Udp { payload } => text("payload", payload),
            Kind::Program { user, .. } => text("user", user),
            Kind::Tcp => {}
        }
        text("interval", &self.interval);
        text("fast-interval", &self.fast_interval);
        text("timeout", &self.timeout);
        if let Kind::Program { command, .. } = &self.kind {
            let command = match self.sets_weight() {
                true => share(command, weight),
                false => command.clone(),
            };
            fields.push(format!("command = {}", self::command(&command)));
            let shares = self
                .sets_weight()
                .then(|| "share-by-status = true".to_owned());
            fields.extend(shares);
        }
        // The sources verify no certificate.
        fields.extend(matches!(self.kind, Kind::Https(_)).then(|| "verify = false".to_owned()));
        fields.extend(self.port.map(|port| format!("port = {port}")));
        // The sources re-admit a server after one success.
        fields.push("rise = 1".to_owned());
        let fall = self.fall.map(|fall| fall.clamp(1, u8::MAX.into()));
        fields.extend(fall.map(|fall| format!("fall = {fall}")));
        format!("{{ {} }}", fields.join(", "))
    }
}

/// Returns the text that a regular expression finds, if it is a text, and whether it finds nothing else: `.` is taken
/// for itself.
pub(in crate::import) fn literal(expression: &str) -> Option<(String, bool)> {
    let mut text = String::new();
    let mut is_exact = true;
    let mut rest = expression.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => text.push(rest.next().filter(|c| c.is_ascii_punctuation())?),
            '^' | '$' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '|' => return None,
            '.' if rest.peek().is_some_and(|next| "*+?{".contains(*next)) => return None,
            '.' => {
                is_exact = false;
                text.push(c);
            }
            c => text.push(c),
        }
    }
    (!text.is_empty()).then_some((text, is_exact))
}

/// Returns the longer of two times, `1500ms` or `2s`.
fn slower(one: Option<String>, other: Option<String>) -> Option<String> {
    let milliseconds = |text: &String| match text.strip_suffix("ms") {
        Some(number) => number.parse().unwrap_or(0_u64),
        None => {
            let seconds = text.trim_end_matches('s').parse::<u64>();
            seconds.unwrap_or(0).saturating_mul(1000)
        }
    };
    one.into_iter().chain(other).max_by_key(milliseconds)
}

/// Returns a command whose exit status is a share of the weight 100 in percent, 2 more than that: as the source sets
/// weights up to 100. A program that is not found or that a signal ends is not healthy.
fn share(command: &str, weight: Option<u32>) -> String {
    let weight = weight.filter(|weight| *weight <= 100);
    let unchanged = weight.map_or_else(String::new, |weight| format!("0) exit {};; ", weight + 2));
    format!(
        "{command}; s=$?; case $s in {unchanged}1|126|127|129|13?|14?|15?) exit 1;; esac; \
         [ $s -le 102 ] || s=102; exit $s"
    )
}

/// A command line as a list; by a shell if it needs one.
fn command(command: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b" \t_./=:,+@%-".contains(&byte);
    let words: Vec<&str> = match command.starts_with('/') && command.bytes().all(is_plain) {
        true => command.split_ascii_whitespace().collect(),
        false => vec!["/bin/sh", "-c", command],
    };
    let words: Vec<String> = words.into_iter().map(quoted).collect();
    format!("[{}]", words.join(", "))
}

/// Returns a text as TOML writes it.
pub(super) fn quoted(text: &str) -> String {
    toml_edit::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::literal;

    #[test]
    fn a_regular_expression_that_is_a_text_is_one() {
        let text = |text: &str, is_exact| Some((text.to_owned(), is_exact));
        assert_eq!(literal("I am alive"), text("I am alive", true));
        assert_eq!(literal("index.html"), text("index.html", false));
        assert_eq!(literal(r"index\.html"), text("index.html", true));
        for other in ["", "OK|READY", "^OK", ".*", r"\d", "o+k", "[Oo]k", r"ok\"] {
            assert_eq!(literal(other), None, "{other}");
        }
    }
}
