//! Checks of real servers.

use lvs_core::Cluster;
use lvs_core::cluster::checks::BelowMinimum;
use lvs_core::cluster::{DesiredState, DestinationCheck, Observed, Plan, PlanOptions};
use lvs_core::scheduler::Generation;

use super::{only, with_keys};

#[test]
fn keys_about_health() {
    let keys = r#"
        check = ["tcp", { type = "http", path = "/healthz", interval = "5s" }]
        minimum = 1
        fallback = "realserver2"
        on-failure = "remove"
        slow-start = "30s"
    "#;
    let health = "[health]\ninterval = \"1s\"\nfall = 2\npath = \"server\"\nmarks = 0x10000\n";
    let cluster = Cluster::from_toml(&with_keys(keys, health)).unwrap();
    assert_eq!(cluster.marks().first().get(), 0x10000);
    let service = &cluster.services()[0];
    let checks: Vec<String> = service
        .checks
        .iter()
        .map(|check| format!("{} {} {}", check.kind, check.timing.interval, check.route))
        .collect();
    assert_eq!(checks, ["tcp 1s server", "http 5s server"]);
    assert_eq!(service.checks[1].timing.fall.get(), 2);
    assert_eq!(service.policy.below_minimum, BelowMinimum::Fallback);
    let node = cluster.node("director").unwrap();
    let weights: Vec<u32> = node.services[0]
        .destinations
        .iter()
        .map(|desired| desired.value.weight.get())
        .collect();
    assert_eq!(weights, [2, 0], "the fallback waits");
}

/// With on-failure = "remove" a controller adds the fallback; without one it is in no table.
#[test]
fn a_fallback_that_is_removed_is_in_no_plan() {
    let keys = "check = \"tcp\"\nfallback = \"realserver2\"\n";
    let node = |keys: &str| {
        let cluster = Cluster::from_toml(&with_keys(keys, "")).unwrap();
        cluster.node("director").unwrap()
    };
    let applied = |node: &DesiredState, observed: &Observed| {
        let options = PlanOptions { take_over: true };
        Plan::new(node, observed, options).outcome(observed)
    };
    let weights = |observed: &Observed| -> Vec<u32> {
        let destinations = observed.services()[0].destinations.iter();
        destinations.map(|found| found.weight.get()).collect()
    };
    let waits = applied(&node(keys), &Observed::default());
    assert_eq!(weights(&waits), [0, 2]);
    let removed = node(&format!("{keys}on-failure = \"remove\"\n"));
    let fresh = applied(&removed, &Observed::default());
    assert_eq!(weights(&fresh), [2]);
    assert!(Plan::new(&removed, &fresh, PlanOptions::default()).is_empty());
    assert_eq!(weights(&applied(&removed, &waits)), [2]);
    let model = removed.services[0].model(Generation::default()).unwrap();
    assert_eq!(model.servers().len(), 1);
}

const NOT_CHECKED: &str = "destinations = [{ real-server = \"realserver1\" }, { real-server = \"realserver2\", check = false }]";

#[test]
fn a_destination_opts_out_of_the_check() {
    let keys = format!("check = \"tcp\"\n{NOT_CHECKED}");
    let cluster = Cluster::from_toml(&with_keys(&keys, "")).unwrap();
    let destinations = cluster.services()[0].destinations.iter();
    let checks: Vec<_> = destinations.map(|destination| destination.check).collect();
    assert_eq!(
        checks,
        [DestinationCheck::OfService, DestinationCheck::Never]
    );
    let written = serde_json::to_string(&cluster).unwrap();
    assert!(written.contains("\"check\":false"), "{written}");
    let again: Cluster = serde_json::from_str(&written).unwrap();
    assert_eq!(again, cluster);
}

#[test]
fn a_destination_has_no_check_of_its_own() {
    for (value, found) in [
        ("true", "true"),
        ("\"tcp\"", "text \"tcp\""),
        ("{ type = \"tcp\" }", "a table"),
        ("0", "number 0"),
    ] {
        let keys = format!("check = \"tcp\"\n{NOT_CHECKED}").replace("false", value);
        let error = only(Cluster::from_toml(&with_keys(&keys, "")).unwrap_err());
        assert_eq!(error.path(), "services[0].destinations[1].check");
        let problem = format!("expected false, as checks are those of the service, found {found}");
        assert_eq!(error.problem(), problem);
    }
    let error = only(Cluster::from_toml(&with_keys(NOT_CHECKED, "")).unwrap_err());
    assert_eq!(error.path(), "services[0].destinations[1].check");
    let problem = "has no effect, as the service has no check";
    assert_eq!(error.problem(), problem);
}

