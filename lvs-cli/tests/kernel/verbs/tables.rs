//! Tables that are restored, interrupted, and listed while other programs change them.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Child, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lvs_core::IfName;
use lvs_core::ipvs::{BatchOutcome, Command, Ipvs, SchedulerName, Service, ServiceId};
use lvs_core::proc::Proc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Outcome, command, fed, lvsctl, on_a_node, says, with_lo};

/// Longer than anything here takes on the guest's one processor.
const PATIENCE: Duration = Duration::from_secs(60);

fn fed_bytes(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = start(arguments);
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

fn start(arguments: &[&str]) -> Child {
    command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn table() -> String {
    String::from_utf8(lvsctl(&["save"]).stdout).unwrap()
}

/// The inputs are those of files that ipvsadm takes.
pub(crate) fn texts_of_ipvsadm_are_restored() -> Outcome {
    on_a_node(|host| {
        host.net().set_up(&IfName::LO).unwrap();
        host.net().set_up(&"eth0".parse().unwrap()).unwrap();
        let names = "-A -t 127.0.0.1:http -s rr\n-a -t 127.0.0.1:http -r localhost:http -m -w 1\n";
        says(&fed(&["restore"], names), 0, &["2 changes"]);
        let expected = "-A -t 127.0.0.1:80 -s rr\n-a -t 127.0.0.1:80 -r 127.0.0.1:80 ";
        assert!(table().contains(expected), "{}", table());

        let marked = "\u{feff}-A -t 10.0.0.1:81 -s rr\n";
        says(&fed(&["restore"], marked), 0, &["1 change\n"]);
        // A comment in Latin-1.
        let latin = b"# caf\xe9\n-A -t 10.0.0.1:82 -s rr # \xfc\n";
        says(&fed_bytes(&["restore"], latin), 0, &["1 change\n"]);
        let word = b"# one\n-A -t 10.0.0.1:83 -s r\xe9\n";
        says(&fed_bytes(&["restore"], word), 1, &["line 2", "scheduler"]);

        let before = table();
        for (text, parts) in [
            ("-A -t 10.0.0.9:0 -s rr\n", ["line 1", "port 0", "add -p"]),
            (
                "-A -t 010.0.0.9:80\n",
                ["line 1", "\"010.0.0.9\"", "leading zeros"],
            ),
            (
                "\n-A -t no-such-host.invalid:80\n",
                ["line 2", "no-such-host", "IPv4 address"],
            ),
            (
                "-A -t 10.0.0.9:no-such\n",
                ["line 1", "no-such", "/etc/services"],
            ),
        ] {
            says(&fed(&["restore"], text), 1, &parts);
        }
        assert_eq!(table(), before);

        let daemon = fed(&["restore"], "--start-daemon master\n");
        says(
            &daemon,
            0,
            &["1 change", "note: standard input: line 1", "eth0"],
        );
        says(&lvsctl(&["list", "--daemon"]), 0, &["eth0"]);
        says(&lvsctl(&["daemon", "stop", "master"]), 0, &[]);
    })
}

const MANY: usize = 20_000;

fn services() -> usize {
    Proc::new().listing().unwrap().services.len()
}

/// Interrupts `lvsctl restore` with a table of many services as soon as `is_time`, and returns its end.
fn interrupted(text: &str, is_time: impl Fn() -> bool) -> Output {
    let mut child = start(&["restore"]);
    let mut input = child.stdin.take().unwrap();
    input.write_all(text.as_bytes()).unwrap();
    drop(input);
    let begin = Instant::now();
    while !is_time() && child.try_wait().unwrap().is_none() {
        assert!(begin.elapsed() < PATIENCE);
    }
    // It may have ended by now.
    let _ = kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT);
    child.wait_with_output().unwrap()
}

pub(crate) fn an_interrupted_restore_is_whole_or_not_at_all() -> Outcome {
    with_lo(|| {
        let mut text = String::new();
        for number in 0..MANY {
            let (high, low) = (number / 250, number % 250 + 1);
            writeln!(text, "-A -t 10.0.{high}.{low}:80 -s rr").unwrap();
        }
        let begun = |count: usize| move || services() > count;
        for is_time in [
            Box::new(|| true) as Box<dyn Fn() -> bool>,
            Box::new(begun(0)),
            Box::new(begun(MANY / 4)),
        ] {
            let output = interrupted(&text, is_time);
            let expected = match output.status.code() {
                Some(0) => MANY,
                _ => 0,
            };
            assert_eq!(services(), expected, "{output:?}");
            says(&lvsctl(&["flush"]), 0, &[]);
        }
    })
}

fn service(number: u16) -> Service {
    let id = ServiceId::tcp(([10, 0, 0, 1], number).into());
    Service::new(id, SchedulerName::RR)
}

fn run(ipvs: &mut Ipvs, commands: &[Command]) {
    ipvs.batch(commands)
        .and_then(BatchOutcome::into_result)
        .unwrap();
}

/// The services that exist all the time have even numbers.
const CHANGING: u16 = 250;

/// Adds and deletes services until it is told to stop, and counts its turns.
fn change(stop: &AtomicBool, turns: &AtomicUsize) {
    let mut ipvs = Ipvs::open().unwrap();
    let guests: Vec<_> = (1..=CHANGING).filter(|number| number % 2 == 1).collect();
    let add = |number: &u16| Command::AddService(service(*number));
    let delete = |number: &u16| Command::DeleteService(service(*number).id);
    while !stop.load(Ordering::Relaxed) {
        for some in guests.chunks(10) {
            run(&mut ipvs, &some.iter().map(delete).collect::<Vec<_>>());
            // The guest has one processor, and readers must have their turn.
            thread::sleep(Duration::from_micros(50));
            run(&mut ipvs, &some.iter().map(add).collect::<Vec<_>>());
            thread::sleep(Duration::from_micros(50));
        }
        turns.fetch_add(1, Ordering::Relaxed);
    }
}

pub(crate) fn a_changing_table_is_listed_and_saved_when_it_settles() -> Outcome {
    with_lo(|| {
        let all: Vec<_> = (1..=CHANGING)
            .map(|number| Command::AddService(service(number)))
            .collect();
        run(&mut Ipvs::open().unwrap(), &all);
        let (stop, turns) = (AtomicBool::new(false), AtomicUsize::new(0));
        thread::scope(|scope| {
            scope.spawn(|| change(&stop, &turns));
            let mut warned = 0;
            for _ in 0..10 {
                let output = lvsctl(&["list"]);
                let text = String::from_utf8(output.stdout.clone()).unwrap();
                let lines: Vec<_> = text.lines().collect();
                for number in (2..=CHANGING).step_by(2) {
                    let line = format!("tcp 10.0.0.1:{number} rr");
                    assert!(lines.contains(&line.as_str()), "{line}: {text}");
                }
                warned += usize::from(!output.stderr.is_empty());
                says(&output, 0, &[]);
            }
            assert!(warned > 0, "no test: the table settled every time");

            let saving = start(&["save"]);
            let begun = turns.load(Ordering::Relaxed);
            let begin = Instant::now();
            while turns.load(Ordering::Relaxed) < begun + 20 {
                assert!(begin.elapsed() < PATIENCE);
                thread::sleep(Duration::from_millis(10));
            }
            stop.store(true, Ordering::Relaxed);
            let saved = saving.wait_with_output().unwrap();
            says(&saved, 0, &["-A -t 10.0.0.1:250 -s rr"]);
        });
    })
}
