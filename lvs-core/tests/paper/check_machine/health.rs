//! What a controller told, or has left.

use lvs_core::Cluster;
use lvs_core::check::{self, Area, Code, Facts, Finding, Severity};
use lvs_core::cluster::{IpvsState, Observed, Plan, PlanOptions, Role};
use lvs_core::ipvs::{ServiceEntry, Weight};
use serde_json::json;

use crate::check_machine::facts::{NAT, cluster, director, found};

/// A service with one real server down, and so many available.
fn told(facts: &mut Facts, below: Option<&str>) {
    let available = usize::from(below.is_none());
    let health = json!([{
        "service": "tcp 172.16.5.11:80",
        "below_minimum": below,
        "minimum": 1,
        "available": available,
        "unavailable": [{
            "destination": "192.168.1.12:80",
            "server": "realserver1",
            "is_down": true,
            "is_drained": false,
            "since": 7,
            "failure": "connect timed out",
        }],
    }]);
    facts.health = serde_json::from_value(health).unwrap();
}

#[test]
fn a_real_server_that_is_down_is_a_warning() {
    let nat = cluster(NAT);
    let mut facts = director(&nat);
    told(&mut facts, None);
    let report = check::on_node(&nat, &facts);
    let finding = report
        .findings()
        .iter()
        .find(|finding| finding.code == Code::SERVER_DOWN)
        .unwrap();
    assert_eq!(finding.severity, Severity::Warning);
    assert_eq!(
        finding.seen,
        "realserver1 is down for 7 s: connect timed out"
    );
    assert!(!report.sound().any(|area| area == Area::Services));
}

#[test]
fn a_service_below_its_minimum_is_an_error_unless_on_a_standby() {
    let nat = cluster(NAT);
    let mut facts = director(&nat);
    for below in ["serve-all", "fallback", "withdraw", "refuse"] {
        told(&mut facts, Some(below));
        let report = check::on_node(&nat, &facts);
        assert_eq!(report.worst(), Some(Severity::Error), "{below}");
        assert_eq!(found(&nat, &facts), [Code::BELOW_MINIMUM], "{below}");
        let text = report.findings()[0].to_string();
        let seen = "0 available, minimum 1; realserver1 down for 7 s: connect timed out\n";
        assert!(text.contains(seen), "{text}");
    }
    facts.role = Some(Role::Standby);
    let report = check::on_node(&nat, &facts);
    let below = report
        .findings()
        .iter()
        .find(|finding| finding.code == Code::BELOW_MINIMUM)
        .unwrap();
    assert_eq!(below.severity, Severity::Warning);
}

/// What is said of a service of which a controller told this.
fn below(file: &str, told: serde_json::Value) -> String {
    let nat = cluster(file);
    let mut facts = director(&nat);
    let mut service = json!({
        "service": "tcp 172.16.5.11:80", "below_minimum": "serve-all", "minimum": 2, "available": 1,
        "unavailable": [],
    });
    let given = told.as_object().unwrap().clone();
    service.as_object_mut().unwrap().extend(given);
    facts.health = serde_json::from_value(json!([service])).unwrap();
    let report = check::on_node(&nat, &facts);
    let mut findings = report.findings().iter();
    let of_below = |found: &&Finding| found.code == Code::BELOW_MINIMUM;
    findings.find(of_below).unwrap().to_string()
}

fn drained(server: u8, by_operator: bool) -> serde_json::Value {
    json!({
        "destination": format!("192.168.1.{}:80", 11 + server),
        "server": format!("realserver{server}"),
        "is_down": false, "is_drained": true, "is_drained_by_operator": by_operator,
        "since": null, "failure": null,
    })
}

