//! Networking, sysctls and namespaces on a real kernel.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

use lvs_core::ipvs::{Destination, Forwarding, SchedulerName, Service};
use lvs_core::net::{Address, AddressId, IpNet, Net, Route, RouteId, Scope, arp};
use lvs_core::proc::Method;
use lvs_core::sysctl::{ArpIgnore, Conf, SysctlKey};
use lvs_core::{Host, IfName, Netns};

lvs_lab::main! {
    links_are_made_changed_and_deleted,
    addresses_are_read_back_as_they_were_added,
    only_the_very_address_is_deleted,
    routes_are_read_back_as_they_were_added,
    routes_are_replaced_and_deleted_by_metric,
    refusals_name_the_object_and_the_way_out,
    ipv6_that_is_switched_off_is_named,
    a_host_never_mixes_namespaces,
    sysctls_are_those_of_the_namespace,
    arp_finds_exactly_who_answers,
    proc_and_netlink_tell_the_same,
    ip_vs_is_loaded_at_first_use_only,
}

type Outcome = lvs_core::Result<()>;

fn name(text: &str) -> IfName {
    text.parse().unwrap()
}

fn network(text: &str) -> IpNet {
    text.parse().unwrap()
}

fn address(interface: &str, text: &str) -> Address {
    let mut address = Address::new(name(interface), network(text));
    address.no_dad = address.id.network.addr().is_ipv6();
    address
}

/// Runs `test` in a fresh namespace with `lo` and one end of a cable, `eth0`, set up.
fn with_eth0(test: impl FnOnce(&mut Host) -> Outcome + Send) -> Outcome {
    Netns::create()?.run(|host| {
        let net = host.net();
        net.add_veth(&name("eth0"), &name("peer"), None)?;
        for interface in ["lo", "eth0", "peer"] {
            net.set_up(&name(interface), true)?;
        }
        test(host)
    })?
}

fn links_are_made_changed_and_deleted() -> Outcome {
    let other = Netns::create()?;
    Netns::create()?.run(|host| {
        let net = host.net();
        net.add_bridge(&name("br0"))?;
        net.add_veth(&name("eth0.10"), &name("far"), Some(other.as_fd()))?;
        net.set_controller(&name("eth0.10"), Some(&name("br0")))?;
        net.set_mtu(&name("eth0.10"), 1400)?;
        net.set_up(&name("eth0.10"), true)?;

        let bridge = net.link(&name("br0"))?;
        assert_eq!((bridge.kind.as_deref(), bridge.up), (Some("bridge"), false));
        let veth = net.link(&name("eth0.10"))?;
        assert_eq!(veth.kind.as_deref(), Some("veth"));
        assert_eq!((veth.mtu, veth.up), (1400, true));
        assert_eq!(veth.controller, Some(bridge.index));
        assert!(veth.mac.is_some());
        assert_eq!(net.link(&IfName::LO)?.mac, None);

        net.set_controller(&name("eth0.10"), None)?;
        assert_eq!(net.link(&name("eth0.10"))?.controller, None);
        assert_eq!(made(net)?, ["br0", "eth0.10"]);

        assert!(
            other
                .run(|host| host.net().link(&name("far")))??
                .mac
                .is_some()
        );
        net.delete_link(&name("eth0.10"))?;
        let peer = other.run(|host| host.net().link(&name("far")))?;
        assert!(peer.unwrap_err().is_not_found(), "the peer goes too");
        Ok(())
    })?
}

/// The names of the interfaces that were made here: `lo` is everywhere, and where the module for
/// tunnels is loaded every namespace has a `tunl0`.
fn made(net: &mut Net) -> lvs_core::Result<Vec<String>> {
    let names = net.links()?.into_iter().map(|link| link.name.to_string());
    Ok(names
        .filter(|name| !["lo", "tunl0"].contains(&name.as_str()))
        .collect())
}

fn addresses_are_read_back_as_they_were_added() -> Outcome {
    with_eth0(|host| {
        let mut dip = address("eth0", "192.168.1.11/24");
        dip.label = Some("eth0:1".to_owned());
        dip.broadcast = Some([192, 168, 1, 255].into());
        let mut vip = address("lo", "172.16.5.11/32");
        vip.label = Some("lo:0".to_owned());
        vip.broadcast = Some([172, 16, 5, 11].into());
        let mut link = address("eth0", "169.254.1.1/16");
        link.scope = Scope::LINK;
        let wanted = [
            dip,
            vip,
            link,
            address("lo", "2001:db8::11/128"),
            address("eth0", "2001:db8:1::11/64"),
        ];
        for mut address in wanted {
            address.protocol = Address::PROTOCOL;
            host.net().add_address(&address)?;
            let found = host.net().addresses()?;
            let mut found = found
                .into_iter()
                .find(|found| found.id == address.id)
                .unwrap();
            if found.protocol == 0 {
                found.protocol = Address::PROTOCOL; // kernels before 5.18 do not keep it
            }
            assert_eq!(found, address);
        }
        let all = host.net().addresses()?;
        let kernels: AddressId = address("lo", "127.0.0.1/8").id;
        assert!(
            all.iter()
                .any(|address| address.id == kernels && address.label.is_none())
        );
        assert!(
            all.iter()
                .any(|address| address.id.network.addr().to_string().starts_with("fe80"))
        );
        Ok(())
    })
}

