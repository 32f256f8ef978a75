//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use lvs_core::cluster::{Drain, Role, StateDir};
use lvs_core::ipvs::ServiceId;
use lvs_core::net::IpNet;
use lvs_core::scheduler::Generation;
use serde::Serialize;

use crate::duration;

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
    /// Say in time that a change made with apply --confirm is to stay
    Confirm(StateArguments),
    /// Take the cluster off this machine: everything as it was found
    Remove(RemoveArguments),
    /// Say what is wrong, why it hurts, and how to mend it
    Check(CheckArguments),
    /// Send nobody new to a real server and wait until nobody is left there; lasts until undrain
    Drain(DrainArguments),
    /// Give a drained real server its weight back
    Undrain(UndrainArguments),
    /// Make a cluster file from keepalived.conf, ldirectord.cf, rules of ipvsadm or the kernel
    Import(crate::import::ImportArguments),
    /// Show the kernel's table of services and destinations
    List(ListArguments),
    /// Show the order in which the machines are to be changed
    Order(OrderArguments),
    /// Tell who would get which connection of a service just applied, without asking any kernel
    Simulate(SimulateArguments),
    /// Print the kernel's services, timeouts and daemons as text for restore (and for ipvsadm -R)
    Save(SaveArguments),
    /// Execute such a text, all of it or nothing; what stays the same is not touched
    Restore(RestoreArguments),
    /// Add, edit or delete a service
    #[command(subcommand)]
    Service(Change<ServiceWords>),
    /// Add, edit or delete a destination of a service
    #[command(subcommand)]
    Destination(Change<DestinationWords>),
    /// Zero the counters of one service, or all: zero [-t ADDRESS:PORT]
    Zero(Words),
    /// Delete all services
    Flush(StateArguments),
    /// Set the timeouts of connections in seconds: timeouts TCP TCPFIN UDP (0 keeps one); or show them
    Timeouts(Words),
    /// Start or stop a connection synchronisation daemon
    #[command(subcommand)]
    Daemon(DaemonVerb),
}

/// Which machine of which cluster.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// The cluster file; - is standard input
    pub(crate) file: String,
    /// The machine of the file that this one is [default: the one with this host name]
    #[arg(long, value_name = "NAME")]
    pub(crate) node: Option<String>,
    #[command(flatten)]
    pub(crate) state: StateArguments,
}

#[derive(Debug, Args)]
pub(crate) struct StateArguments {
    /// Where is remembered what was found and made here, and where one change waits for another
    #[arg(long, value_name = "DIR", default_value = StateDir::DEFAULT)]
    pub(crate) state: PathBuf,
}

impl StateArguments {
    pub(crate) fn state(&self) -> StateDir {
        StateDir::at(&self.state)
    }
}

/// Which one of two directors.
#[derive(Debug, Args)]
pub(crate) struct RoleArguments {
    /// Of two directors: active (with the floating addresses) or standby (without them)
    /// [default: as it was last applied here]
    #[arg(long, value_name = "active|standby")]
    pub(crate) role: Option<Role>,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArguments {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) role: RoleArguments,
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
    #[command(flatten)]
    pub(crate) role: RoleArguments,
    /// Only show what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Take everything back unless `lvsctl confirm` is given within this time, whatever becomes of
    /// this terminal: for changes that may cut the connection they are made by
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub(crate) confirm: Option<Duration>,
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
pub(crate) struct DrainArguments {
    /// The real server's address, on one port or on all: 192.168.1.12, 192.168.1.12:80, [fd00::12]:80
    #[arg(value_name = "ADDRESS[:PORT]")]
    pub(crate) drain: Drain,
    /// How long to wait for connections to end
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration::parse)]
    pub(crate) timeout: Duration,
    /// Then take it out of the table, until undrain
    #[arg(long)]
    pub(crate) remove: bool,
    #[command(flatten)]
    pub(crate) state: StateArguments,
}

