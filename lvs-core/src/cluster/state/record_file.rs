//! Records as files. A record is written whole or not at all.

#[cfg(test)]
mod tests;

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::directory::Directory;
use super::lasting;
use super::place::Place;
use crate::cluster::{ClusterName, NodeName, Record, Role};
use crate::error::{Error, Operation, Result};

/// A record with the kernel and network namespace that it describes.
#[derive(Serialize, Deserialize)]
struct Placed<T> {
    place: Place,
    record: T,
}

/// The longest record that is written and read: of some 600,000 destinations, each of which takes up to 900 bytes.
const MAX_LENGTH: u64 = 512 << 20;
/// How much of a record is written at a time.
const WRITE: usize = 64 << 10;

/// Is the file of one record, whether there is one or not: `web@director.json` in a state directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RecordFile {
    directory: PathBuf,
    name: String,
}

impl RecordFile {
    /// No name of a cluster or a node has an `@`, so no two records share a file.
    pub(super) fn of(directory: &Path, cluster: &ClusterName, node: &NodeName) -> Self {
        Self {
            directory: directory.to_owned(),
            name: format!("{cluster}@{node}.json"),
        }
    }

    /// Lists the records of a directory, those that outlived a reboot included; a directory that does not exist has
    /// none.
    pub(super) fn all(directory: &Path) -> Result<Vec<Self>> {
        let mut files = Vec::new();
        for listed in [directory, &lasting::directory(directory)] {
            let failed = |source| failed("list", listed, source);
            let entries = match fs::read_dir(listed) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                entries => entries.map_err(failed)?,
            };
            for entry in entries {
                let name = entry.map_err(failed)?.file_name();
                let name = name.to_str().and_then(first);
                files.extend(name.map(|name| Self {
                    directory: directory.to_owned(),
                    name,
                }));
            }
        }
        files.sort();
        files.dedup();
        Ok(files)
    }

    pub(super) fn path(&self) -> PathBuf {
        self.directory.join(&self.name)
    }

    /// Reads the record; `None` if there is no file. Of a record of another kernel or network namespace only the
    /// drains count.
    pub(super) fn read(&self) -> Result<Option<Record>> {
        let mut record = self.read_written()?;
        if let Some(record) = &mut record
            && record.role == Some(Role::Active)
            && self.is_marked_standby()
        {
            record.role = Some(Role::Standby);
        }
        Ok(record)
    }

    fn read_written(&self) -> Result<Option<Record>> {
        let files = Files::of(self)?;
        let operation = || Operation::new("read record", self.path().display());
        let unread = |source| Error::io(operation(), source).with_hint(WITHOUT);
        let read = || match Directory::open(&self.directory)? {
            Some(directory) => files.read(&directory),
            None => Ok(None),
        };
        let Some(bytes) = read().map_err(unread)? else {
            return lasting::read(&self.directory, &self.name, &files.here).map_err(unread);
        };
        let mut placed: Placed<Record> = serde_json::from_slice(&bytes)
            .map_err(|error| Error::invalid(operation(), error.to_string()).with_hint(WITHOUT))?;
        // A record that has just moved is of its new name, although its text has still the old one.
        if let Some((cluster, node)) = self.names() {
            (placed.record.cluster, placed.record.node) = (cluster, node);
        }
        if placed.place.is(&files.here) {
            return Ok(Some(placed.record));
        }
        let is_of_another_boot = placed.place.is_of_another_boot(&files.here);
        Ok(Some(placed.record.elsewhere(is_of_another_boot)))
    }

    /// Returns the names of which the file's name is made.
    fn names(&self) -> Option<(ClusterName, NodeName)> {
        let (cluster, node) = self.name.strip_suffix(".json")?.split_once('@')?;
        Some((ClusterName::new(cluster).ok()?, NodeName::new(node).ok()?))
    }

    /// Writes the record so that after a crash at any instant either the old or the new one exists, whole.
    pub(super) fn write(&self, record: &Record) -> Result<()> {
        let files = Files::of(self)?;
        let own = || files.own(&self.existing()?).map(str::to_owned);
        let own = own().map_err(|source| self.unwritten(source))?;
        lasting::write(&self.directory, &own, record, &files.here).map_err(|source| {
            let directory = lasting::directory(&self.directory);
            failed("write what outlives a reboot in", &directory, source).with_hint(
                "drains and the role are kept there: make room, or name another directory (--state)",
            )
        })?;
        let placed = Placed {
            place: files.here,
            record,
        };
        let write = || placed.write(&self.existing()?, &own);
        write().map_err(|source| self.unwritten(source))?;
        if record.role != Some(Role::Active) {
            self.unmark_standby();
        }
        Ok(())
    }

    fn unwritten(&self, source: io::Error) -> Error {
        self.failed("write record", source).with_hint(
            "the record of the original configuration is kept there: make room, or name another directory (--state)",
        )
    }

    /// Moves the record to another name, whole or not at all.
    pub(super) fn rename(&self, to: &Self) -> Result<()> {
        let (old, new) = (Files::of(self)?, Files::of(to)?);
        let rename = || {
            let directory = self.existing()?;
            let old = old.own(&directory)?;
            let new = new.own(&directory)?;
            directory.rename(old, new)?;
            // It exists seldom.
            let _ = directory.rename(&standby(old), &standby(new));
            lasting::delete(&self.directory, old)
        };
        rename().map_err(|source| self.failed("move record", source))
    }

    /// Returns whether this namespace has the record.
    pub(super) fn exists(&self) -> Result<bool> {
        let files = Files::of(self)?;
        let exists = || match Directory::open(&self.directory)? {
            Some(directory) => Ok(directory.exists(files.own(&directory)?)),
            None => Ok(false),
        };
        exists().map_err(|source| self.failed("find record", source))
    }

    /// Deletes the record; one that does not exist is deleted already.
    pub(super) fn delete(&self) -> Result<()> {
        let files = Files::of(self)?;
        let delete = || {
            let Some(directory) = Directory::open(&self.directory)? else {
                return lasting::delete(&self.directory, &self.name);
            };
            let own = files.own(&directory)?;
            directory.delete(own)?;
            directory.delete(&standby(own))?;
            lasting::delete(&self.directory, own)
        };
        delete().map_err(|source| self.failed("delete record", source))
    }

    /// Makes a director standby, also where its record says otherwise, until that is written with a role: an empty file
    /// is made on a full disk, too, and without the lock.
    pub(super) fn mark_standby(&self) -> Result<()> {
        let files = Files::of(self)?;
        let mark = || {
            let directory = self.existing()?;
            let name = standby(files.own(&directory)?);
            directory.open_or_create(&name).map(drop)
        };
        mark().map_err(|source| self.failed("mark as standby", source))
    }

    /// Lets the record decide again.
    pub(super) fn unmark_standby(&self) {
        if let Ok(files) = Files::of(self)
            && let Ok(directory) = self.existing()
            && let Ok(own) = files.own(&directory)
        {
            // One that stays is safe: a standby is made active by its role.
            let _ = directory.delete(&standby(own));
        }
    }

    /// Returns whether a director is standby, also where its record says otherwise.
    pub(super) fn is_marked_standby(&self) -> bool {
        let is_marked = || {
            let files = Files::of(self).ok()?;
            let directory = self.existing().ok()?;
            Some(directory.exists(&standby(files.own(&directory).ok()?)))
        };
        is_marked() == Some(true)
    }

    fn existing(&self) -> io::Result<Directory> {
        Directory::open(&self.directory)?.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn failed(&self, verb: &'static str, source: io::Error) -> Error {
        failed(verb, &self.path(), source)
    }
}

