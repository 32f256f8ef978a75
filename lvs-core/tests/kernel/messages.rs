//! How many messages the kernel gets, as its own monitor of netlink counts them: work that is to be small is
//! counted, and not timed.

use std::fmt::Write;
use std::os::fd::{AsRawFd, OwnedFd};

use lvs_core::cluster::{DesiredState, PlanOptions, StateDir};
use lvs_core::run::{RunEvent, Runner};
use lvs_core::{Cluster, Host};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, LinkAddr, SockFlag, SockProtocol, SockType, recvfrom, setsockopt, socket,
    sockopt,
};

use crate::support::{Outcome, with_eth0};

lvs_lab::tests! {
    an_apply_sends_what_changes_in_few_sends_and_lists_no_destinations_that_it_made,
    one_more_service_of_a_controller_is_one_more_service_for_the_kernel,
}

const VIPS: u32 = 40;
const PORTS: u32 = 5;
const SERVERS: u32 = 3;

/// Returns a cluster with some services, and so many more on the first virtual IP.
fn cluster(more: u32) -> Cluster {
    Cluster::from_toml(&file(more)).unwrap()
}

fn file(more: u32) -> String {
    let mut text = String::from(
        "name = \"web\"\nforwarding = \"dr\"\ndefaults = { interface = \"eth0\" }\n\
         [director]\nname = \"director\"\naddresses = [\n\
         { interface = \"eth0\", address = \"192.168.1.11/24\" },\n",
    );
    for vip in 1..=VIPS {
        let _ = writeln!(
            text,
            "{{ interface = \"eth0\", address = \"172.16.5.{vip}/32\" }},"
        );
    }
    text.push_str("]\n");
    for server in 1..=SERVERS {
        let _ = writeln!(
            text,
            "[[real-servers]]\nname = \"server{server}\"\naddress = \"192.168.1.{}/24\"",
            100 + server
        );
    }
    let mut service = |vip: u32, port: u32| {
        let _ = writeln!(text, "[[services]]\naddress = \"172.16.5.{vip}:{port}\"");
    };
    for vip in 1..=VIPS {
        (1..=PORTS).for_each(|port| service(vip, port));
    }
    (1..=more).for_each(|port| service(1, 1000 + port));
    text
}

/// What the kernel got.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    services: u32,
    destinations: u32,
    addresses: u32,
    /// All other changes.
    others: u32,
    /// How many sends had a change.
    sends: u32,
    /// The lists of destinations that were asked for.
    lists: u32,
}

/// `ARPHRD_NETLINK`: other links have packets, too.
const OF_NETLINK: u16 = 824;
/// `NLM_F_REQUEST`: what the kernel answers or tells has it not.
const REQUEST: u16 = 1;
/// The protocols of netlink.
const ROUTE: u16 = 0;
const GENERIC: u16 = 16;
/// The smallest kind of a message that has a meaning of its own, which in generic netlink is the controller's.
const FIRST_KIND: u16 = 0x10;

impl Counts {
    /// Counts the messages of one send.
    fn take(&mut self, mut bytes: &[u8], protocol: u16) {
        let before = self.changes();
        let half = |at: &[u8]| u16::from_ne_bytes([at[0], at[1]]);
        while bytes.len() >= 16 {
            let length = half(bytes) as usize | (half(&bytes[2..]) as usize) << 16;
            let kind = half(&bytes[4..]);
            match protocol {
                _ if half(&bytes[6..]) & REQUEST == 0 => {}
                ROUTE if kind >= FIRST_KIND => self.route(kind),
                GENERIC if kind > FIRST_KIND => self.ipvs(bytes[16]),
                _ => {}
            }
            bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        self.sends += u32::from(self.changes() > before);
    }

    fn changes(&self) -> u32 {
        self.services + self.destinations + self.addresses + self.others
    }

    /// The kinds come in fours: new, delete, get, set.
    fn route(&mut self, kind: u16) {
        const NEW_ADDRESS: u16 = 20;
        match kind {
            NEW_ADDRESS => self.addresses += 1,
            kind if kind % 4 == 2 => {}
            _ => self.others += 1,
        }
    }

    /// The commands of the family: 1 to 3 are new, set and delete of a service, 5 to 7 of a destination.
    fn ipvs(&mut self, command: u8) {
        match command {
            1 => self.services += 1,
            5 => self.destinations += 1,
            8 => self.lists += 1,
            // The others that get: services, daemons, timeouts, what the kernel is.
            4 | 11 | 13 | 15 => {}
            _ => self.others += 1,
        }
    }
}

/// The monitor of a namespace's netlink messages.
struct Monitor(OwnedFd);

impl Monitor {
    fn open() -> Self {
        lvs_lab::load_module("nlmon").unwrap();
        for line in ["link add nlmon0 type nlmon", "link set nlmon0 up"] {
            let words: Vec<_> = line.split(' ').collect();
            lvs_lab::run_tool("ip", &words).unwrap();
        }
        let all = SockProtocol::EthAll;
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let monitor = socket(AddressFamily::Packet, SockType::Raw, flags, all).unwrap();
        setsockopt(&monitor, sockopt::RcvBufForce, &(64 << 20)).unwrap();
        Self(monitor)
    }

