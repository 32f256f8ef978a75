//! System calls, counted by strace.

use std::env;
use std::fs;
use std::process::{Command, Stdio};

use lvs_lab::tool;

use crate::Result;

/// Holds numbers of system calls.
#[derive(Clone, Copy, Default)]
pub(crate) struct Calls {
    /// All calls.
    pub(crate) all: usize,
    /// The calls that send, receive or read.
    pub(crate) talk: usize,
}

/// Holds a program whose calls are counted, and its input.
pub(crate) struct Counted {
    pub(crate) command: Command,
    pub(crate) input: Stdio,
}

/// Counts the calls of a step of this program ([`steps`](crate::steps)), without those of its preparation.
pub(crate) fn of_step(step: &str) -> Result<Calls> {
    let program = env::current_exe()?;
    let part = |part| {
        let mut command = Command::new(&program);
        command.args(["step", step, part]);
        let input = Stdio::null();
        Counted { command, input }
    };
    Ok(between(count(part("prepare"))?, count(part("do"))?))
}

/// Counts the calls of one program, without those of another.
pub(crate) fn of_program(idle: Counted, busy: Counted) -> Result<Calls> {
    Ok(between(count(idle)?, count(busy)?))
}

const fn between(idle: Calls, busy: Calls) -> Calls {
    Calls {
        all: busy.all.saturating_sub(idle.all),
        talk: busy.talk.saturating_sub(idle.talk),
    }
}

const COUNTS: &str = "/run/strace";

fn count(Counted { command, input }: Counted) -> Result<Calls> {
    let mut strace = tool("strace")?;
    strace.args(["-f", "-c", "-U", "calls,name", "-o", COUNTS, "--"]);
    strace.arg(command.get_program()).args(command.get_args());
    strace.stdin(input).stdout(Stdio::null());
    let status = strace.status()?;
    if !status.success() {
        return Err(format!("{command:?}: {status}").into());
    }
    Ok(parse(&fs::read_to_string(COUNTS)?))
}

/// Reads the lines with a number and a name, between headings and a total.
fn parse(text: &str) -> Calls {
    let mut calls = Calls::default();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let (Some(Ok(number)), Some(name)) = (words.next().map(str::parse::<usize>), words.next())
        else {
            continue;
        };
        if name == "total" {
            continue;
        }
        calls.all += number;
        if name.starts_with("send") || name.starts_with("recv") || name == "read" {
            calls.talk += number;
        }
    }
    calls
}
