//! A file that a controller loads while another process changes the role of its director.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use lvs_core::cluster::{PlanOptions, Role, StateDir};
use lvs_core::run::{RunEvent, Runner};
use lvs_core::{Cluster, Host};

use crate::support::{Outcome, name, with_eth0};

lvs_lab::tests! { a_role_that_comes_before_the_file_counts }

const TWO: &str = r#"
name = "web"
forwarding = "dr"

[[directors]]
name = "lb1"
addresses = [
  { interface = "eth0", address = "172.16.5.11/32", floating = true },
  { interface = "eth0", address = "192.168.1.11/24" },
]

[[directors]]
name = "lb2"
addresses = [
  { interface = "eth0", address = "172.16.5.11/32", floating = true },
  { interface = "eth0", address = "192.168.1.10/24" },
]

[[services]]
address = "172.16.5.11:80"
scheduler = "rr"

[[real-servers]]
name = "realserver1"
addresses = [{ interface = "eth0", address = "192.168.1.12/24" }]
"#;

fn a_role_that_comes_before_the_file_counts() -> Outcome {
    with_eth0(|host| {
        let directory = tempfile::tempdir().unwrap();
        let state = StateDir::at(directory.path());
        let cluster = Cluster::from_toml(TWO).unwrap();
        apply(Role::Active, &cluster, &state, host, || ());
        assert!(is_active(host));

        let (sender, events) = mpsc::channel();
        let (runner, handle) = Runner::new(cluster.clone(), "lb1".parse()?, state.clone());
        let controller = thread::spawn(move || {
            runner.run(&mut |event| {
                if matches!(event, RunEvent::Ready) {
                    sender.send(()).unwrap();
                }
            })
        });
        events.recv_timeout(PATIENCE).unwrap();
        let reloaded = Cluster::from_toml(&TWO.replace("\"rr\"", "\"wlc\"")).unwrap();
        // The controller looks at the record long before the role is there, and waits for the lock.
        apply(Role::Standby, &cluster, &state, host, || {
            handle.load(reloaded);
        });
        events.recv_timeout(PATIENCE).unwrap();
        let services = host.ipvs()?.services()?;
        assert_eq!(services[0].service.scheduler.as_str(), "wlc");
        assert!(!is_active(host), "the other director may be active");
        handle.stop();
        controller.join().unwrap().unwrap();
        Ok(())
    })
}

const PATIENCE: Duration = Duration::from_secs(60);

/// Applies a role; `before` is done while the state directory is locked.
fn apply(role: Role, cluster: &Cluster, state: &StateDir, host: &mut Host, before: impl FnOnce()) {
    let node = cluster.node_as("lb1", role).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let mut session = state.lock_for_role("apply", role, stop).unwrap();
    before();
    let done = session.apply(&node, host, PlanOptions::default(), &mut |_| ());
    done.unwrap();
}

fn is_active(host: &mut Host) -> bool {
    let addresses = host.net().addresses().unwrap();
    addresses.iter().any(|found| {
        found.id.interface == name("eth0") && found.id.network.to_string() == "172.16.5.11/32"
    })
}
