//! Gathering facts: the only part of a check that does I/O. It changes no state.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::time::{Duration, Instant};

use super::facts::{Facts, IpvsReading, ListeningSocket};
#[cfg(feature = "run")]
use super::health::HealthFact;
use super::index::Index;
use super::look_ups::LookUps;
use super::packets::Packets;
use super::rules::drift;
use super::source::Source;
use super::watch::Watch;
use super::{procfs, sntp, sockets};
use crate::cluster::change::Change;
use crate::cluster::{Cluster, DesiredState, NodeKind, Observed, PlanOptions, ReadScope, StateDir};
use crate::error::Result;
use crate::host::Host;
use crate::ipvs::Protocol;
use crate::net::{Link, Peer};
use crate::sysctl::{Conf, Sysctl, SysctlKey};

/// The files of the reading thread's network namespace.
pub(super) const NET: &str = "/proc/thread-self/net";

/// The sysctls of each interface, and of `all` and `default`, below `net/ipv4/conf`.
const OF_INTERFACES: &[&str] = &[
    "accept_redirects",
    "arp_announce",
    "arp_ignore",
    "forwarding",
    "promote_secondaries",
    "rp_filter",
    "send_redirects",
];

/// The sysctls of each interface, and of `all` and `default`, below `net/ipv6/conf`.
const OF_INTERFACES_6: &[&str] = &["accept_ra", "disable_ipv6"];

/// The sysctls below `net/ipv4/vs`.
const OF_IPVS: &[&str] = &[
    "backup_only",
    "conn_reuse_mode",
    "conntrack",
    "drop_entry",
    "drop_packet",
    "expire_nodest_conn",
    "expire_quiescent_template",
    "snat_reroute",
];

/// The other sysctls.
const OTHERS: &[&str] = &[
    "net/ipv4/ip_forward",
    "net/ipv6/conf/all/forwarding",
    "net/netfilter/nf_conntrack_count",
    "net/netfilter/nf_conntrack_max",
];

/// Selects the facts that take time or send packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gather {
    /// The time between the first and the last reading of IPVS, with one in the middle; zero reads it once, and
    /// traffic is not judged. It is twice as long where a connection waits for an answer. A real server watches as long
    /// for packets of clients.
    pub pause: Duration,
    /// Asks by ARP which hosts have the virtual IPs, real IPs and gateways, and waits this long for the answers.
    /// Without it only neighbours are asked whose entry in the kernel's table is failed or permanent, and a standby
    /// asks for one virtual IP, because only answers show whether another director is active.
    pub arp: Option<Duration>,
    /// Compares the clock with the time server of the file.
    pub clock: bool,
}

impl Gather {
    /// The default pause. The kernel updates its counters every 2 s, so that a shorter one might show no traffic.
    pub const PAUSE: Duration = Duration::from_millis(2500);
}

impl Default for Gather {
    /// Returns a selection of traffic and clock, without ARP requests.
    fn default() -> Self {
        Self {
            pause: Self::PAUSE,
            arp: None,
            clock: true,
        }
    }
}

impl Facts {
    /// How long a standby waits for the answer of the active director.
    const ANSWER: Duration = Duration::from_secs(1);

    /// Gathers the facts of a node of the cluster.
    ///
    /// This changes no state and does not load ip_vs. On a director, and where services arrive, it takes at least the
    /// pause between the readings of IPVS.
    ///
    /// # Errors
    /// The network cannot be read. What only a privilege or `/proc` shows is [`unread`](Self::unread) without it.
    pub fn gather(
        host: &mut Host,
        cluster: &Cluster,
        node: &DesiredState,
        gather: &Gather,
    ) -> Result<Self> {
        let mut facts = Self::unknown(node.name.clone());
        facts.role = node.role;
        let started = Instant::now();
        let mut watch = Watch::begin(host);
        facts.ipvs_loaded = host.proc().is_readable().then(|| host.is_ipvs_loaded());
        // A real server has no table of the cluster, but it may have another one.
        let is_read = facts.ipvs_loaded == Some(true) && facts.read_ipvs(host, Duration::ZERO)?;
        let balances = is_read && node.kind == NodeKind::Director;
        facts.network(host)?;
        facts.procfs();
        facts.observe(host, &ReadScope::of(node))?;
        facts.look_up(host, cluster, node, gather, &mut watch)?;
        // That another director is active only its answers show.
        let is_waiting = node.kind == NodeKind::Director && facts.is_standby();
        match gather.arp {
            Some(wait) => facts.ask(cluster, wait, usize::MAX),
            None if is_waiting => facts.ask(cluster, Self::ANSWER, 1),
            None => {}
        }
        if gather.clock {
            facts.clock = cluster.clock().ntp_server.as_deref().map(sntp::compare);
        }
        if balances && !gather.pause.is_zero() {
            let own: HashSet<_> = facts
                .addresses
                .iter()
                .map(|address| address.id.network.addr())
                .collect();
            for until in [gather.pause / 2, gather.pause, gather.pause * 2] {
                // What becomes of connections that wait takes longer to see.
                if until > gather.pause && !facts.is_any_waiting(cluster) {
                    break;
                }
                watch.wait(started + until, |arrival| {
                    own.contains(&arrival.own.ip()) && cluster.balances(arrival)
                });
                facts.read_ipvs(host, started.elapsed())?;
            }
        }
        watch.end(host, &mut facts);
        Ok(facts)
    }

