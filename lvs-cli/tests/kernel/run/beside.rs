//! Beside other programs: a second controller, other verbs, and whatever changes the table.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{self, Stdio};
use std::time::Duration;

use lvs_core::cluster::Role;
use lvs_core::ipvs::{Command, ServiceId};
use lvs_core::net::Address;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::run::resident::{DR, PATIENCE, Resident, checked, says, with_keys};
use crate::run::rules::{ADMIN, carries_virtual_ip};

pub(crate) fn a_second_one_is_refused_and_named() {
    let resident = Resident::new(&checked(DR), &[]);
    says(&resident.lvsctl(&["run"]), 1, "run /run/web.toml (process");
    resident.prints(&["apply"]);
    resident.serves(4);
}

/// The kernel's table is the same one.
pub(crate) fn a_second_one_of_another_state_directory_is_refused_and_named() {
    let mut resident = Resident::new(&checked(DR), &[]);
    let table = resident.prints(&["save"]);
    let run_elsewhere = |node: &str| {
        let mut command = process::Command::new(env!("CARGO_BIN_EXE_lvsctl"));
        command.arg("run").arg(&resident.file);
        command.args(["--node", node, "--state", "/run/elsewhere"]);
        command
    };
    let mut second = run_elsewhere("director");
    let output = resident.on_director(move |_| second.output().unwrap());
    let first = "run /run/web.toml --node director --state /run/state (process";
    says(&output, 1, first);
    assert!(!Path::new("/run/elsewhere").exists());
    let status_elsewhere = |arguments: &[&str]| {
        let mut command = process::Command::new(env!("CARGO_BIN_EXE_lvsctl"));
        command.arg("status").args(arguments);
        command.args(["--state", "/run/elsewhere"]);
        resident.on_director(move |_| command.output().unwrap())
    };
    for arguments in [&[][..], &["--json"]] {
        let output = status_elsewhere(arguments);
        let text = String::from_utf8_lossy(&output.stdout);
        let words: Vec<_> = text.split_whitespace().collect();
        assert!(words.join(" ").contains(first), "{text}");
    }
    says(&status_elsewhere(&["web"]), 1, first);
    assert_eq!(resident.prints(&["save"]), table);
    // Another namespace is another machine.
    let mut other = run_elsewhere("realserver1");
    other.stderr(Stdio::piped());
    let mut other = resident.on("realserver1", move |_| other.spawn().unwrap());
    let mut lines = BufReader::new(other.stderr.take().unwrap())
        .lines()
        .map_while(Result::ok);
    assert!(lines.any(|line| line.contains("probes run")));
    other.kill().unwrap();
    other.wait().unwrap();
    // The name ends with its process.
    resident.end(Signal::SIGKILL);
    resident.start();
    resident.serves(4);
}

/// It would learn neither of a change nor of a role or a drain.
pub(crate) fn a_change_of_another_state_directory_is_refused() {
    const ELSEWHERE: &str = "/run/elsewhere";
    let mut resident = Resident::idle(&checked(DR), "director", &[]);
    let elsewhere = |resident: &Resident, verb: &[&str]| {
        let mut command = process::Command::new(env!("CARGO_BIN_EXE_lvsctl"));
        command.args(verb).args(["--state", ELSEWHERE]);
        resident.on_director(move |_| command.output().unwrap())
    };
    let file = resident.file.display().to_string();
    let apply = ["apply", &file, "--node", "director"];
    says(&elsewhere(&resident, &apply), 0, "");
    resident.start();
    resident.settle();
    let table = resident.prints(&["save"]);
    let dry_run = [&apply[..], &["--dry-run"]].concat();
    let remove = ["remove", &file, "--node", "director"];
    for verb in [&apply[..], &dry_run, &remove, &["drain", "realserver1"]] {
        let output = elsewhere(&resident, verb);
        says(&output, 1, "--state /run/state (process");
        says(&output, 1, "keeps this cluster");
    }
    let plan = elsewhere(&resident, &["plan", &file, "--node", "director"]);
    says(&plan, 0, "");
    assert!(String::from_utf8_lossy(&plan.stdout).contains("keeps this cluster"));
    assert_eq!(resident.prints(&["save"]), table);
    resident.end(Signal::SIGKILL);
    says(&elsewhere(&resident, &apply), 0, "");
}