#[test]
fn keys_about_health_that_make_no_sense() {
    for (keys, table, message) in [
        (
            "minimum = 1",
            "",
            "services[0].minimum: has no effect without check",
        ),
        (
            "check = \"tpc\"",
            "",
            "services[0].check: check \"tpc\" is not tcp, tls",
        ),
        ("check = []", "", "services[0].check: the list is empty"),
        (
            "check = [\"tcp\", { type = \"tls\" }]",
            "",
            "services[0].check[1]: server name \"\" is missing",
        ),
        (
            "check = { type = \"http\", intervall = 3 }",
            "",
            "unknown key `intervall`; did you mean `interval`?",
        ),
        (
            "check = { type = \"http\", interval = \"soon\" }",
            "",
            "duration \"soon\" is not like \"500ms\", \"2s\" or \"5m\"",
        ),
        (
            "check = \"tcp\"\nbelow-minimum = \"fallback\"",
            "",
            "services[0].below-minimum: the key `fallback` is missing",
        ),
        (
            "check = \"tcp\"\nbelow-minimum = \"serve-al\"",
            "",
            "\"serve-al\" is unknown; did you mean \"serve-all\"?",
        ),
        (
            "check = \"tcp\"\nbelow-minimum = \"refuse\"\nfallback = \"realserver1\"",
            "",
            "services[0].fallback: has no effect beside this below-minimum",
        ),
        (
            "check = \"tcp\"\nfallback = \"elsewhere\"",
            "",
            "there is no real server \"elsewhere\"",
        ),
        (
            "check = \"tcp\"\nminimum = 3",
            "",
            "services[0].minimum: 3 is above the number of destinations, 2",
        ),
        (
            "check = \"tcp\"\nminimum = 2\ndestinations = [{ real-server = \"realserver1\", weight = 0 }, { real-server = \"realserver2\" }]",
            "",
            "services[0].minimum: 2 is above the number of destinations with a weight above 0, 1",
        ),
        (
            "check = \"tcp\"\nkeep-weight = true",
            "",
            "services[0].keep-weight: excludes check",
        ),
        (
            "",
            "[health]\nintervall = 2",
            "unknown key `intervall`; did you mean `interval`?",
        ),
        (
            "",
            "[health]\nfast-interval = \"3s\"",
            "is above the interval 2s",
        ),
        (
            "",
            "[health]\nmarks = 0",
            "health.marks: 0 is not in 1..4294901760",
        ),
    ] {
        let error = only(Cluster::from_toml(&with_keys(keys, table)).unwrap_err());
        assert!(error.to_string().contains(message), "{message:?}: {error}");
        assert!(
            error.position().is_some_and(|position| position.line > 1),
            "{error}"
        );
    }
}

/// The file is right, and another program has found less than it asks for.
#[test]
fn a_minimum_is_not_refused_for_what_another_program_finds() {
    let keys = "check = \"tcp\"\nminimum = 2\ndestinations = [{ file-sd = \"/targets\" }]";
    let text = with_keys(keys, "");
    let cluster = |targets: &str| {
        let json = format!("[{{\"targets\": [{targets}], \"labels\": {{\"weight\": \"3\"}}}}]");
        Cluster::from_toml_with(&text, &|_| Ok(json.clone())).unwrap()
    };
    let one = cluster("\"192.168.1.12:80\"");
    assert_eq!(one.services()[0].policy.minimum, 2);
    let notes = one.node("director").unwrap().notes;
    let note = "tcp 172.16.5.11:80: minimum: 2 is above the number of destinations, 1; below-minimum, serve-all, is in \
                force until its files of targets have more";
    assert_eq!(notes, [note]);
    let both = cluster("\"192.168.1.12:80\", \"192.168.1.13:80\"");
    assert!(both.node("director").unwrap().notes.is_empty());
}
