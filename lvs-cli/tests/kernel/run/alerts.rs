//! The alert rules of `examples`: each one fires for its fault, by what Prometheus reads, and none without one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use lvs_core::Cluster;
use lvs_lab::http::Server;
use nix::sys::signal::Signal;

use crate::run::resident::{DR, Resident, checked, with_keys};

lvs_lab::tests! {
    before = lvs_lab::fetch_prometheus;
    #[long]
    alerts_fire_for_their_faults,
    alerts_fire_for_roles,
}

const RULES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../examples/prometheus-alerts.yml"
);
const RULES_TEXT: &str = include_str!("../../../../examples/prometheus-alerts.yml");
const DASHBOARD: &str = include_str!("../../../../examples/grafana-dashboard.json");
const PAIR: &str = include_str!("../../../../examples/two_directors.toml");

/// Minutes without a fault, before it.
const HEALTHY: usize = 30;
/// The rules about roles, which need two directors.
const OF_TWO: [&str; 2] = ["LvsNoActiveDirector", "LvsTwoActiveDirectors"];

const SERVERS: [&str; 2] = ["realserver1", "realserver2"];

/// A service without a check, before what follows.
const PLAIN: &str = "[[services]]\naddress = \"172.16.5.11:8080\"\n\n[[real-servers]]";

/// What Prometheus reads at one moment, of one node or several.
type Scrape = BTreeMap<String, String>;

/// Takes the samples of a text, with the label that Prometheus adds.
fn samples(instance: &str, text: &str) -> Scrape {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let label = format!("instance=\"{instance}\"}}");
        let series = match series.strip_suffix('}') {
            Some(labels) => format!("{labels},{label}"),
            None => format!("{series}{{{label}"),
        };
        (series, value.to_owned())
    };
    lines.map(sample).collect()
}

/// An alert, the fault that fires it, and what was read meanwhile.
struct Case {
    alert: &'static str,
    healthy: Scrape,
    faulty: Vec<Scrape>,
    /// Minutes after the last reading.
    after: usize,
}

