//! A guest seen from outside: its status and output in the program that booted it.
//!
//! This executable is both programs: with the arguments `guest WHAT` it runs in a guest.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::process::{self, Command, ExitCode, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let guest = arguments.next().is_some_and(|first| first == "guest");
    // The kernel starts it as process 1 with arguments of its own.
    if guest || process::id() == 1 {
        let what = arguments.next().unwrap_or_default();
        return lvs_lab::example(move || in_guest(&what.to_string_lossy()));
    }
    let trials = [
        trial("success_is_status_0", success_is_status_0),
        trial("an_error_is_status_1", an_error_is_status_1),
        trial("a_panic_is_status_101", a_panic_is_status_101),
        trial("output_arrives_byte_for_byte", output_arrives_byte_for_byte),
        trial("the_call_is_the_same", the_call_is_the_same),
        trial("a_dead_kernel_shows_why", a_dead_kernel_shows_why),
        trial("a_guest_that_hangs_is_killed", a_guest_that_hangs_is_killed),
        trial("an_interrupt_kills_the_guest", an_interrupt_kills_the_guest),
    ];
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(2));
    libtest_mimic::run(&arguments, trials.into()).exit_code()
}

fn in_guest(what: &str) -> Result<(), String> {
    match what {
        "error" => Err("the reason".to_owned()),
        "panic" => panic!("the message"),
        "bytes" => io::stdout().write_all(&bytes()).map_err(|e| e.to_string()),
        "call" => print_call().map_err(|e| e.to_string()),
        "die" => fs::write("/proc/sysrq-trigger", "c").map_err(|e| e.to_string()),
        "hang" => hang(),
        _ => {
            eprintln!("to standard error");
            Ok(())
        }
    }
}

fn hang() -> ! {
    println!("hanging");
    loop {
        thread::park();
    }
}

/// Returns every byte, in blocks that fit no buffer's size; a terminal that is not raw would change some.
fn bytes() -> Vec<u8> {
    (0..=250).cycle().take(1_000_003).chain(0..=255).collect()
}

fn print_call() -> io::Result<()> {
    let mut out = io::stdout();
    for argument in env::args_os().skip(3) {
        out.write_all(argument.as_bytes())?;
    }
    let variable = env::var_os("LVS_LAB_TEST_VARIABLE").unwrap_or_default();
    out.write_all(variable.as_bytes())?;
    out.write_all(env::current_dir()?.as_os_str().as_bytes())
}

fn success_is_status_0() {
    let output = run(&mut guest("fine"));
    assert_status(&output, 0);
    assert_eq!(output.stdout, b"");
    assert_eq!(output.stderr, b"to standard error\n");
}

fn an_error_is_status_1() {
    let output = run(&mut guest("error"));
    assert_status(&output, 1);
    assert_eq!(output.stderr, b"error: the reason\n");
}

fn a_panic_is_status_101() {
    let output = run(&mut guest("panic"));
    assert_status(&output, 101);
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.contains("the message"), "{words}");
}

fn output_arrives_byte_for_byte() {
    let output = run(&mut guest("bytes"));
    assert!(output.stdout == bytes(), "{} bytes", output.stdout.len());
    assert_eq!(output.stderr, b"");
}

fn the_call_is_the_same() {
    let odd = OsString::from_vec((1..=255).collect());
    let mut command = guest("call");
    command.args([&odd, &"".into(), &"a b\"c".into()]);
    command
        .env("LVS_LAB_TEST_VARIABLE", &odd)
        .current_dir("/usr");
    let mut expected = odd.as_bytes().to_vec();
    expected.extend_from_slice(b"a b\"c");
    expected.extend_from_slice(odd.as_bytes());
    expected.extend_from_slice(b"/usr");
    assert_eq!(run(&mut command).stdout, expected);
}

fn a_dead_kernel_shows_why() {
    let output = run(&mut guest("die"));
    assert_status(&output, 1);
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.contains("sysrq triggered crash"), "{words}");
}

fn a_guest_that_hangs_is_killed() {
    let mut command = guest("hang");
    let started = Instant::now();
    let output = run(command.env("LVS_LAB_TIMEOUT", "4"));
    assert!(started.elapsed() < Duration::from_secs(20));
    assert_status(&output, 1);
    assert_eq!(output.stdout, b"hanging\n");
    assert_eq!(output.stderr, b"error: killed after 4 s\n");
}

fn an_interrupt_kills_the_guest() {
    let mut child = guest("hang").stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "hanging\n");
    let pid = child.id();
    let guests = children(pid);
    assert!(!guests.is_empty());
    kill(Pid::from_raw(pid.cast_signed()), Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    for guest in guests {
        wait_for_end(guest);
    }
}

fn children(parent: u32) -> Vec<u32> {
    let lists: Vec<String> = fs::read_dir(format!("/proc/{parent}/task"))
        .unwrap()
        .map(|task| fs::read_to_string(task.unwrap().path().join("children")).unwrap())
        .collect();
    lists
        .join(" ")
        .split_whitespace()
        .map(|pid| pid.parse().unwrap())
        .collect()
}

/// Polls for the end of a killed process, which is not a child of this one.
fn wait_for_end(pid: u32) {
    let started = Instant::now();
    let alive = || {
        let status = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        !status.is_empty() && !status.contains(") Z ")
    };
    while alive() {
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "{pid} still runs"
        );
        thread::yield_now();
    }
}

fn guest(what: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["guest", what]).stdin(Stdio::null());
    command
}

fn assert_status(output: &Output, code: i32) {
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{words}");
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

fn trial(name: &'static str, test: fn()) -> Trial {
    Trial::ignorable_test(name, move || match lvs_lab::prepare() {
        Ok(()) => {
            test();
            Ok(Completion::Completed)
        }
        Err(lvs_lab::Error::Unavailable(reason)) if !required() => {
            eprintln!("SKIPPED {name}: {reason}");
            Ok(Completion::ignored_with(reason))
        }
        Err(error) => Err(Failed::from(error.to_string())),
    })
}

fn required() -> bool {
    env::var_os("LVS_REQUIRE_KERNEL").is_some_and(|value| value == "1")
}
