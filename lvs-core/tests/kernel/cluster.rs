//! Clusters on a real kernel: planned, applied, proven, taken back.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use lvs_core::cluster::{
    Aftermath, ApplyError, ApplyEvent, ApplyFailure, DesiredState, Observed, Plan, PlanOptions,
    ReadScope,
};
use lvs_core::ipvs::{Daemon, DaemonRole, SchedulerName, Service};
use lvs_core::net::{Address, Net};
use lvs_core::sysctl::SysctlKey;
use lvs_core::{Cluster, Host, IfName, Netns};

type Outcome = lvs_core::Result<()>;

const NAT: &str = include_str!("../../../examples/nat.toml");
const DR: &str = include_str!("../../../examples/dr.toml");
const TUNNEL: &str = include_str!("../../../examples/tunnel.toml");

lvs_lab::tests! {
    every_node_of_nat_is_applied_and_stays_applied,
    every_node_of_dr_is_applied_and_stays_applied,
    every_node_of_tunnel_is_applied_and_stays_applied,
    a_failure_takes_a_tunnel_back,
    switches_and_daemons_are_applied_and_stay_applied,
    daemons_and_mixed_families_exclude_each_other,
    a_missing_module_is_named,
    a_device_of_another_make_is_refused,
    what_a_step_does_is_what_was_foretold,
    both_families_are_applied,
    removal_takes_services_and_virtual_ips,
    removal_does_what_was_foretold,
    removal_puts_back_what_goes_along,
    a_refused_step_takes_everything_back,
    a_refused_plan_changes_nothing,
    a_service_is_taken_over_only_when_told,
    reading_does_not_load_ip_vs,
    shell_lines_do_the_same,
    shell_lines_say_everything_about_services,
}

fn name(text: &str) -> IfName {
    text.parse().unwrap()
}

/// A machine with interfaces that are down, as it comes.
fn machine() -> lvs_core::Result<Netns> {
    let netns = Netns::create()?;
    netns.run(|host| -> Outcome {
        let net: &mut Net = host.net();
        net.add_veth(&name("eth0"), &name("port0"), None)?;
        net.add_veth(&name("eth1"), &name("port1"), None)?;
        net.set_up(&name("port0"))?;
        net.set_up(&name("port1"))
    })??;
    Ok(netns)
}

fn node(text: &str, name: &str) -> DesiredState {
    Cluster::from_toml(text).unwrap().node(name).unwrap()
}

fn apply(node: &DesiredState, host: &mut Host) -> Result<Plan, ApplyError> {
    node.apply(host, PlanOptions::default(), &mut |_| ())
}

fn observe(node: &DesiredState, host: &mut Host) -> Observed {
    Observed::read(host, &ReadScope::of(node)).unwrap()
}

/// Applies each node on a machine of its own, twice; the second time there is nothing to do.
fn applied_twice(text: &str) -> Outcome {
    let cluster = Cluster::from_toml(text).unwrap();
    for name in cluster.node_names() {
        let node = cluster.node(name.as_str()).unwrap();
        machine()?.run(|host| {
            let done = apply(&node, host).unwrap();
            assert!(!done.is_empty());
            let again = apply(&node, host).unwrap();
            assert!(again.is_empty(), "{again}");
        })?;
    }
    Ok(())
}

fn every_node_of_nat_is_applied_and_stays_applied() -> Outcome {
    applied_twice(NAT)
}

fn every_node_of_dr_is_applied_and_stays_applied() -> Outcome {
    applied_twice(DR)
}

const SYNC: &str = include_str!("../plans/sync-director-fresh/cluster.toml");

fn switches_and_daemons_are_applied_and_stay_applied() -> Outcome {
    applied_twice(SYNC)?;
    // The words of a line are told apart by blanks there.
    typed(&SYNC.replace("sync-threshold = \"3 10\"", ""), "director")?;
    let node = node(&SYNC.replace("id = 7", "id = 8"), "director");
    machine()?.run(|host| {
        apply(&self::node(SYNC, "director"), host).unwrap();
        let plan = apply(&node, host).unwrap();
        assert_eq!(plan.steps().count(), 2, "{plan}");
        let ids = host.ipvs().unwrap().daemons().unwrap();
        assert_eq!(
            ids.iter().map(|daemon| daemon.sync_id).collect::<Vec<_>>(),
            [8, 8]
        );
        let key = SysctlKey::ipvs("sync_threshold").unwrap();
        assert_eq!(host.sysctl().read(&key).unwrap(), "3 10");
    })
}

