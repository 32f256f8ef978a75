//! Namespaces, sysctls, ARP and /proc on a real kernel.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

use lvs_core::ipvs::ipvsadm::Rules;
use lvs_core::ipvs::{Destination, Forwarding, SchedulerName, Service, ServiceOverview};
use lvs_core::net::{Address, IpNet, MacAddress, arp};
use lvs_core::proc::ListedForwarding;
use lvs_core::sysctl::{ArpIgnore, Conf, SysctlKey};
use lvs_core::{Host, IfName, Netns};

use crate::support::{Outcome, address, made, name, with_eth0};

lvs_lab::tests! {
    a_host_never_mixes_namespaces,
    sysctls_are_those_of_the_namespace,
    arp_finds_exactly_the_hosts_that_answer,
    proc_and_netlink_agree,
    an_overview_is_the_snapshot_without_counters,
    ip_vs_is_loaded_at_first_use_only,
}

/// Enters two namespaces, each in a thread of its own, hundreds of times at once.
fn a_host_never_mixes_namespaces() -> Outcome {
    let before = Host::open()?.net().links()?;
    let (left, right) = (Netns::create()?, Netns::create()?);
    left.run(|host| {
        host.net()
            .add_veth(&name("left"), &name("right"), Some(right.as_fd()))
    })??;
    let rounds = |netns: &Netns, own: &str, forwarding: &str, host_byte: u8| -> Outcome {
        for round in 0..100 {
            netns.run(|host| one_round(host, own, forwarding, [10, round, 0, host_byte]))??;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let other = scope.spawn(|| rounds(&right, "right", "1", 2));
        rounds(&left, "left", "0", 1)?;
        other.join().unwrap()
    })?;
    assert_eq!(
        Host::open()?.net().links()?,
        before,
        "this thread stayed in its namespace"
    );
    Ok(())
}

fn one_round(host: &mut Host, own: &str, forwarding: &str, ip: [u8; 4]) -> Outcome {
    assert_eq!(made(host.net())?, [own]);

    host.sysctl().write(&SysctlKey::IP_FORWARD, forwarding)?;
    let mine = Address::new(name(own), IpNet::new_assert(ip.into(), 24));
    host.net().add_address(&mine)?;
    thread::yield_now();
    assert_eq!(host.sysctl().read(&SysctlKey::IP_FORWARD)?, forwarding);
    let found: Vec<_> = host
        .net()
        .addresses()?
        .into_iter()
        .map(|address| address.id)
        .collect();
    assert!(found.contains(&mine.id));
    assert!(
        found.iter().all(|id| id.interface == mine.id.interface),
        "{found:?}"
    );
    host.net().delete_address(&mine.id)
}

fn sysctls_are_those_of_the_namespace() -> Outcome {
    with_eth0(|host| {
        let vlan = Conf::Interface(name("eth0"));
        let key = SysctlKey::arp_ignore(&vlan);
        let level = ArpIgnore::ReceivingInterface.to_string();
        assert!(host.sysctl().write_if_changed(&key, &level)?);
        assert!(!host.sysctl().write_if_changed(&key, &level)?);
        assert_eq!(
            host.sysctl().read(&key)?.parse::<ArpIgnore>().unwrap(),
            ArpIgnore::ReceivingInterface
        );

        let error = host
            .sysctl()
            .write(&SysctlKey::IP_FORWARD, "many")
            .unwrap_err();
        assert_eq!(error.errno(), Some(22), "{error}");
        assert_eq!(host.sysctl().read(&SysctlKey::IP_FORWARD)?, "0");

        let threshold = SysctlKey::ipvs("sync_threshold").unwrap();
        assert_eq!(host.sysctl().read(&threshold)?, "3 50");
        Ok(())
    })?;
    let gone = SysctlKey::arp_ignore(&Conf::Interface(name("eth0")));
    let error = Host::open()?.sysctl().read(&gone).unwrap_err();
    assert!(
        error.is_not_found() && error.hint().unwrap().contains("eth0"),
        "{error}"
    );
    Ok(())
}

const VIP: Ipv4Addr = Ipv4Addr::new(172, 16, 5, 11);

/// Builds three hosts on a bridge; two have the VIP, one of them on `lo`.
fn arp_finds_exactly_the_hosts_that_answer() -> Outcome {
    let (bridge, asker) = (Netns::create()?, Netns::create()?);
    let (director, server) = (Netns::create()?, Netns::create()?);
    bridge.run(|host| host.net().add_bridge(&name("br0")))??;
    bridge.run(|host| host.net().set_up(&name("br0")))??;
    for (number, netns) in [&asker, &director, &server].into_iter().enumerate() {
        plug(&bridge, netns, &format!("port{number}"))?;
    }
    let own = |netns: &Netns, interface: &str| {
        netns.run(|host| {
            host.net()
                .add_address(&address(interface, "172.16.5.11/32"))
        })?
    };
    own(&director, "eth0")?;
    own(&server, "lo")?;
    let mac = |netns: &Netns| netns.run(|host| host.net().link(&name("eth0")))?;
    let (director_mac, server_mac) = (mac(&director)?.mac, mac(&server)?.mac);

    let owners = ask(&asker, VIP)?;
    assert_eq!(owners.len(), 2, "{owners:?}");
    assert!(owners.contains(&director_mac.unwrap()) && owners.contains(&server_mac.unwrap()));
    assert!(ask(&asker, Ipv4Addr::new(172, 16, 5, 12))?.is_empty());

    let level = ArpIgnore::ReceivingInterface.to_string();
    server.run(|host| {
        host.sysctl()
            .write(&SysctlKey::arp_ignore(&Conf::All), &level)
    })??;
    assert_eq!(ask(&asker, VIP)?, [director_mac.unwrap()]);

    asker.run(|host| host.net().set_down(&name("eth0")))??;
    let error = ask(&asker, VIP).unwrap_err();
    assert!(error.hint().unwrap().contains("up first"), "{error}");
    Ok(())
}