impl Case {
    fn yaml(&self) -> String {
        let all = || self.faulty.iter().chain([&self.healthy]);
        let names: BTreeSet<&String> = all().flat_map(BTreeMap::keys).collect();
        let mut text = format!(
            "  - name: {}\n    interval: 1m\n    input_series:\n",
            self.alert
        );
        for name in names {
            let value = |scrape: &Scrape, more: usize| match scrape.get(name) {
                Some(value) => format!("{value}+0x{more}"),
                // As Prometheus marks what is no longer in a scrape.
                None => format!("stale _x{more}"),
            };
            let mut values = value(&self.healthy, HEALTHY);
            for (place, scrape) in self.faulty.iter().enumerate() {
                let is_last = place + 1 == self.faulty.len();
                let _ = write!(
                    values,
                    " {}",
                    value(scrape, if is_last { self.after } else { 0 })
                );
            }
            let _ = writeln!(text, "      - series: '{name}'\n        values: '{values}'");
        }
        let end = HEALTHY + self.faulty.len() + self.after;
        let alert = self.alert;
        let _ = write!(
            text,
            "    promql_expr_test:
      - expr: count(ALERTS{{alertstate=\"firing\"}}) or vector(0)
        eval_time: {HEALTHY}m
        exp_samples: [{{ labels: '{{}}', value: 0 }}]
      - expr: count(ALERTS{{alertname=\"{alert}\", alertstate=\"firing\"}}) > bool 0
        eval_time: {end}m
        exp_samples: [{{ labels: '{{}}', value: 1 }}]\n"
        );
        text
    }
}

/// Runs promtool with a text on its standard input.
fn promtool(arguments: &[&str], input: &str) -> lvs_lab::Result<Output> {
    let mut command: Command = lvs_lab::promtool()?;
    let streams = command.args(arguments).stdin(Stdio::piped());
    let mut child = streams
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    Ok(child.wait_with_output().unwrap())
}

#[track_caller]
fn succeeds(output: &Output) {
    let texts =
        [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    assert!(output.status.success(), "{texts:?}");
}

/// A director whose metrics are read.
struct Scraped {
    resident: Resident,
    servers: BTreeMap<&'static str, Server>,
}

impl Scraped {
    fn text(&self) -> String {
        self.resident.prints(&["metrics"])
    }

    fn scrape(&self) -> Scrape {
        samples(&self.resident.director, &self.text())
    }

    /// Reads until the samples of a metric with a part of its labels have these values, in their order.
    fn when(&self, metric: &str, labels: &str, expected: &[&str]) -> Scrape {
        let mut scrape = Scrape::new();
        self.resident.waits(&format!("{metric} {expected:?}"), || {
            scrape = self.scrape();
            let found = scrape.iter().filter(|(series, _)| {
                series.split('{').next() == Some(metric) && series.contains(labels)
            });
            found
                .map(|(_, value)| value.as_str())
                .eq(expected.iter().copied())
        });
        scrape
    }

    fn up(&self, expected: &[&str]) -> Scrape {
        self.when("lvs_destination_up", "", expected)
    }

    /// Lets a real server refuse connections, or answer again.
    fn serve(&mut self, server: &'static str, answers: bool) {
        self.servers.remove(server);
        if answers {
            let node = self.resident.lab.node(server).unwrap();
            self.servers
                .insert(server, Server::start(node, 80, server).unwrap());
        }
    }

    fn set_forwarding(&self, value: &str) {
        let key = lvs_core::sysctl::SysctlKey::IP_FORWARD;
        self.resident
            .on_director(|host| host.sysctl().write(&key, value).unwrap());
    }

    fn weigh(&self, weight: &str) {
        let service = [
            "-t",
            "172.16.5.11:8080",
            "-r",
            "192.168.1.12:8080",
            "-g",
            "-w",
            weight,
        ];
        self.resident
            .prints(&[&["destination", "edit"], &service[..]].concat());
    }
}

/// The faults of one director, one after the other.
fn of_one_director() -> (Vec<Case>, String) {
    let text = with_keys(DR, "below-minimum = \"refuse\"").replacen("[[real-servers]]", PLAIN, 1);
    let mut resident = Resident::idle(&text, "director", &["--report-only"]);
    for server in SERVERS {
        resident.lab.stop_servers(server);
    }
    let mut one = Scraped {
        resident,
        servers: BTreeMap::new(),
    };
    for server in SERVERS {
        one.serve(server, true);
    }
    one.resident.start();
    let mut cases = Vec::new();
    let healthy = one.up(&["1", "1"]);
    let text = one.text();
    let mut add = |alert, faulty: Vec<Scrape>, after| {
        let healthy = healthy.clone();
        cases.push(Case {
            alert,
            healthy,
            faulty,
            after,
        });
    };

    one.set_forwarding("0");
    add("LvsDrift", vec![one.when("lvs_plan_steps", "", &["1"])], 6);
    one.set_forwarding("1");
    one.when("lvs_plan_steps", "", &["0"]);
    one.weigh("99");
    let differs = one.when(
        "lvs_destination_weight",
        "destination=\"192.168.1.12:8080\"",
        &["99"],
    );
    add("LvsWeightDiffers", vec![differs], 6);
    one.weigh("2");

    one.resident.prints(&["drain", "192.168.1.12"]);
    let drained = one.when(
        "lvs_destination_desired_weight",
        "destination=\"192.168.1.12:80\"",
        &["0"],
    );
    add("LvsDrainForgotten", vec![drained], 1441);
    one.resident.prints(&["undrain", "192.168.1.12"]);

    let mut flaps = Vec::new();
    for _ in 0..3 {
        one.serve("realserver2", false);
        flaps.push(one.up(&["1", "0"]));
        one.serve("realserver2", true);
        flaps.push(one.up(&["1", "1"]));
    }
    add("LvsRealServerFlaps", flaps, 1);

    for server in SERVERS {
        one.serve(server, false);
    }
    let down = one.when("lvs_service_below_minimum", "", &["1"]);
    for alert in ["LvsRealServerDown", "LvsBelowMinimum", "LvsNoDestination"] {
        add(alert, vec![down.clone()], 2);
    }
    one.resident.end(Signal::SIGKILL);
    add("LvsControllerDown", vec![one.when("lvs_up", "", &["0"])], 3);
    (cases, text)
}

/// The faults of two, which keep no cluster by themselves.
fn of_two_directors() -> Vec<Case> {
    let cluster = Cluster::from_toml(PAIR).unwrap();
    let names: Vec<String> = cluster
        .directors()
        .iter()
        .map(|director| director.name.to_string())
        .collect();
    let mut pair = Scraped {
        resident: Resident::idle(&checked(PAIR), &names[0], &[]),
        servers: BTreeMap::new(),
    };
    let mut in_roles = |roles: [&str; 2]| {
        let mut both = Scrape::new();
        for (name, role) in names.iter().zip(roles) {
            pair.resident.director = name.clone();
            pair.resident.prints(&["apply", "--role", role]);
            both.extend(pair.scrape());
        }
        // Whether a controller runs is not the question here.
        both.retain(|series, _| !series.starts_with("lvs_up"));
        both
    };
    let healthy = in_roles(["active", "standby"]);
    let (none, two) = (
        in_roles(["standby", "standby"]),
        in_roles(["active", "active"]),
    );
    [
        ("LvsNoActiveDirector", none),
        ("LvsTwoActiveDirectors", two),
    ]
    .map(|(alert, faulty)| Case {
        alert,
        healthy: healthy.clone(),
        faulty: vec![faulty],
        after: 2,
    })
    .into()
}

/// Returns the metrics that a text names.
fn metrics(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("lvs_")).collect()
}

/// Asks promtool whether each rule fires in its case, and none before.
fn judge(cases: &[Case]) -> lvs_lab::Result<()> {
    let head = format!("rule_files: ['{RULES}']\nevaluation_interval: 1m\ntests:\n");
    let tests: String = cases.iter().map(Case::yaml).collect();
    fs::write("/run/alerts.test.yml", head + &tests).unwrap();
    succeeds(&promtool(&["test", "rules", "/run/alerts.test.yml"], "")?);
    Ok(())
}

fn alerts_fire_for_their_faults() -> lvs_lab::Result<()> {
    let (cases, text) = of_one_director();
    let checked = promtool(&["check", "metrics"], &text)?;
    succeeds(&checked);
    assert!(
        checked.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&checked.stderr)
    );

    let rules = RULES_TEXT
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "));
    let fired = cases.iter().map(|case| case.alert).chain(OF_TWO);
    assert_eq!(
        rules.collect::<BTreeSet<_>>(),
        fired.collect(),
        "each rule has its fault"
    );
    let read = cases
        .iter()
        .flat_map(|case| case.faulty.iter().flat_map(BTreeMap::keys));
    let known: BTreeSet<&str> = read
        .filter_map(|series| series.split('{').next())
        .chain(["lvs_role"])
        .collect();
    for name in [RULES_TEXT, DASHBOARD].into_iter().flat_map(metrics) {
        assert!(known.contains(name), "{name} is no metric");
    }
    judge(&cases)
}

fn alerts_fire_for_roles() -> lvs_lab::Result<()> {
    judge(&of_two_directors())
}