#[test]
fn the_impact_below_the_minimum_is_what_clients_get() {
    let unusable = below(NAT, json!({"without_fallback": true}));
    assert!(
        unusable.contains("1 available, minimum 2; the fallback cannot serve\n")
            && unusable.contains("impact: the fallback cannot serve: every other real server "),
        "{unusable}"
    );
    let keys = "scheduler = \"rr\"\ncheck = \"tcp\"\nbelow-minimum = \"fallback\"\nfallback = \"realserver2\"";
    let with_fallback = NAT.replace("scheduler = \"rr\"", keys);
    for (is_down, impact) in [
        (
            true,
            "impact: the fallback gets all new connections, and is down itself\n",
        ),
        (false, "impact: the fallback gets all new connections\n"),
    ] {
        let mut fallback = drained(2, true);
        fallback["is_down"] = is_down.into();
        let told = json!({"below_minimum": "fallback", "unavailable": [fallback]});
        let told = below(&with_fallback, told);
        assert!(told.contains(impact), "{told}");
    }
    let left = below(NAT, json!({"unavailable": [drained(1, true)]}));
    assert!(
        left.contains("impact: the real servers that are left "),
        "{left}"
    );
    for how in ["serve-all", "fallback", "withdraw", "refuse"] {
        let refused = below(NAT, json!({"below_minimum": how, "refuses": true}));
        assert!(
            refused.contains("impact: all new connections are refused"),
            "{refused}"
        );
    }
}

#[test]
fn what_the_file_drains_is_fixed_in_the_file() {
    let told = json!({"unavailable": [drained(1, true), drained(2, false)]});
    let undrain = "fix: lvsctl undrain realserver1";
    let edit =
        |server| format!("fix: take drain = true of realserver{server} out of the cluster file");
    let text = below(NAT, told.clone());
    assert!(text.contains(undrain) && text.contains(&edit(2)), "{text}");
    assert!(
        !text.contains("undrain realserver2") && !text.contains(&edit(1)),
        "{text}"
    );
    // Both have to end.
    let server = "name = \"realserver1\"\n";
    let in_file = NAT.replace(server, &format!("{server}drain = true\n"));
    assert_ne!(in_file, NAT);
    let text = below(&in_file, told.clone());
    assert!(text.contains(undrain) && text.contains(&edit(1)), "{text}");
    // With weight 0 it does not count, drained or not.
    let without = NAT.replace(server, &format!("{server}weight = 0\n"));
    let text = below(&without, told);
    assert!(!text.contains(undrain) && text.contains(&edit(2)), "{text}");
}

#[test]
fn a_virtual_ip_that_health_has_withdrawn_is_an_error() {
    let nat = cluster(NAT);
    let mut facts = director(&nat);
    let vip = "172.16.5.11".parse().unwrap();
    told(&mut facts, Some("withdraw"));
    facts.withdrawn.insert(vip);
    assert_eq!(
        found(&nat, &facts),
        [Code::BELOW_MINIMUM],
        "it is still there"
    );
    facts
        .addresses
        .retain(|address| address.id.network.addr() != vip);
    let report = check::on_node(&nat, &facts);
    let finding = &report.findings()[0];
    assert_eq!(finding.code, Code::WITHDRAWN);
    let seen = "tcp 172.16.5.11:80: 0 available, minimum 1; realserver1 down for 7 s: ";
    assert!(finding.seen.starts_with(seen), "{finding}");
    let refuted = [Area::Addresses, Area::Services, Area::Traffic, Area::Upkeep];
    assert!(!report.sound().any(|area| refuted.contains(&area)));
    let below = |code: &Code| *code == Code::BELOW_MINIMUM;
    assert!(!found(&nat, &facts).iter().any(below), "it says so itself");
    // Clients of a standby lose nothing yet.
    facts.role = Some(Role::Standby);
    let report = check::on_node(&nat, &facts);
    let mut findings = report.findings().iter();
    let finding = findings
        .find(|finding| finding.code == Code::WITHDRAWN)
        .unwrap();
    assert_eq!(finding.severity, Severity::Warning);
    assert!(finding.impact.starts_with("after a takeover"), "{finding}");
}

