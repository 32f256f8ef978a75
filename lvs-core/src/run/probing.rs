//! Probes of a running controller: handed to a pool, which reports to the loop.

use std::sync::Arc;

use super::runner::Input;
use super::running::Running;
use super::{Notice, ProbeRun};
use crate::health::{Health, ProbePath, Prober, Target, Timeout};

impl Running {
    pub(super) fn probe(&mut self, run: ProbeRun, target: &Arc<Target>, timeout: Timeout) {
        let known = self.probers.get(&run.probe);
        let prober = match known.filter(|prober| *prober.target() == **target) {
            Some(prober) => Arc::clone(prober),
            None => {
                let prober = Arc::new(Prober::new((**target).clone()));
                self.probers.insert(run.probe, Arc::clone(&prober));
                prober
            }
        };
        let port = match target.path.source {
            Some(_) => self.ports.take(target.path.destination),
            None => 0,
        };
        let input = self.runner.handle.input.clone();
        let report = move |outcome, took| {
            let _ = input.send(Input::Probed { run, took, outcome });
        };
        self.pool.submit(prober, port, timeout, report);
    }

    /// Asks a real server straight that is down by the clients' path: what is different tells what is wrong.
    pub(super) fn explain(&mut self, notice: &Notice) {
        let Notice::Health {
            service,
            destination,
            transition,
            ..
        } = notice
        else {
            return;
        };
        self.straight.remove(&(*service, *destination));
        if transition.to != Health::Down {
            return;
        }
        let Some(target) = self
            .controller
            .target_by_service(service, destination)
            .cloned()
        else {
            return;
        };
        // Where the clients' way ends: at the port that masquerading maps to, or that of the check.
        let port = match target.via {
            Some(via) if via.port != 0 => via.port,
            _ => target.path.destination.port(),
        };
        let straight = Target {
            path: ProbePath::direct((destination.address, port).into()),
            via: None,
            ..target
        };
        let (input, service, destination) =
            (self.runner.handle.input.clone(), *service, *destination);
        let report = move |outcome, _| {
            let _ = input.send(Input::Straight {
                service,
                destination,
                outcome,
            });
        };
        let prober = Arc::new(Prober::new(straight));
        self.pool.submit(prober, 0, Timeout::DEFAULT, report);
    }
}
