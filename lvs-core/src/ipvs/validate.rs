//! Values that the kernel accepts although they make no sense.
//!
//! The types refuse what the kernel cannot hold. These checks are for new values; restoring or deleting
//! what a kernel contains does without them. Other modules ask the same questions by the methods that
//! return a `bool`.

use std::net::{IpAddr, SocketAddr};

use super::{
    Daemon, Destination, Encapsulation, Forwarding, Persistence, Protocol, Seconds, Service,
    ServiceFlags, ServiceId, TunnelChecksum,
};
use crate::error::InvalidValue;

type Checked = Result<(), InvalidValue>;

impl Service {
    /// Refuses a service that the kernel would accept although it makes no sense.
    ///
    /// # Errors
    /// A protocol that IPVS does not schedule, an address that no client can connect to, port 0
    /// without persistence, a netmask with holes or of the other family, a persistence of more than
    /// 4294967 seconds, one-packet scheduling of anything but UDP or together with persistence,
    /// unknown flags, and a persistence engine without persistence.
    pub fn check(&self) -> Checked {
        if let ServiceId::Socket { protocol, address } = self.id {
            check_protocol(protocol)?;
            check_address(address)?;
        }
        refuse(
            self.lacks_persistence(),
            "service",
            self.id,
            "has port 0 (every port), which needs persistence",
        )?;
        self.check_flags()?;
        match (&self.engine, self.persistence) {
            (Some(engine), None) => Err(InvalidValue::new(
                "persistence engine",
                engine.as_str(),
                "needs persistence",
            )),
            (_, Some(persistence)) => persistence.check(&self.id),
            (None, None) => Ok(()),
        }
    }

    fn check_flags(&self) -> Checked {
        let unknown = self.flags.difference(ServiceFlags::NAMED);
        refuse(
            !unknown.is_empty(),
            "service flags",
            format_args!("{:#x}", unknown.bits()),
            "have no meaning",
        )?;
        refuse(
            self.is_one_packet_without_udp(),
            "one-packet scheduling",
            self.id,
            "is for UDP only",
        )?;
        refuse(
            self.is_one_packet_with_persistence(),
            "one-packet scheduling",
            self.id,
            "and persistence exclude each other",
        )
    }

    /// Returns whether it is a service of every port (port 0) without the persistence that it needs.
    pub(crate) const fn lacks_persistence(&self) -> bool {
        let is_every_port =
            matches!(&self.id, ServiceId::Socket { address, .. } if address.port() == 0);
        is_every_port && self.persistence.is_none()
    }

    /// Returns whether packets of another protocol than UDP are to be scheduled one by one.
    pub(crate) fn is_one_packet_without_udp(&self) -> bool {
        self.flags.contains(ServiceFlags::ONE_PACKET)
            && matches!(self.id, ServiceId::Socket { protocol, .. } if protocol != Protocol::UDP)
    }

    /// Returns whether one-packet scheduling and persistence are combined, which exclude each other.
    pub(crate) const fn is_one_packet_with_persistence(&self) -> bool {
        self.flags.contains(ServiceFlags::ONE_PACKET) && self.persistence.is_some()
    }
}

impl Persistence {
    /// The longest timeout. The kernel multiplies it by its ticks per second (up to 1000) in 32 bits,
    /// and a longer one overflows.
    pub(crate) const LONGEST: Seconds = Seconds(u32::MAX / 1000);

    fn check(&self, service: &ServiceId) -> Checked {
        let mask = self.netmask;
        refuse(
            self.timeout > Self::LONGEST,
            "persistence timeout",
            self.timeout,
            "is more than 4294967 s",
        )?;
        refuse(
            mask.family() != service.family(),
            "persistence netmask",
            mask,
            "is of another family than the service",
        )?;
        let is_prefix = mask
            .prefix()
            .is_some_and(|length| (1..=service.family().bits()).contains(&length));
        refuse(
            !is_prefix,
            "persistence netmask",
            mask,
            "is not a prefix of at least 1 bit",
        )
    }
}

impl Destination {
    /// Refuses a destination of `service` that the kernel would accept although it makes no sense.
    ///
    /// # Errors
    /// An address that is not that of a single host, another family than the service's without a
    /// tunnel, another port than the service's without masquerading, port 0 with a service of one port,
    /// a forwarding method without a meaning, remote checksums with GRE, and an upper threshold above
    /// 2147483647 (which only old kernels accept).
    pub fn check(&self, service: &ServiceId) -> Checked {
        refuse(
            !is_unicast(self.id.address),
            "destination",
            self.id,
            "is not the address of a single host",
        )?;
        refuse(
            self.is_of_wrong_family(service),
            "destination",
            self.id,
            "is of another family than the service, which only tunnels support",
        )?;
        self.check_port(service)?;
        self.check_forwarding()?;
        let upper = self.thresholds.upper();
        refuse(
            upper > i32::MAX as u32,
            "upper threshold",
            upper,
            "is above 2147483647",
        )
    }

