use super::*;

const DR: &str = include_str!("../../../../examples/dr.toml");

fn order(stages: &[RolloutStep]) -> Vec<String> {
    stages
        .iter()
        .map(|stage| format!("{} {}", stage.action, stage.node))
        .collect()
}

#[test]
fn real_servers_then_director() {
    let cluster = Cluster::from_toml(DR).unwrap();
    assert_eq!(
        order(&cluster.rollout(None)),
        ["apply realserver1", "apply realserver2", "apply director"]
    );
    assert_eq!(
        order(&cluster.takedown()),
        [
            "remove director",
            "remove realserver1",
            "remove realserver2"
        ]
    );
    assert_eq!(cluster.rollout(Some(&cluster)), []);
}

#[test]
fn a_replaced_real_server_joins_first_and_leaves_last() {
    let old = Cluster::from_toml(DR).unwrap();
    let text = DR
        .replace("realserver2", "realserver3")
        .replace("192.168.1.13", "192.168.1.14");
    let new = Cluster::from_toml(&text).unwrap();
    assert_eq!(
        order(&new.rollout(Some(&old))),
        ["apply realserver3", "apply director", "remove realserver2"]
    );
}

#[test]
fn a_replaced_director_goes_before_the_new_one_comes() {
    let old = Cluster::from_toml(DR).unwrap();
    let named = DR
        .replace("[director]\n", "[director]\nname = \"lb2\"\n")
        .replace("192.168.1.11", "192.168.1.10");
    let new = Cluster::from_toml(&named).unwrap();
    let steps = new.rollout(Some(&old));
    assert_eq!(order(&steps), ["remove director", "apply lb2"]);
    let outage = steps[0].outage.as_deref().unwrap();
    assert!(outage.starts_with("no director has the virtual IPs from the removal of director"));
}

#[test]
fn a_renamed_node_is_the_same_node() {
    let old = Cluster::from_toml(DR).unwrap();
    for (name, text) in [
        (
            "lb2",
            DR.replace("[director]\n", "[director]\nname = \"lb2\"\n"),
        ),
        ("www1", DR.replace("realserver1", "www1")),
    ] {
        let new = Cluster::from_toml(&text).unwrap();
        let steps = new.rollout(Some(&old));
        let of_node = |step: &&RolloutStep| step.node == *name;
        assert_eq!(steps.iter().filter(of_node).count(), 1, "{steps:?}");
        let removes = |step: &RolloutStep| step.action == RolloutAction::Remove;
        assert!(!steps.iter().any(removes), "{steps:?}");
    }
}

#[test]
fn a_changed_virtual_ip_is_added_before_the_old_one_goes() {
    let old = Cluster::from_toml(DR).unwrap();
    let new = Cluster::from_toml(&DR.replace("172.16.5.11", "172.16.5.12")).unwrap();
    let steps = new.rollout(Some(&old));
    assert_eq!(
        order(&steps),
        [
            "grow realserver1",
            "grow realserver2",
            "apply director",
            "apply realserver1",
            "apply realserver2"
        ]
    );
    let outage = steps[2].outage.as_deref().unwrap();
    assert!(
        outage.starts_with("tcp 172.16.5.11:80 is not served any more"),
        "{outage}"
    );
}

#[test]
fn a_changed_gateway_is_there_before_it_is_used() {
    let nat = include_str!("../../../../examples/nat.toml");
    let old = Cluster::from_toml(nat).unwrap();
    let new = nat.replace("192.168.1.11/24", "192.168.1.21/24");
    let steps = Cluster::from_toml(&new).unwrap().rollout(Some(&old));
    assert_eq!(
        order(&steps),
        [
            "grow director",
            "apply realserver1",
            "apply realserver2",
            "apply director"
        ]
    );
    assert!(steps.iter().all(|step| step.outage.is_none()), "{steps:?}");
}