fn ask(netns: &Netns, ip: Ipv4Addr) -> lvs_core::Result<Vec<MacAddress>> {
    netns.run(|_| arp::probe(&name("eth0"), ip, Duration::from_millis(300)))?
}

/// Connects `eth0` of a host to a port of the bridge.
fn plug(bridge: &Netns, host: &Netns, port: &str) -> Outcome {
    host.run(|host| {
        let net = host.net();
        net.add_veth(&name("eth0"), &name(port), Some(bridge.as_fd()))?;
        net.set_up(&IfName::LO)?;
        net.set_up(&name("eth0"))
    })??;
    bridge.run(|host| {
        let net = host.net();
        net.set_controller(&name(port), Some(&name("br0")))?;
        net.set_up(&name(port))
    })?
}

fn proc_and_netlink_agree() -> Outcome {
    with_eth0(|host| {
        let service = Service::new("tcp 192.168.1.11:80".parse().unwrap(), SchedulerName::RR);
        let ipvs = host.ipvs()?;
        ipvs.add_service(&service)?;
        for server in ["192.168.1.12:80", "192.168.1.13:80"] {
            let destination = Destination::new(server.parse().unwrap(), Forwarding::DirectRouting);
            ipvs.add_destination(&service.id, &destination)?;
        }
        let by_netlink: Vec<_> = ipvs
            .destinations(&service.id)?
            .into_iter()
            .map(|status| status.destination.id)
            .collect();
        let info = ipvs.info()?;

        let listing = host.proc().listing()?;
        assert_eq!(listing.info, Some(info));
        let [listed] = &listing.services[..] else {
            panic!("{listing:?}");
        };
        assert_eq!(listed.scheduler, SchedulerName::RR);
        let by_proc: Vec<_> = listed.destinations.iter().map(|listed| listed.id).collect();
        assert_eq!(by_proc, by_netlink);
        assert!(
            listed
                .destinations
                .iter()
                .all(|listed| listed.method == ListedForwarding::DirectRouting)
        );
        assert_eq!(host.proc().totals()?.connections, 0);
        assert!(host.proc().connections()?.is_empty());
        assert!(host.proc().sync_connections()?.is_empty());
        Ok(())
    })?;
    let here = Host::open()?.proc().listing()?;
    assert!(
        here.services.is_empty(),
        "the table of another namespace: {here:?}"
    );
    Ok(())
}

/// Both families by one mark, tunnels with and without options, and what `/proc` shows whole.
fn an_overview_is_the_snapshot_without_counters() -> Outcome {
    const TABLE: &str = "-A -t 192.168.1.11:80 -s rr\n\
        -a -t 192.168.1.11:80 -r 192.168.1.12:80 -g -w 70000\n\
        -a -t 192.168.1.11:80 -r 192.168.1.13:8080 -m -w 0 -x 10 -y 5\n\
        -A -u 192.168.1.11:53 -s sh -b sh-port -p 300 -M 255.255.255.0\n\
        -a -u 192.168.1.11:53 -r 192.168.1.12 -i\n\
        -a -u 192.168.1.11:53 -r 192.168.1.13 -i --tun-type gue --tun-port 6080\n\
        -A -t [2001:db8::11]:443 -s rr\n\
        -a -t [2001:db8::11]:443 -r [2001:db8::12]:443 -g\n\
        -A -f 7 -s rr\n-a -f 7 -r 192.168.1.12 -g\n\
        -A -f 7 -6 -s wlc\n-a -f 7 -6 -r [2001:db8::12] -g\n\
        -A -t 192.168.1.11:22 -s rr\n";
    with_eth0(|host| {
        for module in ["ip_vs_rr", "ip_vs_sh", "ip_vs_wlc"] {
            lvs_lab::load_module(module).unwrap();
        }
        host.ipvs()?.restore(&Rules::parse(TABLE).unwrap())?;
        let mut by_netlink: Vec<ServiceOverview> = host
            .ipvs()?
            .snapshot()?
            .into_iter()
            .map(Into::into)
            .collect();
        let mut overview = host.overview()?;
        by_netlink.sort();
        overview.sort();
        assert_eq!(overview, by_netlink);
        assert_eq!(overview.len(), 6);
        Ok(())
    })
}

fn ip_vs_is_loaded_at_first_use_only() -> Outcome {
    for module in ["ip_vs_rr", "ip_vs_wrr", "ip_vs_wlc", "ip_vs"] {
        lvs_lab::unload_module(module).unwrap();
    }
    let mut host = Host::open()?;
    host.net().links()?;
    assert!(!host.is_ipvs_loaded());
    assert!(host.proc().listing().unwrap_err().is_not_loaded());
    lvs_lab::load_module("ip_vs_rr").unwrap();
    assert!(host.is_ipvs_loaded());
    host.ipvs()?.services()?;
    Ok(())
}
