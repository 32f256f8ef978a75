//! Programs and files.

use std::fs;
use std::time::{Duration, Instant};

use lvs_core::health::{Failure, Healthy, Percent, Stage};

use crate::probes::peer::probe;

fn address() -> std::net::SocketAddr {
    "192.168.1.12:80".parse().unwrap()
}

fn shell(script: &str, more: &str) -> Result<Healthy, Failure> {
    let script = serde_json::to_string(script).unwrap();
    let check = format!(r#"{{"type": "program", "command": ["/bin/sh", "-c", {script}]{more}}}"#);
    probe(&check, address())
}

fn exit(status: i32, output: &str) -> Result<Healthy, Failure> {
    Err(Failure::Exit {
        status,
        output: output.to_owned(),
    })
}

const SLOW: &str = r#", "timeout": "30s""#;

#[test]
fn an_exit_status_decides() {
    assert_eq!(shell("exit 0", SLOW), Ok(Healthy::default()));
    assert_eq!(
        shell("echo too slow; echo more; exit 2", SLOW),
        exit(2, "too slow")
    );
    assert_eq!(
        shell("printf 'a\\033[31mb' >&2; exit 1", SLOW),
        exit(1, "a[31mb")
    );
    assert_eq!(shell("kill -9 $$", SLOW), exit(137, ""));
    let by_status = r#", "timeout": "30s", "share-by-status": true"#;
    let share = |percent| Ok(Healthy::with_share(Percent::new(percent).unwrap()));
    assert_eq!(shell("exit 0", by_status), Ok(Healthy::default()));
    assert_eq!(shell("exit 2", by_status), share(0));
    assert_eq!(shell("exit 52", by_status), share(50));
    assert_eq!(shell("exit 102", by_status), share(100));
    assert_eq!(shell("exit 103", by_status), exit(103, ""));
    assert_eq!(shell("exit 1", by_status), exit(1, ""));
}

#[test]
fn a_program_knows_what_it_tests_and_nothing_else() {
    let script = "test -z \"$HOME$CARGO\" && test $LVS_CLUSTER/$LVS_REAL_SERVER = web/realserver1 && \
                  test \"$LVS_SERVICE\" = 'tcp 172.16.5.11:80' && test $LVS_ADDRESS:$LVS_PORT = 192.168.1.12:80";
    assert_eq!(shell(script, SLOW), Ok(Healthy::default()));
    // No shell looks at the arguments of the command line.
    let check = r#"{"type": "program", "timeout": "30s", "command": ["/usr/bin/test", "$HOME", "=", "$HOME"]}"#;
    assert_eq!(probe(check, address()), Ok(Healthy::default()));
}

#[test]
fn a_program_is_killed_at_its_deadline_with_all_its_children() {
    let began = Instant::now();
    let outcome = shell("sleep 600 & sleep 600", r#", "timeout": "200ms""#);
    assert_eq!(outcome, Err(Failure::TimedOut(Stage::Exit)));
    // A child that keeps the output open does not keep the probe.
    assert_eq!(shell("sleep 600 & exit 3", SLOW), exit(3, ""));
    assert!(began.elapsed() < Duration::from_secs(60));
}

#[test]
fn output_without_end_is_bounded() {
    let outcome = shell("yes | head -c 1000000; exit 1", SLOW);
    assert_eq!(outcome, exit(1, "y"));
    let outcome = shell("head -c 100000 /dev/zero | tr '\\0' a; exit 1", SLOW);
    assert_eq!(outcome, exit(1, &"a".repeat(200)));
}

#[test]
fn a_program_that_cannot_run_says_nothing_of_the_server() {
    let missing = r#"{"type": "program", "command": ["/no/such/program"]}"#;
    assert!(probe(missing, address()).unwrap_err().is_inconclusive());
    let user = r#", "timeout": "30s", "user": "no-such-user""#;
    assert!(shell("exit 0", user).unwrap_err().is_inconclusive());
}

#[test]
fn a_program_runs_as_its_user() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let user = r#", "timeout": "30s", "user": "nobody""#;
    assert_eq!(
        shell(
            "test $(id -un) = nobody && test \"$(id -G)\" = \"$(id -g)\"",
            user
        ),
        Ok(Healthy::default())
    );
}

#[test]
fn a_file_is_present_or_absent() {
    let directory = tempfile::tempdir().unwrap();
    let check = format!(
        r#"{{"type": "file", "file": "{}/{{server}}-{{address}}"}}"#,
        directory.path().display()
    );
    let file = directory.path().join("realserver1-192.168.1.12");
    assert!(matches!(probe(&check, address()), Err(Failure::Absent(_))));
    for (content, share) in [
        ("", None),
        (" \n", None),
        ("100\n", Some(100)),
        ("50\nrest", Some(50)),
        (" 0 %\n", Some(0)),
    ] {
        fs::write(&file, content).unwrap();
        let share = share.map(|percent| Percent::new(percent).unwrap());
        assert_eq!(
            probe(&check, address()),
            Ok(Healthy { share }),
            "{content:?}"
        );
    }
    for content in [
        "down\n",
        "garbage",
        "-5\n",
        "101\n",
        "150",
        "\n50\n",
        "\u{1b}[31m",
    ] {
        fs::write(&file, content).unwrap();
        let outcome = probe(&check, address());
        assert!(
            matches!(&outcome, Err(Failure::Malformed(text)) if text.len() < 300),
            "{content:?}: {outcome:?}"
        );
    }
    fs::write(&file, "down\n").unwrap();
    assert_eq!(
        probe(&check, address()).unwrap_err().to_string(),
        "answer is malformed: \"down\" is not a share from 0 to 100"
    );
    fs::write(&file, [0xff; 100_000]).unwrap();
    assert!(matches!(
        probe(&check, address()),
        Err(Failure::Malformed(_))
    ));
}

/// Without blocking.
#[test]
fn what_is_no_regular_file_is_no_sign_of_health() {
    let directory = tempfile::tempdir().unwrap();
    let fifo = directory.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    for path in [directory.path(), &fifo, "/dev/zero".as_ref()] {
        let path = path.display().to_string();
        let check = format!(r#"{{"type": "file", "file": "{path}"}}"#);
        assert_eq!(
            probe(&check, address()),
            Err(Failure::NotRegular(path.clone()))
        );
    }
}
