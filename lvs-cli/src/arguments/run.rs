//! Arguments of `run`, `status` and `metrics`.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use lvs_core::cluster::ClusterName;

use super::cluster::{IdentityArguments, StateArguments, Target};
use crate::duration;

const RUN: &str = "\
It loads the file again on SIGHUP and when the file changes; a file with a
mistake, or one that is gone, is refused, and the old one stays in force: `status`
says so. Standard input is read once. SIGTERM and SIGINT end it and leave the
table as it is. As any apply after the first one, it deletes services that appear
on the virtual IPs and are not in the file. `remove`, and `apply` of another file,
are refused beside it: change the file that it keeps. What health decided is no
difference of a file. Roles and drains are applied beside it, and verbs that
change the table by hand warn of it.

Exit status:
  0   ended by a signal
  1   refused or failed at its start; nothing changed, or every change was rolled
      back
  64  wrong usage";

#[derive(Debug, Args)]
#[command(after_help = RUN)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) identity: IdentityArguments,
    /// Answer scrapes of metrics by HTTP: 127.0.0.1:9677, or an address that the file adds
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) metrics: Option<SocketAddr>,
    /// Report what other programs change, and do not repair it; weights of services with a check are set all the same
    #[arg(long)]
    pub(crate) report_only: bool,
    /// Remove the cluster at the end; otherwise the table stays as it is
    #[arg(long)]
    pub(crate) remove_on_exit: bool,
}

const STATUS: &str = "\
A real server's state is unknown, up, failing (it still gets new connections),
down, or rising (none yet); the line below it has the reason of its weight. \"2 not
3\" is a weight of 2 in the kernel where 3 is desired.

JSON: {schema: \"lvsctl.status/1\", clusters: [{
  cluster, node,
  role            active or standby of one of two directors
  running         whether `run` keeps it; without it health is not known
  drift           steps that would make the node as its file says
  drains          [{drain, how}], withdrawn: [virtual IP]
  refused         why the newest file is refused while an older one is in force
  services        [{
    service, present (in the kernel), minimum, available, rates,
    below_minimum   serve-all, fallback, withdraw or refuse while it is
    without_fallback  whether that is serve-all because the fallback cannot serve
    destinations    [{
      destination, server, weight (in the kernel), desired_weight, health,
      since (seconds), why, drain, active, inactive (connections), rates }] }] }],
  elsewhere         the command lines of controllers with another state directory }
What is not known is null. rates are {connections, packets_in, packets_out,
bytes_in, bytes_out} per second. A later version may add keys.";

#[derive(Debug, Args)]
#[command(after_help = STATUS)]
pub(crate) struct StatusArguments {
    /// The cluster [default: every cluster that is applied on this node]
    #[arg(value_name = "NAME")]
    pub(crate) cluster: Option<ClusterName>,
    /// Show it again and again, after this time (2s, 1m)
    #[arg(long, value_name = "TIME", value_parser = duration::pause)]
    pub(crate) watch: Option<Duration>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) state: StateArguments,
}
