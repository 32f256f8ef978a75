//! A service around its scheduler: counts, thresholds, persistence.

use std::time::Duration;

use super::connection::Counted;
use super::persistence::{Hold, Templates, mask};
use super::{Arrival, Flow, Generation, ModelConnection, PoolChange, Scheduler, Server, model};
use crate::error::InvalidValue;
use crate::ipvs::{
    Destination, DestinationId, DestinationStatus, Protocol, SchedulerName, Service, ServiceFlags,
};

/// A service as it would behave in the kernel: give it destinations and connections, and it tells
/// who gets each, without touching any kernel.
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
/// To ask "what if", clone it and change the clone.
///
/// # What is exact
///
/// A [`fresh`](Self::fresh) model that is told everything its service lives through is exact to the pick.
/// [`attached`](Self::attached) to a table that was read from a kernel, it is an approximation.
///
/// A removed destination that is added again while it still has connections gets them back, counts
/// and mark, as the kernel's list of removed destinations gives them back. That list is per network
/// namespace; this model is of one service, and knows nothing of a destination that comes back through
/// another service of the same address.
///
/// Every [`connect`](Self::connect) is a new connection: packets of a known one are not scheduled and
/// have no place here. Persistence engines (`sip`) are not modelled; such a service is treated as
/// persistent by address.
#[derive(Clone, Debug)]
pub struct ServiceModel {
    service: Service,
    generation: Generation,
    scheduler: Box<dyn Scheduler>,
    /// The kernel's order, newest first.
    servers: Vec<Server>,
    /// Removed, but with connections.
    removed: Vec<Server>,
    templates: Templates,
    expire_quiescent: bool,
    now: Duration,
}

impl ServiceModel {
    /// A service that was just added and has no destinations yet. Exact.
    ///
    /// # Errors
    /// A scheduler that is none of the kernel's own.
    pub fn fresh(service: Service, generation: Generation) -> Result<Self, InvalidValue> {
        let scheduler = scheduler_of(&service, generation)?;
        Ok(Self::with_scheduler(service, scheduler, generation))
    }

    /// A service as it is when these destinations have been added in this order, one by one. Exact.
    ///
    /// # Errors
    /// Those of [`fresh`](Self::fresh) and [`add`](Self::add).
    pub fn built(
        service: Service,
        destinations: impl IntoIterator<Item = Destination>,
        generation: Generation,
    ) -> Result<Self, InvalidValue> {
        let mut model = Self::fresh(service, generation)?;
        let mut destinations = destinations.into_iter();
        destinations.try_for_each(|destination| model.add(destination))?;
        Ok(model)
    }

    /// A service with a scheduler of one's own, for kernel modules that this crate does not know.
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

    /// A service as read from a kernel, its destinations in the kernel's order (newest first).
    ///
    /// An approximation, for the kernel does not show everything. It is assumed that
    /// - the scheduler was bound just now: rr and wrr at the head of the list, wrr at the highest level,
    ///   lblc and lblcr without memory;
    /// - a destination is full if it has reached its upper threshold, and not if it is below;
    /// - the last weight above 0 is the weight (matters to mh with drained destinations);
    /// - there are no persistence templates.
    ///
    /// # Errors
    /// A scheduler that is none of the kernel's own.
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

    /// With `net.ipv4.vs.expire_quiescent_template` as given; the kernel's default is off. On, clients
    /// leave a persistent destination of weight 0 with their next connection.
    #[must_use]
    pub const fn expire_quiescent_template(mut self, on: bool) -> Self {
        self.expire_quiescent = on;
        self
    }

    /// The service as configured.
    #[must_use]
    pub const fn service(&self) -> &Service {
        &self.service
    }

    /// Destinations with their counts, in the kernel's order (newest first).
    #[must_use]
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// How many clients (under the persistence netmask) are bound to a destination.
    #[must_use]
    pub fn templates(&self) -> usize {
        self.templates.len()
    }

