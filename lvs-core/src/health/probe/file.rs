//! A file on the director is present, and perhaps asks for a share of the weight.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;

use nix::fcntl::OFlag;

use super::Target;
use super::program::first_line;
use crate::health::{Failure, FileCheck, Healthy, Outcome, Percent};

/// As much of a file is read.
const READ: u64 = 256;

pub(super) fn probe(check: &FileCheck, target: &Target) -> Outcome {
    let subject = &target.subject;
    let path = check
        .file
        .as_str()
        .replace("{server}", subject.server.as_str())
        .replace("{address}", &subject.destination.address.to_string());
    let not_read = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Failure::Absent(path.clone()),
        _ => Failure::NotProbed(format!("read {path}: {error}")),
    };
    // A device may do something when it is opened; without O_NONBLOCK a FIFO in the file's place would block for ever.
    if !std::fs::metadata(&path).map_err(not_read)?.is_file() {
        return Err(Failure::NotRegular(path));
    }
    let mut begin = Vec::new();
    OpenOptions::new()
        .read(true)
        .custom_flags(OFlag::O_NONBLOCK.bits())
        .open(&path)
        .and_then(|file| file.take(READ).read_to_end(&mut begin))
        .map_err(not_read)?;
    judge(&begin)
}

/// Judges the beginning of a file that is present.
pub(super) fn judge(begin: &[u8]) -> Outcome {
    if begin.trim_ascii().is_empty() {
        return Ok(Healthy::default());
    }
    let line = first_line(begin);
    let number = line.trim().trim_end_matches('%').trim_end();
    number
        .parse::<u8>()
        .ok()
        .and_then(|number| Percent::new(number).ok())
        .map(Healthy::with_share)
        .ok_or_else(|| Failure::Malformed(format!("{line:?} is not a share from 0 to 100")))
}
