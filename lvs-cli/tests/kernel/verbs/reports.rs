//! What a change prints: nothing with `--quiet` unless it fails, or one JSON object.

use std::process::Output;

use super::{DR, Outcome, fed, json, lvsctl, on_a_node, says, with_lo};

const NODE: [&str; 4] = ["--node", "director", "--state", STATE];

/// What outlives a reboot is kept in it, too: the guest's /var is read-only.
const STATE: &str = "/run/state";

fn on_director(words: &[&str]) -> Output {
    lvsctl(&[words, &NODE].concat())
}

#[track_caller]
fn is_silent(output: &Output, status: i32) {
    says(output, status, &[]);
    assert!(
        output.stdout.is_empty() && output.stderr.is_empty(),
        "{output:?}"
    );
}

pub(super) fn quiet_changes_print_errors_only() -> Outcome {
    with_lo(|| {
        let line = |line: &str| lvsctl(&line.split(' ').collect::<Vec<_>>());
        is_silent(&line("service add -t 172.16.5.11:80 -s wrr -q"), 0);
        is_silent(
            &line("-q destination add -t 172.16.5.11:80 -r 10.9.9.9 -m"),
            0,
        );
        let refused = on_director(&["apply", "-q", DR]);
        says(&refused, 1, &["10.9.9.9:80", "--take-over"]);
        assert!(refused.stdout.is_empty(), "{refused:?}");
        assert!(refused.stderr.starts_with(b"error: "), "{refused:?}");

        let apply = ["-q", "apply", DR, "--take-over", "--exit-code"];
        is_silent(&on_director(&apply), 2);
        is_silent(&on_director(&apply), 0);
        is_silent(&line("drain realserver1 --quiet --state /run/state"), 0);
        is_silent(&line("undrain realserver1 --quiet --state /run/state"), 0);
        let dry = on_director(&["remove", "-q", DR, "--dry-run", "--exit-code"]);
        says(&dry, 2, &["- address 172.16.5.11/32 on eth0"]);
        let remove = ["remove", DR, "--exit-code", "-q"];
        is_silent(&on_director(&remove), 2);
        is_silent(&on_director(&remove), 0);
        says(&on_director(&["remove", DR]), 0, &["nothing to do"]);
    })
}

pub(super) fn what_changed_is_told_as_json() -> Outcome {
    on_a_node(|_| {
        says(&on_director(&["apply", DR]), 0, &["done and verified"]);
        let drain = |words: &[&str]| {
            let drain = ["drain", "realserver1", "--json", "--state", STATE];
            lvsctl(&[&drain, words].concat())
        };
        let drained = drain(&[]);
        says(&drained, 0, &[]);
        let told = json(&drained);
        assert_eq!(told["schema"], "lvsctl.drain/1");
        assert_eq!(told["target"], "realserver1");
        assert_eq!(told["plans"][0]["cluster"], "web");
        assert_eq!(told["plans"][0]["changed"], true);
        assert_eq!(told["outcome"], "over");
        assert_eq!(
            told["connections"],
            serde_json::json!([{
                "service": "tcp 172.16.5.11:80", "destination": "192.168.1.12:80",
                "active": 0, "inactive": 0
            }])
        );
        assert_eq!(
            (&told["removed"], &told["error"]),
            (&false.into(), &().into())
        );
        assert_eq!(told["other_directors"], serde_json::json!([]));
        let told = json(&drain(&["--remove"]));
        let changed: Vec<_> = told["plans"].as_array().unwrap().iter().collect();
        assert_eq!(
            (&changed[0]["changed"], &changed[1]["changed"]),
            (&false.into(), &true.into())
        );
        assert_eq!(told["removed"], true);

        let undrain = || lvsctl(&["undrain", "realserver1", "--json", "--state", STATE]);
        let undrained = undrain();
        says(&undrained, 0, &[]);
        let told = json(&undrained);
        assert_eq!(told["schema"], "lvsctl.undrain/1");
        assert_eq!(told["plans"][0]["changed"], true);
        assert_eq!(told["error"], serde_json::Value::Null);
        let again = undrain();
        says(&again, 1, &["error: ", "is not drained"]);
        let told = json(&again);
        assert_eq!(told["schema"], "lvsctl.undrain/1");
        let error = told["error"].as_str().unwrap();
        assert!(error.contains("is not drained"), "{error}");
    })
}

pub(super) fn what_was_restored_is_told_as_json() -> Outcome {
    with_lo(|| {
        let restore = |rules: &str| fed(&["restore", "--json"], rules);
        let restored = restore("-A -t 10.0.0.1:80 -s rr\n-a -t 10.0.0.1:80 -r 10.1.0.2:80 -g\n");
        says(&restored, 0, &[]);
        assert_eq!(
            json(&restored),
            serde_json::json!({
                "schema": "lvsctl.restore/1",
                "changes": 2,
                "commands": [
                    "ipvsadm -A -t 10.0.0.1:80 -s rr",
                    "ipvsadm -a -t 10.0.0.1:80 -r 10.1.0.2:80 -g -w 1",
                ],
                "error": null,
                "hint": null,
            })
        );
        let twice = restore("-A -t 10.0.0.1:80\n");
        says(&twice, 1, &["error: ", "exists already"]);
        let told = json(&twice);
        assert_eq!(told["schema"], "lvsctl.restore/1");
        let error = told["error"].as_str().unwrap();
        assert!(error.contains("exists already"), "{error}");
        is_silent(&fed(&["-q", "restore"], "-A -f 1 -s rr\n"), 0);
    })
}