const MIXED: &str = include_str!("../plans/mixed-director/cluster.toml");

/// A stranger's daemon stands in the way, which is said before anything is done.
fn daemons_and_mixed_families_exclude_each_other() -> Outcome {
    let node = node(MIXED, "director");
    machine()?.run(|host| {
        host.net().set_up(&name("eth0")).unwrap();
        let daemon = Daemon::new(DaemonRole::Backup, name("eth0"), 1);
        host.ipvs().unwrap().start_daemon(&daemon).unwrap();
        let error = apply(&node, host).unwrap_err();
        assert!(
            matches!(error.failure(), ApplyFailure::Refused(_)),
            "{error}"
        );
        assert!(
            error.to_string().contains("--stop-daemon backup"),
            "{error}"
        );
    })
}

/// The tunnel of the example in every wrapping.
fn tunnels() -> impl Iterator<Item = String> {
    for module in ["ipip", "fou", "ip_gre"] {
        lvs_lab::load_module(module).unwrap();
    }
    let all = [
        "{ type = \"ipip\" }",
        "{ type = \"gue\", port = 5555 }",
        "{ type = \"gre\", checksum = \"full\" }",
    ];
    let wrap = |tunnel| TUNNEL.replace("{ type = \"ipip\" }", tunnel);
    all.into_iter().map(wrap)
}

fn every_node_of_tunnel_is_applied_and_stays_applied() -> Outcome {
    tunnels().try_for_each(|text| applied_twice(&text))
}

/// The gateway is on no network, so that the very last step is refused.
fn a_failure_takes_a_tunnel_back() -> Outcome {
    tunnels().try_for_each(|text| {
        let mut node = node(&text, "realserver1");
        node.routes.update(|route| {
            route.value.gateway = route.value.gateway.map(|_| "10.9.9.9".parse().unwrap());
        });
        machine()?.run(|host| {
            let before = observe(&node, host);
            let error = apply(&node, host).unwrap_err();
            assert!(matches!(error.failure(), ApplyFailure::Step(..)), "{error}");
            assert!(matches!(error.aftermath(), Aftermath::Reverted), "{error}");
            assert_eq!(observe(&node, host), before);
        })
    })
}

/// Nobody loads modules here, and the error says which one is missing.
fn a_missing_module_is_named() -> Outcome {
    for (tunnel, module) in [
        ("{ type = \"ipip\" }", "modprobe ipip"),
        ("{ type = \"gre\" }", "modprobe ip_gre"),
    ] {
        let node = node(
            &TUNNEL.replace("{ type = \"ipip\" }", tunnel),
            "realserver1",
        );
        machine()?.run(|host| {
            let before = observe(&node, host);
            let error = apply(&node, host).unwrap_err();
            assert!(error.to_string().contains(module), "{error}");
            assert!(matches!(error.aftermath(), Aftermath::Untouched), "{error}");
            assert_eq!(observe(&node, host), before);
        })?;
    }
    Ok(())
}

/// A device of the name that must be made, but of another make.
fn a_device_of_another_make_is_refused() -> Outcome {
    let text = tunnels().nth(2).unwrap();
    let node = node(&text, "realserver1");
    machine()?.run(|host| {
        let mut other = node.tunnels[0].value.clone();
        other.checksum = false;
        host.net().add_tunnel(&other).unwrap();
        let error = apply(&node, host).unwrap_err();
        assert!(
            matches!(error.failure(), ApplyFailure::Refused(_)),
            "{error}"
        );
        assert!(
            error.to_string().contains("ip link delete lvs-gre"),
            "{error}"
        );
    })
}

const DUAL: &str = include_str!("../plans/dual-stack-director/cluster.toml");

fn both_families_are_applied() -> Outcome {
    applied_twice(DUAL)
}