fn only_the_very_address_is_deleted() -> Outcome {
    with_eth0(|host| {
        let net = host.net();
        for text in ["192.168.1.11/24", "2001:db8::11/64"] {
            let wide = address("eth0", text);
            net.add_address(&wide)?;
            let mut narrow = wide.id.clone();
            narrow.network =
                IpNet::new_assert(narrow.network.addr(), narrow.network.max_prefix_len());
            assert!(
                net.delete_address(&narrow).unwrap_err().is_not_found(),
                "{narrow}"
            );
            let mut elsewhere = wide.id.clone();
            elsewhere.interface = name("peer");
            assert!(net.delete_address(&elsewhere).unwrap_err().is_not_found());
            assert!(net.addresses()?.iter().any(|address| address.id == wide.id));
            net.delete_address(&wide.id)?;
            assert!(!net.addresses()?.iter().any(|address| address.id == wide.id));
        }
        Ok(())
    })
}

fn routes_are_read_back_as_they_were_added() -> Outcome {
    with_eth0(|host| {
        let net = host.net();
        net.add_address(&address("eth0", "192.168.1.12/24"))?;
        net.add_address(&address("eth0", "2001:db8::12/64"))?;
        for (destination, gateway) in [
            ("0.0.0.0/0", "192.168.1.254"),
            ("10.0.0.0/8", "192.168.1.253"),
            ("::/0", "2001:db8::fe"),
            ("2001:db8:9::/48", "2001:db8::fd"),
        ] {
            let mut route = Route::via(network(destination), gateway.parse().unwrap());
            route.protocol = Address::PROTOCOL;
            net.add_route(&route)?;
            route.interface = Some(name("eth0"));
            assert!(net.routes()?.contains(&route), "{route}");
        }
        for (destination, scope) in [
            ("172.16.5.11/32", Scope::LINK),
            ("2001:db8::11/128", Scope::GLOBAL),
        ] {
            let route = host_route(destination, scope);
            net.add_route(&route)?;
            assert!(net.routes()?.contains(&route), "{route}");
        }
        let connected = net
            .routes()?
            .into_iter()
            .find(|route| route.id.destination == network("192.168.1.0/24") && route.protocol == 2);
        assert_eq!(connected.unwrap().source, Some([192, 168, 1, 12].into()));
        assert!(
            !net.routes()?
                .iter()
                .any(|route| route.id.destination == network("192.168.1.12/32"))
        );
        Ok(())
    })
}

fn host_route(destination: &str, scope: Scope) -> Route {
    Route {
        id: RouteId {
            destination: network(destination),
            metric: 0,
        },
        gateway: None,
        interface: Some(IfName::LO),
        source: None,
        scope,
        protocol: Address::PROTOCOL,
    }
}

fn routes_are_replaced_and_deleted_by_metric() -> Outcome {
    with_eth0(|host| {
        let net = host.net();
        net.add_address(&address("eth0", "192.168.1.12/24"))?;
        net.add_address(&address("eth0", "2001:db8::12/64"))?;
        for (destination, first, second) in [
            ("0.0.0.0/0", "192.168.1.1", "192.168.1.254"),
            ("::/0", "2001:db8::1", "2001:db8::fe"),
        ] {
            let first = Route::via(network(destination), first.parse().unwrap());
            let second = Route::via(network(destination), second.parse().unwrap());
            let mut backup = first.clone();
            backup.id.metric = 2048;

            net.add_route(&first)?;
            assert!(net.add_route(&second).unwrap_err().is_already_exists());
            net.replace_route(&second)?;
            assert_eq!(gateways(net, &first.id)?, [second.gateway]);

            net.add_route(&backup)?;
            net.delete_route(&second)?;
            assert!(net.delete_route(&second).unwrap_err().is_not_found());
            let mut any = second.clone();
            any.gateway = None;
            let error = net.delete_route(&any).unwrap_err();
            assert!(
                error.is_not_found(),
                "the route of metric 2048 is another one"
            );
            assert_eq!(gateways(net, &backup.id)?, [backup.gateway]);
            net.delete_route(&backup)?;
            assert!(gateways(net, &backup.id)?.is_empty());
        }
        Ok(())
    })
}

