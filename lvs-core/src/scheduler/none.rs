//! No scheduler at all.

use super::{Arrival, Scheduler, Server};
use crate::ipvs::SchedulerName;

/// `none`: a service without a scheduler refuses every new connection; established ones go on.
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
