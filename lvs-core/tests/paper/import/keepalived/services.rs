//! Services, sorry servers and quorums.

use lvs_core::import::{Fate, Import};

use super::{CHECKED, fates, has, makes, server, servers};
use crate::import::{keepalived, sound};

#[test]
fn silent_defaults_are_written_out() {
    let import = makes(
        "virtual_server 10.0.0.1 80 {\npersistence_timeout\nreal_server 10.0.1.1 80 {\nTCP_CHECK {\n}\n}\n}",
        &["udp 10.0.0.1:80 wlc", "  10.0.1.1:80 nat 1"],
    );
    for line in [
        "protocol = \"udp\"",
        "scheduler = \"wlc\"",
        "forwarding = \"nat\"",
        "persistence = 360",
        "weight = 1",
        "check = { type = \"tcp\", interval = \"60s\", fast-interval = \"1s\", timeout = \"5s\", rise = 1, fall = 2 }",
        "on-failure = \"remove\"",
    ] {
        assert!(import.file.contains(line), "{line}\n{}", import.file);
    }
}

#[test]
fn a_sorry_server_is_the_fallback() {
    let import = makes(
        &server(&format!(
            "quorum 2\nsorry_server 10.0.0.9 8080\nsorry_server_lvs_method NAT\n\
             real_server 10.0.1.1 80 {{\nweight 3\n{CHECKED}}}\nreal_server 10.0.1.2 80 {{\nweight 3\n{CHECKED}}}"
        )),
        &[
            "tcp 10.0.0.1:80 rr",
            "  10.0.1.1:80 dr 3",
            "  10.0.1.2:80 dr 3",
            "  10.0.0.9:8080 nat 0",
        ],
    );
    let cluster = sound(&import, "sorry");
    let service = &cluster.services()[0];
    assert_eq!(service.policy.minimum, 1, "each of the weights is a quorum");
    assert_eq!(
        service.fallback.as_ref().map(|name| name.as_str()),
        Some("rs-10-0-0-9")
    );
    assert!(matches!(
        fates(&import, "sorry_server 10")[..],
        [Fate::Assumed { .. }]
    ));
    assert!(matches!(
        fates(&import, "sorry_server_lvs")[..],
        [Fate::Carried { .. }]
    ));
    assert!(matches!(
        fates(&import, "quorum")[..],
        [Fate::Carried { .. }]
    ));
}

#[test]
fn what_a_sorry_server_cannot_be_is_left() {
    for (lines, left) in [
        ("sorry_server 10.0.1.1 8080", "sorry_server"),
        (
            "sorry_server 10.0.0.9 80\nsorry_server_inhibit",
            "sorry_server_inhibit",
        ),
        ("sorry_server localhost 80", "sorry_server"),
        ("quorum 2", "quorum"),
        ("hysteresis 1", "hysteresis"),
        ("alpha", "alpha"),
        ("omega", "omega"),
    ] {
        let text = server(&format!("{lines}\nreal_server 10.0.1.1 80 {{\n{CHECKED}}}"));
        let import = keepalived(&text).unwrap();
        sound(&import, lines);
        let fates = fates(&import, left);
        assert!(
            matches!(fates.last(), Some(Fate::Left { .. })),
            "{lines}: {}",
            import.report
        );
    }
    let import = keepalived(&server(&format!(
        "inhibit_on_failure\nsorry_server 10.0.0.9 80\nsorry_server_inhibit\nquorum 3\n\
         real_server 10.0.1.1 80 {{\n{CHECKED}}}\nreal_server 10.0.1.2 80 {{\nweight 4\n}}"
    )))
    .unwrap();
    assert!(matches!(
        fates(&import, "sorry_server_inhibit")[..],
        [Fate::Carried { .. }]
    ));
    assert!(matches!(
        fates(&import, "quorum")[..],
        [Fate::Assumed { .. }]
    ));
}

#[test]
fn the_file_says_where_real_servers_differ() {
    let http = "HTTP_GET {\nurl {\npath /\n}\n}";
    let import = servers(
        "",
        &[http, "weight 1", "inhibit_on_failure\nTCP_CHECK {\n}"],
    );
    sound(&import, "differ");
    let flat = import.file.replace("\n# ", " ");
    for comment in [
        "assumed: a service has one check for all; the source tests otherwise: 10.0.1.1",
        "assumed: on-failure = \"drain\" for all real servers; the source deletes 10.0.1.1, 10.0.1.2 on failure",
    ] {
        assert!(flat.contains(comment), "{comment}\n{}", import.file);
    }
    assert!(matches!(
        fates(&import, "inhibit_on")[..],
        [Fate::Assumed { .. }]
    ));
    let tested = import.report.to_string();
    assert!(
        tested.contains(
            "real_server 10.0.1.1 80: services.destinations: it is tested like the others"
        ),
        "{tested}"
    );
}