const WITHOUT: &str = "correct the file, or delete it. Without it `apply` takes the \
     present configuration for the original one, and `remove` deletes only what cannot be unmanaged";

/// The files that may have one record. The second one is that of a namespace which shares the state directory
/// with another that has the same node.
struct Files<'a> {
    first: &'a str,
    second: String,
    here: Place,
}

impl<'a> Files<'a> {
    fn of(file: &'a RecordFile) -> Result<Self> {
        let here = Place::here()?;
        let first = file.name.as_str();
        let stem = first.strip_suffix(".json").unwrap_or(first);
        Ok(Self {
            second: format!("{stem}@{}.json", here.suffix()),
            first,
            here,
        })
    }

    /// Returns the file that this namespace writes: never one with what another has applied.
    fn own(&self, directory: &Directory) -> io::Result<&str> {
        let is_taken = directory.exists(&self.second)
            || directory
                .read(self.first, MAX_LENGTH)?
                .and_then(|bytes| serde_json::from_slice::<Placed<Applied>>(&bytes).ok())
                .is_some_and(|other| {
                    let place = &other.place;
                    other.record.applied
                        && !place.is_of_another_boot(&self.here)
                        && !place.is(&self.here)
                });
        Ok(match is_taken {
            true => &self.second,
            false => self.first,
        })
    }

    fn read(&self, directory: &Directory) -> io::Result<Option<Vec<u8>>> {
        match directory.read(&self.second, MAX_LENGTH)? {
            None => directory.read(self.first, MAX_LENGTH),
            own => Ok(own),
        }
    }
}

/// What a record says of whether its file may be written by another namespace.
#[derive(Deserialize)]
struct Applied {
    applied: bool,
}

impl Placed<&Record> {
    fn write(&self, directory: &Directory, name: &str) -> io::Result<()> {
        directory.replace_by(name, |file| {
            let mut out = BufWriter::with_capacity(WRITE, &mut *file);
            serde_json::to_writer_pretty(&mut out, self)?;
            out.flush()?;
            drop(out);
            match file.metadata()?.len() {
                // It could not be read again.
                length if length > MAX_LENGTH => Err(io::ErrorKind::FileTooLarge.into()),
                _ => Ok(()),
            }
        })
    }
}

/// Returns the name of a record's first file.
fn first(name: &str) -> Option<String> {
    let (cluster, rest) = name.strip_suffix(".json")?.split_once('@')?;
    let node = rest.split_once('@').map_or(rest, |(node, _)| node);
    Some(format!("{cluster}@{node}.json"))
}

/// Returns the name of the file that makes a director standby, also where its record says otherwise.
fn standby(record: &str) -> String {
    let stem = record.strip_suffix(".json").unwrap_or(record);
    format!("{stem}.standby")
}

fn failed(verb: &'static str, path: &Path, source: io::Error) -> Error {
    Error::io(Operation::new(verb, path.display()), source)
}
