//! What is promised of plans, judged by a real kernel.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod ipvs_steps;
mod kill;
mod objects;
mod steps;

pub(crate) use kill::child;

lvs_lab::tests! {
    steps::a_hundred_random_sequences_do_what_was_foretold,
    steps::a_hundred_more_do_what_was_foretold,
    #[long]
    kill::killed_before_every_phase,
    #[long]
    kill::killed_at_fifty_random_instants,
    #[long]
    objects::default_routes_of_every_kind_come_back,
    objects::ipv6_default_routes_win_or_are_refused,
    objects::typed_lines_say_everything,
    objects::what_others_add_survives_a_removal,
    objects::what_others_delete_meanwhile_stays_deleted,
}
