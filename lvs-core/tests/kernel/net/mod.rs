//! Interfaces, addresses and routes on a real kernel.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod batches;
mod whole;

use std::net::IpAddr;
use std::os::fd::AsFd;

use lvs_core::net::{
    Address, AddressId, IpNet, Net, Route, RouteDecision, RouteId, RouteQuery, Scope, Verdict,
};
use lvs_core::sysctl::SysctlKey;
use lvs_core::{IfName, Netns};

use crate::support::{Outcome, address, ip, made, name, network, with_eth0};

lvs_lab::tests! {
    links_are_made_changed_and_deleted,
    addresses_are_read_back_as_they_were_added,
    exactly_one_address_is_deleted,
    routes_are_read_back_as_they_were_added,
    routes_are_replaced_and_deleted_by_metric,
    refusals_name_the_object_and_a_hint,
    disabled_ipv6_is_named,
    look_ups_follow_tables_rules_and_marks,
    look_ups_tell_packets_that_are_not_sent,
    packets_that_arrive_are_looked_up_by_their_interface,
    batches::each_change_of_a_batch_is_answered,
    whole::interfaces_of_any_name_are_listed,
    whole::routes_are_added_again_as_they_were,
    whole::addresses_are_added_again_as_they_were,
}

fn links_are_made_changed_and_deleted() -> Outcome {
    let other = Netns::create()?;
    Netns::create()?.run(|host| {
        let net = host.net();
        net.add_bridge(&name("br0"))?;
        net.add_veth(&name("eth0.10"), &name("far"), Some(other.as_fd()))?;
        net.set_controller(&name("eth0.10"), Some(&name("br0")))?;
        net.set_mtu(&name("eth0.10"), 1400)?;
        net.set_up(&name("eth0.10"))?;

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
        assert!(peer.unwrap_err().is_not_found(), "the peer is deleted too");
        Ok(())
    })?
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
        let addresses = [
            dip,
            vip,
            link,
            address("lo", "2001:db8::11/128"),
            address("eth0", "2001:db8:1::11/64"),
        ];
        for mut address in addresses {
            address.protocol = Address::PROTOCOL;
            host.net().add_address(&address)?;
            let mut found = host
                .net()
                .addresses()?
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

fn exactly_one_address_is_deleted() -> Outcome {
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
        interface: Some(IfName::LO),
        scope,
        protocol: Address::PROTOCOL,
        ..Route::to(RouteId::new(network(destination)))
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

fn gateways(net: &mut Net, id: &RouteId) -> lvs_core::Result<Vec<Option<IpAddr>>> {
    Ok(net
        .routes()?
        .into_iter()
        .filter(|route| route.id == *id)
        .map(|route| route.gateway)
        .collect())
}

fn refusals_name_the_object_and_a_hint() -> Outcome {
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
        let hint = error.hint().unwrap();
        assert!(
            hint.contains("no interface eth9") && hint.contains("eth0"),
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
        net.set_down(&name("eth0"))?;
        let error = net.add_route(&down).unwrap_err();
        assert!(error.hint().unwrap().contains("up first"), "{error}");
        Ok(())
    })
}

fn disabled_ipv6_is_named() -> Outcome {
    with_eth0(|host| {
        let key = SysctlKey::new("net/ipv6/conf/eth0/disable_ipv6").unwrap();
        host.sysctl().write(&key, "1")?;
        let error = host
            .net()
            .add_address(&address("eth0", "2001:db8::1/64"))
            .unwrap_err();
        assert!(error.hint().unwrap().contains(key.as_str()), "{error}");
        Ok(())
    })
}

fn by(gateway: &str, source: &str, table: u32) -> RouteDecision {
    RouteDecision {
        verdict: Verdict::Unicast,
        gateway: Some(gateway.parse().unwrap()),
        interface: Some(name("eth0")),
        source: Some(source.parse().unwrap()),
        table: Some(table),
    }
}

fn look_ups_follow_tables_rules_and_marks() -> Outcome {
    with_eth0(|host| {
        let net = host.net();
        for (own, main, other, far, family) in [
            (
                "192.168.1.12/24",
                "192.168.1.254",
                "192.168.1.253",
                "203.0.113.7",
                "-4",
            ),
            (
                "2001:db8::12/64",
                "2001:db8::fe",
                "2001:db8::fd",
                "2001:db8:9::7",
                "-6",
            ),
        ] {
            net.add_address(&address("eth0", own))?;
            ip(&format!("{family} route add default via {main} dev eth0"));
            ip(&format!(
                "{family} route add default via {other} dev eth0 table 1000"
            ));
            ip(&format!("{family} rule add fwmark 7 lookup 1000"));
            let own = network(own).addr().to_string();
            let mut query = RouteQuery::to(far.parse().unwrap());
            assert_eq!(net.lookup(&query)?, by(main, &own, 254));
            query.output = Some(name("eth0"));
            assert_eq!(net.lookup(&query)?, by(main, &own, 254));
            query.mark = 7;
            assert_eq!(net.lookup(&query)?, by(other, &own, 1000));

            let here = net.lookup(&RouteQuery::to(own.parse().unwrap()))?;
            assert_eq!((here.verdict, here.table), (Verdict::Local, Some(255)));

            let by_source = RouteQuery::to(far.parse().unwrap()).with_source(own.parse().unwrap());
            ip(&format!("{family} rule add from {own} lookup 1000"));
            let decision = net.lookup(&by_source)?;
            assert_eq!(
                (decision.gateway, decision.table),
                (Some(other.parse().unwrap()), Some(1000))
            );
        }
        Ok(())
    })
}

fn look_ups_tell_packets_that_are_not_sent() -> Outcome {
    with_eth0(|host| {
        let net = host.net();
        for (family, own, far) in [
            ("-4", "192.168.1.12/24", "203.0.113.7"),
            ("-6", "2001:db8::12/64", "2001:db8:9::7"),
        ] {
            net.add_address(&address("eth0", own))?;
            let far = RouteQuery::to(far.parse().unwrap());
            assert_eq!(net.lookup(&far)?.verdict, Verdict::Unreachable, "no route");
            for (kind, verdict) in [
                ("unreachable", Verdict::Unreachable),
                ("prohibit", Verdict::Prohibited),
                ("blackhole", Verdict::Dropped),
            ] {
                ip(&format!("{family} route add {kind} {}", far.destination));
                assert_eq!(net.lookup(&far)?.verdict, verdict, "{family} {kind}");
                ip(&format!("{family} route del {kind} {}", far.destination));
            }
        }
        let mixed = RouteQuery::to([203, 0, 113, 7].into()).with_source("::1".parse().unwrap());
        assert!(net.lookup(&mixed).unwrap_err().is_invalid());
        let mut missing = RouteQuery::to([203, 0, 113, 7].into());
        missing.input = Some(name("eth9"));
        assert!(net.lookup(&missing).unwrap_err().is_not_found());
        Ok(())
    })
}

fn packets_that_arrive_are_looked_up_by_their_interface() -> Outcome {
    with_eth0(|host| {
        host.sysctl().write(&SysctlKey::IP_FORWARD, "1")?;
        let net = host.net();
        net.add_address(&address("eth0", "192.168.1.11/24"))?;
        net.add_dummy(&name("eth1"))?;
        net.set_up(&name("eth1"))?;
        net.add_address(&address("eth1", "172.16.0.11/16"))?;
        ip("route add default via 172.16.0.1 dev eth1");
        ip("route add default via 172.16.0.2 dev eth1 table 1000");
        ip("rule add iif eth0 from 192.168.1.12 lookup 1000");
        let answer = |source: [u8; 4]| {
            let mut query = RouteQuery::to([203, 0, 113, 7].into()).with_source(source.into());
            query.input = Some(name("eth0"));
            query
        };
        let decision = net.lookup(&answer([192, 168, 1, 12]))?;
        assert_eq!(
            (decision.gateway, decision.table),
            (Some([172, 16, 0, 2].into()), Some(1000))
        );
        let decision = net.lookup(&answer([192, 168, 1, 13]))?;
        assert_eq!(
            (decision.gateway, decision.table),
            (Some([172, 16, 0, 1].into()), Some(254))
        );
        let own = net.lookup(&answer([192, 168, 1, 11]))?;
        assert_eq!(own.verdict, Verdict::Dropped, "a martian source");
        Ok(())
    })
}
