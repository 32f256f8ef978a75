//! With the feature `tracing`, what is done to a node and the conversation with the kernel are events.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use lvs_core::Cluster;
use lvs_lab::Lab;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

lvs_lab::tests! {
    an_apply_is_told,
}

/// Collects a line for each event.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("lvs_core")
    }

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let mut line = Line(format!("{} {}", metadata.level(), metadata.target()));
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn an_apply_is_told() {
    let lines = Lines::default();
    tracing::subscriber::set_global_default(lines.clone()).unwrap();
    let cluster = Cluster::from_toml(include_str!("../../../examples/nat.toml")).unwrap();
    let lab = Lab::new(&cluster, 1).unwrap();
    lab.apply_to("director").unwrap();
    let lines = lines.0.lock().unwrap().join("\n");
    for expected in [
        "INFO lvs_core::apply message=planned cluster=web node=director changes=",
        "INFO lvs_core::apply message=+ service tcp 172.16.5.11:80 rr",
        "INFO lvs_core::apply message=verified",
        "INFO lvs_core::apply message=announced 172.16.5.11/16 on eth0",
        "DEBUG lvs_core::netlink message=",
    ] {
        assert!(lines.contains(expected), "no {expected} in\n{lines}");
    }
}