    /// Counts what the kernel has got since the last call.
    fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        let mut buffer = vec![0; 256 << 10];
        loop {
            match recvfrom::<LinkAddr>(self.0.as_raw_fd(), &mut buffer) {
                Ok((length, Some(from))) if from.hatype() == OF_NETLINK => {
                    counts.take(&buffer[..length], u16::from_be(from.protocol()));
                }
                Ok(_) => {}
                Err(Errno::EAGAIN) => return counts,
                other => panic!("{other:?}"),
            }
        }
    }
}

fn apply(node: &DesiredState, state: &StateDir, host: &mut Host) -> usize {
    let mut session = state.lock("apply").unwrap();
    let done = session.apply(node, host, PlanOptions::default(), &mut |_| ());
    done.unwrap().steps().count()
}

fn an_apply_sends_what_changes_in_few_sends_and_lists_no_destinations_that_it_made() -> Outcome {
    with_eth0(|host| {
        let monitor = Monitor::open();
        let directory = tempfile::tempdir().unwrap();
        let state = StateDir::at(directory.path());
        let node = cluster(0).node("director").unwrap();
        monitor.counts();
        apply(&node, &state, host);
        let cold = monitor.counts();
        let services = VIPS * PORTS;
        let expected = Counts {
            services,
            destinations: services * SERVERS,
            addresses: 1 + VIPS,
            // It is verified by `/proc`.
            lists: 0,
            ..Counts::default()
        };
        let sends = cold.sends;
        assert_eq!(Counts { sends: 0, ..cold }, expected);
        assert!(sends < 10, "{sends} sends");

        // The kernel lists the services by netlink and by `/proc` in one order.
        let overview = host.overview()?;
        assert_eq!(overview.len(), services as usize);
        assert_eq!(monitor.counts(), Counts::default());

        // What another program may have changed, `/proc` does not show.
        assert_eq!(apply(&node, &state, host), 0);
        let again = monitor.counts();
        let only_read = Counts {
            lists: services,
            ..Counts::default()
        };
        assert_eq!(again, only_read);

        // An old kernel may acknowledge what it has left out.
        let text = file(0)
            + "[[services]]\naddress = \"172.16.5.1:9000\"\n\
               destinations = [{ real-server = \"server1\", upper-threshold = 100 }]\n";
        let limited = Cluster::from_toml(&text).unwrap();
        apply(&limited.node("director").unwrap(), &state, host);
        let verified = monitor.counts().lists - services;
        assert_eq!(verified, 1, "only what has thresholds is listed again");
        Ok(())
    })
}

fn one_more_service_of_a_controller_is_one_more_service_for_the_kernel() -> Outcome {
    with_eth0(|_| {
        let monitor = Monitor::open();
        let directory = tempfile::tempdir().unwrap();
        let name = "director".parse().unwrap();
        let (runner, handle) = Runner::new(cluster(0), name, StateDir::at(directory.path()));
        let mut loaded = 0;
        let ended = runner.run(&mut |event| match event {
            RunEvent::Ready if loaded == 0 => {
                loaded += 1;
                monitor.counts();
                handle.load(cluster(1));
            }
            RunEvent::Ready => {
                let counts = monitor.counts();
                handle.stop();
                let changes = Counts { lists: 0, ..counts };
                let expected = Counts {
                    services: 1,
                    destinations: SERVERS,
                    sends: 2,
                    ..Counts::default()
                };
                assert_eq!(changes, expected);
            }
            RunEvent::Failed(_) | RunEvent::Refused(_) => panic!("{event:?}"),
            _ => {}
        });
        ended.unwrap();
        Ok(())
    })
}
