//! apt and dpkg-deb, run by an ordinary user with a state of their own.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::BOOKWORM;
use super::sources::{self, Archive};
use crate::error::{Context, Error, Result};
use crate::signals;

/// Runs an apt that knows certain Debian suites and not the host's packages.
pub(super) struct Apt {
    directory: PathBuf,
}

impl Apt {
    /// Reads the package lists of these suites (and of bookworm) from the mirror that the host's own apt uses.
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

    /// Returns packages of a suite and all libraries that they need, except the C library: the guest has the
    /// host's.
    pub(super) fn with_libraries(&self, suite: &str, packages: &[&str]) -> Result<Vec<String>> {
        let mut all: BTreeSet<String> = packages.iter().map(|&name| name.to_owned()).collect();
        let mut new: Vec<String> = all.iter().cloned().collect();
        while !new.is_empty() {
            let mut depends = self.command("apt-cache");
            depends
                .arg("-o")
                .arg(format!("APT::Default-Release={suite}"));
            let text = run(depends.args(["depends", "--important"]).args(&new))?;
            new = libraries(&text).map(str::to_owned).collect();
            new.retain(|name| all.insert(name.clone()));
        }
        Ok(all.into_iter().collect())
    }

    /// Downloads packages of a suite, verified, and unpacks them into one directory.
    pub(super) fn unpack(
        &self,
        suite: &str,
        packages: &[impl AsRef<str>],
        into: &Path,
    ) -> Result<()> {
        let debs = self.directory.join("debs");
        let names = packages
            .iter()
            .map(|package| format!("{}/{suite}", package.as_ref()));
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

/// Returns the libraries among the dependencies that `apt-cache depends` lists, including alternatives.
fn libraries(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter_map(|line| line.split_once("epends: "))
        .map(|(_, name)| name.trim())
        .filter(|name| {
            let is_library = name.starts_with("lib") || name.starts_with("zlib");
            is_library && !["libc6", "libgcc-s1"].contains(name)
        })
}

/// Runs a command to its end and returns its standard output; its standard error becomes the reason why the
/// lab cannot run.
pub(super) fn run(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let child = signals::spawn(command.stderr(Stdio::piped()));
    let output = child
        .and_then(|child| child.wait_with_output())
        .map_err(|error| not_started(&program, &error))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(Error::unavailable(format!(
        "{program} failed while fetching from Debian: {}",
        words.trim()
    )))
}

fn not_started(program: &str, error: &io::Error) -> Error {
    Error::unavailable(format!(
        "cannot run {program} ({error}): the lab fetches its kernel from Debian, on Debian; \
         elsewhere name one by LVS_LAB_KERNEL and LVS_LAB_MODULES"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_taken_but_not_the_c_library() {
        let text = "ipvsadm\n  Depends: libc6\n  PreDepends: libnl-3-200\n |Depends: debconf\n\
            zlib1g\n |Depends: libone\n  Depends: <libvirtual>\n";
        assert_eq!(
            libraries(text).collect::<Vec<_>>(),
            ["libnl-3-200", "libone"]
        );
    }
}
