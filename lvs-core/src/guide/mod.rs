//! The guide: clusters step by step, daily work, and what to do when clients complain.
//!
//! What a console block shows was typed on nodes of the lab, on a real kernel, and is typed there again by the tests:
//! `director#` is a shell of root on that node, `client#` one of a client. `…` stands for lines that are left out.
//!
//! To begin, install lvsctl on every node, from its package or as the static binary (`lvs-cli/packaging/build` of the
//! repository makes both), and copy the cluster file there.
//!
//! - A cluster, step by step: [masquerading](nat), [direct routing](dr), [tunnels](tunnel)
//! - [Maintenance](maintenance): drains, changes, the way back
//! - [Two directors](two_directors), of which one waits; [several directors](several_directors), all active
//! - [Health and monitoring](health)
//! - [Migrating](migrating) from keepalived, ldirectord and ipvsadm
//! - [Troubleshooting](troubleshooting) by symptom
#![cfg_attr(feature = "cluster", doc = "- [Embedding](embedding) in a program")]
//!
//! lvsctl(8) and lvsctl.toml(5), which `lvsctl manual` writes, describe every option of the program and every key of
//! the file.

#[doc = include_str!("nat.md")]
pub mod nat {}

#[doc = include_str!("dr.md")]
pub mod dr {}

#[doc = include_str!("tunnel.md")]
pub mod tunnel {}

#[doc = include_str!("maintenance.md")]
pub mod maintenance {}

#[doc = include_str!("two_directors.md")]
pub mod two_directors {}

#[doc = include_str!("several_directors.md")]
pub mod several_directors {}

#[doc = include_str!("health.md")]
pub mod health {}

#[doc = include_str!("migrating.md")]
pub mod migrating {}

#[doc = include_str!("troubleshooting.md")]
pub mod troubleshooting {}

#[cfg(feature = "cluster")]
#[doc = include_str!("embedding.md")]
pub mod embedding {}