#[test]
fn a_moved_real_server_has_both_addresses_for_a_while() {
    let old = Cluster::from_toml(DR).unwrap();
    let new = Cluster::from_toml(&DR.replace("192.168.1.13/24", "192.168.1.33/24")).unwrap();
    let steps = new.rollout(Some(&old));
    assert_eq!(
        order(&steps),
        ["grow realserver2", "apply director", "apply realserver2"]
    );
    let hints: Vec<_> = steps.iter().map(|step| step.hint.as_deref()).collect();
    let hint = "connections that are open to 192.168.1.13:80 are cut: before this step drain each \
                (lvsctl drain 192.168.1.13:80), and undrain it afterwards";
    assert_eq!(hints, [None, Some(hint), None]);
}

/// Two services, each with one of the real servers.
const EXCHANGING: &str = "
    name = 'web'
    forwarding = 'nat'
    director = { gateway = '172.16.0.1', addresses = [
      { interface = 'eth0', address = '172.16.5.11/16' }, { interface = 'eth0', address = '172.16.5.12/32' },
      { interface = 'eth1', address = '192.168.1.11/24' }] }
    services = [
      { address = '172.16.5.11:80', scheduler = 'rr', destinations = [{ real-server = 'rs1' }] },
      { address = '172.16.5.12:80', scheduler = 'rr', destinations = [{ real-server = 'rs2', port = 80 }] }]
    [[real-servers]]
    name = 'rs1'
    addresses = [{ interface = 'eth0', address = '192.168.1.12/24' }]
    [[real-servers]]
    name = 'rs2'
    addresses = [{ interface = 'eth0', address = '192.168.1.13/24' }]";

/// A drain that is to save the open connections must not refuse the new ones.
#[test]
fn a_drain_of_all_real_servers_of_a_service_is_no_hint() {
    let hint = |new: &str| {
        let (old, new) = (Cluster::from_toml(EXCHANGING), Cluster::from_toml(new));
        let steps = new.unwrap().rollout(Some(&old.unwrap()));
        steps
            .iter()
            .find_map(|step| step.hint.clone())
            .unwrap_or_default()
    };
    let moved = hint(&EXCHANGING.replace("'rs2', port = 80", "'rs2', port = 81"));
    assert!(
        moved.contains("do it with --grow, for tcp 172.16.5.12:80 has no other real server, then drain each (lvsctl drain 192.168.1.13:80)"),
        "{moved}"
    );
    let exchanged = EXCHANGING
        .replace("'rs1' }", "'rs3' }")
        .replace("'rs2', port", "'rs1', port")
        .replace("'rs3' }", "'rs2' }");
    let exchanged = hint(&exchanged);
    assert!(
        exchanged.contains("drain none of them before, which would leave tcp 172.16.5.11:80"),
        "{exchanged}"
    );
}

#[test]
fn an_address_that_moves_to_another_node_is_held_until_then() {
    let old = Cluster::from_toml(DR).unwrap();
    let swapped = DR
        .replace("192.168.1.12/24", "192.168.1.99/24")
        .replace("192.168.1.13/24", "192.168.1.12/24")
        .replace("192.168.1.99/24", "192.168.1.13/24");
    let steps = Cluster::from_toml(&swapped).unwrap().rollout(Some(&old));
    let outage = steps[0].outage.as_deref().unwrap();
    assert!(
        outage.starts_with("192.168.1.13 is still an address of realserver2"),
        "{outage}"
    );
}

const TWO: &str = include_str!("../../../../examples/two_directors.toml");

fn with_roles(stages: &[RolloutStep]) -> Vec<String> {
    let role = |stage: &RolloutStep| stage.role.map(|role| format!(" {role}"));
    let said = |stage: &RolloutStep| role(stage).unwrap_or_default();
    let line = |stage: &RolloutStep| format!("{} {}{}", stage.action, stage.node, said(stage));
    stages.iter().map(line).collect()
}

#[test]
fn of_two_directors_the_standby_begins() {
    let cluster = Cluster::from_toml(TWO).unwrap();
    assert_eq!(
        with_roles(&cluster.rollout(None)),
        [
            "apply realserver1",
            "apply realserver2",
            "apply lb2 standby",
            "apply lb1 active"
        ]
    );
    assert_eq!(
        order(&cluster.takedown())[..2],
        ["remove lb2", "remove lb1"]
    );
    assert_eq!(cluster.rollout(Some(&cluster)), []);
}

