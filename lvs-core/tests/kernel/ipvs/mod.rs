//! The methods of `Ipvs` on a real kernel.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod batches;
mod destinations;
mod ensured;
mod errno_table;
mod errors;
mod kept_word;
mod services;
mod settings;

use std::collections::BTreeSet;

use lvs_core::ipvs::{
    Destination, Forwarding, Ipvs, Netmask, Persistence, SchedulerName, Seconds, Service, ServiceId,
};
use lvs_lab::run_tool;

use crate::ipvs::destinations::destinations;
use crate::ipvs::services::{load_schedulers, services};

lvs_lab::tests! {
    services::services_read_back_equal,
    services::services_are_edited_and_deleted,
    destinations::destinations_read_back_equal,
    destinations::destinations_are_edited_and_deleted,
    destinations::order_is_newest_first_and_survives_edits,
    ensured::entries_that_are_right_are_not_changed,
    ensured::edits_keep_what_they_do_not_name,
    ipvsadm_sees_the_same,
    services::tables_made_by_ipvsadm_are_read,
    errors::errors_name_object_reason_and_hint,
    errors::senseless_values_are_refused_before_they_are_sent,
    batches::thousand_duplicates_give_thousand_errors,
    batches::a_batch_continues_after_a_failure,
    batches::a_batch_of_every_size_is_answered,
    batches::snapshot_shows_the_whole_table,
    settings::timeouts_are_set_one_by_one,
    settings::daemons_start_and_stop,
    services::zero_and_flush,
    errno_table::every_refusal_of_the_kernel_is_explained,
    errno_table::senseless_values_are_refused_although_the_kernel_accepts_them,
    errno_table::upper_threshold_is_accepted_or_explained,
    errors::without_ip_vs_it_is_not_loaded,
    kept_word::a_handle_survives_the_reload_of_its_module,
    kept_word::a_dead_handle_is_neither_empty_nor_content,
    kept_word::an_unknown_scheduler_is_no_dead_handle,
    kept_word::a_scope_is_replaced_and_nothing_else,
    kept_word::a_refused_replacement_leaves_every_destination,
    kept_word::a_daemon_on_an_interface_of_any_name_is_listed,
    kept_word::racing_threads_ensure_without_errors,
    kept_word::twenty_thousand_services_are_listed_and_deleted,
    errors::without_privilege_nothing_can_be_read,
}

fn open() -> Ipvs {
    Ipvs::open().unwrap()
}

fn id(text: &str) -> ServiceId {
    text.parse().unwrap()
}

fn round_robin(text: &str) -> Service {
    Service::new(id(text), SchedulerName::RR)
}

fn destination(text: &str, forwarding: Forwarding) -> Destination {
    Destination::new(text.parse().unwrap(), forwarding)
}

fn persistent(mut service: Service, timeout: u32, netmask: Netmask) -> Service {
    let timeout = Seconds(timeout);
    service.persistence = Some(Persistence { timeout, netmask });
    service
}

fn behind(ipvs: &mut Ipvs, id: &ServiceId) -> Vec<Destination> {
    let destinations = ipvs.destinations(id).unwrap();
    destinations
        .into_iter()
        .map(|status| status.destination)
        .collect()
}

fn ipvsadm_sees_the_same() {
    load_schedulers();
    let mut ipvs = open();
    for service in services() {
        ipvs.add_service(&service).unwrap();
    }
    let web = id("tcp 10.0.0.1:80");
    for destination in destinations("10.1.0.") {
        // ipvsadm has no name for a bypass.
        if destination.forwarding != Forwarding::Bypass {
            ipvs.add_destination(&web, &destination).unwrap();
        }
    }
    let saved = run_tool("ipvsadm", &["-Sn"]).unwrap();
    let saved: BTreeSet<_> = saved.lines().map(str::trim).collect();
    for line in [
        "-A -t 10.0.0.1:80 -s rr",
        "-A --sctp-service 10.0.0.1:9 -s wrr",
        "-A -u 10.0.0.1:53 -s rr -o",
        "-A -t [2001:db8::1]:443 -s sh -b sh-fallback,sh-port",
        "-A -u 10.0.0.1:5060 -s rr -p 60 --pe sip",
        "-A -t 10.0.0.1:0 -s rr -p 300 -M 255.255.255.0",
        "-A -f 7 -6 -s rr -p 4294967 -M 64",
        "-A -f 7 -s rr",
        "-a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 0",
        "-a -t 10.0.0.1:80 -r 10.1.0.2:80 -g -w 1000",
        "-a -t 10.0.0.1:80 -r 10.1.0.5:80 -i -w 4000 --tun-type ipip",
        "-a -t 10.0.0.1:80 -r 10.1.0.7:80 -i -w 6000 --tun-type gue --tun-port 6080 --tun-csum",
    ] {
        assert!(saved.contains(line), "{line}\nnot in {saved:#?}");
    }
    // Its --save omits thresholds.
    let list = run_tool("ipvsadm", &["-Ln", "--thresholds"]).unwrap();
    let line: Vec<_> = list
        .lines()
        .find(|line| line.contains("10.1.0.6:80"))
        .unwrap()
        .split_whitespace()
        .collect();
    assert_eq!(line.get(2..4), Some(&["500", "250"][..]), "{list}");
}
