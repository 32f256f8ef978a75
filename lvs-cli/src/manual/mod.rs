//! `lvsctl manual`: man pages and completions, for packages and for a program that cargo installed.

mod file;
mod import;
mod overview;
mod page;

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use clap::{Args, Command};
use clap_complete::{Shell, generate};

use crate::arguments::Arguments;
use crate::exit::{Exit, Problem};

const FILES: &str = "\
man8/lvsctl.8 and a page for each verb, man5/lvsctl.toml.5,
completions/lvsctl.bash, completions/_lvsctl (zsh), completions/lvsctl.fish";

#[derive(Debug, Args)]
#[command(after_help = FILES)]
pub(crate) struct ManualArguments {
    /// The directory to write to; it is made if absent
    #[arg(value_name = "DIR")]
    directory: OsString,
}

pub(crate) fn run(arguments: &ManualArguments) -> Result<Exit, Problem> {
    let directory = Path::new(&arguments.directory);
    for (name, contents) in files() {
        let path = directory.join(name);
        let parent = path.parent().unwrap_or(directory);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, contents))
            .map_err(|error| Problem::failed(format!("{}: {error}", path.display())))?;
    }
    Ok(Exit::Done)
}

/// Returns every file with its path below the directory.
fn files() -> Vec<(String, Vec<u8>)> {
    let mut command = Arguments::with_statuses().disable_help_subcommand(true);
    command.build();
    let mut files = vec![("man5/lvsctl.toml.5".to_owned(), file::page().into_bytes())];
    add_pages(&command, &mut files);
    for (name, shell, names) in COMPLETIONS {
        let script = script(shell, names).into_bytes();
        files.push((format!("completions/{name}"), script));
    }
    files
}

/// Each shell's script, and what lets it complete names, for which it asks the program.
const COMPLETIONS: [(&str, Shell, &str); 3] = [
    ("lvsctl.bash", Shell::Bash, include_str!("names.bash")),
    ("_lvsctl", Shell::Zsh, include_str!("names.zsh")),
    ("lvsctl.fish", Shell::Fish, include_str!("names.fish")),
];

/// Returns the script of a shell.
fn script(shell: Shell, names: &str) -> String {
    let mut script = Vec::new();
    generate(
        shell,
        &mut Arguments::with_statuses(),
        "lvsctl",
        &mut script,
    );
    let mut script = String::from_utf8_lossy(&script).into_owned();
    // The script of zsh ends with a call of the function that must ask first.
    let end = script.rfind("\nif [ \"$funcstack").unwrap_or(script.len());
    script.insert_str(end, names);
    script
}

/// Adds the page of a command, and those of its subcommands.
fn add_pages(command: &Command, files: &mut Vec<(String, Vec<u8>)>) {
    let name = command
        .get_display_name()
        .unwrap_or_else(|| command.get_name());
    let page = page::of(command).into_bytes();
    files.push((format!("man8/{name}.8"), page));
    for verb in command.get_subcommands() {
        add_pages(verb, files);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls back for a command and everything below it.
    fn each(command: &Command, seen: &mut impl FnMut(&Command)) {
        seen(command);
        command.get_subcommands().for_each(|verb| each(verb, seen));
    }

    #[test]
    fn every_verb_and_option_has_its_text() {
        let mut missing = Vec::new();
        each(&Arguments::with_statuses(), &mut |command| {
            let name = command.get_name();
            if command.get_about().is_none() {
                missing.push(name.to_owned());
            }
            let options = command.get_arguments();
            let silent = options.filter(|option| option.get_help().is_none());
            missing.extend(silent.map(|option| format!("{name} {}", option.get_id())));
        });
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn every_verb_has_its_exit_statuses() {
        let mut missing = Vec::new();
        each(&Arguments::with_statuses(), &mut |command| {
            let long = command.get_after_long_help();
            let help = long.or_else(|| command.get_after_help());
            let has_them = help.is_some_and(|help| help.to_string().contains("Exit status:\n  0"));
            if !command.has_subcommands() && !has_them {
                missing.push(command.get_name().to_owned());
            }
        });
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn every_verb_has_a_page() {
        let files = files();
        let text = |name: &str| {
            let found = files.iter().find(|(file, _)| file == name);
            let (_, contents) = found.unwrap_or_else(|| panic!("{name}"));
            String::from_utf8(contents.clone()).unwrap()
        };
        assert!(text("man8/lvsctl.8").contains("lvsctl\\-service(8)"));
        assert!(text("man8/lvsctl.8").starts_with(".TH lvsctl 8 \"\" \"lvsctl "));
        assert!(text("man8/lvsctl-apply.8").contains("\\-\\-take\\-over"));
        assert!(text("man8/lvsctl-service-add.8").contains("\n.SH NOTES"));
        assert!(text("man8/lvsctl-plan.8").contains(".SH \"EXIT STATUS\""));
        assert!(text("man5/lvsctl.toml.5").contains("below\\-minimum"));
        let import = text("man8/lvsctl-import.8");
        for part in [
            ".SH EXAMPLES",
            ".SS ldirectord.cf",
            ".SH KEEPALIVED",
            "minimum = 0",
        ] {
            assert!(import.contains(part), "{part}");
        }
        for shell in ["lvsctl.bash", "_lvsctl", "lvsctl.fish"] {
            assert!(text(&format!("completions/{shell}")).contains("undrain"));
        }
    }
}
