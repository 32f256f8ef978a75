//! Arguments of `list`, and the description of its JSON.

use clap::Args;

use super::cluster::StateArguments;

#[derive(Debug, Args)]
#[command(after_long_help = OUTPUT)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    pub(crate) view: View,
    /// Also list the services that lead health probes, and no clients
    #[arg(long)]
    pub(crate) all: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) state: StateArguments,
}

/// Selects what to list; by default services and destinations with weights and connections.
#[derive(Debug, Default, Args)]
#[group(multiple = false)]
pub(crate) struct View {
    /// Connections, packets and bytes so far; exact, and at most 2 seconds old
    #[arg(long)]
    pub(crate) stats: bool,
    /// Connections, packets and bytes per second
    #[arg(long)]
    pub(crate) rates: bool,
    /// Connection thresholds: a destination is full at UPPER and accepts again below LOWER
    #[arg(long)]
    pub(crate) thresholds: bool,
    /// The number of clients bound to each destination by persistence
    #[arg(long)]
    pub(crate) persistent: bool,
    /// Every connection
    #[arg(long)]
    pub(crate) connections: bool,
    /// The timeouts after which idle connections expire
    #[arg(long)]
    pub(crate) timeouts: bool,
    /// The connection synchronisation daemons
    #[arg(long)]
    pub(crate) daemon: bool,
}

impl View {
    /// Returns whether nothing beyond weights and connections is listed.
    pub(crate) const fn is_brief(&self) -> bool {
        let is_of_counters = self.stats || self.rates || self.thresholds || self.persistent;
        !is_of_counters && !self.connections && !self.timeouts && !self.daemon
    }
}

const OUTPUT: &str = "\
Destinations are in the kernel's order, newest first; schedulers read them in
this order. A table is as wide as the terminal, or COLUMNS; in a pipe every row
is one line.

JSON: one object. Within /1 fields are only ever added. Counters are exact
integers, times are whole seconds. What was not requested is null; services
are then empty.
  {schema: \"lvsctl.list/1\", loaded, services, connections, timeouts, daemons}
  services     [{service, stats, destinations: [
                {destination, active, inactive, persistent, stats}]}]
  service      {id: \"tcp 172.16.5.11:80\" | \"fwmark 1 ipv4\", scheduler,
                flags: bits, engine, persistence: null | {timeout, netmask:
                {ipv4: \"255.255.255.0\"} | {ipv6: 64}}}
  destination  {id: \"192.168.1.12:80\", weight, thresholds: {upper, lower},
                forwarding: \"nat\" | \"dr\" | \"tunnel\" | \"local\" | \"bypass\" |
                \"tunnel gue port 5555 checksum none\" | \"tunnel gre checksum full\"}
  stats        {connections, packets_in, packets_out, bytes_in, bytes_out,
                rates: the same per second}
  connections  [{protocol: \"tcp\", client, service, destination: \"ADDRESS:PORT\",
                state, expires, engine, engine_data,
                origin: null | \"local\" | \"sync\"}]
  timeouts     {tcp, tcp_fin, udp}
  daemons      [{role: \"master\" | \"backup\", interface, sync_id, max_length,
                group, port, ttl}]";
