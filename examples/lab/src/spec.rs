//! The program call that a guest repeats: the arguments, environment and directory of the program that booted
//! it.
//!
//! A kernel command line holds 2 KiB and 32 variables; so the call is passed in a file of NUL-separated
//! records.

use std::env;
use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use crate::error::{Context, Error, Result};

/// Describes a program call for `execve`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spec {
    pub(crate) directory: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    /// The variables, as `NAME=value`.
    pub(crate) environment: Vec<OsString>,
}

impl Spec {
    /// Returns the call of the running program itself.
    pub(crate) fn of_this_process() -> Result<Self> {
        Ok(Self {
            directory: env::current_dir().context("find the current directory")?,
            arguments: env::args_os().collect(),
            environment: env::vars_os().map(|(k, v)| variable(&k, &v)).collect(),
        })
    }

    /// Sets a variable and removes its former value.
    pub(crate) fn set(&mut self, name: &str, value: impl AsRef<OsStr>) {
        let prefix = format!("{name}=");
        self.environment
            .retain(|entry| !entry.as_bytes().starts_with(prefix.as_bytes()));
        self.environment
            .push(variable(OsStr::new(name), value.as_ref()));
    }

    /// Returns the value of a variable.
    pub(crate) fn variable(&self, name: &str) -> Option<OsString> {
        self.environment.iter().find_map(|entry| {
            let value = entry.as_bytes().strip_prefix(name.as_bytes())?;
            Some(OsString::from_vec(value.strip_prefix(b"=")?.to_vec()))
        })
    }

    /// Returns the records: `<letter>=<bytes>`, each with a NUL at its end: `C` directory, `A` argument, `E`
    /// variable.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut record = |letter: u8, value: &OsStr| {
            bytes.extend_from_slice(&[letter, b'=']);
            bytes.extend_from_slice(value.as_bytes());
            bytes.push(0);
        };
        record(b'C', self.directory.as_os_str());
        self.arguments.iter().for_each(|value| record(b'A', value));
        self.environment
            .iter()
            .for_each(|value| record(b'E', value));
        bytes
    }

    /// Reads the records; those with other letters are skipped.
    pub(crate) fn decode(bytes: &[u8]) -> Self {
        let mut spec = Self::default();
        for record in bytes.split(|byte| *byte == 0) {
            let Some((b'=', value)) = record.get(1..).and_then(<[u8]>::split_first) else {
                continue;
            };
            let value = OsString::from_vec(value.to_vec());
            match record.first() {
                Some(b'C') => spec.directory = value.into(),
                Some(b'A') => spec.arguments.push(value),
                Some(b'E') => spec.environment.push(value),
                _ => {}
            }
        }
        spec
    }

    /// Returns the argument and environment vectors for `execve`.
    pub(crate) fn vectors(&self) -> Result<(Vec<CString>, Vec<CString>)> {
        Ok((strings(&self.arguments)?, strings(&self.environment)?))
    }
}

fn variable(name: &OsStr, value: &OsStr) -> OsString {
    let mut entry = name.to_os_string();
    entry.push("=");
    entry.push(value);
    entry
}

fn strings(values: &[OsString]) -> Result<Vec<CString>> {
    values
        .iter()
        .map(|value| CString::new(value.as_bytes()).map_err(|e| Error::failed(e.to_string())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_but_nul_is_kept() {
        let odd = OsString::from_vec((1..=255).collect());
        let mut spec = Spec {
            directory: "/a b/c=d".into(),
            arguments: vec!["".into(), odd.clone(), "x\ny".into()],
            environment: vec!["A=1".into(), "AB=2".into()],
        };
        spec.set("A", &odd);
        assert_eq!(spec.environment.first(), Some(&OsString::from("AB=2")));
        assert_eq!(spec.variable("A"), Some(odd));
        assert_eq!(Spec::decode(&spec.encode()), spec);
    }

    #[test]
    fn garbage_decodes_to_an_empty_call() {
        for bytes in [&b""[..], b"\0\0", b"A", b"A=", b"Z=1\0", b"=\0", b"AA=\0"] {
            let spec = Spec::decode(bytes);
            assert!(spec.arguments.iter().all(|argument| argument.is_empty()));
        }
    }
}
