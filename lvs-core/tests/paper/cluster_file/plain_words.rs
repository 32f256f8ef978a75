//! What an operator reads of a file that was written by hand: plain words, and what to write instead.

use lvs_core::Cluster;

use super::{NAT, changed, says, with_keys};

fn only_of(text: &str) -> lvs_core::cluster::DocumentError {
    super::only(Cluster::from_toml(text).unwrap_err())
}

#[test]
fn numbers_that_are_too_large_are_told_as_written() {
    for (key, problem) in [
        (
            "persistence = 99999999999999999999",
            "services[0].persistence: 99999999999999999999 is too large",
        ),
        (
            "persistence = 9223372036854775808",
            "services[0].persistence.timeout: 9223372036854775808 is not in 0..4294967",
        ),
        (
            "check = \"tcp\"\nminimum = 18446744073709551616",
            "services[0].minimum: 18446744073709551616 is too large",
        ),
        (
            "fwmark = -99999999999999999999",
            "services[0].fwmark: -99999999999999999999 is too small",
        ),
    ] {
        says(&only_of(&with_keys(key, "")), problem);
    }
    says(
        &only_of(&with_keys("", "[ipvs]\ndrop-entry = 9223372036854775808")),
        "ipvs.drop-entry: 9223372036854775808 is too large",
    );
}

#[test]
fn brackets_and_entries_as_people_write_them() {
    for (from, to, problem) in [
        (
            "\n[[services]]\n",
            "\n[services]\n",
            "services: expected a list, found a table; write [[services]] in place of [services]",
        ),
        (
            "\n[director]\n",
            "\n[[director]]\n",
            "director: expected a table, found a list; \
             write one director as [director], or two as [[directors]]",
        ),
        (
            "\n[[services]]\n",
            "\n[[health]]\ninterval = 1\n[[services]]\n",
            "health: expected a table, found a list; write [health], once",
        ),
        (
            "scheduler = \"rr\"",
            "destinations = [\"realserver1\"]",
            "services[0].destinations[0]: expected a table, found text \"realserver1\"; \
             write { real-server = \"realserver1\" }",
        ),
        (
            "scheduler = \"rr\"",
            "destinations = \"realserver1\"",
            "services[0].destinations: expected a list, found text \"realserver1\"; \
             write [{ real-server = \"realserver1\" }]",
        ),
        (
            "scheduler = \"rr\"",
            "persistence = { timeout = 300, netmask = \"255.255.255.0\" }",
            "services[0].persistence.netmask: expected a whole number, found text \"255.255.255.0\"; \
             write the prefix length, 24",
        ),
        (
            "scheduler = \"rr\"",
            "persistence = { timeout = 300, netmask = \"24\" }",
            "services[0].persistence.netmask: expected a whole number, found text \"24\"; \
             write 24, without quotes",
        ),
    ] {
        says(&changed(NAT, from, to), problem);
    }
}

#[test]
fn texts_that_are_not_toml() {
    for (text, place, problem) in [
        (
            "{\"name\": \"web\"}",
            "1:1",
            "the file looks like JSON, but a cluster file is TOML; \
             write name = \"web\", and tables like [director]",
        ),
        (
            "# ours\nname: web\nforwarding: nat\n",
            "2:7",
            "the file looks like YAML, but a cluster file is TOML; \
             write name = \"web\", and tables like [director]",
        ),
        (
            "name = \"web\"\nname = \"web2\"\n",
            "2:1",
            "the key `name` occurs twice; leave one of them out",
        ),
        (
            "[director]\n[ director ]\n",
            "2:3",
            "[director] occurs twice; leave one of them out",
        ),
        (
            &format!("name = {}", "[".repeat(500)),
            "1:88",
            "lists or tables are nested too deeply; no key needs more than four",
        ),
    ] {
        let error = only_of(text);
        says(&error, problem);
        assert_eq!(error.position().unwrap().to_string(), place, "{text}");
    }
}

#[test]
fn what_was_accepted_in_silence() {
    says(
        &only_of(&with_keys("check = \"udp\"", "")),
        "services[0].check: udp reaches no tcp service; \
         write check = \"tcp\", or the port of UDP: { type = \"udp\", port = 53 }",
    );
    for right in [
        "check = { type = \"udp\", port = 443 }",
        "check = { type = \"udp\", payload = \"ping\" }",
        "check = \"udp\"\nprotocol = \"udp\"",
    ] {
        assert!(Cluster::from_toml(&with_keys(right, "")).is_ok(), "{right}");
    }
    says(
        &only_of(&with_keys("", "[time]\nntp-server = \"\"")),
        "time.ntp-server: the name is empty; write a name or an address, or leave it out",
    );
}
