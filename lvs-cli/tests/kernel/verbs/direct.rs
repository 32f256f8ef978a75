//! The verbs that work on the kernel's table without a cluster file.

use super::{Outcome, fed, json, lvsctl, says, with_lo};

/// Has every kind of line that `save` writes, in its order.
const SAVED: &str = "\
--set 800 100 200
-A -t 10.0.0.1:80 -s wrr -p 60
-a -t 10.0.0.1:80 -r 10.1.0.1:8080 -m -w 5 -x 10 -y 3
-a -t 10.0.0.1:80 -r 10.1.0.2:80 -g -w 1
-A -u [2001:db8::1]:53 -s rr -o
-A -f 4294967295 -s wlc
";

#[track_caller]
fn saves(expected: &str) {
    let output = lvsctl(&["save"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
    assert_eq!(output.status.code(), Some(0));
}

pub(super) fn saved_is_restored() -> Outcome {
    with_lo(|| {
        says(&fed(&["restore"], SAVED), 0, &["6 changes\n"]);
        saves(SAVED);
        says(
            &fed(&["restore", "--replace"], SAVED),
            0,
            &["nothing to do\n"],
        );
        let compatible = lvsctl(&["save", "--compatible"]);
        says(
            &compatible,
            0,
            &["-A -f -1 -s wlc\n-A -t 10.0.0.1:80", "-m -w 5\n"],
        );

        let twice = fed(&["restore"], "# again\n-A -t 10.0.0.1:80\n");
        says(
            &twice,
            1,
            &["line 2", "service tcp 10.0.0.1:80", "exists already"],
        );
        let unknown = fed(&["restore", "--replace"], "-A -f 1 -s nonesuch\n");
        says(
            &unknown,
            1,
            &["add service fwmark 1 ipv4", "ENOENT", "nonesuch"],
        );
        let wrong = fed(&["restore"], "-A -f 2\n-A -t web:80\n");
        says(
            &wrong,
            1,
            &["error: standard input: line 2: \"web\" is not an IP address; this host finds no"],
        );
        saves(SAVED);

        let less = fed(
            &["restore", "--replace"],
            "-A -f 4294967295 -s wlc\n-a -f -1 -r 10.1.0.1 -g -w2",
        );
        says(&less, 0, &["3 changes\n"]);
        saves(
            "--set 800 100 200\n-A -f 4294967295 -s wlc\n-a -f 4294967295 -r 10.1.0.1:0 -g -w 2\n",
        );
    })
}

pub(super) fn direct_verbs() -> Outcome {
    with_lo(|| {
        let done = |line: &str| says(&lvsctl(&line.split(' ').collect::<Vec<_>>()), 0, &[]);
        done("service add -t 10.0.0.1:80 -s wrr -p 60");
        done("service edit -t 10.0.0.1:80 -s rr");
        done("destination add -t 10.0.0.1:80 -r 10.1.0.1:8080 -m -w 3 -x 9");
        done("destination edit -t 10.0.0.1:80 -r 10.1.0.1:8080 -w 5");
        done("destination add -t 10.0.0.1:80 -r 10.1.0.2");
        done("destination delete -t 10.0.0.1:80 -r 10.1.0.2");
        done("timeouts 800 0 200");
        done("daemon start backup --mcast-interface lo --syncid 7");
        done("zero");
        done("zero -t 10.0.0.1:80");
        saves(
            "--set 800 120 200\n-A -t 10.0.0.1:80 -s rr -p 60\n\
               -a -t 10.0.0.1:80 -r 10.1.0.1:8080 -m -w 5 -x 9\n\
               --start-daemon backup --mcast-interface lo --syncid 7 --sync-maxlen 65507 \
               --mcast-group 224.0.0.81 --mcast-port 8848 --mcast-ttl 1\n",
        );
        refusals();
        done("daemon stop backup");
        done("service delete -t 10.0.0.1:80");
        done("service add -f 1");
        done("flush");
        saves("--set 800 120 200\n");
    })
}

fn refusals() {
    let said = |line: &str, status, parts: &[&str]| {
        says(&lvsctl(&line.split(' ').collect::<Vec<_>>()), status, parts);
    };
    said(
        "service add -t 10.0.0.1:80",
        1,
        &["add service tcp 10.0.0.1:80", "EEXIST"],
    );
    said(
        "service add -u 10.0.0.1:80 -o -p",
        1,
        &["one-packet scheduling", "exclude each other"],
    );
    said(
        "service add -t 10.0.0.2:80 -w 3",
        64,
        &["\"-w\" does not go with \"-A\""],
    );
    said(
        "service edit -t 10.0.0.2:80 -s rr",
        1,
        &["service tcp 10.0.0.2:80", "does not exist; add it"],
    );
    said(
        "destination add -t 10.0.0.1:80 -r 10.1.0.9:81",
        64,
        &["service's port 80", "only -m"],
    );
    said(
        "destination delete -t 10.0.0.1:80 -r 10.1.0.9",
        1,
        &["ENOENT", "no such destination"],
    );
    said("zero -f 9", 1, &["zero counters of fwmark 9 ipv4", "ESRCH"]);
    said("daemon stop master", 1, &["not running"]);
}

pub(super) fn every_list() -> Outcome {
    with_lo(|| {
        says(&fed(&["restore"], SAVED), 0, &[]);
        says(
            &lvsctl(&["daemon", "start", "master", "--mcast-interface", "lo"]),
            0,
            &[],
        );
        for (view, parts) in [
            (
                "--stats",
                &["CONNS  PKTS-IN", "udp [2001:db8::1]:53", "total"][..],
            ),
            ("--rates", &["CONNS/S", "  10.1.0.2:80"]),
            (
                "--thresholds",
                &["UPPER  LOWER", "10      3       0         0"],
            ),
            (
                "--persistent",
                &[
                    "WEIGHT  PERSISTENT",
                    "tcp 10.0.0.1:80 wrr persistent 60s /32\n",
                ],
            ),
            ("--connections", &["no connections\n"]),
            (
                "--timeouts",
                &["tcp      800s\ntcp-fin  100s\nudp      200s\n"],
            ),
            (
                "--daemon",
                &[
                    "ROLE",
                    "master  lo          0  224.0.0.81  8848    1        1472",
                ],
            ),
        ] {
            says(&lvsctl(&["list", view]), 0, parts);
            let json = json(&lvsctl(&["list", "--json", view]));
            assert_eq!(json["schema"], "lvsctl.list/1");
            let asked = view.trim_start_matches("--");
            let shown = json["services"].as_array().map(Vec::len);
            match asked {
                "connections" => assert!(json["connections"].is_array()),
                "timeouts" => assert_eq!(json["timeouts"]["tcp"], 800),
                "daemon" => assert_eq!(json["daemons"][0]["port"], 8848),
                _ => assert_eq!(shown, Some(3)),
            }
        }
        says(
            &lvsctl(&["list", "--stats", "--rates"]),
            64,
            &["cannot be used with"],
        );
    })
}

/// Every method, a mark of both families, and a service without destinations.
const METHODS: &str = "\
-A -t 10.0.0.1:80 -s rr
-a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 3
-a -t 10.0.0.1:80 -r 10.1.0.2:80 -g -w 0
-A -t 10.0.0.1:81 -s rr
-a -t 10.0.0.1:81 -r 10.1.0.1:81 -g -w 1
-a -t 10.0.0.1:81 -r 10.1.0.2:81 -i -w 1
-A -u [2001:db8::1]:53 -s rr -o
-a -u [2001:db8::1]:53 -r [2001:db8:1::1]:53 -m -w 1
-A -f 7 -s rr
-a -f 7 -r 10.1.0.9 -g -w 1
-A -f 7 -6 -s wlc
-a -f 7 -6 -r [2001:db8:1::9] -g -w 2
-A -f 8 -s rr
";

const METHODS_LISTED: &str = "\
FORWARDING WEIGHT ACTIVE INACTIVE
tcp 10.0.0.1:80 rr
10.1.0.2:80 dr 0 0 0
10.1.0.1:80 nat 3 0 0
tcp 10.0.0.1:81 rr
10.1.0.2:81 tunnel 1 0 0
10.1.0.1:81 dr 1 0 0
udp [2001:db8::1]:53 rr one-packet
[2001:db8:1::1]:53 nat 1 0 0
fwmark 7 ipv4 rr
10.1.0.9:0 dr 1 0 0
fwmark 7 ipv6 wlc
[2001:db8:1::9]:0 dr 2 0 0
fwmark 8 ipv4 rr
total 0 0
";

/// The list shows everything, and what was flushed is restored the same.
pub(super) fn the_plain_list_is_whole_and_flushed() -> Outcome {
    with_lo(|| {
        for _ in 0..2 {
            says(&fed(&["restore"], METHODS), 0, &["13 changes"]);
            let listed = String::from_utf8(lvsctl(&["list"]).stdout).unwrap();
            let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
            let lines: Vec<_> = listed.lines().map(words).collect();
            assert_eq!(lines.join("\n"), METHODS_LISTED.trim_end());
            says(&lvsctl(&["flush"]), 0, &[]);
            says(&lvsctl(&["list"]), 0, &["no services\n"]);
        }
    })
}
