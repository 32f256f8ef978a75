//! The command line of `lvs-lab`.

use std::ffi::OsString;
use std::path::PathBuf;

pub(crate) const USAGE: &str = "\
usage: lvs-lab FILE [--requests N] [--clients N] [-- COMMAND [ARGUMENT …]]

Builds the cluster of a cluster file on a kernel of its own, applies the file to every node, lets a client send
requests to each service and prints which server answered.

  --requests N   how many requests the client sends to each service (default 10)
  --clients N    how many addresses the client uses in turn (default 1)
  -- COMMAND     runs on the director afterwards; `ip netns exec NAME …` reaches the other nodes,
                 and `client` and `router`";

/// Holds the parsed command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) file: PathBuf,
    pub(crate) requests: usize,
    pub(crate) clients: usize,
    /// A program and its arguments.
    pub(crate) command: Option<(OsString, Vec<OsString>)>,
}

impl Options {
    /// Reads the arguments after the program's name.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, String> {
        let mut arguments = arguments.into_iter();
        let (mut file, mut requests, mut clients) = (None, 10, 1);
        let mut command = None;
        while let Some(argument) = arguments.next() {
            match argument.to_str() {
                Some("--requests") => requests = number("--requests", arguments.next())?,
                Some("--clients") => clients = number("--clients", arguments.next())?.max(1),
                Some("--") => {
                    let program = arguments.next().ok_or("no COMMAND after --")?;
                    command = Some((program, arguments.by_ref().collect()));
                }
                Some(option) if option.starts_with('-') => {
                    return Err(format!("unknown option {option}"));
                }
                _ if file.is_none() => file = Some(PathBuf::from(argument)),
                _ => return Err(format!("{} after the FILE", argument.display())),
            }
        }
        Ok(Self {
            file: file.ok_or("no FILE")?,
            requests,
            clients,
            command,
        })
    }
}

fn number(option: &str, value: Option<OsString>) -> Result<usize, String> {
    let value = value.ok_or_else(|| format!("no number after {option}"))?;
    value
        .to_str()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| format!("{option} {}: not a number", value.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn reads_all_options() {
        let options = parse("a.toml --requests 20 --clients 3 -- ip -o link").unwrap();
        let command = Some(("ip".into(), vec!["-o".into(), "link".into()]));
        let expected = Options {
            file: "a.toml".into(),
            requests: 20,
            clients: 3,
            command,
        };
        assert_eq!(options, expected);
        assert_eq!(parse("a.toml").unwrap().requests, 10);
    }

    #[test]
    fn refuses_the_rest_with_a_reason() {
        for (line, reason) in [
            ("", "no FILE"),
            ("a b", "b after the FILE"),
            ("a --requests", "no number after --requests"),
            ("a --clients x", "--clients x: not a number"),
            ("a --nonsense", "unknown option --nonsense"),
            ("a --", "no COMMAND after --"),
        ] {
            assert_eq!(parse(line).unwrap_err(), reason);
        }
    }
}
