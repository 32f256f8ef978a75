//! What `lvsctl list` reads from the kernel, which is also its JSON.

use lvs_core::ipvs::{Connection, Daemon, Snapshot, Timeouts};
use serde::Serialize;

use crate::report_kind::ReportKind;

/// Is the JSON of a list. What was not asked for is null; services are then empty.
#[derive(Serialize)]
pub(super) struct ListReport {
    schema: ReportKind,
    pub(super) loaded: bool,
    pub(super) services: Snapshot,
    pub(super) connections: Option<Vec<Connection>>,
    pub(super) timeouts: Option<Timeouts>,
    pub(super) daemons: Option<Vec<Daemon>>,
}

impl ListReport {
    pub(super) const fn new(loaded: bool) -> Self {
        Self {
            schema: ReportKind::List,
            loaded,
            services: Vec::new(),
            connections: None,
            timeouts: None,
            daemons: None,
        }
    }
}
