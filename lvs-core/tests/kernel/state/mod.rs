//! Records and locks on a real kernel: what is remembered, through failures and crashes too.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod failure;
mod record;
mod removal;

use std::path::PathBuf;

use lvs_core::cluster::{
    ApplyError, DesiredState, Observed, Plan, PlanOptions, ReadScope, StateDir,
};
use lvs_core::net::{Address, Net};
use lvs_core::sysctl::{Conf, SysctlKey};
use lvs_core::{Cluster, Host, IfName, Netns};

pub(crate) type Outcome = lvs_core::Result<()>;

const NAT: &str = include_str!("../../../../examples/nat.toml");
const DR: &str = include_str!("../../../../examples/dr.toml");

lvs_lab::tests! {
    removal::a_removal_brings_every_machine_back,
    removal::a_removal_takes_devices_and_ports_of_tunnels,
    removal::another_wrapping_takes_the_place_of_the_last,
    removal::a_removal_stops_daemons_and_puts_switches_back,
    removal::mixed_families_take_the_place_of_daemons_and_back,
    removal::what_the_file_no_longer_names_goes,
    removal::a_virtual_ip_is_deleted_before_the_service_behind_it,
    removal::an_address_moves_within_its_network,
    record::one_virtual_ip_is_one_clusters,
    failure::a_failure_leaves_machine_and_record_as_they_were,
    failure::a_sysctl_that_this_kernel_lacks_is_refused_before_the_first_change,
    failure::sysctls_that_cannot_be_written_cut_no_client,
    failure::a_stop_takes_everything_back,
    failure::without_a_confirmation_everything_is_taken_back,
    record::a_full_disk_changes_nothing,
    record::a_record_that_is_none_changes_nothing,
    record::a_lost_record_takes_nothing_away_that_was_found,
    record::who_waits_for_the_lock_is_told_by_whom,
    failure::an_apply_can_die_at_any_phase,
}

fn name(text: &str) -> IfName {
    text.parse().unwrap()
}

/// A machine with interfaces that are down, as it comes.
fn on_a_machine(test: impl FnOnce(&mut Host, StateDir) + Send) -> Outcome {
    Netns::create()?.run(|host| {
        let net: &mut Net = host.net();
        net.add_veth(&name("eth0"), &name("port0"), None)?;
        net.add_veth(&name("eth1"), &name("port1"), None)?;
        net.set_up(&name("port0"))?;
        net.set_up(&name("port1"))?;
        host.ipvs()?;
        let directory = tempfile::tempdir().unwrap();
        test(host, StateDir::at(directory.path().join("state")));
        Ok(())
    })?
}

fn node(text: &str, name: &str) -> DesiredState {
    Cluster::from_toml(text).unwrap().node(name).unwrap()
}

fn apply(state: &StateDir, node: &DesiredState, host: &mut Host) -> Result<Plan, ApplyError> {
    let mut session = state.lock("apply").unwrap();
    session.apply(node, host, PlanOptions::default(), &mut |_| ())
}

fn remove(state: &StateDir, node: &DesiredState, host: &mut Host) -> Result<Plan, ApplyError> {
    state
        .lock("remove")
        .unwrap()
        .remove(node, host, &mut |_| ())
}

/// With `forwarding` of every interface, whatever the file says.
fn look(node: &DesiredState, host: &mut Host) -> Observed {
    let mut observed = Observed::read(host, &ReadScope::of(node)).unwrap();
    for interface in ["lo", "eth0", "eth1", "port0"] {
        let key = SysctlKey::forwarding(&Conf::Interface(name(interface)));
        let value = host.sysctl().read(&key).unwrap();
        observed.sysctls.insert(key, value);
    }
    observed
}

fn record_of(state: &StateDir, node: &DesiredState) -> PathBuf {
    let file = format!("{}@{}.json", node.cluster, node.name);
    state.directory().join(file)
}

/// A director's own address was there before, and one interface forwarded.
fn disturb(host: &mut Host) {
    host.net().set_up(&name("eth0")).unwrap();
    let own = Address::new(name("eth0"), "192.168.1.11/24".parse().unwrap());
    host.net().add_address(&own).unwrap();
    let port = SysctlKey::forwarding(&Conf::Interface(name("port0")));
    host.sysctl().write(&port, "1").unwrap();
}
