//! Debian's own tools in the guest, for second opinions.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Context, Error, Result};
use crate::guest::{guest_variable, variable};

/// A command of Debian bookworm: `ipvsadm`, `ip`, `sysctl`.
///
/// They are dear in the guest: starting a program costs some 50 ms there.
///
/// # Errors
/// The tools could not be fetched, or this is not among them.
pub fn tool(name: &str) -> Result<Command> {
    let Ok(root) = guest_variable(variable::TOOLS).map(PathBuf::from) else {
        return Err(Error::unavailable(
            match guest_variable(variable::NO_TOOLS) {
                Ok(reason) => reason.to_string_lossy().into_owned(),
                Err(_) => "Debian's tools are only there in a guest".to_owned(),
            },
        ));
    };
    let path = ["usr/sbin", "sbin", "usr/bin", "bin"]
        .iter()
        .map(|directory| root.join(directory).join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| Error::failed(format!("{name} is not among Debian's tools")))?;
    let mut command = Command::new(path);
    command.env("LD_LIBRARY_PATH", libraries(&root));
    Ok(command)
}

fn libraries(root: &Path) -> String {
    let both = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"];
    both.map(|directory| root.join(directory).display().to_string())
        .join(":")
}

/// Runs a tool and returns what it printed: `run_tool("ipvsadm", &["-Ln"])`.
///
/// # Errors
/// It could not be started, or failed: then what it complained of.
pub fn run_tool(name: &str, arguments: &[&str]) -> Result<String> {
    let line = format!("{name} {}", arguments.join(" "));
    let output = tool(name)?.args(arguments).output();
    let output = output.context(format_args!("run {line}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(Error::failed(format!(
            "{line}: {}, {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        ))),
    }
}
