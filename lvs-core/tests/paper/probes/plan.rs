//! The clients' path, on paper.

use lvs_core::Cluster;
use lvs_core::cluster::Role;
use lvs_core::health::{Check, CheckKind, ProbePlan, ProbeRoute};

/// Every service of the file with a check.
fn checked(file: &str) -> String {
    assert!(!file.contains("check ="));
    file.replace("[[services]]", "[[services]]\ncheck = \"tcp\"")
}

fn plan_as(file: &str, director: &str, role: Role) -> ProbePlan {
    let cluster = Cluster::from_toml(&checked(file)).unwrap();
    ProbePlan::new(&cluster, director, role).unwrap()
}

fn plan(file: &str) -> ProbePlan {
    plan_as(file, "director", Role::Active)
}

fn sysctls(plan: &ProbePlan) -> Vec<String> {
    let sysctls = plan.sysctls.iter();
    sysctls
        .map(|sysctl| format!("{}={}", sysctl.key, sysctl.value))
        .collect()
}

/// Each way as `source -> destination mark`, by the check with the defaults.
fn ways(plan: &ProbePlan) -> Vec<String> {
    let check = Check::new(CheckKind::Tcp);
    let probes = plan.probes.iter();
    probes
        .map(|probe| {
            let (path, route) = probe.path(&check).unwrap();
            match (path.source, path.mark) {
                (Some(source), Some(mark)) => {
                    assert_eq!(mark.get() >> 16, 0x4C56);
                    format!("{} -> {} marked", source.ip(), path.destination)
                }
                _ => format!("{} by {route}", path.destination),
            }
        })
        .collect()
}

const NAT: &str = include_str!("../../../../examples/nat.toml");
const DR: &str = include_str!("../../../../examples/dr.toml");
const TUNNEL: &str = include_str!("../../../../examples/tunnel.toml");
const SIX: &str = include_str!("../../../../examples/ipv6.toml");

#[test]
fn direct_routing_binds_to_the_dip_and_accepts_local_answers() {
    let plan = plan(DR);
    assert_eq!(
        ways(&plan),
        [
            "192.168.1.11 -> 172.16.5.11:80 marked",
            "192.168.1.11 -> 172.16.5.11:80 marked"
        ]
    );
    assert_eq!(
        sysctls(&plan),
        [
            "net/ipv4/conf/eth0/accept_local=1",
            "net/ipv4/vs/conn_reuse_mode=3"
        ]
    );
    let service = &plan.services[0];
    let id = service.service().id.to_string();
    assert!(
        id.starts_with("fwmark 12807") && id.ends_with("ipv4"),
        "{id}"
    );
    let mut ends: Vec<_> = plan
        .services
        .iter()
        .map(|probe| probe.destination().id.to_string())
        .collect();
    ends.sort();
    assert_eq!(ends, ["192.168.1.12:0", "192.168.1.13:0"]);
    assert!(plan.notes.is_empty());
}

