//! What a reboot must not forget: drains, and the role that was last applied.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::directory::Directory;
use super::place::Place;
use super::{Record, StateDir};
use crate::cluster::drain::{Drain, Draining};
use crate::cluster::{ClusterName, NodeName, Role};

/// The longest file that is read.
const MAX_LENGTH: u64 = 16 << 20;

/// The part of a record that outlives the kernel which the record describes.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lasting {
    schema: Schema,
    place: Place,
    cluster: ClusterName,
    node: NodeName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role: Option<Role>,
    drains: BTreeMap<Drain, Draining>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Schema {
    #[serde(rename = "lvsctl.lasting/1")]
    V1,
}

/// Returns the directory that a reboot does not empty, of a state directory.
pub(super) fn directory(state: &Path) -> PathBuf {
    match state == Path::new(StateDir::DEFAULT) {
        true => PathBuf::from(StateDir::LASTING),
        false => state.join("lasting"),
    }
}

/// Reads it as a record; `None` if there is none.
pub(super) fn read(state: &Path, name: &str, here: &Place) -> io::Result<Option<Record>> {
    let Some(directory) = Directory::open(&directory(state))? else {
        return Ok(None);
    };
    let Some(bytes) = directory.read(name, MAX_LENGTH)? else {
        return Ok(None);
    };
    let lasting: Lasting = serde_json::from_slice(&bytes)?;
    let record = Record {
        drains: lasting.drains,
        role: lasting.role,
        ..Record::new(lasting.cluster, lasting.node)
    };
    // Beside it the record of this boot may have been deleted.
    let is_of_this_host = lasting.place.is_of_another_boot(here) || lasting.place.is(here);
    Ok(Some(record.elsewhere(is_of_this_host)))
}

/// Writes it where it has changed.
pub(super) fn write(state: &Path, name: &str, record: &Record, place: &Place) -> io::Result<()> {
    if record.role.is_none() && record.drains.is_empty() {
        return delete(state, name);
    }
    let text = serde_json::to_string_pretty(&Lasting {
        schema: Schema::V1,
        place: place.clone(),
        cluster: record.cluster.clone(),
        node: record.node.clone(),
        role: record.role,
        drains: record.drains.clone(),
    })?;
    let directory = Directory::create(&directory(state))?;
    let is_same = |found: Option<Vec<u8>>| found.is_some_and(|found| found == text.as_bytes());
    match directory.read(name, MAX_LENGTH).is_ok_and(is_same) {
        true => Ok(()),
        false => directory.replace(name, text.as_bytes()),
    }
}

/// Deletes it; one that does not exist is deleted already.
pub(super) fn delete(state: &Path, name: &str) -> io::Result<()> {
    let Some(directory) = Directory::open(&directory(state))? else {
        return Ok(());
    };
    match directory.file(name, nix::fcntl::OFlag::O_RDONLY) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        _ => directory.delete(name),
    }
}
