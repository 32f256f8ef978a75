//! The model of a whole service around its scheduler: counts, thresholds, persistence.

use std::time::Duration;

use super::connection::Counted;
use super::persistence::{Hold, Templates, mask};
use super::{Arrival, Flow, Generation, ModelConnection, PoolChange, Scheduler, Server, model};
use crate::error::InvalidValue;
use crate::ipvs::{
    Destination, DestinationId, DestinationStatus, Protocol, SchedulerName, Service, ServiceFlags,
};

/// Models a service of the kernel: given destinations and connections, it tells the destination of each
/// connection, without any kernel.
///
/// ```
/// use lvs_core::ipvs::{Destination, Forwarding, SchedulerName, Service};
/// use lvs_core::scheduler::{Flow, Generation, ServiceModel};
///
/// let service = Service::new("tcp 172.16.5.11:80".parse()?, SchedulerName::WLC);
/// let mut model = ServiceModel::fresh(service, Generation::New)?;
/// model.add(Destination::new("192.168.1.12:80".parse()?, Forwarding::Masquerade))?;
/// model.add(Destination::new("192.168.1.13:80".parse()?, Forwarding::Masquerade))?;
///
/// let flow = Flow::tcp("10.0.0.1:40000".parse().unwrap(), "172.16.5.11:80".parse().unwrap());
/// let first = model.connect(flow).unwrap();
/// let second = model.connect(flow).unwrap();
/// assert_ne!(first.destination(), second.destination());
/// model.close(first);
/// # Ok::<(), lvs_core::InvalidValue>(())
/// ```
///
/// To try a change, clone the model and change the clone.
///
/// # What is exact
///
/// A [`fresh`](Self::fresh) model that gets every change and connection of its service is exact to the pick.
/// [`attached`](Self::attached) to a table that was read from a kernel, it is an approximation.
///
/// A removed destination that is added again while it still has connections gets back its counts and its
/// overloaded mark, as from the kernel's list of removed destinations. That list is per network namespace;
/// this model is of one service, and does not know a destination that is added again to another service of
/// the same address.
///
/// Every [`connect`](Self::connect) is a new connection: packets of a known one are not scheduled and have no
/// place here. Persistence engines (`sip`) are not modelled; such a service is treated as persistent by
/// address.
#[derive(Clone, Debug)]
pub struct ServiceModel {
    service: Service,
    generation: Generation,
    scheduler: Box<dyn Scheduler>,
    /// The kernel's order, newest first.
    servers: Vec<Server>,
    /// The removed servers that still have connections.
    removed: Vec<Server>,
    templates: Templates,
    expire_quiescent: bool,
    now: Duration,
}

impl ServiceModel {
    /// Returns the exact model of a service that was just added and has no destinations yet.
    ///
    /// # Errors
    /// A scheduler that is not one of the kernel's own.
    pub fn fresh(service: Service, generation: Generation) -> Result<Self, InvalidValue> {
        let scheduler = scheduler_of(&service, generation)?;
        Ok(Self::with_scheduler(service, scheduler, generation))
    }

    /// Returns the exact model of a service to which these destinations were added in this order, one by one.
    ///
    /// # Errors
    /// Those of [`fresh`](Self::fresh) and [`add`](Self::add).
    pub fn built(
        service: Service,
        destinations: impl IntoIterator<Item = Destination>,
        generation: Generation,
    ) -> Result<Self, InvalidValue> {
        let mut model = Self::fresh(service, generation)?;
        for destination in destinations {
            model.add(destination)?;
        }
        Ok(model)
    }

    /// Returns the model of a service with the caller's scheduler, for kernel modules that this crate does
    /// not know.
    #[must_use]
    pub fn with_scheduler(
        service: Service,
        mut scheduler: Box<dyn Scheduler>,
        generation: Generation,
    ) -> Self {
        scheduler.changed(&[], PoolChange::Bound);
        Self {
            service,
            generation,
            scheduler,
            servers: Vec::new(),
            removed: Vec::new(),
            templates: Templates::default(),
            expire_quiescent: false,
            now: Duration::ZERO,
        }
    }

