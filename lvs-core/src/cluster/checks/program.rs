//! Programs and files on the director.

use super::text::{checked_text, refused};
use crate::error::InvalidValue;

checked_text! {
    /// Holds an absolute path of at most 1,024 bytes.
    FilePath, "file", |text| {
        if !text.starts_with('/') {
            Some("is not an absolute path")
        } else if text.len() > 1024 || text.contains('\0') {
            Some("is longer than 1024 bytes, or has a NUL")
        } else {
            None
        }
    }
}

checked_text! {
    /// Holds an argument of a program: at most 4,096 bytes without NUL.
    Argument, "argument", |text| (text.len() > 4096 || text.contains('\0'))
        .then_some("is longer than 4096 bytes, or has a NUL")
}

checked_text! {
    /// Holds the name of a user of the director: 1 to 32 letters, digits, dots, hyphens and underscores.
    UserName, "user", |text| {
        let is_named = (1..=32).contains(&text.len())
            && !text.starts_with('-')
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        (!is_named).then_some("is not 1 to 32 letters, digits, dots, hyphens and underscores")
    }
}

/// Describes a program that runs on the director, without a shell and in a process group of its own.
///
/// Its environment is `PATH`, `LVS_CLUSTER`, `LVS_SERVICE`, `LVS_REAL_SERVER`, `LVS_ADDRESS`, `LVS_PORT`,
/// and with the route by the service `LVS_MARK` and `LVS_SOURCE`. Exit status 0 is healthy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProgramCheck {
    /// The program's absolute path.
    pub program: FilePath,
    /// Its arguments.
    pub arguments: Vec<Argument>,
    /// The user that it runs as; unless given that of the caller.
    pub user: Option<UserName>,
    /// Whether an exit status from 2 to 102 is healthy with a share of the weight, status − 2 percent; 0 is healthy with
    /// all of it, and 1 and every other is a failure. Off unless given, for to monitoring plugins 2 is "critical".
    pub share_by_status: bool,
}

impl ProgramCheck {
    /// The most arguments.
    pub const MAX_ARGUMENTS: usize = 64;

    /// Describes a program by its command line.
    ///
    /// # Errors
    /// An empty command line, a program that is not an absolute path, or too many or too long arguments.
    pub fn new<S: Into<String>>(
        command: impl IntoIterator<Item = S>,
    ) -> Result<Self, InvalidValue> {
        let mut command = command.into_iter();
        let program = command
            .next()
            .ok_or_else(|| refused("command", "[]", "is empty"))?;
        let arguments = command.map(Argument::new).collect::<Result<Vec<_>, _>>()?;
        if arguments.len() > Self::MAX_ARGUMENTS {
            let count = arguments.len().to_string();
            return Err(refused("command", count, "has more than 64 arguments"));
        }
        Ok(Self {
            program: FilePath::new(program)?,
            arguments,
            user: None,
            share_by_status: false,
        })
    }
}

/// Describes a regular file on the director whose presence is healthy.
///
/// `{server}` and `{address}` in its path stand for the real server's name and the destination's address; without them
/// one file governs all destinations of the service. An empty file is healthy, and so is one whose first line is a number
/// from 0 to 100, the share of the weight in percent; any other content is malformed, which is a failure.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileCheck {
    /// The absolute path.
    pub file: FilePath,
}
