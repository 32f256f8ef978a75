//! Arguments of `check`.

use std::path::PathBuf;

use clap::Args;

use super::cluster::{RoleArguments, StateArguments};

const NOTES: &str = "\
On a node of the file this host is examined; elsewhere, and with --paper, the file
alone: the first line says which. `ok` means that an area was examined and that
nothing in it is wrong; `not examined` has the reason. An error does not work, at least
for some clients; a warning works until a failure or a change; a note is worth knowing.
A fix is a command for this host, unless it names another one.

Exit status:
  0   no error was found; what is `not examined` because no client asked, because another
      host can tell, or because it was not asked for, is none
  1   an error was found, a part of this node could not be read, or the check failed;
      with --deny-warnings also: a warning, or clients were seen to wait for an answer
  64  wrong usage";

#[derive(Debug, Args)]
#[command(after_help = NOTES)]
pub(crate) struct CheckArguments {
    /// The cluster file; - reads standard input
    #[arg(required_unless_present = "explain")]
    pub(crate) file: Option<String>,
    /// The node of the file that this host is
    /// [default: the node that has this host's name, record or address; only the file is checked if there is none]
    #[arg(long, value_name = "NAME")]
    pub(crate) node: Option<String>,
    /// Check only the file, for every node, and examine no host
    #[arg(long, conflicts_with_all = ["node", "role", "arp", "facts", "save_facts"])]
    pub(crate) paper: bool,
    #[command(flatten)]
    pub(crate) role: RoleArguments,
    #[command(flatten)]
    pub(crate) state: StateArguments,
    /// Ask by ARP which hosts have the virtual IPs; also from a router or client in front of the cluster
    #[arg(long)]
    pub(crate) arp: bool,
    /// The cluster file that is applied now; also checks the change from it to FILE
    #[arg(long, value_name = "OLD")]
    pub(crate) from: Option<String>,
    /// Save the facts read on this node for a bug report; they contain addresses of clients
    #[arg(long, value_name = "JSON")]
    pub(crate) save_facts: Option<PathBuf>,
    /// Check the facts saved by --save-facts instead of reading this node
    #[arg(long, value_name = "JSON", conflicts_with_all = ["node", "arp", "save_facts"])]
    pub(crate) facts: Option<PathBuf>,
    /// Exit with 1 for warnings too
    #[arg(long)]
    pub(crate) deny_warnings: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Explain a finding by its code, such as LVS001, and check nothing
    #[arg(long, value_name = "CODE")]
    pub(crate) explain: Option<String>,
}
