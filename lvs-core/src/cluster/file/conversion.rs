//! From the document to the cluster: one conversion, which collects every mistake.

use std::collections::HashSet;

use super::defaults::{DefaultInterface, DefaultsTable};
use super::destination::{Groups, forwarding};
use super::destination_lists::DestinationLists;
use super::node::{self, FiledServer, RealServerTable};
use super::removed::Removed;
use super::service::ServiceContext;
use super::value::each;
use super::{Document, SyncTable, TimeTable, TunnelTable, tunnel};
use crate::cluster::model::{
    Cluster, ClusterName, Director, DocumentError, DocumentErrorKind, DocumentErrors, Gaps,
    Mistakes, Parts, Places, ServicePlace, VirtualService, invalid,
};
use crate::ipvs::{Encapsulation, Forwarding};

impl TryFrom<Document> for Cluster {
    type Error = DocumentErrors;

    fn try_from(document: Document) -> Result<Self, DocumentErrors> {
        let mut mistakes = Mistakes::default();
        let cluster = document.into_cluster(&Removed::default(), &mut mistakes);
        mistakes.finish(cluster)
    }
}

impl Document {
    /// Converts the document and collects its mistakes, but none that only follows from what was removed from it. The
    /// cluster is valid if there are none.
    pub(super) fn into_cluster(mut self, removed: &Removed, mistakes: &mut Mistakes) -> Cluster {
        let mut gaps = removed.gaps();
        let name = mistakes.keep(self.cluster_name(removed));
        let encapsulation = self.encapsulation(&mut gaps, mistakes);
        let method = self.method(encapsulation, removed, &mut gaps, mistakes);
        let directors = self.take_directors(&mut gaps, mistakes);
        let real_servers = self.take_real_servers(removed, &mut gaps, mistakes);
        let context = ServiceContext {
            forwarding: method,
            tunnel: encapsulation,
            real_servers: &real_servers,
            groups: &groups(&real_servers),
            may_lack_groups: gaps.real_servers || removed.has_groups(),
            checks: mistakes.within("health", |mistakes| self.health.defaults(mistakes)),
        };
        let services = self.take_services(&context, &mut gaps, mistakes);
        if self.tunnel.is_some() && !gaps.forwarding && !gaps.services {
            mistakes.keep(tunnel::must_be_used(services.all.iter()));
        }
        let parts = self.parts(directors, real_servers, services, gaps, mistakes);
        Cluster::assembled(
            name.unwrap_or_else(ClusterName::placeholder),
            parts,
            mistakes,
        )
    }

    fn cluster_name(&mut self, removed: &Removed) -> Result<ClusterName, DocumentError> {
        match self.name.take() {
            Some(name) => ClusterName::new(name).map_err(invalid("name")),
            None if removed.has("name") => Ok(ClusterName::placeholder()),
            None => Err(DocumentError::missing("name")),
        }
    }

    fn encapsulation(&self, gaps: &mut Gaps, mistakes: &mut Mistakes) -> Encapsulation {
        let Some(table) = self.tunnel.clone() else {
            return Encapsulation::default();
        };
        let encapsulation = TunnelTable::into_encapsulation(table);
        let encapsulation =
            mistakes.keep(encapsulation.map_err(|mistake| mistake.within("tunnel")));
        gaps.forwarding |= encapsulation.is_none();
        encapsulation.unwrap_or_default()
    }

    fn method(
        &self,
        tunnel: Encapsulation,
        removed: &Removed,
        gaps: &mut Gaps,
        mistakes: &mut Mistakes,
    ) -> Forwarding {
        let method = match &self.forwarding {
            Some(text) => mistakes.keep(forwarding(text, tunnel)),
            None if removed.has("forwarding") => None,
            None => mistakes.keep(Err(DocumentError::missing("forwarding"))),
        };
        gaps.forwarding |= method.is_none();
        method.unwrap_or(Forwarding::Masquerade)
    }

    fn take_directors(&mut self, gaps: &mut Gaps, mistakes: &mut Mistakes) -> Vec<Director> {
        let (one, several) = (self.director.take(), std::mem::take(&mut self.directors));
        if one.is_none() && several.is_empty() && gaps.directors {
            return Vec::new();
        }
        let miscounted = node::miscounted(one.is_some(), several.len());
        gaps.directors |= miscounted.is_some();
        mistakes.keep(miscounted.map_or(Ok(()), Err));
        let mut directors = Vec::new();
        let has_gaps =
            mistakes.has_more(|mistakes| directors = node::directors(one, several, mistakes));
        gaps.directors |= has_gaps;
        gaps.virtual_ips |= has_gaps || directors.is_empty();
        directors
    }

