//! Instructions to encode and to decode one message: the same on every run, even on a busy host.
//!
//! It runs itself under valgrind (which must be installed), once without messages and once with a thousand.

use std::env;
use std::error::Error;
use std::hint::black_box;
use std::process::Command;

use lvs_benches::{encoded, messages};
use lvs_core::ipvs::message::IpvsMessage;

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

const MESSAGES: u64 = 1000;

fn main() -> Result<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match *words.as_slice() {
        ["encode", name, times] => encode(&find(name)?, times.parse()?),
        ["decode", name, times] => decode(&find(name)?, times.parse()?)?,
        _ => print_all()?,
    }
    Ok(())
}

fn find(name: &str) -> Result<IpvsMessage> {
    let (_, message) = messages()
        .into_iter()
        .find(|(other, _)| *other == name)
        .ok_or_else(|| format!("there is no message {name}"))?;
    Ok(message)
}

fn encode(message: &IpvsMessage, times: u64) {
    // Always one, so that the buffer is allocated before the counted messages.
    let mut buffer = encoded(message);
    for _ in 0..times {
        buffer.clear();
        black_box(message).encode(&mut buffer);
    }
    black_box(buffer);
}

fn decode(message: &IpvsMessage, times: u64) -> Result<()> {
    let bytes = encoded(message);
    for _ in 0..times {
        black_box(IpvsMessage::decode(message.command(), black_box(&bytes)))?;
    }
    Ok(())
}

fn print_all() -> Result<()> {
    println!(
        "{:<20} {:>8} {:>8}  instructions",
        "message", "encode", "decode"
    );
    for (name, _) in messages() {
        let (encode, decode) = (per_message("encode", name)?, per_message("decode", name)?);
        println!("{name:<20} {encode:>8} {decode:>8}");
    }
    Ok(())
}

fn per_message(verb: &str, name: &str) -> Result<u64> {
    let idle = count(&[verb, name, "0"])?;
    let busy = count(&[verb, name, &MESSAGES.to_string()])?;
    Ok(busy.saturating_sub(idle) / MESSAGES)
}

/// Returns the number of instructions from valgrind's last line, `Collected : 123456`.
fn count(arguments: &[&str]) -> Result<u64> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    let output = valgrind.arg(env::current_exe()?).args(arguments).output()?;
    let words = String::from_utf8_lossy(&output.stderr);
    match words
        .lines()
        .find_map(|line| line.split_once("Collected : "))
    {
        Some((_, number)) => Ok(number.trim().parse()?),
        None => Err(format!("valgrind counted nothing: {words}").into()),
    }
}
