//! Changes that fail, are stopped, are not confirmed, or die: the node and the record are as they were.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lvs_core::Host;
use lvs_core::cluster::plan::PhaseName;
use lvs_core::cluster::{
    Aftermath, ApplyError, ApplyEvent, ApplyFailure, DesiredState, PlanOptions, StateDir,
};
use lvs_core::ipvs::SchedulerName;
use lvs_core::sysctl::SysctlKey;
use nix::mount::{MsFlags, mount};

use crate::state::{DR, NAT, Outcome, apply, disturb, look, node, on_a_machine, record_of, remove};

/// The scheduler does not exist, which only the kernel finds out.
fn unknown_scheduler(mut node: DesiredState) -> DesiredState {
    node.services.update(|desired| {
        desired.service.scheduler = SchedulerName::new("nosuch").unwrap();
    });
    node
}

pub(crate) fn a_failure_leaves_machine_and_record_as_they_were() -> Outcome {
    let good = node(NAT, "director");
    let bad = unknown_scheduler(good.clone());
    on_a_machine(|host, state| {
        let before = look(&good, host);
        let error = apply(&state, &bad, host).unwrap_err();
        assert!(matches!(error.aftermath(), Aftermath::Reverted), "{error}");
        assert_eq!(look(&good, host), before);
        assert!(!record_of(&state, &good).exists());

        apply(&state, &good, host).unwrap();
        let (made, record) = (
            look(&good, host),
            fs::read(record_of(&state, &good)).unwrap(),
        );
        let error = apply(&state, &bad, host).unwrap_err();
        assert!(error.is_clean(), "{error}");
        assert_eq!(look(&good, host), made);
        assert_eq!(fs::read(record_of(&state, &good)).unwrap(), record);
    })
}

/// Each of these came with another kernel; none of the lab's has them all.
pub(crate) fn a_sysctl_that_this_kernel_lacks_is_refused_before_the_first_change() -> Outcome {
    on_a_machine(|host, state| {
        let newer = [
            ("conn-max", "1000"),
            ("est-nice", "0"),
            ("svc-lfactor", "-4"),
        ];
        for (sysctl, value) in newer {
            let key = SysctlKey::ipvs(&sysctl.replace('-', "_")).unwrap();
            let text = format!("{NAT}\n[ipvs]\n{sysctl} = {value}\n");
            let director = node(&text, "director");
            let before = look(&director, host);
            let applied = apply(&state, &director, host);
            if host.sysctl().read(&key).is_ok() {
                applied.unwrap();
                remove(&state, &director, host).unwrap();
                continue;
            }
            let error = applied.unwrap_err();
            let ApplyFailure::Refused(refusals) = error.failure() else {
                panic!("{error}");
            };
            let text = refusals[0].to_string();
            assert!(
                text.contains(&key.to_string()) && text.contains("[ipvs]"),
                "{text}"
            );
            assert!(error.is_clean());
            assert_eq!(look(&director, host), before);
        }
    })
}

/// As in most containers: nothing is changed in vain, neither by a removal, which restores sysctls last.
pub(crate) fn sysctls_that_cannot_be_written_cut_no_client() -> Outcome {
    let node = node(NAT, "director");
    let place = Some("/proc/sys");
    let mount = |flags| mount(place, "/proc/sys", place, flags, place).unwrap();
    let remount = MsFlags::MS_REMOUNT | MsFlags::MS_BIND;
    on_a_machine(|host, state| {
        mount(MsFlags::MS_BIND);
        let is_refused = |done: Result<_, ApplyError>| {
            let error = done.unwrap_err();
            assert!(matches!(error.aftermath(), Aftermath::Untouched), "{error}");
            assert!(error.to_string().contains("read-only"), "{error}");
        };
        mount(remount | MsFlags::MS_RDONLY);
        let before = look(&node, host);
        is_refused(apply(&state, &node, host));
        assert_eq!(look(&node, host), before);
        mount(remount);
        apply(&state, &node, host).unwrap();
        let applied = look(&node, host);
        mount(remount | MsFlags::MS_RDONLY);
        is_refused(remove(&state, &node, host));
        assert_eq!(look(&node, host), applied);
        apply(&state, &node, host).unwrap();
        mount(remount);
        remove(&state, &node, host).unwrap();
        assert_eq!(look(&node, host), before);
    })
}

pub(crate) fn a_stop_takes_everything_back() -> Outcome {
    let node = node(NAT, "director");
    on_a_machine(|host, state| {
        let before = look(&node, host);
        let stop = Arc::new(AtomicBool::new(false));
        let mut session = state.lock("apply").unwrap().stop_by(Arc::clone(&stop));
        let error = session.apply(&node, host, PlanOptions::default(), &mut |event| {
            let is_last =
                matches!(event, ApplyEvent::Phase(phase) if phase.name == PhaseName::VirtualIps);
            stop.fetch_or(is_last, Ordering::Relaxed);
        });
        let error = error.unwrap_err();
        assert!(matches!(error.failure(), ApplyFailure::Stopped), "{error}");
        assert!(matches!(error.aftermath(), Aftermath::Reverted), "{error}");
        assert_eq!(look(&node, host), before);
    })
}

pub(crate) fn without_a_confirmation_everything_is_taken_back() -> Outcome {
    let node = node(NAT, "director");
    on_a_machine(|host, state| {
        let before = look(&node, host);
        let mut session = state
            .lock("apply")
            .unwrap()
            .confirm_within(Duration::from_millis(1));
        let error = session
            .apply(&node, host, PlanOptions::default(), &mut |_| ())
            .unwrap_err();
        assert!(
            matches!(error.failure(), ApplyFailure::Unconfirmed),
            "{error}"
        );
        assert!(error.is_clean());
        assert_eq!(look(&node, host), before);
        drop(session);

        let mut session = state
            .lock("apply")
            .unwrap()
            .confirm_within(Duration::from_secs(60));
        session
            .apply(&node, host, PlanOptions::default(), &mut |event| {
                if matches!(event, ApplyEvent::Confirming(_)) {
                    state.confirm().unwrap();
                }
            })
            .unwrap();
        drop(session);
        assert!(apply(&state, &node, host).unwrap().is_empty());
    })
}

/// A thread that panics is as dead as a process: nothing is taken back, and the lock is free.
pub(crate) fn an_apply_can_die_at_any_phase() -> Outcome {
    for node in [
        node(DR, "director"),
        node(DR, "realserver2"),
        node(NAT, "director"),
    ] {
        for fatal in 1..=9 {
            on_a_machine(|host, state| {
                disturb(host);
                let before = look(&node, host);
                die_at_phase(fatal, &state, &node);
                if fatal % 2 == 0 {
                    apply(&state, &node, host).unwrap();
                    assert!(apply(&state, &node, host).unwrap().is_empty());
                }
                remove(&state, &node, host).unwrap();
                assert_eq!(look(&node, host), before, "{} at {fatal}", node.name);
            })?;
        }
    }
    Ok(())
}

fn die_at_phase(fatal: usize, state: &StateDir, node: &DesiredState) {
    let mut phases = 0;
    let mut body = || {
        let mut session = state.lock("apply").unwrap();
        let mut host = Host::open().unwrap();
        let _ = session.apply(node, &mut host, PlanOptions::default(), &mut |event| {
            phases += usize::from(matches!(event, ApplyEvent::Phase(_)));
            if phases == fatal {
                std::panic::resume_unwind(Box::new(()));
            }
        });
    };
    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(&mut body));
}
