//! A service without a scheduler.

use super::{Arrival, Scheduler, Server};
use crate::ipvs::SchedulerName;

/// Models `none`: a service without a scheduler refuses every new connection and keeps the established ones.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoScheduler;

impl Scheduler for NoScheduler {
    fn name(&self) -> SchedulerName {
        SchedulerName::NONE
    }

    fn pick(&mut self, _: &[Server], _: &Arrival) -> Option<usize> {
        None
    }
}