    /// Adds what the node's record says.
    ///
    /// # Errors
    /// Those of [`StateDir::record`] and [`StateDir::plan`].
    pub fn add_record(
        &mut self,
        host: &mut Host,
        state: &StateDir,
        node: &DesiredState,
    ) -> Result<()> {
        let record = state.record(node)?;
        self.drains = record.drains().clone();
        self.applied = record.is_applied();
        self.services_by_health = record.services_by_health().clone();
        self.abandoned = state.abandoned(&record);
        self.is_controlled =
            (node.kind == NodeKind::Director).then(|| state.controller(&node.cluster).is_some());
        #[cfg(feature = "run")]
        self.ask_controller(state, node);
        self.other_sysctls = state
            .records()?
            .iter()
            .filter(|other| other.is_applied() && *other.cluster() != node.cluster)
            .map(|other| (other.cluster().clone(), other.applied_sysctls()))
            .collect();
        let absent = state.kept(&node.cluster).unwrap_or_default().absent;
        (self.deleted_by_health, self.withdrawn) = (absent.destinations, absent.virtual_ips);
        if let Some(left) = state.left(&node.cluster) {
            self.left_withdrawn = left.absent.virtual_ips;
        }
        self.leftovers = state
            .plan(node, host, PlanOptions::default())?
            .steps()
            .filter(|step| matches!(step.change, Change::Delete(_)))
            .map(drift::in_words)
            .collect();
        Ok(())
    }

    /// Asks the controller of a director what it knows of health, if one runs.
    #[cfg(feature = "run")]
    fn ask_controller(&mut self, state: &StateDir, node: &DesiredState) {
        if node.kind != NodeKind::Director {
            return;
        }
        match state.asked(&node.cluster) {
            Ok(Some(status)) => self.health = HealthFact::all_of(status),
            Ok(None) => {}
            Err(error) => drop(self.unread.insert(Source::Controller, error.to_string())),
        }
    }

    /// Returns whether any client of the cluster had to wait for an answer, and was not seen to be established.
    fn is_any_waiting(&self, cluster: &Cluster) -> bool {
        Index::new(cluster, self).is_any_waiting()
    }

    fn hidden(&mut self, source: Source, path: &str) {
        let reason = format!("{path} cannot be read: /proc is not mounted, or hides it");
        self.unread.insert(source, reason);
    }

