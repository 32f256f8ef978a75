//! apt and dpkg-deb, used by an ordinary user with a state of their own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::BOOKWORM;
use super::sources::{self, Archive};
use crate::error::{Context, Error, Result};
use crate::signals;

/// An apt that knows certain Debian suites and nothing of the machine's packages.
pub(super) struct Apt {
    directory: PathBuf,
}

impl Apt {
    /// Reads the package lists of these suites (and of bookworm) from the mirror the machine's own apt uses.
    pub(super) fn new(directory: &Path, suites: &[&str]) -> Result<Self> {
        for part in ["lists/partial", "cache/archives/partial", "none", "debs"] {
            let part = directory.join(part);
            fs::create_dir_all(&part).on("create", &part)?;
        }
        let mut suites = suites.to_vec();
        suites.push(BOOKWORM);
        suites.sort_unstable();
        suites.dedup();
        let archive = sources::debian_archive()?;
        write(&directory.join("sources.list"), &list(&archive, &suites))?;
        write(&directory.join("status"), "")?;
        let apt = Self {
            directory: directory.to_path_buf(),
        };
        run(apt.command("apt-get").arg("update"))?;
        Ok(apt)
    }

    /// Downloads packages of a suite, verified, and unpacks them into one directory.
    pub(super) fn unpack(&self, suite: &str, packages: &[&str], into: &Path) -> Result<()> {
        let debs = self.directory.join("debs");
        let names = packages.iter().map(|package| format!("{package}/{suite}"));
        let mut download = self.command("apt-get");
        run(download.arg("download").args(names).current_dir(&debs))?;
        for entry in fs::read_dir(&debs).on("read", &debs)? {
            let deb = entry.on("read", &debs)?.path();
            run(Command::new("dpkg-deb").arg("-x").arg(&deb).arg(into))?;
            fs::remove_file(&deb).on("remove", &deb)?;
        }
        Ok(())
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.args(["-qq", "-o", "APT::Sandbox::User=root"]);
        command.args(["-o", "Acquire::Languages=none", "-o", "Acquire::Retries=3"]);
        command.args(["-o", "APT::Architecture=amd64"]);
        let paths = [
            ("Dir::Etc::sourcelist", "sources.list"),
            ("Dir::Etc::sourceparts", "none"),
            ("Dir::Etc::preferences", "none/none"),
            ("Dir::Etc::preferencesparts", "none"),
            ("Dir::State", "."),
            ("Dir::State::lists", "lists"),
            ("Dir::State::status", "status"),
            ("Dir::Cache", "cache"),
        ];
        for (option, path) in paths {
            let path = self.directory.join(path);
            command
                .arg("-o")
                .arg(format!("{option}={}", path.display()));
        }
        command
    }
}

fn list(archive: &Archive, suites: &[&str]) -> String {
    let keyring = match &archive.keyring {
        Some(keyring) => format!(" signed-by={keyring}"),
        None => String::new(),
    };
    let line = |suite| format!("deb [arch=amd64{keyring}] {} {suite} main\n", archive.uri);
    suites.iter().map(line).collect()
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).on("write", path)
}

/// Runs a command to its end; what it complained of is the reason why the lab cannot run.
pub(super) fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let child = signals::spawn(command.stderr(Stdio::piped()));
    let output = child
        .and_then(|child| child.wait_with_output())
        .map_err(|error| not_started(&program, &error))?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(Error::unavailable(format!(
        "{program} failed while fetching a kernel from Debian: {}",
        words.trim()
    )))
}

fn not_started(program: &str, error: &io::Error) -> Error {
    Error::unavailable(format!(
        "cannot run {program} ({error}): the lab fetches its kernel from Debian, on Debian; \
         elsewhere name one by LVS_LAB_KERNEL and LVS_LAB_MODULES"
    ))
}