#[test]
fn directors_that_have_begun_keep_their_roles() {
    let old = Cluster::from_toml(TWO).unwrap();
    let changed = TWO.replace("\"rr\"", "\"wrr\"");
    let new = Cluster::from_toml(&changed).unwrap();
    assert_eq!(
        with_roles(&new.rollout(Some(&old))),
        ["apply lb2", "apply lb1"]
    );
    let replaced = TWO
        .replace("\"lb1\"", "\"lb3\"")
        .replace("172.16.5.21", "172.16.5.23")
        .replace("192.168.1.21", "192.168.1.23");
    let new = Cluster::from_toml(&replaced).unwrap();
    let turns = ["remove lb1", "apply lb3 standby"];
    assert_eq!(with_roles(&new.rollout(Some(&old))), turns);
}

#[test]
fn a_second_director_joins_before_the_first_one_changes() {
    let lines = || {
        TWO.lines()
            .filter(|line| !line.contains("floating = true }"))
    };
    let one: String = lines().map(|line| format!("{line}\n")).collect();
    let (first, rest) = one.split_once("[[directors]]\nname = \"lb2\"").unwrap();
    let (_, rest) = rest.split_once("[sync]").unwrap();
    let vip = "addresses = [\n{ interface = \"eth0\", address = \"172.16.5.11/16\" },";
    let one = format!("{first}[sync]{rest}")
        .replace("[[directors]]", "[director]")
        .replacen("addresses = [", vip, 1);
    let (old, new) = (Cluster::from_toml(&one), Cluster::from_toml(TWO));
    assert_eq!(
        with_roles(&new.unwrap().rollout(Some(&old.unwrap()))),
        [
            "grow lb1 active",
            "apply realserver1",
            "apply realserver2",
            "apply lb2 standby",
            "apply lb1 active"
        ]
    );
}

#[test]
fn a_weight_is_the_directors_business() {
    let old = Cluster::from_toml(DR).unwrap();
    let new = Cluster::from_toml(&DR.replace("weight = 2", "weight = 5")).unwrap();
    assert_eq!(order(&new.rollout(Some(&old))), ["apply director"]);
}

#[test]
fn a_real_server_that_loses_its_part_is_last() {
    let old = Cluster::from_toml(DR).unwrap();
    let one = "scheduler = \"wrr\"\ndestinations = [{ real-server = \"realserver1\" }]";
    let new = Cluster::from_toml(&DR.replace("scheduler = \"wrr\"", one)).unwrap();
    assert_eq!(
        order(&new.rollout(Some(&old))),
        ["apply director", "apply realserver2"]
    );
}

/// A standby does not add the address that the first director has, and an active one may take it over.
#[test]
fn a_floating_address_is_held_from_nobody() {
    let one = NAT_OF_ONE
        .replace("DIP", "192.168.1.11")
        .replace("VIP", "172.16.5.11");
    let (old, new) = (
        Cluster::from_toml(&one).unwrap(),
        Cluster::from_toml(TWO).unwrap(),
    );
    let steps = new.rollout(Some(&old));
    assert!(steps.iter().all(|step| step.outage.is_none()), "{steps:?}");
}

const NAT_OF_ONE: &str = r#"
name = "web"
forwarding = "nat"
[director]
name = "lb1"
addresses = [
  { interface = "eth0", address = "VIP/16" },
  { interface = "eth1", address = "DIP/24" },
]
[[services]]
address = "VIP:80"
scheduler = "rr"
[[real-servers]]
name = "realserver1"
addresses = [{ interface = "eth0", address = "192.168.1.12/24" }]
[[real-servers]]
name = "realserver2"
addresses = [{ interface = "eth0", address = "192.168.1.13/24" }]
"#;

#[allow(
    clippy::unwrap_used,
    reason = "a helper of a test may fail it; clippy knows that of tests only"
)]
fn of_one(name: &str, vip: &str, dip: &str) -> Cluster {
    let text = NAT_OF_ONE.replace("VIP", vip).replace("DIP", dip);
    Cluster::from_toml(&text.replace("lb1", name)).unwrap()
}