    /// Adds a destination, at the head of the list.
    ///
    /// # Errors
    /// Its address and port are there already.
    pub fn add(&mut self, destination: Destination) -> Result<(), InvalidValue> {
        if self.position(destination.id).is_some() {
            return Err(refused(destination.id, "is there already"));
        }
        let returning = |server: &Server| server.id() == destination.id;
        let server = match self.removed.iter().position(returning) {
            Some(index) => {
                let mut server = self.removed.remove(index);
                rewrite(&mut server, destination, self.generation);
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
    /// Like the kernel it tells the scheduler even if nothing differs, which some schedulers mind
    /// ([`Wrr`](super::Wrr)).
    ///
    /// # Errors
    /// There is none of its address and port.
    pub fn edit(&mut self, destination: Destination) -> Result<(), InvalidValue> {
        let index = self.position(destination.id);
        let server = index.and_then(|index| Some((index, self.servers.get_mut(index)?)));
        let (index, server) = server.ok_or_else(|| refused(destination.id, "is not there"))?;
        rewrite(server, destination, self.generation);
        self.scheduler
            .changed(&self.servers, PoolChange::Edited(index));
        Ok(())
    }

    /// Removes a destination. Its connections are remembered.
    ///
    /// # Errors
    /// There is none of this address and port.
    pub fn remove(&mut self, id: DestinationId) -> Result<(), InvalidValue> {
        let index = self
            .position(id)
            .ok_or_else(|| refused(id, "is not there"))?;
        let server = self.servers.remove(index);
        if server.connections() > 0 {
            self.removed.push(server);
        }
        self.scheduler
            .changed(&self.servers, PoolChange::Removed(index));
        Ok(())
    }

    /// Writes the service anew: flags and persistence take effect at once, a scheduler of another
    /// name begins from the present list, one of the same name goes on.
    ///
    /// # Errors
    /// A scheduler that is none of the kernel's own, nor the one that is bound.
    pub fn edit_service(&mut self, service: Service) -> Result<(), InvalidValue> {
        if service.scheduler == self.scheduler.name() {
            let change = PoolChange::Flags(service.flags);
            self.scheduler.changed(&self.servers, change);
        } else {
            self.scheduler = scheduler_of(&service, self.generation)?;
            self.scheduler.changed(&self.servers, PoolChange::Bound);
        }
        self.service = service;
        Ok(())
    }

    /// Lets time pass until `now`, counted from the same moment as in [`Arrival::now`]: templates
    /// expire. Time does not go back.
    pub fn advance(&mut self, now: Duration) {
        self.now = self.now.max(now);
        for id in self.templates.expire(self.now) {
            self.template_went(id);
        }
    }

    /// Who gets a new connection; `None` if it is refused.
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
        self.generation.connection_came(server);
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

    /// A connection becomes active or inactive: TCP closing, SCTP established.
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

    /// A connection has ended and its entry is gone (for TCP that is minutes after the FIN).
    pub fn close(&mut self, connection: ModelConnection) {
        if connection.counted != Counted::No {
            self.forget(&connection);
        }
    }

    fn forget(&mut self, connection: &ModelConnection) {
        let generation = self.generation;
        if let Some(server) = self.find_mut(connection.destination) {
            connection.counted.remove_from(server);
            generation.connection_went(server);
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
                // A template that did not hold once never will, even if there is nobody else now.
                self.templates.remove(client);
                let index = self.scheduler.pick(&self.servers, arrival)?;
                let server = self.servers.get_mut(index)?;
                self.generation.template_came(server);
                self.templates.insert(client, server.id(), persistence);
                index
            }
        };
        Some((index, self.templates.hold(client, self.now)))
    }

    /// Whether templates that point there hold. Being full does not matter to them.
    fn keeps_clients(&self, index: usize) -> bool {
        let weight = self.servers.get(index).map_or(0, Server::weight);
        weight > 0 || !self.expire_quiescent
    }

    fn template_went(&mut self, id: DestinationId) {
        let generation = self.generation;
        if let Some(server) = self.find_mut(id) {
            generation.template_went(server);
        }
    }

    fn position(&self, id: DestinationId) -> Option<usize> {
        self.servers.iter().position(|server| server.id() == id)
    }

    fn find_mut(&mut self, id: DestinationId) -> Option<&mut Server> {
        let mut all = self.servers.iter_mut().chain(&mut self.removed);
        all.find(|server| server.id() == id)
    }
}

impl From<&DestinationStatus> for Server {
    /// As [`ServiceModel::attached`] assumes it.
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
        let name = |name: &SchedulerName| name.to_string();
        let known: Vec<_> = SchedulerName::KNOWN.iter().map(name).collect();
        let problem = format!("has no model; there are {}", known.join(" "));
        InvalidValue::new("scheduler", service.scheduler.as_str(), problem)
    })
}

fn refused(id: DestinationId, problem: &str) -> InvalidValue {
    InvalidValue::new("destination", id.to_string(), problem)
}

fn rewrite(server: &mut Server, destination: Destination, generation: Generation) {
    let before = server.destination.thresholds;
    server.destination = destination;
    if server.weight() > 0 {
        server.last_weight = destination.weight;
    }
    generation.edited(server, before);
}

#[cfg(test)]
mod tests;