/// One writer: what it would change back is refused at once.
pub(crate) fn another_file_is_refused() {
    let mut resident = Resident::new(&checked(DR), &[]);
    let table = resident.prints(&["save"]);
    let (other, renamed) = (
        checked(DR)
            .replace("weight = 3", "weight = 7")
            .replace("wrr", "wlc")
            .replacen("[[real-servers]]", ADMIN, 1),
        checked(DR).replace("name = \"web\"", "name = \"www\""),
    );
    let refused = "run /run/web.toml (process";
    for verb in [
        &["apply"][..],
        &["apply", "--grow"],
        &["apply", "--dry-run"],
        &["apply", "--confirm", "5s"],
    ] {
        says(&resident.lvsctl_of(&other, verb), 1, refused);
    }
    says(&resident.lvsctl_of(&renamed, &["apply"]), 1, refused);
    says(&resident.lvsctl_of(&renamed, &["run"]), 1, refused);
    says(&resident.lvsctl(&["remove"]), 1, refused);
    says(&resident.lvsctl(&["remove", "--dry-run"]), 1, refused);
    let plan = resident.lvsctl_of(&other, &["plan"]);
    let text = String::from_utf8_lossy(&plan.stdout);
    assert!(
        plan.status.success() && text.contains("keeps this cluster"),
        "{text}"
    );
    assert_eq!(resident.prints(&["save"]), table);
    // As its hint says.
    fs::write(&resident.file, &other).unwrap();
    resident.waits("other scheduler", || {
        resident.prints(&["save"]).contains("wlc")
    });
    resident.end(Signal::SIGKILL);
    assert!(
        resident
            .lvsctl_of(&checked(DR), &["apply"])
            .status
            .success()
    );
}

pub(crate) fn drains_reach_it() {
    let resident = Resident::new(&checked(DR), &[]);
    resident.prints(&["drain", "192.168.1.12"]);
    resident.waits_for(&[0, 3]);
    let status = resident.prints(&["status"]);
    assert!(status.contains("drained: 192.168.1.12"), "{status}");
    resident.serves(4);
    assert!(
        status
            .lines()
            .any(|line| line.contains("realserver1") && line.contains(" up ")),
        "{status}"
    );
    let done = resident.prints(&["undrain", "192.168.1.12"]);
    assert_eq!(done, "192.168.1.12: drained no longer\n");
    resident.waits_for(&[2, 3]);
    resident.settle();
    let messages = resident.messages();
    assert!(
        !messages.iter().any(|line| line.contains("another program")),
        "{messages:#?}"
    );
}

/// Beside a controller, too, status and metrics know what is drained of a service that nothing tests.
pub(crate) fn drains_reach_services_without_checks() {
    const PLAIN: &str = "[[services]]\naddress = \"172.16.5.11:8080\"\n\n[[real-servers]]";
    let text = checked(DR).replacen("[[real-servers]]", PLAIN, 1);
    let mut resident = Resident::idle(&text, "director", &[]);
    resident.start();
    let is = |expected: [&str; 3]| {
        let status: serde_json::Value =
            serde_json::from_str(&resident.prints(&["status", "--json"])).unwrap();
        let services = status["clusters"][0]["services"].as_array().unwrap();
        let mut destinations = services
            .iter()
            .flat_map(|service| service["destinations"].as_array().unwrap());
        let found = destinations.find(|found| found["destination"] == "192.168.1.12:8080");
        ["weight", "desired_weight", "drain"].map(|key| found.unwrap()[key].to_string()) == expected
    };
    resident.waits("weight", || is(["2", "2", "null"]));
    resident.prints(&["drain", "192.168.1.12"]);
    resident.waits("drain", || is(["0", "0", "\"quiet\""]));
    let status = resident.prints(&["status"]);
    let lines = status.lines();
    let drained: Vec<_> = lines.filter(|line| line.contains(":8080  0 ")).collect();
    assert!(
        drained.len() == 1 && drained[0].contains("drained") && !status.contains(" not "),
        "{status}"
    );
    let metrics = resident.prints(&["metrics"]);
    let mut metrics = metrics.lines().filter(|line| {
        line.starts_with("lvs_destination_desired_weight{") && line.contains("192.168.1.12:8080")
    });
    assert!(metrics.next().is_some_and(|line| line.ends_with(" 0")));
    resident.prints(&["drain", "192.168.1.12", "--remove"]);
    resident.waits("removal", || is(["null", "null", "\"removed\""]));
    resident.prints(&["undrain", "192.168.1.12"]);
    resident.waits("weight", || is(["2", "2", "null"]));
}