    /// Returns whether its family differs from the service's, without the tunnel that this needs.
    pub(crate) fn is_of_wrong_family(&self, service: &ServiceId) -> bool {
        self.id.family() != service.family() && !self.forwarding.is_tunnel()
    }

    fn check_port(&self, service: &ServiceId) -> Checked {
        let ServiceId::Socket { address, .. } = service else {
            return Ok(());
        };
        let differs = self.id.port != address.port();
        refuse(
            differs && self.forwarding != Forwarding::Masquerade,
            "destination",
            self.id,
            "has another port than the service, which only masquerading supports",
        )?;
        refuse(
            differs && self.id.port == 0,
            "destination",
            self.id,
            "has port 0 but its service has one port",
        )
    }

    fn check_forwarding(&self) -> Checked {
        let has_meaning = match self.forwarding {
            Forwarding::Other(_) | Forwarding::Tunnel(Encapsulation::Other { .. }) => false,
            Forwarding::Tunnel(Encapsulation::Gre { checksum }) => {
                checksum != TunnelChecksum::Remote
            }
            _ => true,
        };
        refuse(
            !has_meaning,
            "forwarding",
            self.forwarding,
            "has no meaning",
        )
    }
}

impl Daemon {
    /// Refuses a daemon that the kernel would accept although it makes no sense.
    ///
    /// # Errors
    /// A sync id above 255 (the protocol has 8 bits for it), and a group that is not multicast.
    pub fn check(&self) -> Checked {
        refuse(
            self.sync_id > 255,
            "sync id",
            self.sync_id,
            "is not in 0..255",
        )?;
        match self.group {
            Some(group) => refuse(
                !group.is_multicast(),
                "multicast group",
                group,
                "is not a multicast address",
            ),
            None => Ok(()),
        }
    }
}

fn check_protocol(protocol: Protocol) -> Checked {
    let is_scheduled = matches!(protocol, Protocol::TCP | Protocol::UDP | Protocol::SCTP);
    refuse(
        !is_scheduled,
        "protocol",
        protocol,
        "is not tcp, udp or sctp",
    )
}

fn check_address(address: SocketAddr) -> Checked {
    refuse(
        !is_unicast(address.ip()),
        "service address",
        address,
        "is not an address that clients can connect to",
    )?;
    let is_scoped =
        matches!(address, SocketAddr::V6(v6) if v6.scope_id() != 0 || v6.flowinfo() != 0);
    refuse(
        is_scoped,
        "service address",
        address,
        "has a scope, which IPVS does not know",
    )
}

/// Returns whether it is the address of one host: neither "any" nor a group, nor an IPv6 address that has
/// a meaning on one link only.
fn is_unicast(address: IpAddr) -> bool {
    if address.is_unspecified() || address.is_multicast() {
        return false;
    }
    match address {
        IpAddr::V4(address) => !address.is_broadcast(),
        IpAddr::V6(address) => {
            !address.is_unicast_link_local() && address.to_ipv4_mapped().is_none()
        }
    }
}

