//! Several clusters on one node.

use lvs_core::Cluster;
use lvs_core::cluster::{DesiredState, IpvsState, Observed, Plan, PlanOptions, Record};
use lvs_core::net::Address;

use super::{DR, NAT, nothing, same};

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
