//! One director or two.

use lvs_core::Cluster;
use lvs_core::cluster::DocumentError;

use super::{NAT, TWO, changed, line_of, says};

#[test]
fn two_directors_that_make_no_sense() {
    let (vip, dip) = (
        "address = \"172.16.5.11/16\", floating = true",
        "address = \"192.168.1.11/24\", floating = true",
    );
    let both = "on both directors";
    for (from, to, message) in [
        (
            vip,
            "address = \"172.16.5.11/16\"",
            format!(
                "directors[0].addresses[0]: 172.16.5.11 is a virtual IP, which only the active director \
                 may carry; add floating = true to it, {both}"
            ),
        ),
        (
            dip,
            "address = \"192.168.1.11/24\"",
            format!(
                "directors[0].addresses[1]: 192.168.1.11 floats on lb2, but not here; \
                 add floating = true to it, {both}"
            ),
        ),
        (
            dip,
            "address = \"192.168.1.10/24\", floating = true",
            "directors[0].addresses[1]: lb2 does not have 192.168.1.10, so it cannot float there; add { \
             interface = \"eth1\", address = \"192.168.1.10/24\", floating = true } to the addresses of lb2"
                .to_owned(),
        ),
        (
            vip,
            "address = \"172.16.5.11/32\", floating = true",
            format!(
                "directors[0].addresses[0].address: it is 172.16.5.11/16 on lb2; \
                 write the same prefix length {both}"
            ),
        ),
        (
            "192.168.1.22/24",
            "192.168.1.21/24",
            "directors[1].addresses[3].address: 192.168.1.21 is also the address of \
             directors[0].addresses[3]; every address belongs to one node, once"
                .to_owned(),
        ),
        (
            "name = \"lb2\"",
            "name = \"lb1\"",
            "directors[1].name: \"lb1\" is also the name of directors[0]; \
             every node needs a name of its own"
                .to_owned(),
        ),
        (
            "{ interface = \"eth0\", address = \"192.168.1.12/24\" }]",
            "{ interface = \"eth0\", address = \"192.168.1.12/24\" }]\ngateway = \"192.168.1.22\"",
            "real-servers[0].gateway: 192.168.1.22 stays on lb2: answers would be lost while the other \
             director is active; write a floating address"
                .to_owned(),
        ),
        (
            "{ interface = \"eth0\", address = \"192.168.1.13/24\" }",
            "{ interface = \"eth0\", address = \"192.168.1.13/24\", floating = true }",
            "real-servers[1].addresses[0].floating: only addresses of directors can float; leave it out"
                .to_owned(),
        ),
        (
            "scheduler = \"rr\"",
            "scheduler = \"rr\"\ndestinations = [{ real-server = \"lb2\" }]",
            "services[0].destinations[0].real-server: answers of lb2 would bypass the other \
             director while that one is active; use forwarding = \"dr\", or leave it out"
                .to_owned(),
        ),
        (
            "address = \"172.16.5.11:80\"",
            "address = \"172.16.5.12:80\"",
            "services[0].address: no interface of the directors carries 172.16.5.12; add { interface = \
             \"eth0\", address = \"172.16.5.12/32\", floating = true } to the addresses of both directors"
                .to_owned(),
        ),
    ] {
        assert!(TWO.contains(from), "{from:?} is not in the example");
        // What floats on one director only is a mistake of the other, too.
        let mistakes = Cluster::from_toml(&TWO.replacen(from, to, 1)).unwrap_err();
        assert!(mistakes.iter().count() <= 2, "{mistakes}");
        says(mistakes.first(), &message);
    }
    let error = changed(TWO, "192.168.1.22/24", "192.168.1.21/24");
    let line = line_of(TWO, "192.168.1.22/24\" }");
    assert_eq!(error.position().unwrap().line, line);
}

/// From plain Rust, where it is not an address that is marked.
#[test]
fn only_own_addresses_float() {
    let cluster = Cluster::from_toml(TWO).unwrap();
    let [first, second] = cluster.directors() else {
        panic!("{:?}", cluster.directors())
    };
    let mut second = second.clone();
    second.floating.insert([10, 0, 0, 1].into());
    let error = Cluster::with_two_directors(
        cluster.name().clone(),
        [first.clone(), second],
        cluster.real_servers().to_vec(),
        cluster.services().to_vec(),
    );
    let message = "directors[1].floating: 10.0.0.1 is not among the director's addresses";
    assert_eq!(error.unwrap_err().to_string(), message);
}

/// In NAT the servers' gateway is an address that moves.
#[test]
fn masqueraded_servers_need_a_floating_gateway() {
    let text = TWO
        .lines()
        .filter(|line| !line.contains("192.168.1.11/24"))
        .collect::<Vec<_>>()
        .join("\n");
    let mistakes = Cluster::from_toml(&text).unwrap_err();
    let paths: Vec<_> = mistakes.iter().map(DocumentError::path).collect();
    assert_eq!(paths, ["real-servers[0]", "real-servers[1]"]);
    let error = mistakes.first();
    says(
        error,
        "real-servers[0]: answers return through the active director, but no floating address of the \
         directors is on a network of this node; give both directors an address there, with floating = true",
    );
    let line = line_of(&text, "name = \"realserver1\"");
    assert!(error.position().unwrap().line <= line);
}

#[test]
fn one_director_or_two() {
    says(
        &changed(NAT, "[director]\n", "[[directors]]\n"),
        "directors: there is only one; write it as [director], or add the one that takes over",
    );
    says(
        &changed(
            TWO,
            "[[directors]]\nname = \"lb1\"",
            "[director]\nname = \"lb1\"",
        ),
        "directors: the file also has [director]; write one director as [director], or two as [[directors]]",
    );
    let third = "[[directors]]\nname = \"lb3\"\naddresses = []\n\n[sync]";
    says(
        &changed(TWO, "[sync]", third),
        "directors[2]: there are 3, but only two can take over from each other; leave out all but two",
    );
    // What none of them has follows from no number.
    let third = TWO
        .replace("[sync]", third)
        .replace("172.16.5.11/", "172.16.5.99/");
    let mistakes = Cluster::from_toml(&third).unwrap_err().to_string();
    let lines: Vec<_> = mistakes.lines().collect();
    let lacks = "services[0].address: no interface of the directors carries 172.16.5.11";
    assert!(lines[1].starts_with(lacks), "{mistakes}");
    assert!(
        lines[0].starts_with("directors[2]: there are 3"),
        "{mistakes}"
    );
    assert_eq!(lines.len(), 2, "{mistakes}");
    says(
        &changed(
            NAT,
            "address = \"192.168.1.11/24\"",
            "address = \"192.168.1.11/24\", floating = true",
        ),
        "director.addresses[1].floating: 192.168.1.11 cannot float: there is only one director; \
         leave it out, or write two [[directors]]",
    );
    let none = "name = \"web\"\nforwarding = \"nat\"\n";
    let mistakes = Cluster::from_toml(none).unwrap_err();
    assert_eq!(mistakes.iter().count(), 2, "{mistakes}");
    says(
        mistakes.first(),
        "the key `director` is missing; add [director], or two [[directors]]",
    );
}
