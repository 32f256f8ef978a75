//! `lvsctl run` on a real kernel: what breaks for clients is taken out and comes back, and nothing else is.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

pub(crate) mod alerts;
mod beside;
mod breaks;
mod by_hand;
mod checks;
mod ends;
mod resident;
pub(crate) mod roles;
mod rules;
mod same_file;
mod targets;
mod trouble;

lvs_lab::tests! {
    breaks::a_virtual_ip_that_is_gone_on_lo,
    breaks::a_daemon_that_is_dead,
    breaks::a_tunnel_device_that_is_down,
    breaks::a_wrong_gateway_behind_masquerading,
    breaks::an_http_status_500,
    breaks::all_servers_at_once_are_served_on,
    ends::killed_and_started_again,
    ends::ended_while_a_server_is_removed,
    ends::killed_at_any_moment,
    ends::sigterm_leaves_the_table,
    ends::a_file_with_a_mistake_is_refused,
    ends::a_new_file_is_loaded_when_it_appears,
    ends::programs_end_with_it,
    ends::metrics_wait_for_their_address,
    ends::standard_input_is_read_once,
    beside::a_second_one_is_refused_and_named,
    beside::a_second_one_of_another_state_directory_is_refused_and_named,
    beside::a_change_of_another_state_directory_is_refused,
    beside::another_file_is_refused,
    beside::two_clusters_on_one_node,
    beside::drains_reach_it,
    beside::drains_reach_services_without_checks,
    beside::a_drain_warns_of_the_minimum,
    beside::what_others_change_is_repaired,
    beside::what_others_change_is_only_reported,
    beside::roles_are_applied_beside_it,
    beside::a_standby_that_withdraws_says_so_before_a_takeover,
    beside::a_remembered_role_begins_as_standby,
    beside::counters_never_fall,
    beside::systemd_is_told,
    beside::a_real_server_is_kept,
    rules::a_virtual_ip_of_a_network_is_withdrawn,
    rules::the_fallback_serves_below_the_minimum,
    rules::a_fallback_that_cannot_serve_is_none,
    rules::a_fallback_is_in_the_table_only_while_it_serves,
    rules::a_virtual_ip_is_withdrawn_below_the_minimum,
    rules::what_health_decided_is_told_when_it_has_ended,
    rules::a_virtual_ip_stays_for_its_other_services,
    rules::a_restart_decides_nothing_before_the_probes,
    rules::a_dead_server_is_removed_and_added_again,
    rules::a_weight_rises_slowly,
    targets::targets_of_another_program_are_served,
    targets::fewer_targets_than_the_minimum_are_followed,
    targets::a_file_without_targets_keeps_no_other_back,
    same_file::a_removed_server_is_no_difference,
    same_file::a_weight_of_0_and_a_withdrawn_virtual_ip_are_no_difference,
    same_file::other_weights_are_refused,
    checks::what_the_controller_knows,
    by_hand::they_warn_of_a_controller,
    trouble::a_role_beside_a_stalled_change,
    trouble::a_full_disk,
    trouble::a_clock_that_is_set,
    trouble::a_long_change_feeds_the_watchdog,
    trouble::a_deleted_state_directory,
}