    /// Returns the model of a service as read from a kernel, its destinations in the kernel's order (newest
    /// first).
    ///
    /// It is an approximation, because the kernel does not show its whole state. It assumes that
    /// - the scheduler was bound just now: rr and wrr at the head of the list, wrr at the highest level,
    ///   lblc and lblcr without known targets;
    /// - a destination is full if it has reached its upper threshold, and not if it is below;
    /// - the last weight above 0 is the weight (matters to mh with drained destinations);
    /// - there are no persistence templates.
    ///
    /// # Errors
    /// A scheduler that is not one of the kernel's own.
    pub fn attached(
        service: Service,
        destinations: &[DestinationStatus],
        generation: Generation,
    ) -> Result<Self, InvalidValue> {
        let mut model = Self::fresh(service, generation)?;
        model.servers = destinations.iter().map(Server::from).collect();
        model.scheduler.changed(&model.servers, PoolChange::Bound);
        Ok(model)
    }

    /// Sets `net.ipv4.vs.expire_quiescent_template`; the kernel's default is off. With it, clients leave a
    /// persistent destination of weight 0 with their next connection.
    #[must_use]
    pub const fn expire_quiescent_template(mut self, on: bool) -> Self {
        self.expire_quiescent = on;
        self
    }

    /// Returns the configured service.
    #[must_use]
    pub const fn service(&self) -> &Service {
        &self.service
    }

    /// Returns the destinations with their counts, in the kernel's order (newest first).
    #[must_use]
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// Returns how many clients (under the persistence netmask) are bound to a destination.
    #[must_use]
    pub fn templates(&self) -> usize {
        self.templates.len()
    }

    /// Adds a destination, at the head of the list.
    ///
    /// # Errors
    /// A destination of this address and port exists already.
    pub fn add(&mut self, destination: Destination) -> Result<(), InvalidValue> {
        if self.position(destination.id).is_some() {
            return Err(refused(destination.id, "exists already"));
        }
        let returning = |server: &Server| server.id() == destination.id;
        let server = match self.removed.iter().position(returning) {
            Some(index) => {
                let mut server = self.removed.remove(index);
                server.rewrite(destination, self.generation);
                server.last_weight = destination.weight;
                server
            }
            None => Server::new(destination),
        };
        self.servers.insert(0, server);
        self.scheduler.changed(&self.servers, PoolChange::Added);
        Ok(())
    }

    /// Writes a destination's weight, thresholds and forwarding anew.
    ///
    /// As in the kernel the scheduler reacts even if no value differs: see [`Wrr`](super::Wrr).
    ///
    /// # Errors
    /// There is no destination of this address and port.
    pub fn edit(&mut self, destination: Destination) -> Result<(), InvalidValue> {
        let index = self.position(destination.id);
        let server = index.and_then(|index| Some((index, self.servers.get_mut(index)?)));
        let (index, server) = server.ok_or_else(|| refused(destination.id, "does not exist"))?;
        server.rewrite(destination, self.generation);
        self.scheduler
            .changed(&self.servers, PoolChange::Edited(index));
        Ok(())
    }

    /// Removes a destination and keeps its connections.
    ///
    /// # Errors
    /// There is no destination of this address and port.
    pub fn remove(&mut self, id: DestinationId) -> Result<(), InvalidValue> {
        let index = self
            .position(id)
            .ok_or_else(|| refused(id, "does not exist"))?;
        let server = self.servers.remove(index);
        if server.connections() > 0 {
            self.removed.push(server);
        }
        self.scheduler
            .changed(&self.servers, PoolChange::Removed(index));
        Ok(())
    }

    /// Writes the service anew: flags and persistence take effect at once, a scheduler of another name starts
    /// with the present list, and one of the same name keeps its state.
    ///
    /// # Errors
    /// A scheduler that is neither one of the kernel's own nor the bound one.
    pub fn edit_service(&mut self, service: Service) -> Result<(), InvalidValue> {
        if service.scheduler == self.scheduler.name() {
            self.scheduler
                .changed(&self.servers, PoolChange::Flags(service.flags));
        } else {
            self.scheduler = scheduler_of(&service, self.generation)?;
            self.scheduler.changed(&self.servers, PoolChange::Bound);
        }
        self.service = service;
        Ok(())
    }

    /// Advances the time to `now`, counted from the same moment as [`Arrival::now`], and removes expired
    /// templates. Time does not go back.
    pub fn advance(&mut self, now: Duration) {
        self.now = self.now.max(now);
        for id in self.templates.expire(self.now) {
            self.template_removed(id);
        }
    }

