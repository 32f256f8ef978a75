//! A directive that is counted as carried is in the file: without it, or with another value, the cluster is another one.

use std::collections::BTreeMap;
use std::fs;

use lvs_core::Cluster;
use lvs_core::import::{Directive, Fate, Import, ImportError, Place};

use super::{corpus, keepalived, ldirectord, rules};

type Importer = fn(&str) -> Result<Import, ImportError>;

/// A source and what it becomes.
struct Source<'a> {
    lines: Vec<&'a str>,
    importer: Importer,
    import: Import,
    cluster: Cluster,
}

fn is_carried(directive: &Directive) -> bool {
    matches!(directive.fate, Fate::Carried { .. })
}

/// Returns the key and the values.
fn words(directive: &Directive) -> Vec<&str> {
    let words = directive.directive.split([' ', '=']);
    words.filter(|word| !word.is_empty()).collect()
}

/// Returns the text of lines without some of them, which stay empty: others keep their numbers.
fn emptied(lines: &[&str], gone: std::ops::Range<usize>) -> String {
    let lines = lines.iter().enumerate();
    let kept = lines.map(|(number, line)| if gone.contains(&number) { "" } else { line });
    kept.collect::<Vec<_>>().join("\n") + "\n"
}

/// Returns the lines of a directive and of its block; nothing where they do not end together.
fn extent(lines: &[&str], place: &Place) -> Option<std::ops::Range<usize>> {
    let first = place.line - 1;
    let mut end = first + 1;
    // A line that goes on is one directive.
    while lines.get(end - 1)?.ends_with('\\') {
        end += 1;
    }
    if place.file.as_ref() != "keepalived.conf" {
        return Some(first..end);
    }
    let depth = |line: &&str| {
        let text = line.split(['#', '!']).next().unwrap_or_default();
        let count = |brace| i64::try_from(text.matches(brace).count()).unwrap();
        count('{') - count('}')
    };
    let mut open = depth(lines.get(first)?);
    if lines.get(end).is_some_and(|line| line.trim() == "{") {
        open += 1;
        end += 1;
    }
    while open > 0 {
        open += depth(lines.get(end)?);
        end += 1;
    }
    (open == 0).then_some(first..end)
}

impl<'a> Source<'a> {
    fn new(text: &'a str, importer: Importer) -> Option<Self> {
        let import = importer(text).ok()?;
        Some(Self {
            lines: text.lines().collect(),
            importer,
            cluster: Cluster::from_toml(&import.file).unwrap(),
            import,
        })
    }

    fn without(&self, directive: &Directive) -> Option<String> {
        extent(&self.lines, &directive.place).map(|gone| emptied(&self.lines, gone))
    }

    /// Returns the text without any check of the kind of this one: what only some real servers have, all get.
    fn without_checks(&self, directive: &Directive) -> Option<String> {
        let kind = *words(directive).first()?;
        if !kind.ends_with("_CHECK") && !kind.ends_with("_GET") {
            return None;
        }
        let mut text = self.lines.join("\n");
        let directives = self.import.report.directives().iter();
        for other in directives.filter(|other| other.directive.starts_with(kind)) {
            let lines: Vec<&str> = text.lines().collect();
            text = emptied(&lines, extent(&lines, &other.place)?);
        }
        Some(text)
    }