/// A quorum that one strong server has is not the whole farm.
#[test]
fn a_quorum_of_weights_is_never_too_strict() {
    let import = servers(
        "quorum 4\nsorry_server 10.0.0.9 80",
        &[
            &format!("weight 8\n{CHECKED}"),
            &format!("weight 2\n{CHECKED}"),
            &format!("weight 2\n{CHECKED}"),
        ],
    );
    let cluster = sound(&import, "quorum");
    assert_eq!(cluster.services()[0].policy.minimum, 1);
    has(&import, &["# assumed: minimum = 1, so many real servers"]);
    assert!(matches!(
        fates(&import, "quorum")[..],
        [Fate::Assumed { .. }]
    ));
}

/// Returns a virtual server of this scheduler, with these lines.
fn hashed(scheduler: &str, lines: &str) -> Import {
    let text = server(&format!("{lines}\nreal_server 10.0.1.1 80 {{\n{CHECKED}}}"));
    let import = keepalived(&text.replace("lb_algo rr", &format!("lb_algo {scheduler}"))).unwrap();
    sound(&import, lines);
    import
}

#[test]
fn the_file_says_whose_clients_a_hash_refuses() {
    let told = |lines| {
        hashed("sh", lines)
            .file
            .contains("# sh keeps choosing what has weight 0")
    };
    assert!(told("inhibit_on_failure"));
    assert!(!told("sorry_server 10.0.0.9 80"));
    assert!(!told("sh-fallback\ninhibit_on_failure"));
}

/// keepalived adds a sorry server only when it serves: with weight 0 it would be an outage for those that hash to it.
#[test]
fn a_fallback_of_a_hash_is_not_in_the_table() {
    let lines = "sorry_server 10.0.0.9 80\ninhibit_on_failure";
    for scheduler in ["sh", "mh", "dh"] {
        let import = hashed(scheduler, lines);
        let cluster = sound(&import, scheduler);
        let node = cluster.node("director").unwrap();
        let mut ids = node.services[0].fallback.iter();
        assert!(ids.any(|id| node.services[0].is_reserve(id)));
        has(
            &import,
            &[
                "fallback = \"rs-10-0-0-9\"",
                "on-failure = \"remove\"",
                "# assumed: on-failure = \"remove\", as",
            ],
        );
        assert!(matches!(
            fates(&import, "inhibit_on_failure")[..],
            [Fate::Assumed { .. }]
        ));
    }
    let skips = hashed("sh", &format!("sh-fallback\n{lines}"));
    has(&skips, &["on-failure = \"drain\""]);
    assert!(matches!(
        fates(&skips, "inhibit_on_failure")[..],
        [Fate::Carried { .. }]
    ));
}

#[test]
fn a_mark_without_addresses_is_told() {
    let text = "virtual_server fwmark 1 {\nlb_kind DR\nreal_server 10.0.1.1 {\n}\n}\n";
    let told = "match is missing";
    let import = keepalived(text).unwrap();
    sound(&import, told);
    has(&import, &[&format!("# {told}")]);
    assert!(
        import.report.to_string().contains(told),
        "{}",
        import.report
    );
    let nat = keepalived(&text.replace("DR", "NAT")).unwrap();
    assert!(!nat.file.contains(told), "{}", nat.file);
}

#[test]
fn an_address_of_a_group_that_no_real_server_can_serve_is_left() {
    let text = "virtual_server_group G {\n10.0.0.1 80\n2001:db8::1 80\n}\nvirtual_server group G {\nlb_kind DR\nprotocol TCP\n\
                real_server 10.0.1.1 80 {\n}\n}\n";
    let import = keepalived(text).unwrap();
    let cluster = sound(&import, "families");
    assert_eq!(cluster.services().len(), 1, "{}", import.file);
    assert!(
        matches!(fates(&import, "2001:db8::1 80")[..], [Fate::Left { .. }]),
        "{}",
        import.report
    );
    assert!(
        matches!(fates(&import, "real_server")[..], [Fate::Assumed { .. }]),
        "{}",
        import.report
    );
}

/// Ninety virtual IPs that are alike are one entry, with what was assumed of them in one line.
#[test]
fn many_alike_services_take_few_comments() {
    let service = |number| {
        format!(
            "virtual_server 10.0.{number}.1 80 {{\nlb_algo rr\nlb_kind DR\nprotocol TCP\nreal_server 10.1.0.1 80 {{\n{CHECKED}}}\n}}\n"
        )
    };
    let import = keepalived(&(0..90).map(service).collect::<String>()).unwrap();
    sound(&import, "alike");
    has(
        &import,
        &[
            "assumed: the interface and the prefix length of 90 virtual IPs",
            ", 90 places\n",
        ],
    );
    assert!(
        !import.file.contains("assumed: the interface of 10."),
        "{}",
        import.file
    );
}