/// The real server is healthy, and does not count all the same.
pub(crate) fn a_drain_warns_of_the_minimum() {
    let keys = "minimum = 2\nbelow-minimum = \"refuse\"";
    let mut resident = Resident::new(&with_keys(DR, keys), &[]);
    let drained = resident.lvsctl(&["drain", "realserver1"]);
    says(
        &drained,
        0,
        "warning: tcp 172.16.5.11:80: 1 available, minimum 2, for drained real servers do not count: \
         all new connections are refused\nhint: `lvsctl undrain realserver1`",
    );
    resident.waits_for(&[0, 0]);
    resident.prints(&["undrain", "realserver1"]);
    resident.waits_for(&[2, 3]);
    // Without a controller nothing happens below the minimum, and weights tell that clients are lost.
    resident.end(Signal::SIGTERM);
    let drained = resident.lvsctl(&["drain", "realserver1"]);
    let errors = String::from_utf8_lossy(&drained.stderr);
    assert!(
        drained.status.success() && !errors.contains("warning"),
        "{errors}"
    );
    says(
        &resident.lvsctl(&["drain", "realserver2"]),
        0,
        "warning: tcp 172.16.5.11:80: every destination has weight 0: all new connections are refused\nhint: ",
    );
}

pub(crate) fn what_others_change_is_repaired() {
    let mut resident = Resident::new(&checked(DR), &[]);
    let table = resident.prints(&["save"]);
    let is_same = |resident: &Resident| resident.prints(&["save"]) == table;
    let web: ServiceId = "tcp 172.16.5.11:80".parse().unwrap();
    let destination = "192.168.1.13:80".parse().unwrap();
    for command in [
        Command::DeleteDestination(web, destination),
        Command::DeleteService(web),
        Command::Flush,
    ] {
        resident.on_director(|host| {
            host.ipvs()
                .unwrap()
                .batch(&[command])
                .unwrap()
                .into_result()
                .unwrap();
        });
        resident.waits("table as before", || is_same(&resident));
        resident.settle();
    }
    let vip = Address::new("eth0".parse().unwrap(), "172.16.5.11/32".parse().unwrap());
    resident.on_director(|host| host.net().delete_address(&vip.id).unwrap());
    resident.waits("answer", || resident.request().is_some());
    resident.prints(&[
        "destination",
        "edit",
        "-t",
        "172.16.5.11:80",
        "-r",
        "192.168.1.13:80",
        "-g",
        "-w",
        "99",
    ]);
    resident.waits_for(&[2, 3]);
    resident.waits_for_message("weight 99, which is changed back");
    resident.waits_for_message("deleted 192.168.1.13:80, which is restored");
    resident.waits_for_message("repaired:");
    resident.serves(8);
}

pub(crate) fn what_others_change_is_only_reported() {
    let mut resident = Resident::new(&checked(DR), &["--report-only"]);
    let key = || lvs_core::sysctl::SysctlKey::IP_FORWARD;
    resident.on_director(|host| host.sysctl().write(&key(), "0").unwrap());
    resident.waits_for_message("drift");
    assert!(resident.prints(&["status"]).contains("drift: "));
    resident.on_director(|host| assert_eq!(host.sysctl().read(&key()).unwrap(), "0"));
    // Healthy servers are no use to clients without the service.
    let metric = "lvs_service_below_minimum{cluster=\"web\",service=\"tcp 172.16.5.11:80\"}";
    let has = |resident: &Resident, value: u8| {
        let metrics = resident.prints(&["metrics"]);
        metrics.contains(&format!("{metric} {value}\n"))
    };
    assert!(has(&resident, 0));
    let service = resident.service();
    resident.on_director(move |host| host.ipvs().unwrap().delete_service(&service).unwrap());
    resident.waits("service below its minimum", || has(&resident, 1));
}

