//! The difference of two tables: the commands that turn one into the other.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Command, Configuration, Daemon, Destination, DestinationId, ServiceEntry, ServiceId, Timeouts,
};

impl Configuration {
    /// Returns the fewest commands that make this table equal to `wanted`.
    ///
    /// Entries that are equal are not touched, so their connections and counters continue; nothing is
    /// ever flushed. The order of destinations is no difference, but new ones are added in the order of
    /// `wanted`. Timeouts and daemons are kept if `wanted` does not contain them: the text of ipvsadm,
    /// from which a table often comes, contains neither.
    ///
    /// Destinations are added before others are deleted, so that a service is never without; a daemon
    /// that must change is stopped first and started last, because IPv4 and IPv6 may be mixed only while
    /// no daemon runs.
    ///
    /// ```
    /// use lvs_core::ipvs::ipvsadm::Rules;
    /// let now = Rules::parse("-A -f 1 -s rr\n-a -f 1 -r 10.0.0.1 -m")?.configuration()?;
    /// let wanted = Rules::parse("-A -f 1 -s rr\n-a -f 1 -r 10.0.0.2 -m")?.configuration()?;
    /// let commands: Vec<_> = now
    ///     .commands_to(&wanted)
    ///     .iter()
    ///     .map(|command| command.operation().to_string())
    ///     .collect();
    /// assert_eq!(commands, [
    ///     "add destination 10.0.0.2:0 to fwmark 1 ipv4",
    ///     "delete destination 10.0.0.1:0 from fwmark 1 ipv4",
    /// ]);
    /// # Ok::<(), lvs_core::ipvs::ipvsadm::RuleError>(())
    /// ```
    #[must_use]
    pub fn commands_to(&self, wanted: &Self) -> Vec<Command> {
        let mut difference = Difference::default();
        difference.timeouts(self.timeouts, wanted.timeouts);
        difference.daemons(self.daemons.as_deref(), wanted.daemons.as_deref());
        let current = self.by_id();
        difference.services(&current, &wanted.services);
        let wanted = wanted.by_id();
        difference.service_deletions.extend(
            current
                .into_keys()
                .filter(|id| !wanted.contains_key(id))
                .map(Command::DeleteService),
        );
        difference.in_order()
    }

    fn by_id(&self) -> BTreeMap<ServiceId, &ServiceEntry> {
        self.services
            .iter()
            .map(|entry| (entry.service.id, entry))
            .collect()
    }
}

/// Holds the commands in the order in which they are safe.
#[derive(Default)]
struct Difference {
    first: Vec<Command>,
    services: Vec<Command>,
    additions: Vec<Command>,
    edits: Vec<Command>,
    deletions: Vec<Command>,
    service_deletions: Vec<Command>,
    last: Vec<Command>,
}

impl Difference {
    fn in_order(self) -> Vec<Command> {
        [
            self.first,
            self.services,
            self.additions,
            self.edits,
            self.deletions,
            self.service_deletions,
            self.last,
        ]
        .concat()
    }

    fn timeouts(&mut self, current: Option<Timeouts>, wanted: Option<Timeouts>) {
        let Some(wanted) = wanted else { return };
        let current = current.unwrap_or_default();
        if current.updated_by(wanted) != current {
            self.first.push(Command::SetTimeouts(wanted));
        }
    }

    fn daemons(&mut self, current: Option<&[Daemon]>, wanted: Option<&[Daemon]>) {
        let Some(wanted) = wanted else { return };
        let current = current.unwrap_or_default();
        let stays = |running: &Daemon| wanted.iter().any(|daemon| running.satisfies(daemon));
        let runs = |daemon: &Daemon| current.iter().any(|running| running.satisfies(daemon));
        self.first.extend(
            current
                .iter()
                .filter(|running| !stays(running))
                .map(|running| Command::StopDaemon(running.role)),
        );
        self.last.extend(
            wanted
                .iter()
                .filter(|daemon| !runs(daemon))
                .cloned()
                .map(Command::StartDaemon),
        );
    }