#[derive(Debug, Args)]
pub(crate) struct UndrainArguments {
    /// As it was given to drain
    #[arg(value_name = "ADDRESS[:PORT]")]
    pub(crate) drain: Drain,
    #[command(flatten)]
    pub(crate) state: StateArguments,
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

const LISTED: &str = "\
Destinations stand in the kernel's order, newest first, which is that in which schedulers look at
them. A table is as wide as the terminal, or COLUMNS; into a pipe, every row is one line.

JSON: one object. Within /1 fields are only ever added; counters are exact integers, times are whole
seconds, and what was not asked for is null (services: empty).
  {schema: \"lvsctl.list/1\", loaded, services, connections, timeouts, daemons}
  services     [{service, stats, destinations: [{destination, active, inactive, persistent, stats}]}]
  service      {id: \"tcp 172.16.5.11:80\" | \"fwmark 1 ipv4\", scheduler, flags: bits, engine,
                persistence: null | {timeout, netmask: {ipv4: \"255.255.255.0\"} | {ipv6: 64}}}
  destination  {id: \"192.168.1.12:80\", weight, thresholds: {upper, lower},
                forwarding: \"masquerade\" | \"direct-routing\" | \"local\" | \"bypass\" |
                {tunnel: \"ipip\" | {gue: {port, checksum}} | {gre: {checksum}}}}
  stats        {connections, packets_in, packets_out, bytes_in, bytes_out, rates: the same a second}
  connections  [{protocol: \"tcp\", client, service, destination: \"ADDRESS:PORT\", state, expires,
                engine, engine_data, origin: null | \"local\" | \"sync\"}]
  timeouts     {tcp, tcp_fin, udp}
  daemons      [{role: \"master\" | \"backup\", interface, sync_id, max_length, group, port, ttl}]";

#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// The cluster file; - is standard input
    #[arg(required_unless_present = "explain")]
    pub(crate) file: Option<String>,
    /// The machine of the file that this one is; without it the file alone is checked
    #[arg(long, value_name = "NAME")]
    pub(crate) node: Option<String>,
    #[command(flatten)]
    pub(crate) role: RoleArguments,
    #[command(flatten)]
    pub(crate) state: StateArguments,
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
#[command(after_long_help = LISTED)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    pub(crate) view: View,
    /// Report as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What to list; by default services and destinations with weights and connections.
#[derive(Debug, Default, Args)]
#[group(multiple = false)]
pub(crate) struct View {
    /// Connections, packets and bytes so far, exact; up to 2 seconds late
    #[arg(long)]
    pub(crate) stats: bool,
    /// Connections, packets and bytes per second
    #[arg(long)]
    pub(crate) rates: bool,
    /// The numbers of connections at which destinations are full, and free again
    #[arg(long)]
    pub(crate) thresholds: bool,
    /// How many clients are bound to each destination
    #[arg(long)]
    pub(crate) persistent: bool,
    /// Every connection
    #[arg(long)]
    pub(crate) connections: bool,
    /// How long idle connections are remembered
    #[arg(long)]
    pub(crate) timeouts: bool,
    /// The connection synchronisation daemons
    #[arg(long)]
    pub(crate) daemon: bool,
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

#[derive(Debug, Args)]
pub(crate) struct SimulateArguments {
    /// The cluster file; - is standard input
    pub(crate) file: String,
    /// Which service, "tcp 172.16.5.11:80", where there are several
    #[arg(long, value_name = "SERVICE")]
    pub(crate) service: Option<ServiceId>,
    /// How many connections, one a second, each from the next client
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) connections: u64,
    /// Where clients come from, one address after the other [default: 10.0.0.0/8, 2001:db8::/32]
    #[arg(long, value_name = "CIDR")]
    pub(crate) clients: Option<IpNet>,
    /// How long each connection lasts: 0, 30, 60s, 5m; without it none ever ends
    #[arg(long, value_name = "TIME", value_parser = duration::seconds)]
    pub(crate) hold: Option<Duration>,
    /// How the kernel counts connections: as before autumn 2026, or since
    #[arg(long, value_enum, default_value_t = Kernel::New)]
    pub(crate) kernel: Kernel,
    /// Another cluster file: which part of the clients would get another server there
    #[arg(long, value_name = "OTHER")]
    pub(crate) against: Option<String>,
    /// Report as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// A generation of kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kernel {
    Old,
    New,
}

impl From<Kernel> for Generation {
    fn from(kernel: Kernel) -> Self {
        match kernel {
            Kernel::Old => Self::Old,
            Kernel::New => Self::New,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct SaveArguments {
    /// Byte for byte what "ipvsadm -Sn" prints, with what it forgets forgotten
    #[arg(long)]
    pub(crate) compatible: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RestoreArguments {
    /// The text; - is standard input
    #[arg(default_value = "-")]
    pub(crate) file: String,
    /// Make the kernel's services those of the text, instead of executing it on what is there
    #[arg(long)]
    pub(crate) replace: bool,
    #[command(flatten)]
    pub(crate) state: StateArguments,
}

/// What is done to a service or a destination, in the options of ipvsadm(8).
#[derive(Debug, Subcommand)]
pub(crate) enum Change<W: Args> {
    /// Add it
    Add(W),
    /// Change what the options name, and keep the rest
    Edit(W),
    /// Delete it
    Delete(W),
}

#[derive(Debug, Subcommand)]
pub(crate) enum DaemonVerb {
    /// Start one: start master|backup --mcast-interface NAME
    #[command(after_help = DAEMON)]
    Start(Words),
    /// Stop one: stop master|backup
    Stop(Words),
}

/// The rest of the line.
#[derive(Debug, Args)]
pub(crate) struct Words {
    #[command(flatten)]
    pub(crate) state: StateArguments,
    /// The options of ipvsadm(8)
    #[arg(
        value_name = "OPTION",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub(crate) words: Vec<String>,
}

/// The rest of the line, with what it may be.
#[derive(Debug, Args)]
#[command(after_help = SERVICE)]
pub(crate) struct ServiceWords {
    #[command(flatten)]
    pub(crate) rest: Words,
}

/// The rest of the line, with what it may be.
#[derive(Debug, Args)]
#[command(after_help = DESTINATION)]
pub(crate) struct DestinationWords {
    #[command(flatten)]
    pub(crate) rest: Words,
}

const SERVICE: &str = "\
The service:
  -t, --tcp-service ADDRESS:PORT    -u, --udp-service …    --sctp-service …
  -f, --fwmark-service MARK         -6, --ipv6 with -f: of IPv6
What it is like:
  -s, --scheduler NAME              wlc where nothing is said
  -b, --sched-flags FLAG,…          sh-fallback, sh-port, mh-fallback, mh-port, flag-1, flag-2, flag-3
  -p, --persistent [SECONDS]        360 where nothing is said
  -M, --netmask MASK                which clients count as one: 255.255.255.0, IPv6: 64
      --pe sip                      persistence by the SIP Call-ID
  -o, --ops                         every UDP packet on its own
Edit also takes --no-persistent, --no-pe, --no-ops, --no-sched-flags.";

const DESTINATION: &str = "\
The service: -t ADDRESS:PORT, -u …, --sctp-service … or -f MARK [-6]
The destination:
  -r, --real-server ADDRESS[:PORT]  the service's port where none is said
What it is like:
  -g, --gatewaying                  direct routing, where nothing is said
  -m, --masquerading                NAT
  -i, --ipip                        tunnel: --tun-type ipip|gue|gre, --tun-port PORT (gue),
                                    --tun-nocsum, --tun-csum, --tun-remcsum
  -w, --weight WEIGHT               0 (no new connections) to 2147483647; 1 where nothing is said
  -x, --u-threshold CONNECTIONS     full from here on; 0 is never
  -y, --l-threshold CONNECTIONS     free again below";

const DAEMON: &str = "\
What it is like:
  --mcast-interface NAME            where it sends or listens; needed
  --syncid 0..255                   the same on both directors
  --sync-maxlen BYTES, --mcast-group ADDRESS, --mcast-port PORT, --mcast-ttl TTL";
