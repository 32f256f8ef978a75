//! The programs by which the real servers of a virtual server are checked.

use std::collections::BTreeSet;

use super::tree::Node;

/// How they differ: a service has one check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Programs {
    #[default]
    Same,
    /// Each names the address of its real server, which the environment has.
    ByAddress,
    /// Each real server has its own, of which this runs the one by the address in the environment.
    Each(String),
    /// A real server has several.
    Different,
}

impl Programs {
    pub(super) fn of(virtual_server: &Node) -> Self {
        let all = || commands(virtual_server);
        let plain: BTreeSet<_> = all().map(|(_, command)| command.to_owned()).collect();
        let general: BTreeSet<_> = all()
            .map(|(address, command)| general(command, address))
            .collect();
        match (plain.len(), general.len()) {
            (0 | 1, _) => Self::Same,
            (_, 1) => Self::ByAddress,
            _ => Self::each(&all().collect::<Vec<_>>()),
        }
    }
}

impl Programs {
    fn each(commands: &[(&str, &str)]) -> Self {
        let addresses: BTreeSet<_> = commands.iter().map(|(address, _)| address).collect();
        if addresses.len() < commands.len() {
            return Self::Different;
        }
        let branches = commands.iter();
        let branches = branches.map(|(address, command)| format!("{address}) {command};; "));
        Self::Each(format!(
            "case $LVS_ADDRESS in {}esac",
            branches.collect::<String>()
        ))
    }
}

/// Returns each `misc_path` with the address of its real server.
fn commands(virtual_server: &Node) -> impl Iterator<Item = (&str, &str)> {
    let named = |node: &&Node, name| node.word(0) == name;
    let servers = virtual_server.children().iter();
    servers
        .filter(move |child| named(child, "real_server"))
        .flat_map(move |server| {
            let checks = server.children().iter();
            checks
                .filter(move |child| named(child, "MISC_CHECK"))
                .flat_map(Node::children)
                .filter(move |child| named(child, "misc_path"))
                .map(|path| (server.word(1), path.word(1)))
        })
}

/// Returns a command line with the real server's address from the environment; the same one where it does not stand
/// alone, or in quotes that keep a shell from replacing it.
pub(super) fn general(command: &str, address: &str) -> String {
    let Some((before, after)) = command.split_once(address) else {
        return command.to_owned();
    };
    let is_part = |c: char| c.is_ascii_alphanumeric() || ".:".contains(c);
    let is_quoted = before.matches('\'').count() % 2 == 1;
    if is_quoted || before.ends_with(is_part) || after.starts_with(is_part) {
        return command.to_owned();
    }
    format!("{before}$LVS_ADDRESS{after}")
}

#[cfg(test)]
mod tests {
    use super::general;

    #[test]
    fn the_address_of_a_real_server_is_that_of_the_environment() {
        for (command, expected) in [
            ("/bin/x -H 10.0.0.1 -p 25", "/bin/x -H $LVS_ADDRESS -p 25"),
            ("/bin/x http://10.0.0.1/", "/bin/x http://$LVS_ADDRESS/"),
            ("/bin/x 10.0.0.11", "/bin/x 10.0.0.11"),
            ("/bin/x '10.0.0.1'", "/bin/x '10.0.0.1'"),
            ("/bin/x", "/bin/x"),
        ] {
            assert_eq!(general(command, "10.0.0.1"), expected);
        }
    }
}