    /// Returns the text with other values of the directive: the numbers beside it, or other words.
    fn changed(&self, directive: &Directive) -> Vec<String> {
        let at = directive.place.line - 1;
        let words = words(directive);
        let others: &[&str] = match words[0] {
            "lb_algo" | "lvs_sched" | "scheduler" => &["rr"],
            "lb_kind" | "lvs_method" | "sorry_server_lvs_method" => &["NAT", "DR"],
            "protocol" => &["TCP", "UDP", "tcp", "udp"],
            "ip_family" => &["inet6"],
            "inhibit_on_failure" | "sorry_server_inhibit" => &["no"],
            "quiescent" => &["no", "yes"],
            "checktype" => &["connect"],
            "service" => &["smtp", "http"],
            "httpmethod" => &["HEAD"],
            "netmask" => &["255.255.255.0"],
            "virtualhost" | "request" | "receive" => &["/other"],
            "persistence_timeout" => &["7"],
            "quorum" => &["150"],
            _ => &[],
        };
        let number = words.get(1).and_then(|word| word.parse::<u64>().ok());
        let near = number.map(|number| [number + 1, number.saturating_sub(1)]);
        let near = near.into_iter().flatten().map(|number| number.to_string());
        let values = near.chain(others.iter().map(|word| (*word).to_owned()));
        let line = |value: String| match words.get(1) {
            Some(word) => {
                let (before, after) = self.lines[at].rsplit_once(word)?;
                Some(format!("{before}{value}{after}"))
            }
            None => Some(format!("{} {value}", self.lines[at])),
        };
        let text = |line: String| {
            let mut lines = self.lines.clone();
            lines[at] = &line;
            lines.join("\n") + "\n"
        };
        values.filter_map(line).map(text).collect()
    }

    /// Returns whether another source makes the same file, and says that it has the directive.
    fn is_same(&self, directive: &Directive, text: &str, is_there: bool) -> bool {
        let Ok(again) = (self.importer)(text) else {
            return false;
        };
        let mut directives = again.report.directives().iter();
        let is_carried = !is_there
            || directives.any(|other| other.place == directive.place && is_carried(other));
        is_carried && Cluster::from_toml(&again.file).unwrap() == self.cluster
    }

    /// Returns whether the file does not depend on a directive; nothing where this cannot be tried.
    fn is_idle(&self, directive: &Directive) -> Option<bool> {
        let rest = self.without(directive)?;
        let is_same = |text: &String| self.is_same(directive, text, true);
        let without_checks = self.without_checks(directive);
        Some(
            self.is_same(directive, &rest, false)
                && without_checks.is_none_or(|text| self.is_same(directive, &text, false))
                && self.changed(directive).iter().all(is_same),
        )
    }
}

/// Returns whether a directive says what is so without it.
fn is_default(directive: &Directive) -> bool {
    // A mark of ldirectord has no other protocol, and it deletes what fails; the host of a check is the server name; a
    // director runs both daemons.
    let known = [
        ["protocol", "fwm"].as_slice(),
        &["quiescent", "no"],
        &["enable_sni"],
    ];
    let words = words(directive);
    let is_program = directive.directive.ends_with("/ipvsadm");
    known.contains(&words.as_slice()) || words[0] == "--start-daemon" || is_program
}

/// Returns how many directives that are counted as carried were tried, and those on which the file does not depend.
fn idle(text: &str, importer: Importer) -> (usize, Vec<String>) {
    let Some(source) = Source::new(text, importer) else {
        return (0, Vec::new());
    };
    let directives = || source.import.report.directives().iter();
    let mut on_line: BTreeMap<_, usize> = BTreeMap::new();
    for directive in directives() {
        *on_line.entry(&directive.place).or_default() += 1;
    }
    let mut tried = 0;
    let mut idle = Vec::new();
    for directive in directives().filter(|directive| is_carried(directive)) {
        if on_line[&directive.place] > 1 || is_default(directive) {
            continue;
        }
        let is_idle = source.is_idle(directive);
        tried += usize::from(is_idle.is_some());
        idle.extend(is_idle.unwrap_or_default().then(|| directive.to_string()));
    }
    (tried, idle)
}

#[test]
fn what_is_carried_changes_the_cluster() {
    let (mut tried, mut found) = (0, Vec::new());
    let kinds: [(&str, Importer); 3] = [
        ("keepalived_conf", keepalived),
        ("ldirectord_cf", ldirectord),
        ("ipvsadm_script", rules),
    ];
    for (kind, importer) in kinds {
        for path in corpus(kind) {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let (count, idle) = idle(&fs::read_to_string(&path).unwrap(), importer);
            tried += count;
            found.extend(idle.into_iter().map(|line| format!("{name}: {line}")));
        }
    }
    println!("{tried} directives");
    assert!(tried > 800, "{tried}");
    assert!(found.is_empty(), "{}", found.join("\n"));
}
