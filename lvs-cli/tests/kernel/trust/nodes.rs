//! The nodes of a lab, each with lvsctl and a state directory of its own.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use lvs_core::Host;
use lvs_lab::Lab;

/// Runs lvsctl on one node of a lab.
pub(crate) struct Node<'a> {
    lab: &'a Lab,
    pub(crate) name: String,
    file: String,
    pub(crate) state: String,
}

impl<'a> Node<'a> {
    pub(crate) fn new(lab: &'a Lab, name: &str, file: &Path) -> Self {
        Self {
            lab,
            name: name.to_owned(),
            file: file.to_str().unwrap().to_owned(),
            state: format!("/run/state-{name}"),
        }
    }

    pub(crate) fn file(&self) -> [&str; 1] {
        [&self.file]
    }

    /// Runs a verb on the file, with this node's state directory.
    pub(crate) fn run(&self, verb: &str, options: &[&str]) -> Output {
        let state = ["--state", &self.state];
        self.start(&[&[verb], &self.file()[..], options, &state[..]].concat())
    }

    /// Types a line in this node's namespace.
    pub(crate) fn shell(&self, line: &str) -> Output {
        self.spawn(line).wait_with_output().unwrap()
    }

    pub(crate) fn spawn(&self, line: &str) -> Child {
        let directory = Path::new(env!("CARGO_BIN_EXE_lvsctl")).parent().unwrap();
        let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", directory.display());
        let start = |_: &mut Host| {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", line]).env("PATH", &path);
            let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
            piped.spawn().unwrap()
        };
        self.lab.node(&self.name).unwrap().run(start).unwrap()
    }

    /// Runs lvsctl in this node's namespace: a program inherits that of the thread that starts it.
    pub(crate) fn start(&self, words: &[&str]) -> Output {
        let start = |_: &mut Host| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_lvsctl"));
            command.args(words).output().unwrap()
        };
        self.lab.node(&self.name).unwrap().run(start).unwrap()
    }
}

/// Expects an answer of every real server to the client of `tcp 172.16.5.11:80`.
#[track_caller]
pub(crate) fn served(lab: &Lab) {
    let service = "tcp 172.16.5.11:80".parse().unwrap();
    let answers = lab.ask(&service, 10).unwrap();
    assert_eq!(answers.shares().len(), 2, "{answers}");
}