#[test]
fn checks_that_no_controller_makes_are_a_warning() {
    let text = NAT.replace("scheduler = \"rr\"", "scheduler = \"rr\"\ncheck = \"tcp\"");
    let nat = cluster(&text);
    let mut facts = director(&nat);
    facts.applied = true;
    let untested = |facts: &Facts| found(&nat, facts).contains(&Code::UNTESTED);
    assert!(!untested(&facts), "it is not known");
    facts.is_controlled = Some(true);
    assert!(!untested(&facts));
    facts.is_controlled = Some(false);
    assert!(untested(&facts));
    let report = check::on_node(&nat, &facts);
    assert!(!report.sound().any(|area| area == Area::Services));
    facts.applied = false;
    assert!(!untested(&facts), "nothing is promised yet");
}

#[test]
fn a_controller_that_was_killed_is_a_warning_until_it_left_a_weight() {
    let nat = cluster(NAT);
    let mut facts = director(&nat);
    facts
        .abandoned
        .insert("tcp 172.16.5.11:80".parse().unwrap());
    let report = check::on_node(&nat, &facts);
    assert_eq!(found(&nat, &facts), [Code::NO_CONTROLLER]);
    assert_eq!(report.worst(), Some(Severity::Warning));
}

/// A director that has all that the file says, with checks that no controller makes.
fn uncontrolled(cluster: &Cluster) -> Facts {
    let mut facts = director(cluster);
    (facts.applied, facts.is_controlled) = (true, Some(false));
    let links = ["lo", "eth0", "eth1"].map(|name| (name.parse().unwrap(), true));
    let node = cluster.node("director").unwrap();
    let before = Observed {
        links: links.into(),
        sysctls: (node.sysctls.keys().cloned())
            .map(|key| (key, "0".to_owned()))
            .collect(),
        ipvs: IpvsState::empty(),
        ..Observed::default()
    };
    facts.observed = Some(Plan::new(&node, &before, PlanOptions::default()).outcome(&before));
    facts
}

/// The service of the file in the kernel's table.
fn web(facts: &mut Facts) -> &mut ServiceEntry {
    let observed = facts.observed.as_mut().unwrap();
    let IpvsState::Loaded { services, .. } = &mut observed.ipvs else {
        panic!("the table was read");
    };
    let id = "tcp 172.16.5.11:80".parse().unwrap();
    let mut services = services.iter_mut();
    services.find(|entry| entry.service.id == id).unwrap()
}

fn finding(cluster: &Cluster, facts: &Facts, code: Code) -> Finding {
    let report = check::on_node(cluster, facts);
    let mut findings = report.findings().iter();
    let found = findings.find(|finding| finding.code == code);
    found
        .unwrap_or_else(|| panic!("no {code} in {:#?}", report.findings()))
        .clone()
}

fn with_check(keys: &str) -> Cluster {
    let keys = format!("scheduler = \"rr\"\ncheck = \"tcp\"\n{keys}");
    cluster(&NAT.replace("scheduler = \"rr\"", &keys))
}

#[test]
fn a_weight_that_health_has_left_is_restored_by_a_controller_only() {
    let nat = with_check("");
    let mut facts = uncontrolled(&nat);
    assert_eq!(found(&nat, &facts), [Code::UNTESTED]);
    let dead = "192.168.1.12:80".parse().unwrap();
    let mut listed = web(&mut facts).destinations.iter_mut();
    listed.find(|found| found.id == dead).unwrap().weight = Weight::DRAIN;
    assert_eq!(found(&nat, &facts), [Code::UNTESTED]);
    let untested = finding(&nat, &facts, Code::UNTESTED);
    assert_eq!(untested.severity, Severity::Warning);
    assert_eq!(untested.fix, ["lvsctl run FILE"]);
    let left = "has a check; 192.168.1.12:80 of tcp 172.16.5.11:80 has weight 0, not 1";
    assert!(untested.seen.ends_with(left), "{untested}");
    let report = check::on_node(&nat, &facts);
    assert!(!report.sound().any(|area| area == Area::Upkeep));

    // What is to be applied besides would bring it back, too.
    let mut lacking = facts.clone();
    let observed = lacking.observed.as_mut().unwrap();
    let vip = "172.16.5.11/16".parse().unwrap();
    observed.addresses = observed
        .addresses
        .iter()
        .filter(|address| address.id.network != vip)
        .cloned()
        .collect();
    let drift = finding(&nat, &lacking, Code::DRIFT);
    assert_eq!(drift.fix, ["lvsctl run FILE"]);
    assert!(!drift.seen.contains("destination"), "{drift}");

    // Beside a controller, and without checks, it is a difference like any other.
    facts.is_controlled = Some(true);
    let drift = finding(&nat, &facts, Code::DRIFT);
    assert_eq!((drift.severity, drift.fix.len()), (Severity::Error, 1));
    assert_eq!(drift.fix, ["lvsctl apply FILE"]);
}

