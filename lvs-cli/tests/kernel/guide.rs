//! The guide of lvs-core is true: what its console blocks show is typed in the lab, and printed there.
//!
//! `NODE# COMMAND` runs on that node, whose host name it has; the lines below it are in the output in this order, `…`
//! standing for anything. `client#` sends a request. A file of a page is a block whose first line is `# NAME.toml`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use lvs_core::Cluster;
use lvs_lab::Lab;
use nix::mount::{MsFlags, mount};

lvs_lab::tests! {
    #[long]
    nat,
    dr,
    tunnel,
    maintenance,
    two_directors,
    several_directors,
    health,
    migrating,
    troubleshooting,
}

const GUIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../lvs-core/src/guide");

/// The working directory, in the guest.
const HERE: &str = "/run/guide";

fn nat() {
    page("nat");
}

fn dr() {
    page("dr");
}

fn tunnel() {
    page("tunnel");
}

fn maintenance() {
    page("maintenance");
}

fn two_directors() {
    page("two_directors");
}

fn several_directors() {
    lvs_lab::load_module("dummy").unwrap();
    page("several_directors");
}

fn health() {
    page("health");
}

fn migrating() {
    page("migrating");
}

fn troubleshooting() {
    page("troubleshooting");
}

/// Types a page, and compares what it shows.
fn page(name: &str) {
    let text = fs::read_to_string(Path::new(GUIDE).join(name).with_extension("md")).unwrap();
    fs::create_dir_all(HERE).unwrap();
    // What outlives a reboot needs a place that can be written.
    let none = None::<&str>;
    mount(none, "/var/lib", Some("tmpfs"), MsFlags::empty(), none).unwrap();
    let mut lab = None;
    let (mut seen, mut wrong) = (String::new(), Vec::new());
    for (kind, block) in blocks(&text) {
        if kind == "console" {
            let terminal: &mut Terminal = lab.as_mut().unwrap();
            for (prompt, expected) in entries(block) {
                let output = terminal.type_in(prompt);
                let _ = write!(seen, "{prompt}\n{output}");
                if !shows(&output, expected) {
                    wrong.push(prompt);
                }
            }
        } else if let Some(file) = block
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("# "))
        {
            fs::write(Path::new(HERE).join(file), block).unwrap();
            // The network is that of the first file, unless a page has one for it.
            if file == "lab.toml"
                || file.ends_with(".toml") && !text.contains("\n# lab.toml\n") && lab.is_none()
            {
                lab = Some(Terminal::new(block));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{name}: {wrong:?} printed something else:\n{seen}"
    );
}

struct Terminal {
    lab: Lab,
    cluster: Cluster,
    requests: usize,
    tools: BTreeMap<&'static str, String>,
}

impl Terminal {
    fn new(file: &str) -> Self {
        let cluster = Cluster::from_toml(file).unwrap();
        let lab = Lab::new(&cluster, 1).unwrap();
        Self {
            lab,
            cluster,
            requests: 0,
            tools: ["ip", "ipvsadm", "sysctl"].map(function).into(),
        }
    }

    fn type_in(&mut self, prompt: &str) -> String {
        let (node, line) = prompt.split_once("# ").unwrap();
        match node {
            "client" => self.request(),
            _ => self.run(node, line),
        }
    }

    fn request(&mut self) -> String {
        let service = &self.cluster.services()[0].service.id;
        self.requests += 1;
        let answer = self.lab.request(service, self.requests);
        answer.unwrap_or_else(|error| error.to_string()) + "\n"
    }

    fn run(&self, node: &str, line: &str) -> String {
        let program = Path::new(env!("CARGO_BIN_EXE_lvsctl"));
        let tools: String = self.tools.values().map(String::as_str).collect();
        // A host has its own records: each node sees its own directory as /run/lvsctl and /var/lib/lvsctl.
        let directories: String = ["/run", "/var/lib"]
            .map(|base| {
                let (own, usual) = (format!("{base}/{node}"), format!("{base}/lvsctl"));
                format!("mkdir -p {own} {usual} && mount --bind {own} {usual}\n")
            })
            .concat();
        let script = format!(
            "exec 2>&1\nPATH=\"$PATH:{}\"\nhostname {node}\n{directories}{tools}{line}",
            program.parent().unwrap().display(),
        );
        let run = |_: &mut lvs_core::Host| {
            Command::new("unshare")
                .args(["--uts", "--mount", "sh", "-c", &script])
                .current_dir(HERE)
                .stdin(Stdio::null())
                .output()
                .unwrap()
        };
        let mut machines = self.lab.network().machines();
        let (_, netns) = machines.find(|(name, _)| *name == node).unwrap();
        let output = netns.run(run).unwrap();
        let mut text = String::from_utf8(output.stdout).unwrap();
        match output.status.code() {
            Some(0) => {}
            code => text.push_str(&format!("exit status {}\n", code.unwrap())),
        }
        text
    }
}

/// Returns a shell function that calls a tool of the lab, with the libraries that it needs.
fn function(name: &'static str) -> (&'static str, String) {
    let tool = lvs_lab::tool(name).unwrap();
    let libraries = tool.get_envs().filter_map(|(_, value)| value).next();
    let function = format!(
        "{name}() {{ LD_LIBRARY_PATH='{}' '{}' \"$@\"; }}\n",
        libraries.unwrap().display(),
        tool.get_program().display(),
    );
    (name, function)
}

/// Returns the blocks of a page, each with its language.
fn blocks(text: &str) -> Vec<(&str, &str)> {
    text.split("\n```")
        .skip(1)
        .step_by(2)
        .filter_map(|block| block.split_once('\n'))
        .collect()
}

/// Returns the commands of a block, each with the lines below it.
fn entries(block: &str) -> Vec<(&str, Vec<&str>)> {
    let mut entries: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in block.lines() {
        match line.split_once("# ") {
            Some((node, _)) if !node.is_empty() && !node.contains(' ') => {
                entries.push((line, Vec::new()));
            }
            _ => entries.last_mut().unwrap().1.push(line),
        }
    }
    entries
}

/// Returns whether an output has the lines in their order, and begins with the first of them and ends with the last
/// unless these are `…`.
fn shows(output: &str, expected: Vec<&str>) -> bool {
    let expected = expected.join("\n");
    let mut parts = expected.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = output.strip_prefix(first) else {
        return false;
    };
    for part in parts {
        match rest.split_once(part) {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
    rest.trim().is_empty() || expected.ends_with('…')
}
