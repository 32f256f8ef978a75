//! Arguments of the verbs that work on the kernel's table without a cluster file, most of them in
//! the options of ipvsadm(8).

use clap::{Args, Subcommand};

use super::cluster::StateArguments;

#[derive(Debug, Args)]
pub(crate) struct SaveArguments {
    /// Print byte for byte what `ipvsadm -Sn` prints, which omits thresholds, timeouts, daemons and
    /// the order of destinations
    #[arg(long)]
    pub(crate) compatible: bool,
}

const RESTORE: &str = "\
JSON: {schema: \"lvsctl.restore/1\", changes, commands, error, hint}. commands are
those that were needed, as ipvsadm has them.";

#[derive(Debug, Args)]
#[command(after_help = RESTORE)]
pub(crate) struct RestoreArguments {
    /// The rules; - reads standard input
    #[arg(default_value = "-")]
    pub(crate) file: String,
    /// Make the kernel's table equal to the rules, instead of executing them on the present table
    #[arg(long)]
    pub(crate) replace: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) state: StateArguments,
}

/// Is an operation on a service or a destination, in the options of ipvsadm(8).
#[derive(Debug, Subcommand)]
pub(crate) enum TableVerb<O: Args> {
    /// Add an entry
    Add(O),
    /// Change the given properties of an entry, and keep the others
    Edit(O),
    /// Delete an entry
    Delete(O),
}

impl<O: Args> TableVerb<O> {
    pub(crate) const fn options(&self) -> &O {
        match self {
            Self::Add(options) | Self::Edit(options) | Self::Delete(options) => options,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum DaemonVerb {
    /// Start a daemon: start master|backup --mcast-interface NAME
    #[command(after_help = DAEMON)]
    Start(IpvsadmOptions),
    /// Stop a daemon: stop master|backup
    Stop(IpvsadmOptions),
}

/// Holds the rest of the line, which the parser of ipvsadm's options reads.
#[derive(Debug, Args)]
pub(crate) struct IpvsadmOptions {
    #[command(flatten)]
    pub(crate) state: StateArguments,
    /// Options and values as in ipvsadm(8)
    #[arg(
        value_name = "OPTION",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub(crate) words: Vec<String>,
}

#[derive(Debug, Args)]
#[command(after_help = SERVICE)]
pub(crate) struct ServiceOptions {
    #[command(flatten)]
    pub(crate) options: IpvsadmOptions,
}

#[derive(Debug, Args)]
#[command(after_help = DESTINATION)]
pub(crate) struct DestinationOptions {
    #[command(flatten)]
    pub(crate) options: IpvsadmOptions,
}

const SERVICE: &str = "\
The service:
  -t, --tcp-service ADDRESS:PORT    -u, --udp-service …    --sctp-service …
  -f, --fwmark-service MARK         add -6 or --ipv6 for IPv6 packets
Its properties, for add and edit:
  -s, --scheduler NAME              default: wlc
  -b, --sched-flags FLAG,…          sh-fallback, sh-port, mh-fallback,
                                    mh-port, flag-1, flag-2, flag-3
  -p, --persistent [SECONDS]        default: 360
  -M, --netmask MASK                clients of one such network count as one client:
                                    255.255.255.0, or 64 (IPv6)
      --pe sip                      persistence by the SIP Call-ID
  -o, --ops                         one-packet scheduling: schedule each UDP packet
                                    separately
`edit` also takes --no-persistent, --no-pe, --no-ops, --no-sched-flags.";

const DESTINATION: &str = "\
The service: -t ADDRESS:PORT, -u …, --sctp-service … or -f MARK [-6]
The destination:
  -r, --real-server ADDRESS[:PORT]  default: the service's port
Its properties, for add and edit:
  -g, --gatewaying                  direct routing, the default
  -m, --masquerading                NAT
  -i, --ipip                        tunnel: --tun-type ipip|gue|gre,
                                    --tun-port PORT (gue), --tun-nocsum, --tun-csum, --tun-remcsum
  -w, --weight WEIGHT               0 (no new connections) to 2147483647; default: 1
  -x, --u-threshold CONNECTIONS     full at this number; 0: never
  -y, --l-threshold CONNECTIONS     accepts connections again below this number";

const DAEMON: &str = "\
The master sends the connections of the active director, the backup receives them.
  --mcast-interface NAME            the interface to send on or listen on; required
  --syncid 0..255                   the same number on both directors
  --sync-maxlen BYTES, --mcast-group ADDRESS, --mcast-port PORT,
  --mcast-ttl TTL";