fn gateways(net: &mut Net, id: &RouteId) -> lvs_core::Result<Vec<Option<std::net::IpAddr>>> {
    let routes = net.routes()?.into_iter().filter(|route| route.id == *id);
    Ok(routes.map(|route| route.gateway).collect())
}

fn refusals_name_the_object_and_the_way_out() -> Outcome {
    with_eth0(|host| {
        let net = host.net();
        let dip = address("eth0", "192.168.1.11/24");
        net.add_address(&dip)?;
        let error = net.add_address(&dip).unwrap_err();
        assert!(error.is_already_exists());
        assert!(
            error
                .to_string()
                .starts_with("add address 192.168.1.11/24 on eth0: "),
            "{error}"
        );

        let error = net
            .add_address(&address("eth9", "192.168.1.11/24"))
            .unwrap_err();
        assert!(error.is_not_found());
        let advice = error.advice().unwrap();
        assert!(
            advice.contains("no interface eth9") && advice.contains("eth0"),
            "{error}"
        );

        for (destination, gateway) in [("0.0.0.0/0", "10.9.9.9"), ("::/0", "2001:db8:9::9")] {
            let route = Route::via(network(destination), gateway.parse().unwrap());
            let error = net.add_route(&route).unwrap_err();
            let text = error.to_string();
            assert!(
                text.contains(&format!("the gateway {gateway} is on no connected network")),
                "{text}"
            );
        }

        let mut labelled = address("eth0", "192.168.2.11/24");
        labelled.label = Some("sixteen-bytes-xx".to_owned());
        assert!(net.add_address(&labelled).unwrap_err().is_invalid());

        let error = net.add_bridge(&name("eth0")).unwrap_err();
        assert!(error.is_already_exists(), "{error}");
        let error = net
            .set_controller(&name("peer"), Some(&name("eth0")))
            .unwrap_err();
        assert!(
            error.to_string().contains("eth0 of interface peer"),
            "{error}"
        );

        let mut down = host_route("10.0.0.0/8", Scope::LINK);
        down.interface = Some(name("eth0"));
        net.set_up(&name("eth0"), false)?;
        let error = net.add_route(&down).unwrap_err();
        assert!(error.advice().unwrap().contains("up first"), "{error}");
        Ok(())
    })
}

fn ipv6_that_is_switched_off_is_named() -> Outcome {
    with_eth0(|host| {
        let key = SysctlKey::new("net/ipv6/conf/eth0/disable_ipv6").unwrap();
        host.sysctl().write(&key, "1")?;
        let error = host
            .net()
            .add_address(&address("eth0", "2001:db8::1/64"))
            .unwrap_err();
        assert!(error.advice().unwrap().contains(key.as_str()), "{error}");
        Ok(())
    })
}

/// Two namespaces, each in a thread of its own, hundreds of times at once.
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
        "this thread went nowhere"
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
        error.is_not_found() && error.advice().unwrap().contains("eth0"),
        "{error}"
    );
    Ok(())
}

const VIP: Ipv4Addr = Ipv4Addr::new(172, 16, 5, 11);

/// Three machines on a bridge; two have the VIP, one of them on `lo`.
fn arp_finds_exactly_who_answers() -> Outcome {
    let (bridge, asker) = (Netns::create()?, Netns::create()?);
    let (director, server) = (Netns::create()?, Netns::create()?);
    bridge.run(|host| host.net().add_bridge(&name("br0")))??;
    bridge.run(|host| host.net().set_up(&name("br0"), true))??;
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

    asker.run(|host| host.net().set_up(&name("eth0"), false))??;
    let error = ask(&asker, VIP).unwrap_err();
    assert!(error.advice().unwrap().contains("up first"), "{error}");
    Ok(())
}

fn ask(netns: &Netns, ip: Ipv4Addr) -> lvs_core::Result<Vec<lvs_core::net::MacAddress>> {
    netns.run(|_| arp::probe(&name("eth0"), ip, Duration::from_millis(300)))?
}

/// A cable from `eth0` of a machine to a port of the bridge.
fn plug(bridge: &Netns, machine: &Netns, port: &str) -> Outcome {
    machine.run(|host| {
        let net = host.net();
        net.add_veth(&name("eth0"), &name(port), Some(bridge.as_fd()))?;
        net.set_up(&IfName::LO, true)?;
        net.set_up(&name("eth0"), true)
    })??;
    bridge.run(|host| {
        let net = host.net();
        net.set_controller(&name(port), Some(&name("br0")))?;
        net.set_up(&name(port), true)
    })?
}

fn proc_and_netlink_tell_the_same() -> Outcome {
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
                .all(|listed| listed.method == Method::DirectRouting)
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
