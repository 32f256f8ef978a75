//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Plans, applies and inspects Linux Virtual Server clusters.
#[derive(Debug, Parser)]
#[command(name = "lvsctl", version, about, after_help = EXITS, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

const EXITS: &str = "Exit status: 0 done or nothing to do; 1 failed, and nothing is changed; \
2 something changed (only with --exit-code); 3 failed, and not everything could be taken back; 64 usage.";

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Show what would change on this machine; nothing is touched
    Plan(PlanArguments),
    /// Make this machine look as the file says, verify it, and take it back if it fails
    Apply(ApplyArguments),
    /// Take the cluster off this machine; its own addresses, default route and sysctls stay
    Remove(RemoveArguments),
    /// Say what is wrong, why it hurts, and how to mend it
    Check(CheckArguments),
    /// Show the kernel's table of services and destinations
    List(ListArguments),
    /// Show the order in which the machines are to be changed
    Order(OrderArguments),
}

/// Which machine of which cluster.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// The cluster file; - is standard input
    pub(crate) file: String,
    /// The machine of the file that this one is [default: the one with this host name]
    #[arg(long, value_name = "NAME")]
    pub(crate) node: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArguments {
    #[command(flatten)]
    pub(crate) target: Target,
    /// As text, as the commands an operator would type, or as JSON
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// Plan to delete services on a virtual IP that the file does not name
    #[arg(long)]
    pub(crate) take_over: bool,
    /// Exit with 2 if something would change
    #[arg(long)]
    pub(crate) exit_code: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Format {
    Text,
    Shell,
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct ApplyArguments {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Only show what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Delete services on a virtual IP that the file does not name
    #[arg(long)]
    pub(crate) take_over: bool,
    /// Exit with 2 if something changed
    #[arg(long)]
    pub(crate) exit_code: bool,
    /// Report as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveArguments {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Only show what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Report as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// The cluster file; - is standard input
    #[arg(required_unless_present = "explain")]
    pub(crate) file: Option<String>,
    /// The machine of the file that this one is; without it the file alone is checked
    #[arg(long, value_name = "NAME")]
    pub(crate) node: Option<String>,
    /// Ask by ARP who has the virtual IPs; works on a router or client too, then without --node
    #[arg(long)]
    pub(crate) arp: bool,
    /// The cluster as it is now: check the way from there as well
    #[arg(long, value_name = "OLD")]
    pub(crate) from: Option<String>,
    /// Keep what was seen on this machine, with addresses of clients, for a bug report
    #[arg(long, value_name = "JSON")]
    pub(crate) save_facts: Option<PathBuf>,
    /// Judge what --save-facts has kept, and look at no machine
    #[arg(long, value_name = "JSON", conflicts_with_all = ["node", "arp", "save_facts"])]
    pub(crate) facts: Option<PathBuf>,
    /// Exit with 1 for warnings too
    #[arg(long)]
    pub(crate) deny_warnings: bool,
    /// Report as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Explain a finding by its code, LVS001, and check nothing
    #[arg(long, value_name = "CODE")]
    pub(crate) explain: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// Report as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct OrderArguments {
    /// The cluster file; - is standard input
    pub(crate) file: String,
    /// The cluster as it is now: machines that stay as they are have no turn
    #[arg(long, value_name = "OLD")]
    pub(crate) from: Option<String>,
    /// Report as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