    /// Adds a reading of IPVS, and returns whether there is the privilege for it.
    fn read_ipvs(&mut self, host: &mut Host, at: Duration) -> Result<bool> {
        match reading(host, at) {
            Ok(reading) => self.readings.push(reading),
            Err(error) if error.is_permission() => {
                self.unread.insert(Source::Ipvs, error.to_string());
                return Ok(false);
            }
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    fn observe(&mut self, host: &mut Host, scope: &ReadScope) -> Result<()> {
        match Observed::read(host, scope) {
            Ok(observed) => self.observed = Some(observed),
            Err(error) if error.is_permission() => {
                self.unread.insert(Source::Ipvs, error.to_string());
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Asks who has the virtual IPs; a link that cannot be asked is no failure of the check.
    fn ask(&mut self, cluster: &Cluster, wait: Duration, most: usize) {
        match self.ask_for_vips(cluster, wait, most) {
            Ok(answers) => self.arp = answers,
            Err(error) => {
                self.unread.insert(Source::Neighbours, error.to_string());
            }
        }
    }

    /// Asks by ARP which hosts have the cluster's virtual IPs, from a host that is no node of the cluster: a router
    /// or client in front of it.
    ///
    /// Each virtual IP on whose link this host is takes `wait`.
    ///
    /// # Errors
    /// The network cannot be read.
    pub fn gather_arp(&mut self, host: &mut Host, cluster: &Cluster, wait: Duration) -> Result<()> {
        self.network(host)?;
        self.ask(cluster, wait, usize::MAX);
        Ok(())
    }

    fn network(&mut self, host: &mut Host) -> Result<()> {
        self.links = host.net().links()?;
        self.addresses = host.net().addresses()?;
        self.routes = host.net().routes()?;
        self.sysctls = sysctls(host.sysctl(), &self.links);
        match host.sysctl().read(&SysctlKey::IP_FORWARD) {
            Ok(_) => {}
            Err(error) if error.is_not_found() => self.hidden(Source::Sysctls, "/proc/sys/net"),
            Err(error) => drop(self.unread.insert(Source::Sysctls, error.to_string())),
        }
        self.listeners = listeners();
        if !host.proc().is_readable() {
            self.hidden(Source::Net, NET);
        }
        Ok(())
    }

    /// Looks up the routes of the cluster's packets, and the neighbours to which these go.
    fn look_up(
        &mut self,
        host: &mut Host,
        cluster: &Cluster,
        node: &DesiredState,
        gather: &Gather,
        watch: &mut Watch,
    ) -> Result<()> {
        let mut look_ups = LookUps::new(host.net())?;
        let packets = Packets::new(self, cluster, node);
        let tentative =
            procfs::tentative(&fs::read_to_string(format!("{NET}/if_inet6")).unwrap_or_default());
        let mut answers = packets.answers(look_ups.rules(), &waiting_peers());
        answers.retain(|packet| !tentative.contains(&packet.query.destination));
        let mut paths = look_ups.paths(answers);
        let reverse_paths = look_ups.paths(packets.reverse());
        packets.watch(watch, gather.pause);
        let mut late = packets.answers(look_ups.rules(), &watch.clients());
        late.retain(|packet| {
            packet.seen
                && !paths
                    .iter()
                    .any(|path| path.seen && path.query == packet.query)
        });
        paths.extend(look_ups.paths(late));
        (self.paths, self.reverse_paths) = (paths, reverse_paths);
        self.rules = look_ups.into_rules();
        let table = host.net().neighbours()?;
        self.neighbours = self.needed_neighbours(&table, gather.arp);
        Ok(())
    }

    fn procfs(&mut self) {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        self.kernel = read("/proc/sys/kernel/osrelease").trim().to_owned();
        self.uptime = procfs::uptime(&read("/proc/uptime")).unwrap_or_default();
        self.modules = procfs::modules(&read("/proc/modules"));
        self.duplicates = procfs::duplicates(&read(&format!("{NET}/if_inet6")));
        self.managers = procfs::managers();
        // Process 1 exists everywhere, and is hidden where those of other users are.
        if let Err(error) = fs::read("/proc/1/comm") {
            self.unread
                .insert(Source::Processes, format!("read /proc/1/comm: {error}"));
        }
        self.managed = procfs::managed(&self.links, &self.managers);
    }
}

/// Reads the sysctls; those that do not exist, or may not be read, are left out.
fn sysctls(sysctl: &Sysctl, links: &[Link]) -> BTreeMap<SysctlKey, String> {
    let of_interfaces = [Conf::All, Conf::Default]
        .into_iter()
        .chain(links.iter().map(|link| Conf::Interface(link.name.clone())))
        .flat_map(|conf| {
            OF_INTERFACES
                .iter()
                .map(|name| (4, name))
                .chain(OF_INTERFACES_6.iter().map(|name| (6, name)))
                .map(move |(ip, name)| format!("net/ipv{ip}/conf/{conf}/{name}"))
        });
    let of_ipvs = OF_IPVS.iter().map(|name| format!("net/ipv4/vs/{name}"));
    let others = OTHERS.iter().map(|path| (*path).to_owned());
    of_interfaces
        .chain(of_ipvs)
        .chain(others)
        .filter_map(|path| SysctlKey::new(path).ok())
        .filter_map(|key| Some((key.clone(), sysctl.read(&key).ok()?)))
        .collect()
}

/// Returns the peers of the TCP connections of this host that wait for an answer.
fn waiting_peers() -> BTreeSet<Peer> {
    let mut found = BTreeSet::new();
    for file in ["tcp", "tcp6"] {
        let text = fs::read_to_string(format!("{NET}/{file}")).unwrap_or_default();
        let waiting = sockets::waiting_peers(&text);
        found.extend(waiting.map(|(own, client)| Peer {
            is_served: false,
            own,
            client,
        }));
    }
    found
}

fn listeners() -> BTreeSet<ListeningSocket> {
    let files = [
        (Protocol::TCP, "tcp"),
        (Protocol::TCP, "tcp6"),
        (Protocol::UDP, "udp"),
        (Protocol::UDP, "udp6"),
    ];
    let mut found = BTreeSet::new();
    for (protocol, file) in files {
        let text = fs::read_to_string(format!("{NET}/{file}")).unwrap_or_default();
        found.extend(sockets::parse(protocol, &text));
    }
    found
}

fn reading(host: &mut Host, at: Duration) -> Result<IpvsReading> {
    let services = host.ipvs()?.snapshot()?;
    let mut connections = host.proc().connections()?;
    connections.truncate(IpvsReading::MOST_CONNECTIONS);
    Ok(IpvsReading {
        at,
        services,
        connections,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_exist_is_left_out() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("net/ipv4/conf/all")).unwrap();
        fs::write(root.path().join("net/ipv4/conf/all/rp_filter"), "2\n").unwrap();
        let found = sysctls(&Sysctl::at(root.path()), &[]);
        let key = SysctlKey::rp_filter(&Conf::All);
        assert_eq!(found, BTreeMap::from([(key, "2".to_owned())]));
    }
}
