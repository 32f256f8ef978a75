//! Which JSON a verb prints.

use serde::Serialize;

/// Names the JSON of a verb, as its key `schema` does. Within /1 fields are only ever added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum ReportKind {
    #[serde(rename = "lvsctl.plan/1")]
    Plan,
    #[serde(rename = "lvsctl.apply/1")]
    Apply,
    #[serde(rename = "lvsctl.remove/1")]
    Remove,
    #[serde(rename = "lvsctl.check/1")]
    Check,
    #[serde(rename = "lvsctl.order/1")]
    Order,
    #[serde(rename = "lvsctl.simulate/1")]
    Simulate,
    #[serde(rename = "lvsctl.import/1")]
    Import,
    #[serde(rename = "lvsctl.list/1")]
    List,
    #[serde(rename = "lvsctl.status/1")]
    Status,
    #[serde(rename = "lvsctl.confirm/1")]
    Confirm,
    #[serde(rename = "lvsctl.drain/1")]
    Drain,
    #[serde(rename = "lvsctl.undrain/1")]
    Undrain,
    #[serde(rename = "lvsctl.restore/1")]
    Restore,
}
