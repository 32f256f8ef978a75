//! Keys and values: unknown, missing, of the wrong type, out of range.

use lvs_core::Cluster;
use lvs_core::cluster::{Document, DocumentErrorKind as Kind};

use super::{DR, NAT, TUNNEL, changed, line_of, only, says, with_keys};

#[test]
fn unknown_key() {
    let error = changed(DR, "weight = 2", "wieght = 2");
    says(
        &error,
        "real-servers[0].wieght: unknown key `wieght`; did you mean `weight`?",
    );
    let position = error.position().unwrap();
    assert_eq!(position.line, line_of(DR, "weight = 2"));
    assert_eq!(position.column, 1);
}

#[test]
fn unknown_key_that_is_near_nothing() {
    says(
        &changed(NAT, "[director]\n", "[director]\ncolour = 1\n"),
        "director.colour: unknown key `colour`; \
         the keys here are name, gateway, ip-forward, addresses",
    );
}

#[test]
fn missing_key() {
    says(
        &changed(
            NAT,
            "interface = \"eth0\", address = \"172.16.5.11/16\"",
            "interface = \"eth0\"",
        ),
        "director.addresses[0]: the key `address` is missing",
    );
}

#[test]
fn unknown_scheduler() {
    let error = changed(NAT, "\"rr\"", "\"wr\"");
    says(
        &error,
        "services[0].scheduler: unknown scheduler \"wr\": \
         Linux has no module ip_vs_wr; did you mean \"rr\"?",
    );
    assert_eq!(error.position().unwrap().line, line_of(NAT, "scheduler = "));
}

#[test]
fn weights_out_of_range() {
    for bad in ["-1", "2147483648"] {
        says(
            &changed(DR, "weight = 2", &format!("weight = {bad}")),
            &format!("real-servers[0].weight: {bad} is not in 0..2147483647"),
        );
    }
    let destinations = "destinations = [{ real-server = \"realserver1\" }, { real-server = \"realserver2\", weight = -5 }]";
    says(
        &changed(DR, "scheduler = \"wrr\"", destinations),
        "services[0].destinations[1].weight: -5 is not in 0..2147483647",
    );
}

#[test]
fn empty_and_too_large() {
    for empty in ["", "  \n", "# only a remark\n"] {
        let error = only(Cluster::from_toml(empty).unwrap_err());
        assert_eq!(error.problem(), "the file is empty");
        assert!(error.hint().unwrap().contains("[[real-servers]]"));
    }
    let error = Cluster::from_toml(&"#".repeat(Document::MAX_LENGTH + 1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the file has 16777217 bytes, but at most 16777216 are read"
    );
}

#[test]
fn not_toml() {
    let error = changed(NAT, "name = \"web\"", "name = web");
    assert_eq!(
        error.position().unwrap().line,
        line_of(NAT, "name = \"web\"")
    );
}

#[test]
fn wrong_type() {
    says(
        &changed(DR, "weight = 2", "weight = \"two\""),
        "real-servers[0].weight: expected a whole number, found text \"two\"",
    );
    let error = changed(DR, "scheduler = \"wrr\"", "persistence = true");
    assert_eq!(error.path(), "services[0].persistence");
}

#[test]
fn persistence_is_seconds_or_text() {
    let timeout = |written: &str| {
        let cluster = Cluster::from_toml(&with_keys(&format!("persistence = {written}"), ""));
        cluster.map(|cluster| cluster.services()[0].service.persistence.unwrap().timeout.0)
    };
    assert_eq!(timeout("\"5m\"").unwrap(), timeout("300").unwrap());
    let error = timeout("\"500ms\"").unwrap_err();
    assert!(
        error
            .to_string()
            .contains("is not a whole number of seconds"),
        "{error}"
    );
}

#[test]
fn every_mistake_has_its_kind() {
    for (text, from, to, kind) in [
        (NAT, "name = \"web\"", "name = web", Kind::Syntax),
        (NAT, "scheduler", "schedular", Kind::UnknownKey),
        (NAT, "172.16.5.11:80", "172.16.5.11", Kind::Missing),
        (DR, "weight = 2", "weight = \"two\"", Kind::WrongType),
        (NAT, "172.16.0.1", "router", Kind::InvalidValue),
        (NAT, "\"rr\"", "\"wr\"", Kind::UnknownName),
        (DR, "weight = 2", "weight = -2", Kind::OutOfRange),
        (NAT, "\"rr\"", "\"rr\"\nfamily = \"ipv4\"", Kind::Conflict),
        (NAT, "192.168.1.13/24", "192.168.1.12/24", Kind::Duplicate),
        (NAT, "172.16.0.1", "10.0.0.1", Kind::Unreachable),
        (TUNNEL, "= \"tunnel\"", "= \"dr\"", Kind::Unused),
    ] {
        let error = changed(text, from, to);
        assert_eq!(error.kind(), kind, "{error}");
    }
}