/// Before each phase, and at the end, the machine is read and compared with what was foretold.
fn what_a_step_does_is_what_was_foretold() -> Outcome {
    lvs_lab::load_module("ipip").unwrap();
    for (text, name) in [
        (NAT, "director"),
        (NAT, "realserver1"),
        (DR, "director"),
        (DR, "realserver2"),
        (TUNNEL, "realserver1"),
        (DUAL, "web1"),
    ] {
        let node = node(text, name);
        machine()?.run(|host| {
            let mut foretold = observe(&node, host);
            node.apply(host, PlanOptions::default(), &mut |event| match event {
                ApplyEvent::Phase(phase) => {
                    let found = observe(&node, &mut Host::open().unwrap());
                    assert_eq!(found, foretold, "{name} before {}", phase.name);
                }
                ApplyEvent::Done(step) => foretold = foretold.after(step),
                _ => {}
            })
            .unwrap();
            assert_eq!(observe(&node, host), foretold, "{name} at the end");
        })?;
    }
    Ok(())
}

fn removal_takes_services_and_virtual_ips() -> Outcome {
    let director = node(DR, "director");
    machine()?.run(|host| {
        apply(&director, host).unwrap();
        director.remove(host, &mut |_| ()).unwrap();
        let left = observe(&director, host);
        assert!(left.services().is_empty());
        let addresses: Vec<_> = left
            .addresses
            .iter()
            .map(|address| address.id.to_string())
            .collect();
        assert_eq!(addresses, ["192.168.1.11/24 on eth0"]);
        assert_eq!(
            left.routes.len(),
            1,
            "the default route stays: {:?}",
            left.routes
        );
        assert!(director.remove(host, &mut |_| ()).unwrap().is_empty());
    })?;
    let server = node(DR, "realserver1");
    machine()?.run(|host| {
        apply(&server, host).unwrap();
        server.remove(host, &mut |_| ()).unwrap();
        let left = observe(&server, host);
        assert!(
            left.addresses
                .iter()
                .all(|address| !server.is_virtual(&address.id))
        );
        assert_eq!(
            left.routes.len(),
            1,
            "the default route stays: {:?}",
            left.routes
        );
    })
}

/// With the director's only address on the clients' side the kernel takes its default route along.
fn removal_does_what_was_foretold() -> Outcome {
    let director = node(NAT, "director");
    machine()?.run(|host| {
        apply(&director, host).unwrap();
        let before = observe(&director, host);
        let plan = director.remove(host, &mut |_| ()).unwrap();
        assert_eq!(observe(&director, host), plan.outcome(&before));
        let route =
            "the kernel removes the route default together with the last address of its interface";
        assert!(plan.notes.iter().any(|note| note == route), "{plan}");
    })
}

/// The virtual IP was there first: the kernel takes the director's own address and the default route along.
fn removal_puts_back_what_goes_along() -> Outcome {
    let text = DR.replace("172.16.5.11/32", "192.168.1.10/24");
    let director = node(&text.replace("172.16.5.11", "192.168.1.10"), "director");
    machine()?.run(|host| -> Outcome {
        let vip = Address::new(name("eth0"), "192.168.1.10/24".parse().unwrap());
        host.net().add_address(&Address {
            protocol: Address::PROTOCOL,
            ..vip
        })?;
        apply(&director, host).unwrap();
        let before = observe(&director, host);
        let plan = director.remove(host, &mut |_| ()).unwrap();
        let left = observe(&director, host);
        assert_eq!(left, plan.outcome(&before), "{plan}");
        let addresses: Vec<_> = left
            .addresses
            .iter()
            .map(|address| address.id.to_string())
            .collect();
        assert_eq!(addresses, ["192.168.1.11/24 on eth0"], "{plan}");
        assert_eq!(left.routes, before.routes, "{plan}");
        Ok(())
    })?
}

/// The scheduler does not exist, which only the kernel finds out: everything before it is taken back.
fn a_refused_step_takes_everything_back() -> Outcome {
    let mut node = node(NAT, "director");
    node.services.update(|service| {
        service.service.scheduler = SchedulerName::new("nosuch").unwrap();
    });
    machine()?.run(|host| {
        host.ipvs().unwrap().services().unwrap();
        let before = observe(&node, host);
        let error = apply(&node, host).unwrap_err();
        assert!(matches!(error.failure(), ApplyFailure::Step(..)), "{error}");
        assert!(error.to_string().contains("ip_vs_nosuch"), "{error}");
        assert!(matches!(error.aftermath(), Aftermath::Reverted), "{error}");
        assert_eq!(observe(&node, host), before);
    })
}