const TWO_VIPS: &str = r#"  { interface = "eth0", address = "172.16.5.12/32" },
  { interface = "eth0", address = "192.168.1.11/24","#;

/// Each has its own controller, its own probes and its own virtual IP.
pub(crate) fn two_clusters_on_one_node() {
    let both = checked(DR)
        .replace(
            "  { interface = \"eth0\", address = \"192.168.1.11/24\",",
            TWO_VIPS,
        )
        .replace(
            "address = \"172.16.5.11:80\"",
            "addresses = [\"172.16.5.11:80\", \"172.16.5.12:80\"]",
        );
    let second = checked(DR)
        .replace("172.16.5.11", "172.16.5.12")
        .replace("name = \"web\"", "name = \"shop\"");
    let mut web = Resident::idle(&both, "director", &[]);
    fs::write(&web.file, checked(DR)).unwrap();
    web.start();
    fs::write("/run/shop.toml", &second).unwrap();
    let mut command = web.command_of(Path::new("/run/shop.toml"), &["run"]);
    let mut shop = web.on_director(move |_| command.spawn().unwrap());
    let status = |web: &Resident| web.prints(&["status"]);
    web.waits("both are up", || status(&web).matches(" up ").count() == 4);
    assert!(status(&web).contains("shop on director") && status(&web).contains("web on director"));
    let probes = web.on_director(|host| host.ipvs().unwrap().services().unwrap());
    let marks = probes
        .iter()
        .filter(|entry| matches!(entry.service.id, ServiceId::Fwmark { .. }));
    assert_eq!(marks.count(), 4, "each has its own probe services");
    web.lab.stop_servers("realserver1");
    web.waits("realserver1 is out of both", || {
        status(&web).matches(" down ").count() == 2
    });
    web.serves(4);
    kill(
        Pid::from_raw(shop.id().try_into().unwrap()),
        Signal::SIGTERM,
    )
    .unwrap();
    assert!(shop.wait().unwrap().success());
    says(&web.lvsctl_of(&second, &["remove"]), 0, "");
    assert!(!status(&web).contains("shop"));
    web.serves(4);
    web.end(Signal::SIGTERM);
}

const PAIR: &str = include_str!("../../../../examples/two_directors.toml");

/// Without a role on record it is standby; a role that keepalived applies counts at once.
pub(crate) fn roles_are_applied_beside_it() {
    let cluster = lvs_core::Cluster::from_toml(PAIR).unwrap();
    let (first, second) = (
        cluster.directors()[0].name.to_string(),
        cluster.directors()[1].name.to_string(),
    );
    let mut resident = Resident::idle(&checked(PAIR), &first, &[]);
    resident.lab.apply_as(&second, Role::Standby).unwrap();
    resident.start();
    assert_eq!(resident.role(), Some(Role::Standby));
    resident.settle();
    resident.prints(&["apply", "--role", "active"]);
    resident.waits_for_message(&format!("note: {first}: is active now"));
    resident.serves(4);
    resident.settle();
    let healthy: Vec<u32> = resident
        .weights()
        .iter()
        .map(|(_, weight)| *weight)
        .collect();
    resident.lab.stop_servers("realserver1");
    resident.waits("weight 0", || resident.weights()[0].1 == 0);
    resident.prints(&["apply", "--role", "standby"]);
    resident.waits("standby", || {
        resident.prints(&["status"]).contains("standby")
    });
    assert_eq!(resident.role(), Some(Role::Standby));
    let messages = resident.messages();
    assert!(
        !messages.iter().any(|line| line.contains("has changed")),
        "{messages:#?}"
    );
    let is_down = |line: &String| line.starts_with("warning: ") && line.contains("is down: ");
    assert!(messages.iter().any(is_down), "{messages:#?}");
    assert!(resident.request().is_none(), "no one is active");
    resident.prints(&["apply", "--role", "active"]);
    let weights: Vec<u32> = resident
        .weights()
        .iter()
        .map(|(_, weight)| *weight)
        .collect();
    assert_eq!(
        weights,
        [0, healthy[1]],
        "a role does not bring a dead server back"
    );
    resident.serves(4);
}

/// Its controller has withdrawn the virtual IP already: clients would lose it with a takeover.
pub(crate) fn a_standby_that_withdraws_says_so_before_a_takeover() {
    let text = with_keys(PAIR, "minimum = 2\nbelow-minimum = \"withdraw\"");
    let mut resident = Resident::idle(&text, "lb1", &[]);
    resident.lab.apply_as("lb2", Role::Standby).unwrap();
    resident.start();
    resident.settle();
    resident.prints(&["drain", "realserver1"]);
    resident.waits("finding", || {
        let report = resident.lvsctl(&["check"]);
        let report = String::from_utf8_lossy(&report.stdout);
        report.contains("LVS091 warning lb1 172.16.5.11: ")
            && report.contains("impact: after a takeover")
    });
    let stays = "172.16.5.11: stays withdrawn by the controller";
    for verb in ["plan", "apply"] {
        let said = resident.prints(&[verb, "--role", "active"]);
        assert!(said.contains(stays), "{verb}: {said}");
    }
    resident.waits_for_message("note: lb1: is active now");
    resident.prints(&["undrain", "realserver1"]);
    resident.waits("virtual IP", || carries_virtual_ip(&resident));
    resident.serves(4);
    resident.waits("end of the note", || {
        !resident.prints(&["plan"]).contains(stays)
    });
}

/// After a reboot of the active director, while the other one is active.
pub(crate) fn a_remembered_role_begins_as_standby() {
    let mut resident = Resident::idle(&checked(PAIR), "lb1", &[]);
    resident.lab.apply_as("lb2", Role::Standby).unwrap();
    resident.prints(&["apply", "--role", "active"]);
    resident.lab.wait_for_servers().unwrap();
    let lasting = "/run/state/lasting/web@lb1.json";
    let remembered = fs::read_to_string(lasting).unwrap();
    resident.prints(&["remove"]);
    fs::remove_file("/run/state/web@lb1.json").unwrap();
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    fs::write(lasting, remembered.replace(boot.trim(), "another")).unwrap();
    resident.lab.apply_as("lb2", Role::Active).unwrap();

    resident.start();
    let said = resident.messages().concat();
    assert!(
        said.contains("begins as standby until a role is applied"),
        "{said}"
    );
    assert_eq!(resident.role(), Some(Role::Standby));
    resident.serves(4);
    resident.lab.apply_as("lb2", Role::Standby).unwrap();
    resident.prints(&["apply", "--role", "active"]);
    resident.serves(4);
}

pub(crate) fn counters_never_fall() {
    let resident = Resident::new(&checked(DR), &["--metrics", "127.0.0.1:9677"]);
    resident.serves(6);
    let count = |resident: &Resident| {
        let text = resident.prints(&["metrics"]);
        let name = "lvs_service_connections_total{cluster=\"web\",service=\"tcp 172.16.5.11:80\"} ";
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("{text}"))
            .parse::<u64>()
            .unwrap()
    };
    // The kernel's counters are up to 2 s old.
    resident.waits("count", || count(&resident) >= 6);
    let before = count(&resident);
    resident.on_director(|host| host.ipvs().unwrap().zero(None).unwrap());
    assert!(count(&resident) >= before);
    resident.serves(2);
    resident.waits("count", || count(&resident) >= before + 2);

    let text = resident.prints(&["metrics"]);
    println!("{text}");
    for line in [
        "lvs_destination_up{cluster=\"web\",service=\"tcp 172.16.5.11:80\",destination=\"192.168.1.12:80\",real_server=\"realserver1\"} 1",
        "lvs_plan_steps{cluster=\"web\"} 0",
        "# TYPE lvs_service_connections_total counter",
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "{line} is not in\n{text}"
        );
    }
    assert!(!text.contains("fwmark"), "probe services are hidden");
    let answer = resident.on_director(|host| {
        host.net().set_up(&lvs_core::IfName::LO).unwrap();
        let mut stream = TcpStream::connect("127.0.0.1:9677").unwrap();
        let request = "GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(
        answer.contains("\n# TYPE lvs_service_connections counter\n"),
        "{answer}"
    );
    assert!(answer.ends_with("# EOF\n"), "{answer}");
}