#[test]
fn masquerading_needs_an_address_on_the_clients_side() {
    let blind = plan(NAT);
    assert_eq!(ways(&blind)[0], "192.168.1.11 -> 172.16.5.11:80 marked");
    assert_eq!(blind.notes.len(), 2, "{:?}", blind.notes);
    assert!(blind.sysctls.is_empty());
    let own = r#"{ interface = "eth0", address = "172.16.5.11/16" },"#;
    assert!(NAT.contains(own));
    let more = format!(r#"{own} {{ interface = "eth0", address = "172.16.5.9/16" }},"#);
    let seeing = plan(&NAT.replace(own, &more));
    assert_eq!(ways(&seeing)[0], "172.16.5.9 -> 172.16.5.11:80 marked");
    assert!(seeing.notes.is_empty(), "{:?}", seeing.notes);
}

#[test]
fn a_tunnel_is_direct_routing_to_it_and_ipv6_needs_no_accept_local() {
    let tunnel = plan(TUNNEL);
    assert!(
        sysctls(&tunnel)
            .iter()
            .any(|sysctl| sysctl.ends_with("accept_local=1"))
    );
    assert_eq!(tunnel.services.len(), 2);
    let six = plan(SIX);
    assert_eq!(sysctls(&six), ["net/ipv4/vs/conn_reuse_mode=3"]);
    assert!(
        ways(&six).iter().all(|way| way.contains("-> [")),
        "{:?}",
        ways(&six)
    );
}

const PAIR: &str = r#"
    name = "web"
    forwarding = "dr"
    [[directors]]
    name = "lb1"
    addresses = [
        { interface = "eth0", address = "172.16.5.11/32", floating = true },
        { interface = "eth1", address = "192.168.1.21/24" },
    ]
    [[directors]]
    name = "lb2"
    addresses = [
        { interface = "eth0", address = "172.16.5.11/32", floating = true },
        { interface = "eth1", address = "192.168.1.22/24" },
    ]
    [[services]]
    address = "172.16.5.11:80"
    [[real-servers]]
    name = "rs1"
    addresses = [{ interface = "eth0", address = "192.168.1.12/24" }]
"#;

#[test]
fn a_standby_needs_no_accept_local() {
    let active = plan_as(PAIR, "lb1", Role::Active);
    let accepts = [
        "net/ipv4/conf/eth1/accept_local=1",
        // The virtual IP is on another interface than the answers.
        "net/ipv4/conf/eth1/rp_filter=2",
        "net/ipv4/vs/conn_reuse_mode=3",
    ];
    assert_eq!(sysctls(&active), accepts);
    let standby = plan_as(PAIR, "lb2", Role::Standby);
    assert_eq!(sysctls(&standby), accepts[2..]);
    assert_eq!(ways(&standby), ["192.168.1.22 -> 172.16.5.11:80 marked"]);
}

#[test]
fn a_mapped_port_is_a_way_of_its_own_and_another_port_of_it_goes_to_the_server() {
    let file = NAT.replace(
        r#"address = "172.16.5.11:80""#,
        "address = \"172.16.5.11:80\"\ndestinations = [{ real-server = \"realserver1\", port = 8080 }]",
    );
    let plan = plan(&file);
    let probe = &plan.probes[0];
    assert_eq!(
        plan.services[0].destination().id.to_string(),
        "192.168.1.12:8080"
    );
    let mut check = Check::new(CheckKind::Tcp);
    let (path, route) = probe.path(&check).unwrap();
    assert_eq!(
        (path.destination.to_string().as_str(), route),
        ("172.16.5.11:80", ProbeRoute::Service)
    );
    check.port = Some(9090.try_into().unwrap());
    let (path, route) = probe.path(&check).unwrap();
    assert_eq!(
        (path.destination.to_string().as_str(), route),
        ("192.168.1.12:9090", ProbeRoute::Server)
    );
    check.port = None;
    check.route = ProbeRoute::Server;
    assert_eq!(
        probe.path(&check).unwrap().0.destination.to_string(),
        "192.168.1.12:8080"
    );
}

#[test]
fn a_firewall_mark_says_what_clients_connect_to_or_is_probed_at_the_server() {
    let marked = |matches: &str| {
        DR.replace(
            r#"address = "172.16.5.11:80""#,
            &format!("fwmark = 7\n{matches}"),
        )
    };
    let plan = plan(&marked(
        r#"match = ["tcp 172.16.5.11:0", "tcp 172.16.5.11:443"]"#,
    ));
    assert_eq!(ways(&plan)[0], "192.168.1.11 -> 172.16.5.11:443 marked");
    assert_eq!(
        plan.probes[0].destination.port, 0,
        "as the kernel identifies it"
    );
}

#[test]
fn without_a_check_by_the_service_there_is_no_probe_service() {
    let cluster = Cluster::from_toml(DR).unwrap();
    let nothing = ProbePlan::new(&cluster, "director", Role::Active).unwrap();
    assert_eq!(nothing, ProbePlan::default());
    let straight = DR.replace(
        "[[services]]",
        "[health]\npath = \"server\"\n[[services]]\ncheck = \"tcp\"",
    );
    let cluster = Cluster::from_toml(&straight).unwrap();
    let plan = ProbePlan::new(&cluster, "director", Role::Active).unwrap();
    assert!(plan.services.is_empty());
    assert_eq!(ways(&plan)[0], "192.168.1.12:80 by server");
    assert_eq!(sysctls(&plan), ["net/ipv4/vs/conn_reuse_mode=3"]);
}

#[test]
fn a_destination_that_is_not_checked_has_no_probe_service() {
    let keys = "check = \"tcp\"\ndestinations = [{ real-server = \"realserver1\", check = false }, { real-server = \"realserver2\" }]";
    let file = DR.replace("[[services]]", &format!("[[services]]\n{keys}"));
    let cluster = Cluster::from_toml(&file).unwrap();
    let plan = ProbePlan::new(&cluster, "director", Role::Active).unwrap();
    let probed = plan.services.iter().map(|service| service.server.as_str());
    assert!(probed.eq(["realserver2"]), "{plan:?}");
    assert_eq!(plan.probes.len(), 2, "each destination has its place");
    let services = lvs_core::run::CheckedService::of(&cluster, "director", Role::Active);
    let targets = services[0].destinations.iter().map(|end| end.targets.len());
    assert!(targets.eq([0, 1]), "{services:?}");
}

#[test]
fn a_service_of_the_file_must_not_have_a_probe_mark() {
    let marked = checked(DR).replace(
        r#"address = "172.16.5.11:80""#,
        "fwmark = 0x4C561234\nmatch = [\"tcp 172.16.5.11:80\"]",
    );
    let error = Cluster::from_toml(&marked).unwrap_err();
    assert_eq!(error.first().path(), "services[0].fwmark");
    let elsewhere = format!("[health]\nmarks = 0x10000\n{marked}");
    let elsewhere =
        elsewhere.replacen("[health]\nmarks = 0x10000\n", "", 1) + "[health]\nmarks = 0x10000\n";
    assert!(Cluster::from_toml(&elsewhere).is_ok());
}
