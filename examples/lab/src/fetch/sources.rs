//! The Debian archive that this host's own apt uses.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Suites that identify a Debian archive.
const DEBIAN: [&str; 11] = [
    "bullseye",
    "bookworm",
    "trixie",
    "forky",
    "duke",
    "sid",
    "oldoldstable",
    "oldstable",
    "stable",
    "testing",
    "unstable",
];

/// The archive's keys as Debian installs them: they verify every suite.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Holds a mirror and the keys that verify it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Archive {
    pub(super) uri: String,
    /// A file of keys; with none, apt uses its own trusted keys.
    pub(super) keyring: Option<String>,
}

/// Returns the first Debian archive among apt's sources.
pub(super) fn debian_archive() -> Result<Archive> {
    let found = source_files().into_iter().find_map(|path| {
        let text = fs::read_to_string(&path).ok()?;
        match path.extension()?.to_str()? {
            "sources" => in_stanzas(&text),
            "list" => in_lines(&text),
            _ => None,
        }
    });
    let mut archive = found.ok_or_else(|| {
        Error::unavailable(
            "apt has no Debian archive among its sources, and the lab's kernel comes from there; \
             name another one by LVS_LAB_KERNEL and LVS_LAB_MODULES",
        )
    })?;
    if Path::new(KEYRING).is_file() {
        archive.keyring = Some(KEYRING.to_owned());
    }
    Ok(archive)
}

fn source_files() -> Vec<PathBuf> {
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    files.extend(
        fs::read_dir("/etc/apt/sources.list.d")
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path()),
    );
    files.sort_unstable();
    files
}

/// Reads the one-line format: `deb [signed-by=FILE] URI SUITE COMPONENT …`
fn in_lines(text: &str) -> Option<Archive> {
    text.lines().find_map(|line| {
        let rest = line.trim().strip_prefix("deb ")?.trim_start();
        let (options, rest) = match rest.strip_prefix('[') {
            Some(rest) => rest.split_once(']')?,
            None => ("", rest),
        };
        let mut words = rest.split_whitespace();
        let (uri, suite) = (words.next()?, words.next()?);
        let keyring = options
            .split_whitespace()
            .find_map(|option| option.strip_prefix("signed-by="));
        archive(uri, &[suite], &words.collect::<Vec<_>>(), keyring)
    })
}

/// Reads the deb822 format: stanzas of `Types`, `URIs`, `Suites`, `Components` and `Signed-By`.
fn in_stanzas(text: &str) -> Option<Archive> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    lines
        .split(|line| line.trim().is_empty())
        .find_map(in_stanza)
}

fn in_stanza(lines: &[&str]) -> Option<Archive> {
    let field = |name: &str| {
        lines.iter().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let words = |name| field(name).unwrap_or_default().split_whitespace();
    if !words("Types").any(|kind| kind == "deb") || field("Enabled") == Some("no") {
        return None;
    }
    let suites: Vec<&str> = words("Suites").collect();
    let components: Vec<&str> = words("Components").collect();
    // The field may hold an armored key instead of a file's name.
    let keyring = field("Signed-By").filter(|value| value.starts_with('/'));
    words("URIs").find_map(|uri| archive(uri, &suites, &components, keyring))
}

/// Returns an archive of whole suites, not the security one, nor one for updates or backports alone.
fn archive(uri: &str, suites: &[&str], parts: &[&str], keyring: Option<&str>) -> Option<Archive> {
    let debian = suites.iter().any(|suite| DEBIAN.contains(suite));
    let local_medium = uri.starts_with("cdrom:");
    (debian && parts.contains(&"main") && !local_medium).then(|| Archive {
        uri: uri.to_owned(),
        keyring: keyring.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_one_line_format() {
        let text = "# deb http://old.example/debian bookworm main\n\
            deb-src http://src.example/debian bookworm main\n\
            deb http://other.example/x nodistro main\n\
            deb http://security.example/debian-security bookworm-security main\n\
            deb [arch=amd64 signed-by=/k.gpg]  http://mirror.example/debian trixie main contrib\n";
        let archive = in_lines(text).unwrap();
        assert_eq!(archive.uri, "http://mirror.example/debian");
        assert_eq!(archive.keyring.as_deref(), Some("/k.gpg"));
    }

    #[test]
    fn reads_stanzas() {
        let text = "Types: deb\nURIs: http://security.example/debian-security\nSuites: bookworm-security\nComponents: main\n\n\
            types: deb deb-src\n# a comment\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\n\
            Components: main\nSigned-By: /k.gpg\n";
        let archive = in_stanzas(text).unwrap();
        assert_eq!(archive.uri, "http://mirror.example/debian");
        assert_eq!(archive.keyring.as_deref(), Some("/k.gpg"));
    }

    #[test]
    fn no_debian_is_no_archive() {
        assert_eq!(
            in_lines("deb http://mirror.example/ubuntu noble main\n"),
            None
        );
        assert_eq!(in_stanzas("Types: deb\nEnabled: no\n"), None);
        assert_eq!(in_lines("deb cdrom:[Debian] bookworm main\n"), None);
        assert_eq!(in_stanzas(""), None);
    }
}
