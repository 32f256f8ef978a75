//! ldirectord.cf.

use crate::import::{ldirectord, sound};

#[test]
fn names_become_names_of_nodes() {
    let import =
        ldirectord("virtual=www.lvs.test:http\n\treal=web1.lvs.test:http gate 3\n").unwrap();
    let cluster = sound(&import, "names");
    assert_eq!(cluster.real_servers()[0].name.as_str(), "web1.lvs.test");
    let service = &cluster.services()[0];
    assert_eq!(service.service.id.to_string(), "tcp 198.51.100.80:80");
    assert_eq!(service.service.scheduler.as_str(), "wrr");
}

#[test]
fn silent_defaults_are_written_out() {
    let import = ldirectord("virtual=10.0.0.1:80\n\treal=10.0.1.1 masq\n").unwrap();
    for line in [
        "forwarding = \"nat\"",
        "scheduler = \"wrr\"",
        "check = { type = \"http\", interval = \"10s\", timeout = \"30s\", fall = 1 }",
        "on-failure = \"drain\"",
    ] {
        assert!(import.file.contains(line), "{line}\n{}", import.file);
    }
}

#[test]
fn a_range_is_a_destination_each() {
    let import =
        ldirectord("virtual=10.0.0.1:80\n\treal=10.0.1.1->10.0.1.4:8080 masq 2 l:5 u:9\n").unwrap();
    let cluster = sound(&import, "range");
    let destinations = &cluster.services()[0].destinations;
    assert_eq!(destinations.len(), 4);
    assert!(
        destinations
            .iter()
            .all(|destination| destination.port == Some(8080)
                && (
                    destination.thresholds.lower(),
                    destination.thresholds.upper()
                ) == (5, 9))
    );
}
