//! A script, run on a model and on the kernel.

use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use lvs_core::ipvs::{DestinationId, DestinationStatus, Ipvs, Seconds, ServiceId, Timeouts};
use lvs_core::scheduler::{Flow, Generation, ModelConnection, Server, ServiceModel};
use lvs_core::{Host, Netns};

use crate::scheduler::script::{Script, Step};
use crate::scheduler::wire::{Wire, route_to_dummy};

/// Timeouts with which closed connections expire soon.
const SHORT: Timeouts = Timeouts {
    tcp: Seconds(0),
    tcp_fin: Seconds(1),
    udp: Seconds(1),
};
/// Timeouts with which open connections do not expire.
const LONG: Timeouts = Timeouts {
    tcp: Seconds(0),
    tcp_fin: Seconds(0),
    udp: Seconds(900),
};
/// How long the end of connections may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a script may run: a connection that was never established lives for a minute.
const OLDEST: Duration = Duration::from_secs(55);

/// Holds what the kernel did: the steps that could be made, and the pick of each connection.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) steps: Vec<(Step, Option<DestinationId>)>,
}

impl Seen {
    pub(crate) fn picks(&self) -> u64 {
        self.steps
            .iter()
            .filter(|(step, _)| matches!(step, Step::Connect(_)))
            .count() as u64
    }
}

/// Runs the script in a namespace of its own; returns what the kernel did, or how model and kernel differed.
pub(crate) fn run(script: &Script, generation: Generation) -> Result<Seen, String> {
    let netns = Netns::create().unwrap();
    let run = |host: &mut Host| Run::new(host, script, generation).steps(&script.steps);
    netns.run(run).unwrap()
}

struct Run<'a> {
    ipvs: &'a mut Ipvs,
    wire: Wire,
    id: ServiceId,
    model: ServiceModel,
    /// The connections that have not ended, by their flow.
    open: HashMap<Flow, ModelConnection>,
    began: Instant,
    seen: Seen,
}

impl<'a> Run<'a> {
    fn new(host: &'a mut Host, script: &Script, generation: Generation) -> Self {
        let id = script.service.id;
        route_to_dummy(host);
        let wire = Wire::new(matches!(id, ServiceId::Fwmark { .. }));
        let ipvs = host.ipvs().unwrap();
        ipvs.set_timeouts(&LONG).unwrap();
        ipvs.add_service(&script.service).unwrap();
        Self {
            ipvs,
            wire,
            id,
            model: ServiceModel::fresh(script.service.clone(), generation).unwrap(),
            open: HashMap::new(),
            began: Instant::now(),
            seen: Seen::default(),
        }
    }

    fn steps(mut self, steps: &[Step]) -> Result<Seen, String> {
        for (number, step) in steps.iter().enumerate() {
            let result = self.step(step);
            if self.began.elapsed() > OLDEST {
                // Connections have expired by themselves; earlier observations still count.
                break;
            }
            result.map_err(|mismatch| format!("step {}, {step}{mismatch}", number + 1))?;
        }
        Ok(self.seen)
    }

