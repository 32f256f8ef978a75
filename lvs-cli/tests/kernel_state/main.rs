//! The state directory, the lock and the confirmation against everything that can stand in their way, on a real
//! kernel.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod kinds;
mod machine;
mod namespaces;

lvs_lab::main! {
    kinds::no_kind_of_file_prevents_a_role,
    kinds::every_kind_of_file_at_every_name,
    namespaces::a_deleted_namespace_leaves_no_record_to_the_next,
    namespaces::two_namespaces_share_a_state_directory,
}
