//! The record, on paper: what a removal brings back, what is taken away when a file changes, who stays
//! drained. The machines are those of `plans/`.
#![cfg(feature = "toml")]
#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test may fail it; clippy knows that of tests only"
)]

use std::fs;
use std::path::Path;

use lvs_core::Cluster;
use lvs_core::cluster::{
    DesiredState, Drain, Draining, IpvsState, Observed, Plan, PlanOptions, Record, Role,
};
use lvs_core::ipvs::{
    Destination, Forwarding, SchedulerName, Service, ServiceEntry, Thresholds, Weight,
};
use lvs_core::net::{Address, Route};
use lvs_core::sysctl::SysctlKey;

const DR: &str = include_str!("../../../examples/dr.toml");
const NAT: &str = include_str!("../../../examples/nat.toml");
const TWO: &str = include_str!("../../../examples/two_directors.toml");

const TAKE_OVER: PlanOptions = PlanOptions { take_over: true };

fn node(text: &str, name: &str) -> DesiredState {
    Cluster::from_toml(text).unwrap().node(name).unwrap()
}

fn nothing(node: &DesiredState) -> Record {
    Record::new(node.cluster.clone(), node.name.clone())
}

fn observed(case: &str) -> Observed {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans");
    let text = fs::read_to_string(root.join(case).join("observed.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// A machine and its record after an apply.
fn applied(node: &DesiredState, record: &Record, before: &Observed) -> (Record, Observed) {
    let plan = Plan::with_record(node, before, record, TAKE_OVER);
    let after = plan.outcome(before);
    let cautious = record.before_applying(node, before, &plan);
    let retried = |now: &Observed| Plan::with_record(node, now, &cautious, TAKE_OVER);
    cut_short(before, &plan, &retried);
    let record = record.after_applying(node, before, &plan);
    let again = Plan::with_record(node, &after, &record, PlanOptions::default());
    assert!(again.is_empty() && again.refusals.is_empty(), "{again}");
    assert_eq!(record.before_applying(node, &after, &again), record);
    assert_eq!(record.after_applying(node, &after, &again), record);
    (record, after)
}

/// Wherever somebody is killed, the next one gets to the same end.
fn cut_short(before: &Observed, plan: &Plan, retried: &dyn Fn(&Observed) -> Plan) {
    let mut now = before.clone();
    for step in plan.steps() {
        now = now.after(step);
        same(&retried(&now).outcome(&now), &plan.outcome(before));
    }
}

fn removed(node: &DesiredState, record: &Record, before: &Observed) -> (Record, Observed) {
    let plan = Plan::removal_with_record(node, before, record);
    let cautious = record.before_removal();
    let retried = |now: &Observed| Plan::removal_with_record(node, now, &cautious);
    cut_short(before, &plan, &retried);
    let after = plan.outcome(before);
    let again = Plan::removal_with_record(node, &after, record);
    assert!(again.is_empty(), "{plan}\n{again}");
    (record.after_removal(), after)
}

/// Equal but for a module that has been loaded meanwhile.
#[track_caller]
fn same(one: &Observed, two: &Observed) {
    assert_eq!(one.services().len(), two.services().len());
    assert_eq!(one.timeouts(), two.timeouts());
    let without = |it: &Observed| {
        let mut it = it.clone();
        it.ipvs = IpvsState::Unread;
        let standing = it.tunnels.iter().filter(|tunnel| tunnel.is_fallback());
        for name in standing
            .map(|tunnel| tunnel.name.clone())
            .collect::<Vec<_>>()
        {
            let part = format!("/{name}/");
            it.links.remove(&name);
            it.tunnels.retain(|tunnel| tunnel.name != name);
            it.sysctls.retain(|key, _| !key.as_str().contains(&part));
        }
        it
    };
    assert_eq!(without(one), without(two));
    for service in one.services() {
        let other = two.service(&service.service.id).unwrap();
        assert_eq!(service.service, other.service);
        let ids = |it: &ServiceEntry| -> Vec<_> {
            let mut ids = it.destinations.clone();
            ids.sort();
            ids
        };
        assert_eq!(ids(service), ids(other));
    }
}

/// Names and machines of every case that is not refused.
fn cases() -> Vec<(String, DesiredState, Observed)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans");
    let directories = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let read = |directory: std::path::PathBuf| {
        let text = |file: &str| fs::read_to_string(directory.join(file)).unwrap();
        let first = text("node");
        let name = first.split_whitespace().next().unwrap();
        let case = directory
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned();
        (
            case.clone(),
            node(&text("cluster.toml"), name),
            observed(&case),
        )
    };
    let can_be = |node: &DesiredState, observed: &Observed| {
        Plan::new(node, observed, TAKE_OVER).refusals.is_empty()
    };
    let cases: Vec<_> = directories
        .map(read)
        .filter(|(_, node, observed)| can_be(node, observed))
        .collect();
    assert!(cases.len() > 10, "the cases are gone");
    cases
}

#[test]
fn a_removal_brings_everything_back() {
    for (case, node, before) in cases() {
        // There nothing bears a mark of ours from a time that no record knows.
        let is_marked = before.addresses.iter().any(|it| it.protocol == 76)
            || before.routes.iter().any(|it| it.protocol == 76);
        if is_marked {
            continue;
        }
        let (record, after) = applied(&node, &nothing(&node), &before);
        let (left, back) = removed(&node, &record, &after);
        println!("{case}");
        same(&back, &before);
        let (_, still) = removed(&node, &left, &back);
        same(&still, &back);
    }
}

/// A service that was there before the cluster, and not on one of its virtual IPs.
#[test]
fn a_found_service_and_its_destinations_return_with_the_file() {
    let (named, plain) = (
        format!("{DR}\n[[services]]\nfwmark = 9\nmatch = [\"udp 172.16.5.11:53\"]\n"),
        node(DR, "director"),
    );
    let named = node(&named, "director");
    let mut before = observed("dr-director-fresh");
    let service = Service::new("fwmark 9 ipv4".parse().unwrap(), SchedulerName::WLC);
    let destination = Destination {
        id: "192.168.1.99:80".parse().unwrap(),
        forwarding: Forwarding::Masquerade,
        weight: Weight::new(5).unwrap(),
        thresholds: Thresholds::OFF,
    };
    before.ipvs = IpvsState::Loaded {
        timeouts: IpvsState::DEFAULT_TIMEOUTS,
        services: vec![ServiceEntry {
            service,
            destinations: vec![destination],
        }],
    };
    let (_, without) = applied(&plain, &nothing(&plain), &before);
    let (record, after) = applied(&named, &nothing(&named), &before);
    assert_ne!(after.services()[0], before.services()[0]);
    let (record, again) = applied(&plain, &record, &after);
    same(&again, &without);
    let (_, back) = removed(&plain, &record, &again);
    same(&back, &before);
}

#[test]
fn what_the_file_no_longer_names_goes() {
    let both = format!(
        "{}\n[[services]]\naddress = \"172.16.5.12:443\"\n",
        DR.replace(
            "{ interface = \"eth0\", address = \"172.16.5.11/32\" },",
            "{ interface = \"eth0\", address = \"172.16.5.11/32\" },\n  { interface = \"eth0\", address = \"172.16.5.12/32\" },"
        )
    );
    for name in ["director", "realserver1"] {
        let case = if name == "director" {
            "dr-director-fresh"
        } else {
            "dr-real-server-fresh"
        };
        let before = observed(case);
        let one = node(DR, name);
        let (_, wanted) = applied(&one, &nothing(&one), &before);
        let two = node(&both, name);
        let (record, more) = applied(&two, &nothing(&two), &before);
        assert_ne!(more, wanted);
        let (record, less) = applied(&one, &record, &more);
        same(&less, &wanted);
        let (_, back) = removed(&one, &record, &less);
        same(&back, &before);
    }
}

#[test]
fn forwarding_comes_back_with_all_it_changes() {
    let before = observed("dr-director-fresh");
    let (with, without) = (DR, DR.replace("ip-forward = true\n", ""));
    let node_with = node(with, "director");
    let mut mixed = before;
    let eth0: SysctlKey = "net/ipv4/conf/eth0/forwarding".parse().unwrap();
    mixed.sysctls.insert(eth0, "1".to_owned());
    let (record, after) = applied(&node_with, &nothing(&node_with), &mixed);
    assert_eq!(after.sysctls[&SysctlKey::IP_FORWARD], "1");
    let node_without = node(&without, "director");
    let (_, less) = applied(&node_without, &record, &after);
    assert_eq!(less.sysctls, mixed.sysctls, "by a changed file");
    let (_, back) = removed(&node_with, &record, &after);
    assert_eq!(back.sysctls, mixed.sysctls, "by a removal");
}

#[test]
fn what_somebody_has_changed_since_stays() {
    let node = node(DR, "realserver1");
    let before = observed("dr-real-server-fresh");
    let (record, mut after) = applied(&node, &nothing(&node), &before);
    let key: SysctlKey = "net/ipv4/conf/all/arp_announce".parse().unwrap();
    after.sysctls.insert(key.clone(), "1".to_owned());
    let plan = Plan::removal_with_record(&node, &after, &record);
    let note = format!("sysctl {key} stays unchanged: it was modified after the last apply");
    assert!(plan.notes.contains(&note), "{plan}");
    assert_eq!(plan.outcome(&after).sysctls[&key], "1");
}

#[test]
fn an_address_that_was_found_is_never_removed() {
    let node = node(DR, "director");
    let mut before = observed("dr-director-fresh");
    let own = &node.addresses[1].value;
    let theirs = Address::new(own.id.interface.clone(), own.id.network);
    before.addresses.push(theirs.clone());
    let (record, mut after) = applied(&node, &nothing(&node), &before);
    // Somebody deletes it, the next apply puts it back: it is still not ours.
    after.addresses.retain(|it| it.id != theirs.id);
    let (record, again) = applied(&node, &record, &after);
    let (_, back) = removed(&node, &record, &again);
    assert!(back.address(&theirs.id).is_some());
}

#[test]
fn strangers_are_taken_over_once_and_come_back_at_the_end() {
    let (_, node, before) = cases()
        .into_iter()
        .find(|(case, ..)| case == "take-over")
        .unwrap();
    let refused = Plan::with_record(&node, &before, &nothing(&node), PlanOptions::default());
    assert!(!refused.refusals.is_empty());
    let (record, after) = applied(&node, &nothing(&node), &before);
    let stranger = before
        .services()
        .iter()
        .find(|it| after.service(&it.service.id).is_none())
        .unwrap();
    let (_, back) = removed(&node, &record, &after);
    assert!(back.service(&stranger.service.id).is_some());

    // Who comes later goes for good.
    let mut later = after.clone();
    let IpvsState::Loaded { services, .. } = &mut later.ipvs else {
        unreachable!("a director has IPVS");
    };
    let mut other = stranger.clone();
    other.service.id = "udp 172.16.5.11:5353".parse().unwrap();
    services.push(other.clone());
    let (record, after) = applied(&node, &record, &later);
    assert!(after.service(&other.service.id).is_none());
    let (_, back) = removed(&node, &record, &after);
    assert!(back.service(&other.service.id).is_none());
}

fn weights(observed: &Observed) -> Vec<u32> {
    let services = observed.services().iter();
    let mut all: Vec<_> = services
        .flat_map(|it| &it.destinations)
        .map(|it| (it.id, it.weight.get()))
        .collect();
    all.sort();
    all.into_iter().map(|(_, weight)| weight).collect()
}

#[test]
fn who_is_drained_stays_so_until_undrained() {
    let node = node(DR, "director");
    let before = observed("dr-director-fresh");
    let (record, after) = applied(&node, &nothing(&node), &before);
    assert_eq!(weights(&after), [2, 3]);
    let drain: Drain = "192.168.1.12".parse().unwrap();
    assert!(
        record
            .before_draining(&["192.0.2.1".parse().unwrap()], Draining::Quiet, &after)
            .is_none()
    );

    let record = record
        .before_draining(&[drain], Draining::Quiet, &after)
        .unwrap();
    let drained = record.plan_drains(&after).outcome(&after);
    assert_eq!(weights(&drained), [0, 3]);
    let (record, applied_again) = applied(&node, &record, &drained);
    assert_eq!(weights(&applied_again), [0, 3]);

    let (stopped, gone) = removed(&node, &record, &applied_again);
    let (record, started) = applied(&node, &stopped, &gone);
    assert_eq!(weights(&started), [0, 3], "also after a removal");

    let record = record
        .before_draining(&[drain], Draining::Removed, &started)
        .unwrap();
    let without = record.plan_drains(&started).outcome(&started);
    assert_eq!(weights(&without), [3]);
    let (record, without) = applied(&node, &record, &without);
    assert_eq!(weights(&without), [3]);

    let (record, back) = record.without_drains(&[drain]).unwrap();
    let full = record.plan_undrained(&back, &without).outcome(&without);
    assert_eq!(weights(&full), [2, 3]);
    let (record, _) = applied(&node, &record, &full);
    assert!(record.without_drains(&[drain]).is_none());
}

#[test]
fn a_kept_weight_comes_back_after_a_drain() {
    let kept = DR.replace(
        "scheduler = \"wrr\"",
        "scheduler = \"wrr\"\nkeep-weight = true",
    );
    let plain = node(&kept, "director");
    let (record, mut after) = applied(&plain, &nothing(&plain), &observed("dr-director-fresh"));
    let IpvsState::Loaded { services, .. } = &mut after.ipvs else {
        unreachable!("a director has IPVS");
    };
    for it in &mut services[0].destinations {
        it.weight = Weight::new(70).unwrap();
    }
    let (record, after) = applied(&plain, &record, &after);
    assert_eq!(weights(&after), [70, 70], "somebody else's");
    let drained = node(
        &kept.replace("weight = 2", "weight = 2\ndrain = true"),
        "director",
    );
    let (record, after) = applied(&drained, &record, &after);
    assert_eq!(weights(&after), [0, 70]);
    let (record, after) = applied(&drained, &record, &after);
    let (_, after) = applied(&plain, &record, &after);
    assert_eq!(weights(&after), [70, 70]);
}

#[test]
fn persistence_does_not_bring_clients_back() {
    let sticky = DR.replace(
        "scheduler = \"wrr\"",
        "scheduler = \"wrr\"\npersistence = 300",
    );
    let node = node(&sticky, "director");
    let mut before = observed("dr-director-fresh");
    let key = SysctlKey::EXPIRE_QUIESCENT_TEMPLATE;
    before.sysctls.insert(key.clone(), "0".to_owned());
    let (record, after) = applied(&node, &nothing(&node), &before);
    assert_eq!(after.sysctls[&key], "0");
    let drain: Drain = "192.168.1.12:80".parse().unwrap();
    let record = record
        .before_draining(&[drain], Draining::Quiet, &after)
        .unwrap();
    let drained = record.plan_drains(&after).outcome(&after);
    assert_eq!(drained.sysctls[&key], "1");
    let (record, drained) = applied(&node, &record, &drained);
    assert_eq!(drained.sysctls[&key], "1");
    let (record, back) = record.without_drains(&[drain]).unwrap();
    let full = record.plan_undrained(&back, &drained).outcome(&drained);
    assert_eq!(full.sysctls[&key], "0");
    let (record, full) = applied(&node, &record, &full);
    let (_, gone) = removed(&node, &record, &full);
    assert_eq!(gone.sysctls[&key], "0");
}

#[test]
fn a_record_is_the_same_after_a_file() {
    for (case, node, before) in cases() {
        let (record, _) = applied(&node, &nothing(&node), &before);
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(
            serde_json::from_str::<Record>(&text).unwrap(),
            record,
            "{case}"
        );
    }
    let node = node(NAT, "director");
    let text = serde_json::to_string(&nothing(&node)).unwrap();
    let newer = text.replace("lvsctl.record/1", "lvsctl.record/2");
    assert!(serde_json::from_str::<Record>(&newer).is_err());
}

fn cluster_text(case: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans");
    fs::read_to_string(root.join(case).join("cluster.toml")).unwrap()
}

/// The fresh machines of two directors, in both roles by turns: nothing is left over or missing.
#[test]
fn roles_change_to_and_fro_and_leave_no_trace() {
    let paired = cases()
        .into_iter()
        .filter(|(_, node, before)| node.role.is_some() && before.addresses.is_empty());
    let mut done = 0;
    for (case, node, before) in paired {
        let text = cluster_text(&case);
        let cluster = Cluster::from_toml(&text).unwrap();
        let as_role = |role| cluster.node_as(node.name.as_str(), role).unwrap();
        let (active, standby) = (as_role(Role::Active), as_role(Role::Standby));
        let (record, first) = applied(&standby, &nothing(&standby), &before);
        assert_eq!(record.role(), Some(Role::Standby));
        assert!(
            standby
                .absent
                .iter()
                .all(|it| first.address(&it.value.id).is_none())
        );
        let (record, second) = applied(&active, &record, &first);
        assert_eq!(record.role(), Some(Role::Active));
        assert!(
            standby
                .absent
                .iter()
                .all(|it| second.address(&it.value.id).is_some())
        );
        let (record, third) = applied(&standby, &record, &second);
        same(&first, &third);
        let (record, fourth) = applied(&active, &record, &third);
        same(&second, &fourth);
        // Whoever removes need not know the role.
        let (record, after) = removed(&standby, &record, &fourth);
        assert_eq!(record.role(), None);
        same(&before, &after);
        done += 1;
    }
    assert!(done >= 5, "{done}");
}

/// The first default route is the machine's own, and comes back while the cluster's is not there.
#[test]
fn the_default_route_moves_with_the_addresses_it_needs() {
    let text = cluster_text("directors-outside-standby");
    let cluster = Cluster::from_toml(&text).unwrap();
    let standby = cluster.node_as("lb1", Role::Standby).unwrap();
    let active = cluster.node_as("lb1", Role::Active).unwrap();
    let (record, machine) = applied(
        &standby,
        &nothing(&standby),
        &observed("directors-outside-standby"),
    );
    assert!(!standby.absent_routes.is_empty() && machine.routes.is_empty());
    let (record, machine) = applied(&active, &record, &machine);
    assert_eq!(machine.routes.len(), 1);
    let (_, machine) = applied(&standby, &record, &machine);
    assert!(machine.routes.is_empty(), "{:?}", machine.routes);
}

/// Another way out that the machine had is its own again while it stands by.
#[test]
fn a_default_route_that_was_found_serves_the_standby() {
    let text = cluster_text("directors-outside-standby");
    let cluster = Cluster::from_toml(&text).unwrap();
    let standby = cluster.node_as("lb1", Role::Standby).unwrap();
    let active = cluster.node_as("lb1", Role::Active).unwrap();
    let mut machine = observed("directors-outside-standby");
    let everywhere = "0.0.0.0/0".parse().unwrap();
    let mut own = Route::via(everywhere, "192.168.1.253".parse().unwrap());
    own.interface = Some("eth1".parse().unwrap());
    machine.addresses = vec![Address::new(
        "eth1".parse().unwrap(),
        "192.168.1.21/24".parse().unwrap(),
    )]
    .into();
    machine.routes = vec![own].into();
    let (record, first) = applied(&active, &nothing(&active), &machine);
    assert_ne!(first.routes, machine.routes);
    let (record, second) = applied(&standby, &record, &first);
    assert_eq!(second.routes, machine.routes);
    let (record, third) = applied(&active, &record, &second);
    assert_eq!(third.routes, first.routes);
    let (_, last) = removed(&active, &record, &third);
    assert_eq!(last.routes, machine.routes);
}

/// A plan by file alone, as a machine that has lost its record makes it, releases what floats too.
#[test]
fn a_floating_address_goes_whoever_put_it_there() {
    let cluster = Cluster::from_toml(TWO).unwrap();
    let standby = cluster.node_as("lb1", Role::Standby).unwrap();
    let mut machine = observed("directors-handover");
    machine.addresses.update(|address| address.protocol = 0);
    let (record, after) = applied(&standby, &nothing(&standby), &machine);
    assert_eq!(machine.addresses.len() - after.addresses.len(), 2);
    // What was found comes back with the removal, as everything does.
    let (_, after) = removed(&standby, &record, &after);
    assert_eq!(machine.addresses.len(), after.addresses.len());
}

/// A cluster beside others on one node: the same file with another name, virtual IP and port.
fn beside(text: &str, name: &str, number: u8) -> Cluster {
    let text = text
        .replace("name = \"web\"", &format!("name = \"{name}\""))
        .replace("172.16.5.11", &format!("172.16.5.{}", 10 + number));
    Cluster::from_toml(&text).unwrap()
}

/// A node as it comes, with every sysctl that any of the clusters names.
fn untouched(nodes: &[DesiredState], is_up: bool) -> Observed {
    let keys = nodes.iter().flat_map(|node| node.sysctls.keys().cloned());
    Observed {
        links: ["lo", "eth0", "eth1"]
            .map(|name| (name.parse().unwrap(), is_up))
            .into(),
        sysctls: keys.map(|key| (key, "0".to_owned())).collect(),
        ipvs: IpvsState::empty(),
        ..Observed::default()
    }
}

fn orders() -> Vec<[usize; 3]> {
    let all = (0..27).map(|number| [number / 9, number / 3 % 3, number % 3]);
    all.filter(|[a, b, c]| a != b && b != c && a != c).collect()
}

fn others(records: &[Record], number: usize) -> Vec<Record> {
    let mut others = records.to_vec();
    others.remove(number);
    others.retain(Record::is_applied);
    others
}

/// Three clusters on one node, in every order: each keeps what it needs until it is removed itself, and the
/// last leaves the node as it was.
fn all_return_home(nodes: &[DesiredState], before: &Observed) {
    for (applying, removing) in orders()
        .into_iter()
        .flat_map(|one| orders().into_iter().map(move |two| (one, two)))
    {
        let mut records: Vec<_> = nodes.iter().map(nothing).collect();
        let mut now = before.clone();
        for number in applying {
            let (node, others) = (&nodes[number], others(&records, number));
            let record = &records[number];
            let plan = Plan::with_records(node, &now, record, &others, PlanOptions::default());
            assert!(plan.refusals.is_empty(), "{plan}");
            records[number] = record.after_applying(node, &now, &plan);
            now = plan.outcome(&now);
        }
        for number in removing {
            let (node, others) = (&nodes[number], others(&records, number));
            let record = records[number].clone();
            let plan = Plan::removal_with_records(node, &now, &record, &others);
            now = plan.outcome(&now);
            for other in records.iter_mut().filter(|other| other.is_applied()) {
                *other = other.inheriting(&record);
            }
            records[number] = record.after_removal();
            let again = Plan::removal_with_records(node, &now, &records[number], &others);
            assert!(again.is_empty(), "{again}");
            for (node, record) in nodes.iter().zip(&records) {
                let plan = Plan::with_record(node, &now, record, PlanOptions::default());
                assert!(!record.is_applied() || plan.is_empty(), "{plan}");
            }
        }
        same(&now, before);
    }
}

#[test]
fn clusters_on_one_node_are_removed_in_any_order() {
    for (text, name) in [(NAT, "director"), (DR, "director"), (DR, "realserver1")] {
        let clusters = [("web", 1), ("mail", 2), ("news", 3)];
        let nodes = clusters.map(|(cluster, number)| {
            let cluster = beside(text, cluster, number);
            cluster.node(name).unwrap()
        });
        for is_up in [true, false] {
            let before = untouched(&nodes, is_up);
            all_return_home(&nodes, &before);
            // A link with an address stays up in any case.
            if !is_up {
                continue;
            }
            // An own address and a sysctl were there before.
            let mut before = before;
            let own = &nodes[0].addresses[0].value;
            if !nodes[0].is_virtual(&own.id) {
                before
                    .addresses
                    .push(Address::new(own.id.interface.clone(), own.id.network));
            }
            let desired = nodes[0].sysctls.iter().next();
            before
                .sysctls
                .extend(desired.map(|(key, desired)| (key.clone(), desired.value.clone())));
            all_return_home(&nodes, &before);
        }
    }
}
