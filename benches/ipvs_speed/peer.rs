//! A library of Go: `github.com/moby/ipvs`, which is Docker's, as Debian packages it.
//!
//! It and Debian's compiler of Go are fetched once, 83 MB, and unpacked below `target/lvs-lab`, 500 MB; nothing is
//! installed. `peer.go` is compiled without C, so that it needs no library in the guest. Where that cannot be done, the
//! rows are measured without it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::Result;
use crate::calls::{self, Calls, Counted};
use crate::report::Entry;
use crate::tables::Size;

/// The directory of the packages.
const DIRECTORY: &str = "go-1";
/// The library, all that it imports, and the compiler with Go's own library.
const PACKAGES: [&str; 7] = [
    "golang-github-docker-docker-dev",
    "golang-github-vishvananda-netlink-dev",
    "golang-github-vishvananda-netns-dev",
    "golang-github-sirupsen-logrus-dev",
    "golang-golang-x-sys-dev",
    "golang-1.19-go",
    "golang-1.19-src",
];
const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/ipvs_speed/peer.go");
const PROGRAM: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/moby-ipvs");

/// Makes the program, on the host, or prints in a line why there is none.
pub(crate) fn make() {
    if let Err(error) = build() {
        let error = error.to_string();
        let reason = error.lines().next().unwrap_or_default();
        println!("without moby/ipvs: {reason}");
    }
}

fn build() -> Result<()> {
    // One that was made before may be of another source.
    drop(fs::remove_file(PROGRAM));
    let packages = lvs_lab::fetch_packages(DIRECTORY, &PACKAGES)?;
    let go = packages.join("usr/lib/go-1.19");
    let mut build = Command::new(go.join("bin/go"));
    build.args(["build", "-o", PROGRAM, SOURCE]).env_clear();
    build.env("GOROOT", &go);
    build.env("GOPATH", packages.join("usr/share/gocode"));
    build.env("GOCACHE", packages.join("cache"));
    build.envs([("GO111MODULE", "off"), ("GOPROXY", "off"), ("GOENV", "off")]);
    let output = build.env("CGO_ENABLED", "0").output()?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().into()),
    }
}

/// Returns an entry, if there is the program.
pub(crate) fn entry() -> Option<Entry> {
    Path::new(PROGRAM)
        .is_file()
        .then(|| Entry::new("moby/ipvs, in Go"))
}

/// Runs the program, and returns the time that it has measured.
pub(crate) fn time(verb: &str, size: Size) -> Result<Duration> {
    let mut command = command(verb, size);
    let output = command.stderr(Stdio::inherit()).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    match text.trim().parse() {
        Ok(time) if output.status.success() => Ok(Duration::from_nanos(time)),
        _ => Err(format!("{command:?}: {}, {text}", output.status).into()),
    }
}

/// Counts the calls of what [`time`] measures.
pub(crate) fn calls(verb: &str, size: Size) -> Result<Calls> {
    let counted = |verb| Counted {
        command: command(verb, size),
        input: Stdio::null(),
    };
    calls::of_program(counted("idle"), counted(verb))
}

fn command(verb: &str, size: Size) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args([
        verb,
        &size.services.to_string(),
        &size.destinations.to_string(),
    ]);
    command
}