    /// Schedules a new connection; returns `None` if it is refused.
    pub fn connect(&mut self, arrival: impl Into<Arrival>) -> Option<ModelConnection> {
        let mut arrival = arrival.into();
        self.advance(arrival.now);
        arrival.now = self.now;
        let (index, template) = match self.service.persistence {
            None => (self.scheduler.pick(&self.servers, &arrival)?, None),
            Some(_) => self.pick_persistent(&arrival)?,
        };
        let counted = self.counted(&arrival.flow);
        let server = self.servers.get_mut(index)?;
        counted.add_to(server);
        self.generation.connection_added(server);
        let connection = ModelConnection {
            destination: server.id(),
            counted,
            template,
        };
        if counted == Counted::No {
            self.forget(&connection);
        }
        Some(connection)
    }

    /// Makes a connection active or inactive, as when TCP closes or SCTP is established.
    pub fn set_active(&mut self, connection: &mut ModelConnection, active: bool) {
        let counted = match connection.counted {
            Counted::No => return,
            _ if active => Counted::Active,
            _ => Counted::Inactive,
        };
        if let Some(server) = self.find_mut(connection.destination) {
            connection.counted.remove_from(server);
            counted.add_to(server);
        }
        connection.counted = counted;
    }

    /// Removes a connection whose entry in the kernel has expired (for TCP minutes after the FIN).
    pub fn close(&mut self, connection: ModelConnection) {
        if connection.counted != Counted::No {
            self.forget(&connection);
        }
    }

    fn forget(&mut self, connection: &ModelConnection) {
        let generation = self.generation;
        if let Some(server) = self.find_mut(connection.destination) {
            connection.counted.remove_from(server);
            generation.connection_removed(server);
        }
        self.removed.retain(|server| server.connections() > 0);
        if let Some(hold) = connection.template {
            self.templates.release(hold);
        }
    }

    fn counted(&self, flow: &Flow) -> Counted {
        let one_packet = self.service.flags.contains(ServiceFlags::ONE_PACKET);
        match flow.protocol {
            Protocol::TCP => Counted::Active,
            Protocol::UDP if one_packet => Counted::No,
            _ => Counted::Inactive,
        }
    }

    fn pick_persistent(&mut self, arrival: &Arrival) -> Option<(usize, Option<Hold>)> {
        let persistence = self.service.persistence?;
        let client = mask(arrival.flow.client.ip(), persistence.netmask);
        let known = self.templates.find(client).and_then(|id| self.position(id));
        let index = match known.filter(|index| self.keeps_clients(*index)) {
            Some(index) => index,
            None => {
                // The kernel drops a template that did not hold once, even if no other server is usable.
                self.templates.remove(client);
                let index = self.scheduler.pick(&self.servers, arrival)?;
                let server = self.servers.get_mut(index)?;
                self.generation.template_added(server);
                self.templates.insert(client, server.id(), persistence);
                index
            }
        };
        Some((index, self.templates.hold(client, self.now)))
    }

    /// Returns whether templates for this server hold. A full server keeps its clients.
    fn keeps_clients(&self, index: usize) -> bool {
        let weight = self.servers.get(index).map_or(0, Server::weight);
        weight > 0 || !self.expire_quiescent
    }

    fn template_removed(&mut self, id: DestinationId) {
        let generation = self.generation;
        if let Some(server) = self.find_mut(id) {
            generation.template_removed(server);
        }
    }

    fn position(&self, id: DestinationId) -> Option<usize> {
        self.servers.iter().position(|server| server.id() == id)
    }

    fn find_mut(&mut self, id: DestinationId) -> Option<&mut Server> {
        self.servers
            .iter_mut()
            .chain(&mut self.removed)
            .find(|server| server.id() == id)
    }
}

impl From<&DestinationStatus> for Server {
    /// Returns the state that [`ServiceModel::attached`] assumes.
    fn from(status: &DestinationStatus) -> Self {
        let upper = status.destination.thresholds.upper();
        let mut server = Self {
            active: status.active,
            inactive: status.inactive,
            ..Self::new(status.destination)
        };
        server.overloaded = upper != 0 && server.connections() >= upper;
        server
    }
}

fn scheduler_of(
    service: &Service,
    generation: Generation,
) -> Result<Box<dyn Scheduler>, InvalidValue> {
    model(&service.scheduler, service.flags, generation).ok_or_else(|| {
        let known: Vec<_> = SchedulerName::KNOWN
            .iter()
            .map(SchedulerName::as_str)
            .collect();
        let problem = format!("has no model; there are {}", known.join(" "));
        InvalidValue::new("scheduler", service.scheduler.as_str(), problem)
    })
}

fn refused(id: DestinationId, problem: &str) -> InvalidValue {
    InvalidValue::new("destination", id.to_string(), problem)
}

#[cfg(test)]
mod tests;