fn refuse(is_wrong: bool, what: &'static str, value: impl ToString, problem: &str) -> Checked {
    if is_wrong {
        return Err(InvalidValue::new(what, value.to_string(), problem));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipvs::DaemonRole;
    use crate::ipvs::{EngineName, Family, Netmask, SchedulerName, Seconds, Thresholds};
    use crate::name::IfName;

    fn service(id: &str) -> Service {
        Service::new(id.parse().unwrap(), SchedulerName::RR)
    }

    fn persistent(id: &str, netmask: Netmask) -> Service {
        let timeout = Seconds(300);
        Service {
            persistence: Some(Persistence { timeout, netmask }),
            ..service(id)
        }
    }

    fn problem(checked: Checked) -> String {
        checked.unwrap_err().problem().to_owned()
    }

    #[test]
    fn sensible_services_pass() {
        for id in [
            "tcp 172.16.5.11:80",
            "udp [2001:db8::1]:53",
            "sctp 10.0.0.1:9",
            "fwmark 1",
        ] {
            assert_eq!(service(id).check(), Ok(()), "{id}");
        }
        let host = Netmask::host(Family::Ipv4);
        assert_eq!(persistent("tcp 10.0.0.1:0", host).check(), Ok(()));
    }

    #[test]
    fn senseless_services_are_refused() {
        for (id, expected) in [
            ("protocol-1 10.0.0.1:80", "is not tcp, udp or sctp"),
            (
                "tcp 0.0.0.0:80",
                "is not an address that clients can connect to",
            ),
            (
                "tcp 224.0.0.1:80",
                "is not an address that clients can connect to",
            ),
            (
                "tcp [fe80::1]:80",
                "is not an address that clients can connect to",
            ),
            (
                "tcp 10.0.0.1:0",
                "has port 0 (every port), which needs persistence",
            ),
        ] {
            assert_eq!(problem(service(id).check()), expected, "{id}");
        }
    }

    #[test]
    fn senseless_persistence_is_refused() {
        let holes = Netmask::Ipv4([255, 0, 255, 0].into());
        let other = Netmask::Ipv6(64);
        let expected = "is not a prefix of at least 1 bit";
        assert_eq!(problem(persistent("fwmark 1", holes).check()), expected);
        assert_eq!(
            problem(persistent("fwmark 1 ipv6", Netmask::Ipv6(0)).check()),
            expected
        );
        assert!(problem(persistent("fwmark 1", other).check()).contains("another family"));
        let mut long = persistent("fwmark 1 ipv6", other);
        long.persistence.as_mut().unwrap().timeout = Seconds(4_294_968);
        assert_eq!(problem(long.check()), "is more than 4294967 s");
        let mut engine = service("udp 10.0.0.1:5060");
        engine.engine = Some(EngineName::SIP);
        assert_eq!(problem(engine.check()), "needs persistence");
    }

    #[test]
    fn flags_have_their_conditions() {
        let mut tcp = service("tcp 10.0.0.1:80");
        tcp.flags = ServiceFlags::ONE_PACKET;
        assert_eq!(problem(tcp.check()), "is for UDP only");
        tcp.flags = ServiceFlags::from_bits_retain(0x40);
        assert_eq!(problem(tcp.check()), "have no meaning");
        let mut udp = persistent("udp 10.0.0.1:53", Netmask::host(Family::Ipv4));
        udp.flags = ServiceFlags::ONE_PACKET | ServiceFlags::SH_PORT;
        assert_eq!(problem(udp.check()), "and persistence exclude each other");
        udp.persistence = None;
        assert_eq!(udp.check(), Ok(()));
    }

    #[test]
    fn destinations_must_fit_their_service() {
        let check = |service: &str, id: &str, forwarding| {
            Destination::new(id.parse().unwrap(), forwarding).check(&service.parse().unwrap())
        };
        let (nat, dr, web) = (
            Forwarding::Masquerade,
            Forwarding::DirectRouting,
            "tcp 10.0.0.1:80",
        );
        let ipip = Forwarding::Tunnel(Encapsulation::Ipip);
        assert_eq!(check(web, "10.0.0.2:8080", nat), Ok(()));
        assert_eq!(check(web, "10.0.0.2:80", dr), Ok(()));
        assert_eq!(check(web, "[2001:db8::2]:80", ipip), Ok(()));
        assert_eq!(check("fwmark 1", "10.0.0.2:0", dr), Ok(()));
        assert!(problem(check(web, "10.0.0.2:8080", dr)).contains("only masquerading"));
        assert!(problem(check(web, "[2001:db8::2]:80", dr)).contains("only tunnels"));
        assert!(problem(check(web, "10.0.0.2:0", nat)).contains("port 0"));
        assert!(problem(check(web, "255.255.255.255:80", dr)).contains("single host"));
        assert!(problem(check(web, "10.0.0.2:80", Forwarding::Other(5))).contains("no meaning"));
        let checksum = TunnelChecksum::Remote;
        let gre = Forwarding::Tunnel(Encapsulation::Gre { checksum });
        assert!(problem(check(web, "10.0.0.2:80", gre)).contains("no meaning"));
    }

    #[test]
    fn upper_threshold_is_held_to_what_new_kernels_take() {
        let mut destination =
            Destination::new("10.0.0.2:80".parse().unwrap(), Forwarding::Masquerade);
        destination.thresholds = Thresholds::new(1 << 31, 0).unwrap();
        let service = ServiceId::tcp("10.0.0.1:80".parse().unwrap());
        assert_eq!(problem(destination.check(&service)), "is above 2147483647");
    }

    #[test]
    fn daemons_are_held_to_the_wire() {
        let mut daemon = Daemon::new(DaemonRole::Master, IfName::LO, 255);
        assert_eq!(daemon.check(), Ok(()));
        daemon.group = Some("10.0.0.1".parse().unwrap());
        assert_eq!(problem(daemon.check()), "is not a multicast address");
        daemon.sync_id = 256;
        assert_eq!(problem(daemon.check()), "is not in 0..255");
    }
}
