//! Whole nodes: sound ones, facts from elsewhere, and facts that are missing.

use lvs_core::check::{self, Code, Facts, IpvsReading};

use crate::check_machine::facts::{DR, NAT, cluster, director, found, server, set};

#[test]
fn sound_nodes_are_sound() {
    assert_eq!(found(&cluster(DR), &server()), []);
    let nat = cluster(NAT);
    assert_eq!(found(&nat, &director(&nat)), []);
}

#[test]
fn other_managers_are_named() {
    let nat = cluster(NAT);
    let mut facts = director(&nat);
    facts.managers = ["keepalived".to_owned(), "NetworkManager".to_owned()].into();
    assert_eq!(found(&nat, &facts), [Code::OTHER_MANAGER]);
    facts.managers.clear();
    facts
        .managed
        .insert("eth1".parse().unwrap(), "NetworkManager".to_owned());
    assert_eq!(found(&nat, &facts), [], "there is no virtual IP on eth1");
    facts
        .managed
        .insert("eth0".parse().unwrap(), "NetworkManager".to_owned());
    assert_eq!(found(&nat, &facts), [Code::MANAGED_INTERFACE]);
}

/// The facts may answer what the file leaves open.
#[test]
fn what_is_taken_care_of_is_no_finding() {
    let one_arm = cluster(&NAT.replace("eth1", "eth0"));
    let mut facts = director(&one_arm);
    facts.addresses[1].id.interface = "eth0".parse().unwrap();
    assert_eq!(found(&one_arm, &facts), [Code::REDIRECTS]);
    set(&mut facts, "net/ipv4/conf/eth0/send_redirects", "0");
    assert_eq!(
        found(&one_arm, &facts),
        [Code::REDIRECTS],
        "all has it still"
    );
    set(&mut facts, "net/ipv4/conf/all/send_redirects", "0");
    assert_eq!(found(&one_arm, &facts), []);

    let ftp = cluster(&NAT.replace(":80", ":21"));
    let mut facts = director(&ftp);
    assert_eq!(found(&ftp, &facts), [Code::FTP]);
    facts.modules.insert("ip_vs_ftp".to_owned());
    assert_eq!(found(&ftp, &facts), []);

    let sticky = cluster(&NAT.replace("\"rr\"", "\"rr\"\npersistence = 300").replace(
        "name = \"realserver2\"",
        "name = \"realserver2\"\ndrain = true",
    ));
    let mut facts = director(&sticky);
    assert_eq!(found(&sticky, &facts), [Code::STICKY_DRAIN]);
    set(&mut facts, "net/ipv4/vs/expire_quiescent_template", "1");
    assert_eq!(found(&sticky, &facts), []);
}

#[test]
fn facts_of_a_bug_report_are_judged_alike() {
    let nat = cluster(NAT);
    let mut facts = director(&nat);
    set(&mut facts, "net/ipv4/conf/eth1/forwarding", "0");
    let kept: Facts = serde_json::from_str(&serde_json::to_string(&facts).unwrap()).unwrap();
    assert_eq!(kept, facts);
    assert_eq!(found(&nat, &kept), [Code::FORWARDING]);
    let text = check::on_node(&nat, &kept).findings()[0].to_string();
    assert!(text.contains("net/ipv4/conf/eth1/forwarding"), "{text}");
}

#[test]
fn an_empty_table_and_unknown_destinations_do_no_harm() {
    let nat = cluster(NAT);
    let mut facts = director(&nat);
    facts.readings = vec![IpvsReading::default(), IpvsReading::default()];
    assert_eq!(found(&nat, &facts), [Code::NO_TRAFFIC]);
    let mut facts = director(&nat);
    facts.readings[1].services[0].destinations.clear();
    assert_eq!(found(&nat, &facts), [Code::NO_DESTINATION]);
    let unknown = Facts::unknown("director".parse().unwrap());
    assert_eq!(
        found(&nat, &unknown),
        [],
        "what was not looked at is not judged"
    );
    let unknown = Facts::unknown("realserver1".parse().unwrap());
    assert_eq!(found(&cluster(DR), &unknown), []);
}
