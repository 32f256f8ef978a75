//! Validation: whether the parts of a cluster fit together. Each refusal has one path and one problem, and
//! where possible a hint.

mod address;
mod destination;
mod directors;
mod ipvs_sysctls;
mod node;
mod service;
mod sync;

use std::collections::BTreeSet;

use super::cluster::Cluster;
use super::mistakes::Mistakes;
use super::places::Gaps;

impl Cluster {
    /// Collects what is wrong with nodes, with directors, with services, and with what rests on all of them.
    ///
    /// What a file's other mistakes leave open is not examined, so that no mistake follows from another.
    pub(super) fn validate(&self, gaps: &Gaps, mistakes: &mut Mistakes) {
        let mut gaps = gaps.clone();
        // A node with the name of another one may be meant by a name that no node has.
        let repeated = self.repeated_names();
        gaps.names = gaps.real_servers
            || (gaps.directors && self.directors.is_empty())
            || (1..=repeated).contains(&self.unknown_names());
        // Which of two nodes of one name is meant is not known.
        gaps.real_servers |= mistakes.has_more(|mistakes| self.validate_names(mistakes));
        let directors: BTreeSet<_> = self.directors.iter().map(|one| &one.name).collect();
        let is_repeated = directors.len() < self.directors.len();
        gaps.directors |= is_repeated;
        gaps.virtual_ips |= is_repeated;
        let gaps = &gaps;
        self.validate_nodes(gaps, mistakes);
        let may_float =
            gaps.directors || mistakes.has_more(|mistakes| self.validate_directors(mistakes));
        self.validate_addresses_are_unique(may_float, mistakes);
        self.validate_services(gaps, mistakes);
        if !gaps.forwarding {
            mistakes.keep(self.validate_ip_forward());
            if !gaps.directors {
                self.validate_ways_back(gaps, mistakes);
            }
        }
        mistakes.keep(self.validate_ipvs_sysctls(gaps));
        mistakes.keep(self.validate_marks());
        if let Some(sync) = &self.sync {
            mistakes.keep(
                self.validate_sync(sync)
                    .map_err(|mistake| mistake.within("sync")),
            );
        }
    }
}
