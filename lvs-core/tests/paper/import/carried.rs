//! A directive that is counted as carried is in the file: without it the cluster is another one, or the directive says
//! what the source does anyway.

use std::collections::BTreeMap;
use std::fs;

use lvs_core::Cluster;
use lvs_core::import::{Directive, Fate, Import, ImportError};

use super::{corpus, keepalived, ldirectord, rules};

type Importer = fn(&str) -> Result<Import, ImportError>;

/// Returns the text without the directive of a line, which stays empty: others keep their numbers.
///
/// Nothing where another directive is on the line, or the line does not say where its block ends.
fn without(lines: &[&str], directive: &Directive, are_blocks: bool) -> Option<String> {
    let first = directive.place.line - 1;
    let mut end = first + 1;
    // A line that goes on is one directive.
    while lines.get(end - 1)?.ends_with('\\') {
        end += 1;
    }
    let depth = |line: &&str| {
        let text = line.split(['#', '!']).next().unwrap_or_default();
        let count = |brace| text.matches(brace).count() as i64;
        count('{') - count('}')
    };
    if are_blocks {
        let opens_below = lines.get(end).is_some_and(|line| line.trim() == "{");
        let mut open = depth(lines.get(first)?);
        if open < 0 {
            return None;
        }
        if opens_below {
            open += 1;
            end += 1;
        }
        while open > 0 {
            open += depth(lines.get(end)?);
            end += 1;
        }
        if open < 0 {
            return None;
        }
    }
    let kept = lines.iter().enumerate().map(|(number, line)| {
        let is_gone = (first..end).contains(&number);
        if is_gone { "" } else { *line }
    });
    Some(kept.collect::<Vec<_>>().join("\n") + "\n")
}

/// Returns the text with other values of the directive: the next number, or other words.
fn changed(lines: &[&str], directive: &Directive) -> Vec<String> {
    let number = directive.place.line - 1;
    let words: Vec<&str> = directive.directive.split([' ', '=']).collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let others: &[&str] = match words[0] {
        "lb_algo" | "lvs_sched" | "scheduler" => &["rr"],
        "lb_kind" | "lvs_method" | "sorry_server_lvs_method" => &["NAT", "DR"],
        "protocol" => &["TCP", "UDP", "tcp", "udp"],
        "ip_family" => &["inet6"],
        "inhibit_on_failure" | "quiescent" | "sorry_server_inhibit" => &["no"],
        "checktype" => &["connect"],
        "service" => &["smtp", "http"],
        "httpmethod" => &["HEAD"],
        "netmask" => &["255.255.255.0"],
        "virtualhost" | "request" | "receive" => &["/other"],
        "persistence_timeout" => &["7"],
        "quorum" => &["150"],
        _ => &[],
    };
    let number_of = words.get(1).and_then(|word| word.parse::<u64>().ok());
    let near = number_of
        .into_iter()
        .flat_map(|number| [number + 1, number.saturating_sub(1)]);
    let near = near.map(|number| number.to_string());
    let values = others.iter().map(|word| (*word).to_owned()).chain(near);
    let write = |value: String| {
        let written = |line: &str| match words.get(1) {
            Some(word) => {
                let (before, after) = line.rsplit_once(word)?;
                Some(format!("{before}{value}{after}"))
            }
            None => Some(format!("{line} {value}")),
        };
        // Checks that all real servers have alike are one.
        let is_same = |line: &&str| line.trim() == lines[number].trim();
        let all = lines.iter().enumerate().map(|(at, line)| {
            let is_here = at == number || is_of_all(words[0]) && is_same(line);
            match is_here {
                true => written(line),
                false => Some((*line).to_owned()),
            }
        });
        let all: Option<Vec<_>> = all.collect();
        Some(all?.join("\n") + "\n")
    };
    values.filter_map(write).collect()
}

/// Returns whether the file has once what real servers have alike.
fn is_of_all(word: &str) -> bool {
    ["connect_port", "delay_before_retry", "inhibit_on_failure"].contains(&word)
}

/// Returns the text without any check of the kind of this one: what only some real servers have, all get.
fn without_checks(lines: &[&str], import: &Import, directive: &Directive) -> Option<String> {
    let kind = directive.directive.split(' ').next()?;
    if !kind.ends_with("_CHECK") && !kind.ends_with("_GET") {
        return None;
    }
    let mut text = lines.join("\n");
    for other in import.report.directives() {
        if other.directive.starts_with(kind) {
            let lines: Vec<&str> = text.lines().collect();
            text = without(&lines, other, true)?;
        }
    }
    Some(text)
}

/// Returns whether a directive says what is so without it.
fn is_default(directive: &Directive) -> bool {
    let words: Vec<&str> = directive.directive.split([' ', '=']).collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let is_program = directive.directive.ends_with("/ipvsadm");
    // A mark of ldirectord has no other protocol; the host of a check is the server name; a sorry server does as
    // inhibit_on_failure says; one of two daemons says what the other does.
    let known = [
        ["protocol", "fwm"].as_slice(),
        &["enable_sni"],
        &["sorry_server_inhibit"],
        &["quorum", "1"],
    ];
    known.contains(&words.as_slice()) || words[0] == "--start-daemon" || is_program
}

/// Returns the directives that are counted as carried though the file is the same without them.
fn idle(text: &str, import: Importer) -> Vec<String> {
    let Ok(imported) = import(text) else {
        return Vec::new();
    };
    let cluster = Cluster::from_toml(&imported.file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let mut on_line: BTreeMap<_, usize> = BTreeMap::new();
    for directive in imported.report.directives() {
        *on_line.entry(&directive.place).or_default() += 1;
    }
    let are_blocks = imported.report.directives()[0].place.file.as_ref() == "keepalived.conf";
    let mut idle = Vec::new();
    for directive in imported.report.directives() {
        let is_carried = matches!(directive.fate, Fate::Carried { .. });
        if !is_carried || on_line[&directive.place] > 1 {
            continue;
        }
        let Some(rest) = without(&lines, directive, are_blocks) else {
            continue;
        };
        let is_same = |text: &String| {
            let again = import(text)
                .ok()
                .map(|again| Cluster::from_toml(&again.file));
            again.is_some_and(|again| again.is_ok_and(|again| again == cluster))
        };
        let mut others = changed(&lines, directive);
        others.push(rest);
        others.extend(without_checks(&lines, &imported, directive));
        if !is_default(directive) && others.iter().all(is_same) {
            idle.push(directive.to_string());
        }
    }
    idle
}

#[test]
fn what_is_carried_changes_the_cluster() {
    let mut found = Vec::new();
    let kinds: [(&str, Importer); 3] = [
        ("keepalived_conf", keepalived),
        ("ldirectord_cf", ldirectord),
        ("ipvsadm_script", rules),
    ];
    for (kind, import) in kinds {
        for path in corpus(kind) {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let text = fs::read_to_string(&path).unwrap();
            found.extend(
                idle(&text, import)
                    .into_iter()
                    .map(|line| format!("{name}: {line}")),
            );
        }
    }
    assert!(
        found.is_empty(),
        "{} directives:\n{}",
        found.len(),
        found.join("\n")
    );
}