    /// Makes a step. One that cannot be made (its server exists already, or no longer) is left out: so any
    /// part of a script is a script.
    fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Add(destination) if self.model.add(*destination).is_ok() => {
                self.ipvs.add_destination(&self.id, destination).unwrap();
            }
            Step::Edit(destination) if self.model.edit(*destination).is_ok() => {
                self.ipvs.edit_destination(&self.id, destination).unwrap();
            }
            Step::Remove(id) if self.model.remove(*id).is_ok() => {
                self.ipvs.delete_destination(&self.id, id).unwrap();
            }
            Step::Service(service) => {
                self.model.edit_service(service.clone()).unwrap();
                self.ipvs.edit_service(service).unwrap();
            }
            Step::Connect(flow) => return self.connect(flow),
            Step::End(flows) => return self.end(flows),
            _ => return Ok(()),
        }
        self.seen.steps.push((step.clone(), None));
        self.compare()
    }

    fn connect(&mut self, flow: &Flow) -> Result<(), String> {
        let before = self.kernel();
        let expected = self.model.connect(*flow);
        let accepted = self.wire.open(flow);
        let after = self.kernel();
        let (modelled, seen) = (
            expected.as_ref().map(ModelConnection::destination),
            picked(&before, &after),
        );
        self.open
            .extend(expected.map(|connection| (*flow, connection)));
        self.seen.steps.push((Step::Connect(*flow), seen));
        let agree = modelled == seen && accepted == seen.is_some();
        if agree && same(&after, self.model.servers()) {
            return Ok(());
        }
        let (model, kernel) = (show(modelled), show(seen));
        Err(format!(
            "model: {model}, kernel: {kernel}\n{}",
            self.tables(&after)
        ))
    }

    /// Ends connections and waits until the kernel has forgotten them.
    ///
    /// States in between are not compared: on a busy host the first may expire before the last is closed.
    fn end(&mut self, flows: &[Flow]) -> Result<(), String> {
        let ended = self.closing(flows);
        for (flow, _) in &ended {
            self.wire.close(flow);
        }
        self.ipvs.set_timeouts(&LONG).unwrap();
        let flows = ended.iter().map(|(flow, _)| *flow).collect();
        self.seen.steps.push((Step::End(flows), None));
        for (_, mut connection) in ended {
            self.model.set_active(&mut connection, false);
            self.model.close(connection);
        }
        let deadline = Instant::now() + PATIENCE;
        while self.compare().is_err() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(20));
        }
        self.compare()
    }

    /// Removes and returns the connections that can be ended: packets for a removed server are dropped and
    /// end none.
    fn closing(&mut self, flows: &[Flow]) -> Vec<(Flow, ModelConnection)> {
        self.ipvs.set_timeouts(&SHORT).unwrap();
        let present: Vec<_> = self.model.servers().iter().map(Server::id).collect();
        let mut closing = Vec::new();
        for flow in flows {
            let open = self.open.get(flow).map(ModelConnection::destination);
            if open.is_some_and(|id| present.contains(&id)) {
                closing.extend(self.open.remove_entry(flow));
            }
        }
        closing
    }

    fn compare(&mut self) -> Result<(), String> {
        let kernel = self.kernel();
        if same(&kernel, self.model.servers()) {
            return Ok(());
        }
        Err(self.tables(&kernel))
    }

    fn kernel(&mut self) -> Vec<DestinationStatus> {
        self.ipvs.destinations(&self.id).unwrap()
    }

    fn tables(&self, kernel: &[DestinationStatus]) -> String {
        let line = |(model, kernel): (&Server, &DestinationStatus)| {
            let full = if model.overloaded { ", full" } else { "" };
            let (id, weight) = (model.id(), model.weight());
            format!(
                "    {id} weight {weight}: model {}+{}{full}, kernel {} {}+{}\n",
                model.active, model.inactive, kernel.destination.id, kernel.active, kernel.inactive
            )
        };
        self.model.servers().iter().zip(kernel).map(line).collect()
    }
}

fn same(kernel: &[DestinationStatus], model: &[Server]) -> bool {
    let alike = |(kernel, model): (&DestinationStatus, &Server)| {
        let counts = (kernel.active, kernel.inactive) == (model.active, model.inactive);
        counts && kernel.destination == model.destination
    };
    kernel.len() == model.len() && kernel.iter().zip(model).all(alike)
}

fn show(id: Option<DestinationId>) -> String {
    id.map_or_else(|| "refused".to_owned(), |id| id.to_string())
}

/// Returns the destination whose count has increased.
pub(crate) fn picked(
    before: &[DestinationStatus],
    after: &[DestinationStatus],
) -> Option<DestinationId> {
    let count = |status: &DestinationStatus| status.active + status.inactive;
    let (_, picked) = before
        .iter()
        .zip(after)
        .find(|(before, after)| count(before) < count(after))?;
    Some(picked.destination.id)
}
