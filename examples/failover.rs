//! A director dies on a real kernel, without root: `cargo run --example failover`.
//!
//! Builds the nodes of `two_directors.toml`. Debian's keepalived runs on both directors with
//! `keepalived.conf` and calls lvsctl by `keepalived-notify.sh`; they have no other configuration. A client
//! starts requests steadily and another one keeps its connection; then the active director dies as by a power
//! failure and returns to stand by, and keepalived is ended on the other one, as before maintenance. It
//! succeeds if both times no request failed that started 2 s later or more, and if the connection survived.

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{self, Command, ExitCode};

use lvs_lab::{Files, Pair, Takeover};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    // Process 1 runs in the guest, where no program is built.
    if process::id() != 1
        && let Err(error) = build_lvsctl()
    {
        eprintln!("error: {error}");
        return ExitCode::FAILURE;
    }
    lvs_lab::example(run)
}

fn run() -> Result<()> {
    let files = Files {
        cluster: include_str!("two_directors.toml"),
        keepalived: include_str!("keepalived.conf"),
        notify: include_str!("keepalived-notify.sh"),
    };
    let mut pair = Pair::new(files, &lvsctl()?)?;
    println!("{} is active and dies", pair.wait_for_active()?);
    let seen = Takeover::watch(&mut pair, Pair::kill)?;
    judge(&seen)?;

    pair.start(&seen.before)?;
    let active = pair.wait_for_active()?;
    println!(
        "{} has returned; keepalived on {active} is ended",
        seen.before
    );
    judge(&Takeover::watch(&mut pair, Pair::end)?)
}

fn judge(seen: &Takeover) -> Result<()> {
    println!("{seen}");
    match seen.late.failed {
        0 => Ok(()),
        failed => Err(format!("{failed} requests failed that started 2 s later or more").into()),
    }
}

/// Builds lvsctl: cargo builds the libraries of an example, but no programs of other packages.
fn build_lvsctl() -> Result<()> {
    let lvsctl = lvsctl()?;
    let profile = lvsctl.parent().ok_or("no directory of this program")?;
    let target = profile.parent().ok_or("no target directory")?;
    let profile = match profile.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args([
        "build",
        "--quiet",
        "--package",
        "lvs-cli",
        "--profile",
        profile,
    ]);
    cargo
        .arg("--manifest-path")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml"));
    match cargo.arg("--target-dir").arg(target).status()?.success() && lvsctl.is_file() {
        true => Ok(()),
        false => Err(format!("{} was not built", lvsctl.display()).into()),
    }
}

/// Returns `target/debug/lvsctl`, relative to `target/debug/examples/failover`.
fn lvsctl() -> Result<PathBuf> {
    let own = env::current_exe()?;
    let directory = own
        .ancestors()
        .nth(2)
        .ok_or("no directory of this program")?;
    Ok(directory.join("lvsctl"))
}