    fn services(&mut self, current: &BTreeMap<ServiceId, &ServiceEntry>, wanted: &[ServiceEntry]) {
        for wanted in wanted {
            let current = current.get(&wanted.service.id);
            match current {
                None => self
                    .services
                    .push(Command::AddService(wanted.service.clone())),
                Some(current) if current.service != wanted.service => self
                    .services
                    .push(Command::EditService(wanted.service.clone())),
                Some(_) => {}
            }
            let current = current.map_or(&[][..], |entry| &entry.destinations);
            self.destinations(wanted.service.id, current, &wanted.destinations);
        }
    }

    fn destinations(
        &mut self,
        service: ServiceId,
        current: &[Destination],
        wanted: &[Destination],
    ) {
        let existing: BTreeMap<DestinationId, &Destination> = current
            .iter()
            .map(|destination| (destination.id, destination))
            .collect();
        // Each new one is inserted at the head of the kernel's list, so the oldest is added first.
        for destination in wanted.iter().rev() {
            match existing.get(&destination.id) {
                None => self
                    .additions
                    .push(Command::AddDestination(service, *destination)),
                Some(other) if *other != destination => self
                    .edits
                    .push(Command::EditDestination(service, *destination)),
                Some(_) => {}
            }
        }
        let kept: BTreeSet<_> = wanted.iter().map(|destination| destination.id).collect();
        self.deletions.extend(
            existing
                .into_keys()
                .filter(|id| !kept.contains(id))
                .map(|id| Command::DeleteDestination(service, id)),
        );
    }
}

