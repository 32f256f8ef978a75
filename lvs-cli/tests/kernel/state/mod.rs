//! The state directory, the lock and the confirmation against everything that can stand in their way, on a real
//! kernel.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod hidden_proc;
mod kinds;
mod machine;
mod modules;
mod namespaces;
mod roles;
mod unit;
mod waiting;

lvs_lab::tests! {
    hidden_proc::what_proc_hides_is_not_absent,
    #[long]
    kinds::no_kind_of_file_prevents_a_role,
    kinds::every_kind_of_file_at_every_name,
    modules::the_kernel_loads_modules_for_who_may_not,
    namespaces::a_deleted_namespace_leaves_no_record_to_the_next,
    namespaces::two_namespaces_share_a_state_directory,
    roles::an_active_role_beside_a_running_apply,
    roles::a_standby_role_beside_a_running_apply,
    roles::a_standby_role_beside_a_stalled_apply,
    unit::systemd_runs_the_unit,
    waiting::every_signal_rolls_back_what_is_not_confirmed,
    waiting::a_stopped_or_killed_confirmation_is_none,
    waiting::a_stopped_holder_is_named_and_waited_for,
    waiting::the_newest_role_wins,
    waiting::what_is_released_without_the_file_is_recorded,
    waiting::a_full_state_directory_prevents_no_role,
}