    fn take_real_servers(
        &mut self,
        removed: &Removed,
        gaps: &mut Gaps,
        mistakes: &mut Mistakes,
    ) -> Vec<FiledServer> {
        let defaults = std::mem::take(&mut self.defaults);
        let has_defaults = defaults != DefaultsTable::default();
        let mut defaults = mistakes.within("defaults", |mistakes| defaults.into_defaults(mistakes));
        if removed.has_default("interface") {
            defaults.interface = DefaultInterface::Wrong;
        }
        let tables = std::mem::take(&mut self.real_servers);
        let needs_interface =
            |table: &RealServerTable| table.address.is_some() && table.addresses.is_none();
        if let DefaultInterface::Absent = defaults.interface
            && let Some(i) = tables.iter().position(needs_interface)
        {
            // Once, and not for each of them.
            mistakes.push(no_default_interface(has_defaults, i));
            defaults.interface = DefaultInterface::Wrong;
        }
        let numbered = tables.into_iter().enumerate().collect();
        let convert = |(entry, table): (usize, RealServerTable), mistakes: &mut Mistakes| {
            Some(table.into_real_server(entry, &defaults, mistakes))
        };
        let servers = each("real-servers", numbered, mistakes, convert);
        let known = |(entry, filed): (usize, FiledServer)| {
            gaps.real_servers |= !filed.has_name;
            // No message may show the name in place of a wrong one.
            let is_incomplete = filed.is_incomplete || !filed.has_name;
            if is_incomplete || removed.has_addresses_of_server(entry) {
                gaps.incomplete.insert(filed.server.name.clone());
            }
            filed
        };
        servers.into_iter().map(known).collect()
    }

    fn take_services(
        &mut self,
        context: &ServiceContext<'_>,
        gaps: &mut Gaps,
        mistakes: &mut Mistakes,
    ) -> FiledServices {
        let tables = std::mem::take(&mut self.services);
        let mut entries = Vec::new();
        let mut lists = DestinationLists::default();
        gaps.services |= mistakes.has_more(|mistakes| {
            entries = each("services", tables, mistakes, |table, mistakes| {
                Some(table.into_services(context, &mut lists, mistakes))
            });
        });
        let count = entries.iter().map(|(_, services)| services.len()).sum();
        let mut filed = FiledServices {
            all: Vec::with_capacity(count),
            places: Vec::with_capacity(count),
        };
        for (entry, of_entry) in entries {
            for (service, place) in of_entry {
                filed.all.push(service);
                filed.places.push(ServicePlace { entry, ..place });
            }
        }
        filed
    }

    fn parts(
        self,
        directors: Vec<Director>,
        real_servers: Vec<FiledServer>,
        services: FiledServices,
        gaps: Gaps,
        mistakes: &mut Mistakes,
    ) -> Parts {
        let (timeouts, ipvs_sysctls) = mistakes.within("ipvs", |mistakes| {
            (self.ipvs.timeouts(mistakes), self.ipvs.sysctls(mistakes))
        });
        let clock = self.time.map(TimeTable::into_clock).transpose();
        let clock = mistakes.keep(clock.map_err(|mistake| mistake.within("time")));
        let sync = self
            .sync
            .map(|table| mistakes.within("sync", |mistakes| SyncTable::into_sync(table, mistakes)));
        let marks = self
            .health
            .marks()
            .map_err(|mistake| mistake.within("health"));
        let (real_servers, server_places) = real_servers
            .into_iter()
            .map(|filed| (filed.server, filed.place))
            .unzip();
        Parts {
            directors,
            real_servers,
            services: services.all,
            timeouts,
            ipvs_sysctls,
            sync: sync.flatten(),
            clock: clock.flatten().unwrap_or_default(),
            marks: mistakes.keep(marks).unwrap_or_default(),
            places: Places {
                real_servers: server_places,
                services: services.places,
            },
            gaps,
        }
    }
}

/// The services of the file, and where each is in it.
struct FiledServices {
    all: Vec<VirtualService>,
    places: Vec<ServicePlace>,
}

/// Reports it at the table, or at the first address that needs it if there is no table.
fn no_default_interface(has_defaults: bool, first: usize) -> DocumentError {
    if !has_defaults {
        let path = format!("real-servers[{first}].address");
        let problem = "its interface is missing: [defaults] names none";
        return DocumentError::new(DocumentErrorKind::Missing, path, problem)
            .with_hint("add [defaults] with interface = \"eth0\", or write addresses");
    }
    DocumentError::missing("interface")
        .within("defaults")
        .with_hint("real servers with address are on it: add interface = \"eth0\" to [defaults]")
}

fn groups(real_servers: &[FiledServer]) -> Groups {
    let (mut groups, mut seen) = (Groups::new(), HashSet::new());
    for filed in real_servers {
        let name = &filed.server.name;
        for group in filed
            .groups
            .iter()
            .filter(|group| seen.insert((*group, name)))
        {
            groups.entry(group.clone()).or_default().push(name.clone());
        }
    }
    groups
}