impl Daemon {
    /// Returns whether this running daemon is the wanted one; a value that is left to the kernel is no
    /// difference.
    fn satisfies(&self, wanted: &Self) -> bool {
        fn is_left_or_equal<T: PartialEq>(running: Option<T>, wanted: Option<T>) -> bool {
            wanted.is_none() || running == wanted
        }
        self.role == wanted.role
            && self.interface == wanted.interface
            && self.sync_id == wanted.sync_id
            && is_left_or_equal(self.max_length, wanted.max_length)
            && is_left_or_equal(self.group, wanted.group)
            && is_left_or_equal(self.port, wanted.port)
            && is_left_or_equal(self.ttl, wanted.ttl)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipvs::Weight;
    use crate::ipvs::arbitrary::{random_table, sorted};
    use crate::ipvs::ipvsadm::Rules;
    use crate::testing::Random;

    fn table(text: &str) -> Configuration {
        Rules::parse(text).unwrap().configuration().unwrap()
    }

    fn operations(from: &str, to: &str) -> Vec<String> {
        let commands = table(from).commands_to(&table(to));
        commands
            .iter()
            .map(|command| command.operation().to_string())
            .collect()
    }

    /// Returns the table without the order of destinations.
    fn comparable(mut table: Configuration) -> Configuration {
        for entry in &mut table.services {
            entry.destinations.sort();
        }
        sorted(table)
    }

    #[test]
    fn a_table_needs_nothing_to_become_itself() {
        let mut random = Random::new(1);
        for _ in 0..100 {
            let table = random_table(&mut random);
            assert_eq!(table.commands_to(&table), []);
        }
    }

    #[test]
    fn executing_the_difference_gives_the_wanted_table() {
        let mut random = Random::new(2);
        for _ in 0..300 {
            let (current, other) = (random_table(&mut random), random_table(&mut random));
            let wanted = mixture(&mut random, &current, other);
            let mut after = current.clone();
            for command in current.commands_to(&wanted) {
                after.apply(&command).unwrap();
            }
            let mut expected = wanted;
            expected.timeouts = expected.timeouts.or(current.timeouts);
            expected.daemons = expected.daemons.or(current.daemons);
            assert_eq!(comparable(after), comparable(expected));
        }
    }

    /// Returns the other table with parts of the current one, kept or changed.
    fn mixture(
        random: &mut Random,
        current: &Configuration,
        mut other: Configuration,
    ) -> Configuration {
        for entry in &current.services {
            if random.below(4) == 0 || other.service(&entry.service.id).is_some() {
                continue;
            }
            let mut entry = entry.clone();
            entry.destinations.retain(|_| random.below(3) != 0);
            for destination in &mut entry.destinations {
                if random.below(3) == 0 {
                    destination.weight = Weight::DRAIN;
                }
            }
            other.services.push(entry);
        }
        other
    }

    #[test]
    fn a_new_service_gets_the_wanted_order() {
        let mut random = Random::new(3);
        for _ in 0..100 {
            let wanted = random_table(&mut random);
            let mut built = Configuration::default();
            for command in built.commands_to(&wanted) {
                built.apply(&command).unwrap();
            }
            assert_eq!(sorted(built), sorted(wanted));
        }
    }

    #[test]
    fn no_command_is_repeated_or_needless() {
        let mut random = Random::new(5);
        for _ in 0..100 {
            let (current, other) = (random_table(&mut random), random_table(&mut random));
            let wanted = mixture(&mut random, &current, other);
            let commands = current.commands_to(&wanted);
            let objects: BTreeSet<_> = commands
                .iter()
                .filter(|command| !matches!(command, Command::StopDaemon(_)))
                .map(|command| command.operation())
                .collect();
            let stops = commands
                .iter()
                .filter(|command| matches!(command, Command::StopDaemon(_)));
            assert_eq!(objects.len() + stops.count(), commands.len());
            for place in 0..commands.len() {
                let mut without = current.clone();
                let whole = commands
                    .iter()
                    .enumerate()
                    .filter(|(other, _)| *other != place)
                    .map(|(_, command)| without.apply(command))
                    .all(|result| result.is_ok());
                let again = without.commands_to(&wanted);
                assert!(
                    !whole || !again.is_empty(),
                    "{:?} was needless",
                    commands[place]
                );
            }
        }
    }

    #[test]
    fn deletions_come_after_additions_and_a_deleted_service_needs_no_others() {
        let from = "-A -f 1\n-a -f 1 -r 10.0.0.1 -m\n-A -f 2\n-a -f 2 -r 10.0.0.1 -m";
        let to = "-A -f 2 -s rr\n-a -f 2 -r 10.0.0.2 -m\n-a -f 2 -r 10.0.0.3 -m\n-A -f 3";
        assert_eq!(
            operations(from, to),
            [
                "edit service fwmark 2 ipv4",
                "add service fwmark 3 ipv4",
                "add destination 10.0.0.2:0 to fwmark 2 ipv4",
                "add destination 10.0.0.3:0 to fwmark 2 ipv4",
                "delete destination 10.0.0.1:0 from fwmark 2 ipv4",
                "delete service fwmark 1 ipv4",
            ]
        );
    }

    #[test]
    fn timeouts_and_daemons_change_only_where_they_differ() {
        let running = "--set 900 120 300\n--start-daemon master --mcast-interface eth0 --syncid 1 \
                       --mcast-ttl 1\n--start-daemon backup --mcast-interface eth0";
        let equal = "--set 900 0 0\n--start-daemon master --mcast-interface eth0 --syncid 1\n\
                     --start-daemon backup --mcast-interface eth0";
        assert_eq!(operations(running, equal), [""; 0]);
        assert_eq!(operations(running, "-C"), [""; 0]);
        let other = "--set 0 0 7\n-A -f 1\n--start-daemon master --mcast-interface eth0 --syncid 2";
        assert_eq!(
            operations(running, other),
            [
                "set timeouts",
                "stop sync daemon master",
                "stop sync daemon backup",
                "add service fwmark 1 ipv4",
                "start sync daemon master",
            ]
        );
    }
}