/// Nothing is shared, so that nothing has to be taken from the old director first.
#[test]
fn a_new_director_with_another_virtual_ip_is_made_before_the_old_one_ends() {
    let old = of_one("lb1", "172.16.5.11", "192.168.1.11");
    let new = of_one("lb2", "172.16.5.15", "192.168.1.15");
    let steps = new.rollout(Some(&old));
    assert_eq!(
        order(&steps),
        [
            "apply lb2",
            "apply realserver1",
            "apply realserver2",
            "remove lb1"
        ]
    );
    let outages: Vec<_> = steps.iter().map(|step| step.outage.as_deref()).collect();
    let unserved = "tcp 172.16.5.11:80 is not served any more: give clients its new address first, if it has one";
    assert_eq!(outages, [None, Some(unserved), None, None]);
}

/// The gateway is another director's, which comes only when the old one has gone.
#[test]
fn a_replaced_director_with_the_virtual_ip_has_no_gateway_before() {
    let old = of_one("lb1", "172.16.5.11", "192.168.1.11");
    let new = of_one("lb2", "172.16.5.11", "192.168.1.15");
    let steps = new.rollout(Some(&old));
    assert_eq!(
        order(&steps),
        [
            "remove lb1",
            "apply realserver1",
            "apply realserver2",
            "apply lb2"
        ]
    );
    assert_eq!(steps[1].why, "before the new director sends clients to it");
}

#[test]
fn a_director_and_a_real_server_that_exchange_balance_both_for_a_while() {
    let old = Cluster::from_toml(DR).unwrap();
    let text = DR
        .replace("[director]\n", "[director]\nname = \"realserver2\"\n")
        .replacen(
            "name = \"realserver2\"\naddresses = [{",
            "name = \"director\"\naddresses = [{",
            1,
        )
        .replace("192.168.1.11/24", "192.168.1.99/24")
        .replace("192.168.1.13/24", "192.168.1.11/24")
        .replace("192.168.1.99/24", "192.168.1.13/24");
    let steps = Cluster::from_toml(&text).unwrap().rollout(Some(&old));
    let said: Vec<_> = steps
        .iter()
        .filter_map(|step| step.outage.as_deref())
        .collect();
    assert_eq!(
        said,
        [
            "director still balances until it is applied itself, also what the new director sends to it: some clients \
          are not served"
        ]
    );
}

#[test]
fn one_that_joins_may_be_the_one_that_leaves() {
    let old = Cluster::from_toml(DR).unwrap();
    let text = DR
        .replace("realserver2", "realserver3")
        .replace("192.168.1.13", "192.168.1.14");
    let steps = Cluster::from_toml(&text).unwrap().rollout(Some(&old));
    let hints: Vec<_> = steps
        .iter()
        .map(|step| step.hint.as_deref().unwrap_or_default())
        .collect();
    assert!(
        hints[0].starts_with("if the host of realserver2 becomes realserver3, add --grow"),
        "{hints:?}"
    );
    assert!(
        hints[2].starts_with("if this host is realserver3 by now"),
        "{hints:?}"
    );
}

#[test]
fn a_changed_method_is_felt_from_the_first_step_of_either_side() {
    let dr = Cluster::from_toml(DR).unwrap();
    let text = DR
        .replace("forwarding = \"dr\"", "forwarding = \"nat\"")
        .replacen("gateway = \"192.168.1.254\"\n", "gateway = 0\n", 1)
        .replace("gateway = \"192.168.1.254\"\n", "")
        .replace("gateway = 0\n", "gateway = \"192.168.1.254\"\n");
    let nat = Cluster::from_toml(&text).unwrap();
    let outages = |steps: &[RolloutStep]| -> Vec<_> {
        let felt = steps.iter().filter_map(|step| {
            let outage = step.outage.as_deref()?;
            let servers = ["realserver1", "realserver2"].map(|name| outage.contains(name));
            Some((format!("{} {}", step.action, step.node), servers))
        });
        felt.collect()
    };
    let each = |action: &str, servers| (action.to_owned(), servers);
    assert_eq!(
        outages(&nat.rollout(Some(&dr))),
        [
            each("apply realserver1", [true, false]),
            each("apply realserver2", [false, true]),
        ]
    );
    let steps = dr.rollout(Some(&nat));
    assert_eq!(outages(&steps), [each("apply director", [true, true])]);
    let ends: Vec<_> = steps
        .iter()
        .filter(|step| step.why == "ends the outage that the director's step begins")
        .map(|step| step.node.as_str())
        .collect();
    assert_eq!(ends, ["realserver1", "realserver2"], "{steps:?}");
    let of_director = steps.iter().find_map(|step| step.outage.as_deref());
    let outage = of_director.unwrap();
    assert!(
        outage.contains("one real server after the other") && !outage.contains("(drain it first)"),
        "{outage}"
    );
}

