//! One of two directors fails or is stopped: keepalived notices and calls lvsctl, clients hardly notice.

use std::path::Path;

use lvs_lab::{Files, Pair, Takeover};

lvs_lab::main! {
    // These tests measure time.
    guests = 1;
    nat_the_active_one_dies,
    nat_the_active_one_is_stopped,
    dr_the_active_one_dies,
}

type Outcome = lvs_lab::Result<()>;

const NAT: &str = include_str!("../../examples/two_directors.toml");

/// The files that users copy.
const FILES: Files<'_> = Files {
    cluster: NAT,
    keepalived: include_str!("../../examples/keepalived.conf"),
    notify: include_str!("../../examples/keepalived-notify.sh"),
};

const DR: &str = include_str!("../../examples/lab/tests/two_directors_dr.toml");

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
    let mut pair = pair(Files {
        cluster: DR,
        keepalived: &FILES.keepalived.replace("interface eth1", "interface eth0"),
        ..FILES
    })?;
    hardly_noticed(&mut pair, Pair::kill).map(drop)
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
