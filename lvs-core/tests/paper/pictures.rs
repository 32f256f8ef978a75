//! Drawings of clusters say what is in the file.
#![cfg(feature = "toml")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use lvs_core::Cluster;

const DR: &str = include_str!("../../../examples/dr.toml");
const TWO: &str = include_str!("../../../examples/two_directors.toml");

fn drawn(text: &str) -> String {
    Cluster::from_toml(text).unwrap().to_svg()
}

/// Returns the texts of a drawing.
fn texts(svg: &str) -> Vec<&str> {
    svg.split("<text ")
        .skip(1)
        .filter_map(|element| element.split(['>', '<']).nth(1))
        .collect()
}

#[test]
fn the_virtual_ip_is_on_every_node() {
    let svg = drawn(DR);
    assert_eq!(svg.matches("class=\"vip\"").count(), 3, "{svg}");
    let texts = texts(&svg);
    for text in ["tcp 172.16.5.11:80 wrr", "dr weight 2", "answers", "lo"] {
        assert!(texts.contains(&text), "{text}: {texts:?}");
    }
}

#[test]
fn answers_by_masquerading_return_through_the_director() {
    let svg = drawn(TWO);
    let texts = texts(&svg);
    assert!(!texts.contains(&"answers"), "{texts:?}");
    assert!(texts.contains(&"standby"), "{texts:?}");
    // A client and two real servers, each with two directors, of which one waits.
    assert_eq!(svg.matches("marker-start=").count(), 6, "{svg}");
    assert_eq!(svg.matches("class=\"link idle\"").count(), 3, "{svg}");
}

#[test]
fn names_are_escaped() {
    let svg = drawn(
        &DR.replace("\"eth0\"", "\"a<&>b\"")
            .replace("eth0:1", "a<&>b:1"),
    );
    assert!(texts(&svg).contains(&"a&lt;&amp;&gt;b"), "{svg}");
}

#[test]
fn many_services_are_counted() {
    let addresses: Vec<_> = (1..=20)
        .map(|port| format!("\"172.16.5.11:{port}\""))
        .collect();
    let many = format!("addresses = [{}]", addresses.join(", "));
    let svg = drawn(&DR.replace("address = \"172.16.5.11:80\"", &many));
    assert!(texts(&svg).contains(&"and 12 more"), "{svg}");
}

#[test]
fn a_director_that_serves_says_so() {
    let own = "scheduler = \"wrr\"\ndestinations = [{ real-server = \"director\" }]";
    let svg = drawn(&DR.replace("scheduler = \"wrr\"", own));
    assert!(
        texts(&svg)
            .iter()
            .any(|text| text.starts_with("served here: ")),
        "{svg}"
    );
}