#[test]
fn a_destination_is_missing_by_health_only_where_it_removes() {
    for (keys, expected) in [
        ("", [Code::DRIFT, Code::UNTESTED].as_slice()),
        ("on-failure = \"remove\"", &[Code::UNTESTED]),
    ] {
        let nat = with_check(keys);
        let mut facts = uncontrolled(&nat);
        web(&mut facts).destinations.remove(0);
        assert_eq!(found(&nat, &facts), expected, "{keys}");
    }
}

#[test]
fn clients_that_all_are_refused_need_a_controller() {
    let nat = with_check("");
    let mut facts = uncontrolled(&nat);
    let none = |weight: &mut Weight| *weight = Weight::DRAIN;
    let listed = web(&mut facts).destinations.iter_mut();
    listed.for_each(|found| none(&mut found.weight));
    let table = facts.readings.iter_mut();
    table
        .flat_map(|reading| &mut reading.services)
        .flat_map(|entry| &mut entry.destinations)
        .for_each(|found| none(&mut found.destination.weight));
    let refused = finding(&nat, &facts, Code::NO_DESTINATION);
    assert_eq!(refused.severity, Severity::Error);
    assert_eq!(refused.fix, ["lvsctl run FILE, which probes them first"]);
}

#[test]
fn a_virtual_ip_that_the_last_controller_has_withdrawn_says_so() {
    let nat = with_check("");
    let mut facts = uncontrolled(&nat);
    let vip = "172.16.5.11".parse().unwrap();
    facts
        .addresses
        .retain(|address| address.id.network.addr() != vip);
    let missing = finding(&nat, &facts, Code::VIP_MISSING_ON_DIRECTOR);
    assert!(missing.fix[0].starts_with("ip address add "), "{missing}");
    facts.left_withdrawn.insert(vip);
    let missing = finding(&nat, &facts, Code::VIP_MISSING_ON_DIRECTOR);
    let seen = "the controller that ran last has withdrawn it";
    assert!(missing.seen.contains(seen), "{missing}");
    assert_eq!(missing.fix, ["lvsctl run FILE"]);
}

#[test]
fn a_dead_real_server_that_only_probes_still_ask_is_a_warning() {
    let nat = with_check("");
    let mut facts = uncontrolled(&nat);
    let silent = json!([{
        "interface": "eth1",
        "address": "192.168.1.12",
        "entry": null,
        "answers": [],
    }]);
    facts.neighbours = serde_json::from_value(silent).unwrap();
    let dead = finding(&nat, &facts, Code::DEAD_NEIGHBOUR);
    assert_eq!(dead.severity, Severity::Error);
    let dead = "192.168.1.12:80".parse().unwrap();
    facts
        .readings
        .iter_mut()
        .flat_map(|reading| &mut reading.services)
        .flat_map(|entry| &mut entry.destinations)
        .filter(|found| found.destination.id == dead)
        .for_each(|found| found.destination.weight = Weight::DRAIN);
    let dead = finding(&nat, &facts, Code::DEAD_NEIGHBOUR);
    assert_eq!(dead.severity, Severity::Warning);
}
