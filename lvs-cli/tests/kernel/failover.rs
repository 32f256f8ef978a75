//! One of two directors fails or is stopped: keepalived notices and calls lvsctl, clients hardly notice.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use lvs_core::Host;
use lvs_lab::{Files, Pair, Takeover};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

lvs_lab::tests! {
    // These tests measure time.
    alone;
    nat_the_active_one_dies,
    nat_the_active_one_is_stopped,
    dr_the_active_one_dies,
    nat_a_pending_change_prevents_no_failover,
    dr_a_pending_change_prevents_no_failover,
}

type Outcome = lvs_lab::Result<()>;

const NAT: &str = include_str!("../../../examples/two_directors.toml");

/// The files that users copy.
const FILES: Files<'_> = Files {
    cluster: NAT,
    keepalived: include_str!("../../../examples/keepalived.conf"),
    notify: include_str!("../../../examples/keepalived-notify.sh"),
};

const DR: &str = include_str!("../../../examples/lab/tests/two_directors_dr.toml");

fn nat_the_active_one_dies() -> Outcome {
    let mut pair = pair(FILES)?;
    let seen = hardly_noticed(&mut pair, Pair::kill)?;
    // Started again it is standby, and takes over when the other one dies.
    pair.start(&seen.before)?;
    pair.wait_for_active()?;
    hardly_noticed(&mut pair, Pair::kill).map(drop)
}

fn nat_the_active_one_is_stopped() -> Outcome {
    let mut pair = pair(FILES)?;
    let seen = hardly_noticed(&mut pair, Pair::end)?;
    pair.wait_for_standby(&seen.before)
}

fn dr_the_active_one_dies() -> Outcome {
    hardly_noticed(&mut dr_pair()?, Pair::kill).map(drop)
}

fn dr_pair() -> lvs_lab::Result<Pair> {
    pair(Files {
        cluster: DR,
        keepalived: &FILES.keepalived.replace("interface eth1", "interface eth0"),
        ..FILES
    })
}

fn pair(files: Files<'_>) -> lvs_lab::Result<Pair> {
    Pair::new(files, Path::new(env!("CARGO_BIN_EXE_lvsctl")))
}

/// Expects that no request fails that begins 2 s later or more, and that the open connection survives.
///
/// The connection must survive every time. The 2 s are measured up to three times: a shared machine may leave
/// a guest without a processor for longer than that.
fn hardly_noticed(
    pair: &mut Pair,
    change: impl Fn(&mut Pair, &str) -> Outcome,
) -> lvs_lab::Result<Takeover> {
    for _ in 0..2 {
        let seen = watched(pair, &change)?;
        if seen.late.failed == 0 {
            return Ok(seen);
        }
        pair.start(&seen.before)?;
        pair.wait_for_active()?;
    }
    let seen = watched(pair, &change)?;
    assert_eq!(seen.late.failed, 0, "{seen}");
    Ok(seen)
}

fn watched(
    pair: &mut Pair,
    change: impl Fn(&mut Pair, &str) -> Outcome,
) -> lvs_lab::Result<Takeover> {
    let seen = Takeover::watch(pair, change)?;
    println!("{seen}");
    assert_eq!(seen.undisturbed.failed, 0, "{seen}");
    assert!(seen.late.begun > 10, "{seen}");
    Ok(seen)
}

/// Types a line on a director.
fn shell(pair: &Pair, director: &str, line: &str) -> lvs_lab::Result<Child> {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", line]).stdout(Stdio::null());
    pair.spawn(director, command.stderr(Stdio::piped()))
}

/// Changes the cluster on a director, and waits until this can be confirmed.
fn changed(pair: &Pair, director: &str) -> lvs_lab::Result<Child> {
    let line = "until [ -e /run/lvsctl/web@*.json ]; do sleep 0.1; done
                sed -i 's/\"rr\"/\"wrr\"/' /etc/lvsctl/web.toml
                exec /run/bin/lvsctl apply /etc/lvsctl/web.toml --confirm 1h";
    // keepalived has just started and calls lvsctl first.
    let mut child = shell(pair, director, line)?;
    let mut lines = BufReader::new(child.stderr.as_mut().unwrap()).lines();
    let mut read = Vec::new();
    let is_asked = lines.any(|line| {
        read.push(line.unwrap());
        read.iter().any(|line| line.contains("lvsctl confirm"))
    });
    assert!(is_asked, "{read:#?}");
    Ok(child)
}

fn scheduler(pair: &Pair, director: &str) -> lvs_lab::Result<String> {
    let services = |host: &mut Host| host.ipvs()?.services();
    let services = pair.lab().node(director)?.run(services)??;
    Ok(services[0].service.scheduler.to_string())
}

fn nat_a_pending_change_prevents_no_failover() -> Outcome {
    a_pending_change_prevents_no_failover(pair(FILES)?)
}

fn dr_a_pending_change_prevents_no_failover() -> Outcome {
    a_pending_change_prevents_no_failover(dr_pair()?)
}

/// The virtual IP is on one director, and clients are served, whatever the pending change becomes.
fn a_pending_change_prevents_no_failover(mut pair: Pair) -> Outcome {
    let service = "tcp 172.16.5.11:80".parse().unwrap();
    let old = pair.wait_for_active()?;
    let mut pending = changed(&pair, &old)?;
    pair.end(&old)?;
    pair.wait_for_standby(&old)?;
    let new = pair.wait_for_active()?;
    pair.lab().request(&service, 0)?;
    assert_eq!(scheduler(&pair, &old)?, "wrr");
    let pid = Pid::from_raw(pending.id().try_into().unwrap());
    kill(pid, Signal::SIGTERM).unwrap();
    assert_eq!(pending.wait().unwrap().code(), Some(1));
    assert_eq!(scheduler(&pair, &old)?, "rr");
    pair.wait_for_standby(&old)?;
    pair.lab().request(&service, 1)?;

    pair.start(&old)?;
    let mut pending = changed(&pair, &old)?;
    pair.kill(&new)?;
    assert_eq!(pair.wait_for_active()?, old);
    pair.lab().request(&service, 2)?;
    let mut confirm = shell(&pair, &old, "/run/bin/lvsctl confirm")?;
    assert!(confirm.wait().unwrap().success());
    assert!(pending.wait().unwrap().success());
    assert_eq!(pair.wait_for_active()?, old);
    assert_eq!(scheduler(&pair, &old)?, "wrr");
    pair.lab().request(&service, 3).map(drop)
}