/// The other real server serves meanwhile.
#[test]
fn a_method_of_one_real_server_changes_while_it_is_drained() {
    let (old, new) = ["nat", "dr"]
        .map(|method| {
            let destinations = format!(
                "scheduler = \"wrr\"\ndestinations = [{{ real-server = \"realserver1\", forwarding = \"{method}\" }}, \
                 {{ real-server = \"realserver2\" }}]"
            );
            DR.replace("scheduler = \"wrr\"", &destinations)
        })
        .map(|text| Cluster::from_toml(&text).unwrap())
        .into();
    let steps = new.rollout(Some(&old));
    let mut outages = steps.iter().filter_map(|step| step.outage.as_deref());
    let outage = outages.next().unwrap();
    assert!(outage.ends_with("(drain it first)"), "{outage}");
}

#[test]
fn a_service_that_becomes_one_by_mark_is_served_once_its_rules_are_loaded() {
    let old = Cluster::from_toml(DR).unwrap();
    let text = DR.replacen(
        "address = \"172.16.5.11:80\"",
        "fwmark = 1\nmatch = [\"tcp 172.16.5.11:80\"]",
        1,
    );
    let new = Cluster::from_toml(&text).unwrap();
    let steps = new.rollout(Some(&old));
    let [step] = steps.as_slice() else {
        panic!("{steps:?}");
    };
    assert_eq!(step.outage, None);
    let hint = step.hint.as_deref().unwrap();
    assert!(
        hint.starts_with("before this step load the rules"),
        "{hint}"
    );
    let back = old.rollout(Some(&new));
    assert!(
        back.iter()
            .all(|step| step.outage.is_none() && step.hint.is_none()),
        "{back:?}"
    );
}

#[test]
fn of_many_outages_the_first_are_told_and_how_many_follow() {
    let server = |number: u32| {
        format!("[[real-servers]]\nname = \"rs{number}\"\naddress = \"192.168.1.{number}/24\"\n")
    };
    let servers: String = (20..28).map(server).collect();
    let of = |forwarding: &str, services: &str| {
        let text = format!(
            "name = \"web\"\nforwarding = \"{forwarding}\"\ndefaults = {{ interface = \"eth0\" }}\n[director]\n\
             addresses = [{{ interface = \"eth0\", address = \"192.168.1.11/24\" }}, \
             {{ interface = \"eth0\", address = \"172.16.5.11/32\" }}]\n{services}{servers}"
        );
        Cluster::from_toml(&text).unwrap()
    };
    let two = "[[services]]\naddresses = [\"172.16.5.11:80\", \"172.16.5.11:443\"]\n";
    let steps = of("dr", two).rollout(Some(&of("nat", two)));
    let outages: Vec<_> = steps
        .iter()
        .filter_map(|step| step.outage.as_deref())
        .collect();
    let [outage] = outages.as_slice() else {
        panic!("{steps:?}");
    };
    assert!(
        outage.starts_with("tcp 172.16.5.11:80 and 1 more by rs20: "),
        "{outage}"
    );
    assert!(
        outage.contains("by rs24") && outage.ends_with("; and 3 more"),
        "{outage}"
    );
    let many = (1..=9).map(|port| format!("\"172.16.5.11:{port}\""));
    let many = format!(
        "[[services]]\naddresses = [{}]\n",
        many.collect::<Vec<_>>().join(", ")
    );
    let steps = of("nat", two).rollout(Some(&of("nat", &many)));
    let outage = steps
        .iter()
        .find_map(|step| step.outage.as_deref())
        .unwrap();
    assert!(outage.ends_with("if it has one; and 4 more"), "{outage}");
}
