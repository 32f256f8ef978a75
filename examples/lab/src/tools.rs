//! Debian's own tools in the guest, for second opinions.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Context, Error, Result};
use crate::guest::{guest_variable, variable};

/// Returns a command of Debian bookworm: `ipvsadm`, `ip`, `tc`, `sysctl`, `strace`, `nft`, `iptables-legacy`.
///
/// They are slow in the guest: starting a program costs some 50 ms there.
///
/// # Errors
/// The tools could not be fetched, or there is none of this name.
pub fn tool(name: &str) -> Result<Command> {
    let tool = Tool::find(name)?;
    let mut command = Command::new(tool.path);
    command.env("LD_LIBRARY_PATH", tool.libraries);
    command.env("XTABLES_LIBDIR", tool.extensions);
    Ok(command)
}

/// Returns a command of Debian's promtool, where [`fetch_prometheus`](crate::fetch_prometheus) has fetched it.
///
/// # Errors
/// It was not fetched.
pub fn promtool() -> Result<Command> {
    Ok(Command::new(
        crate::fetch::prometheus()?.join("usr/bin/promtool"),
    ))
}

/// Returns a shell script that calls a tool with its own arguments.
pub(crate) fn script(name: &str) -> Result<String> {
    let Tool {
        path, libraries, ..
    } = Tool::find(name)?;
    let path = quoted(&path.display().to_string());
    let libraries = quoted(&libraries);
    Ok(format!(
        "#!/bin/sh\nLD_LIBRARY_PATH={libraries} exec {path} \"$@\"\n"
    ))
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

struct Tool {
    path: PathBuf,
    libraries: String,
    /// Where iptables finds its matches.
    extensions: PathBuf,
}

impl Tool {
    fn find(name: &str) -> Result<Self> {
        let root = root()?;
        let path = ["usr/sbin", "sbin", "usr/bin", "bin"]
            .iter()
            .map(|directory| root.join(directory).join(name))
            .find(|path| path.is_file())
            .ok_or_else(|| Error::failed(format!("{name} is not among Debian's tools")))?;
        Ok(Self {
            path,
            libraries: libraries(&root),
            extensions: root.join("usr/lib/x86_64-linux-gnu/xtables"),
        })
    }
}

/// Returns the directory of the tools.
pub(crate) fn root() -> Result<PathBuf> {
    guest_variable(variable::TOOLS)
        .map(PathBuf::from)
        .map_err(|_| {
            Error::unavailable(match guest_variable(variable::NO_TOOLS) {
                Ok(reason) => reason.to_string_lossy().into_owned(),
                Err(_) => "Debian's tools are available in a guest only".to_owned(),
            })
        })
}

fn libraries(root: &Path) -> String {
    let both = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"];
    both.map(|directory| root.join(directory).display().to_string())
        .join(":")
}

/// Runs a tool and returns its standard output: `run_tool("ipvsadm", &["-Ln"])`.
///
/// # Errors
/// It could not be started, or it failed: then the error has its standard error.
pub fn run_tool(name: &str, arguments: &[&str]) -> Result<String> {
    let line = format!("{name} {}", arguments.join(" "));
    let output = tool(name)?
        .args(arguments)
        .output()
        .context(format_args!("run {line}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(Error::failed(format!(
            "{line}: {}, {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_the_shell() {
        assert_eq!(quoted("/a b"), "'/a b'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