pub(crate) fn systemd_is_told() {
    let path = "/run/notify";
    let socket = UnixDatagram::bind(path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let next = |expected: &str| {
        let mut bytes = [0; 256];
        loop {
            let length = socket.recv(&mut bytes).unwrap();
            let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
            if text.starts_with(expected) {
                return text;
            }
        }
    };
    let mut resident = Resident::idle(&checked(DR), "director", &[])
        .with_environment("NOTIFY_SOCKET", path)
        .with_environment(
            "WATCHDOG_USEC",
            &Duration::from_secs(2).as_micros().to_string(),
        );
    resident.start();
    next("READY=1");
    next("WATCHDOG=1");
    resident.send(Signal::SIGHUP);
    assert!(next("RELOADING=1").contains("MONOTONIC_USEC="));
    next("READY=1");
    resident.end(Signal::SIGTERM);
    next("STOPPING=1");
}

/// Without probes: its virtual IP and its sysctls are kept.
pub(crate) fn a_real_server_is_kept() {
    let mut resident = Resident::idle(&checked(DR), "realserver2", &[]);
    resident.start();
    let vip = || Address::new(lvs_core::IfName::LO, "172.16.5.11/32".parse().unwrap());
    resident.on_director(|host| host.net().delete_address(&vip().id).unwrap());
    resident.waits("virtual IP", || {
        let found = resident.on_director(|host| host.net().addresses().unwrap());
        found.iter().any(|found| found.id == vip().id)
    });
    assert_eq!(resident.end(Signal::SIGTERM), 0);
}