fn a_refused_plan_changes_nothing() -> Outcome {
    let node = node(NAT, "director");
    Netns::create()?.run(|host| {
        let before = observe(&node, host);
        let error = apply(&node, host).unwrap_err();
        assert!(
            matches!(error.failure(), ApplyFailure::Refused(_)),
            "{error}"
        );
        let said = error.to_string();
        assert!(said.contains("link eth0 does not exist"), "{said}");
        assert!(said.contains("so too: eth1"), "{said}");
        assert!(matches!(error.aftermath(), Aftermath::Untouched), "{error}");
        assert_eq!(observe(&node, host), before);
    })
}

fn a_service_is_taken_over_only_when_told() -> Outcome {
    let node = node(NAT, "director");
    let other = Service::new("udp 172.16.5.11:53".parse().unwrap(), SchedulerName::RR);
    machine()?.run(|host| {
        host.net().set_up(&IfName::LO)?;
        host.ipvs()?.add_service(&other)?;
        let error = apply(&node, host).unwrap_err();
        assert!(error.to_string().contains("udp 172.16.5.11:53"), "{error}");
        assert_eq!(host.ipvs()?.services()?.len(), 1);

        node.apply(host, PlanOptions { take_over: true }, &mut |_| ())
            .unwrap();
        let left: Vec<_> = host
            .ipvs()?
            .services()?
            .iter()
            .map(|status| status.service.id)
            .collect();
        assert_eq!(left, ["tcp 172.16.5.11:80".parse().unwrap()]);
        Ok(())
    })?
}

fn reading_does_not_load_ip_vs() -> Outcome {
    for module in ["ip_vs_rr", "ip_vs_wrr", "ip_vs_wlc", "ip_vs"] {
        lvs_lab::unload_module(module).unwrap();
    }
    let node = node(NAT, "director");
    machine()?.run(|host| {
        let plan = node.plan(host, PlanOptions::default()).unwrap();
        assert!(
            plan.notes
                .iter()
                .any(|note| note.contains("ip_vs is not loaded")),
            "{plan}"
        );
        assert!(!host.is_ipvs_loaded());
        assert_eq!(host.sysctl().read(&SysctlKey::IP_FORWARD).unwrap(), "0");
    })?;
    lvs_lab::load_module("ip_vs_rr").unwrap();
    Ok(())
}

/// Types the lines of a plan with Debian's own tools.
fn type_lines(plan: &Plan) {
    for line in plan
        .to_shell()
        .lines()
        .filter(|line| !line.starts_with('#'))
    {
        let words: Vec<_> = line.split_whitespace().collect();
        let (tool, arguments) = words.split_first().unwrap();
        lvs_lab::run_tool(tool, arguments).unwrap();
    }
}

/// After typing, nothing is left to plan, and not even a label differs.
fn typed(text: &str, name: &str) -> Outcome {
    let node = node(text, name);
    let options = PlanOptions::default();
    machine()?.run(|host| {
        let plan = node.plan(host, options).unwrap();
        let mut foretold = plan.outcome(&observe(&node, host));
        // The one thing that `ip` cannot say everywhere.
        foretold.addresses.update(|address| address.protocol = 0);
        type_lines(&plan);
        let left = node.plan(host, options).unwrap();
        assert!(left.is_empty(), "{name}: {left}");
        assert_eq!(observe(&node, host), foretold, "{name}");
    })
}

fn shell_lines_do_the_same() -> Outcome {
    lvs_lab::load_module("ipip").unwrap();
    typed(NAT, "director")?;
    typed(NAT, "realserver1")?;
    typed(DR, "director")?;
    typed(DR, "realserver2")?;
    typed(TUNNEL, "realserver2")?;
    typed(DUAL, "director")?;
    typed(DUAL, "web1")
}

const SERVICES: &str = include_str!("../plans/everything-about-services/cluster.toml");

fn shell_lines_say_everything_about_services() -> Outcome {
    lvs_lab::load_module("ip_vs_sh").unwrap();
    typed(SERVICES, "lb")
}
