//! Which virtual IPs services may withdraw, on paper.

use lvs_core::Cluster;
use lvs_core::cluster::{Observed, Plan, PlanOptions};

const NAT: &str = include_str!("../../../../examples/nat.toml");
const WITHDRAW: &str = "[[services]]\ncheck = \"tcp\"\nbelow-minimum = \"withdraw\"\n";
const OWN: &str = r#"addresses = [
  { interface = "eth0", address = "172.16.5.9/16" },"#;

fn withdrawing() -> String {
    NAT.replace("[[services]]\n", WITHDRAW)
        .replacen("addresses = [", OWN, 1)
}

fn notes(text: &str) -> Vec<String> {
    let cluster = Cluster::from_toml(text).unwrap();
    let node = cluster.node("director").unwrap();
    Plan::new(&node, &Observed::default(), PlanOptions::default()).notes
}

#[test]
fn a_network_is_not_withdrawn_with_a_virtual_ip() {
    let alone = NAT.replace("[[services]]\n", WITHDRAW);
    let mistakes = Cluster::from_toml(&alone).unwrap_err().to_string();
    assert!(
        mistakes
            .contains("services[0].below-minimum: withdraw would remove the network 172.16.0.0/16"),
        "{mistakes}"
    );
    assert!(Cluster::from_toml(&withdrawing()).is_ok());
}

#[test]
fn other_services_of_a_virtual_ip_are_named() {
    let said = |text: &str| {
        let notes = notes(text);
        notes
            .into_iter()
            .filter(|note| note.contains("withdrawn"))
            .collect::<Vec<_>>()
    };
    assert!(said(&withdrawing()).is_empty());
    let agree = format!(
        "{}\n{WITHDRAW}address = \"172.16.5.11:443\"\n",
        withdrawing()
    );
    assert!(
        said(&agree)[0].contains("only while all of its services"),
        "{:?}",
        said(&agree)
    );
    let keeps = format!(
        "{}\n[[services]]\naddress = \"172.16.5.11:443\"\n",
        withdrawing()
    );
    assert!(
        said(&keeps)[0].contains("is never withdrawn"),
        "{:?}",
        said(&keeps)
    );
}
