//! The state directory, the lock and the confirmation against everything that can stand in their way, on a real
//! kernel.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod machine;
mod namespaces;

lvs_lab::main! {
    namespaces::a_deleted_namespace_leaves_no_record_to_the_next,
    namespaces::two_namespaces_share_a_state_directory,
}
