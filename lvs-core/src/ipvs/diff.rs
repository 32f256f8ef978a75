//! The commands that turn one table into another.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Command, Configuration, Daemon, Destination, DestinationId, ServiceEntry, ServiceId, Timeouts,
};

impl Configuration {
    /// The fewest commands that make this table equal to `wanted`.
    ///
    /// What is equal is not touched, so its connections and counters go on; nothing is ever flushed.
    /// The order of destinations is no difference, but new ones are added so that they stand as in
    /// `wanted`. Timeouts and daemons are left alone where `wanted` does not look at them: the text of
    /// ipvsadm, which a table often comes from, knows neither.
    ///
    /// Destinations are added before others are deleted, so that a service is never without; a
    /// daemon that must change is stopped first and started last, for IPv4 and IPv6 may be mixed only
    /// while none runs.
    ///
    /// ```
    /// use lvs_core::ipvs::ipvsadm::Rules;
    /// let now = Rules::parse("-A -f 1 -s rr\n-a -f 1 -r 10.0.0.1 -m")?.configuration()?;
    /// let wanted = Rules::parse("-A -f 1 -s rr\n-a -f 1 -r 10.0.0.2 -m")?.configuration()?;
    /// let commands: Vec<_> = now.commands_to(&wanted).iter().map(|c| c.operation().to_string()).collect();
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
        let current = by_id(&self.services);
        for entry in &wanted.services {
            difference.service(current.get(&entry.service.id).copied(), entry);
        }
        let wanted = by_id(&wanted.services);
        let gone = current.keys().filter(|id| !wanted.contains_key(id));
        difference
            .service_deletes
            .extend(gone.copied().map(Command::DeleteService));
        difference.in_order()
    }
}

fn by_id(entries: &[ServiceEntry]) -> BTreeMap<ServiceId, &ServiceEntry> {
    entries
        .iter()
        .map(|entry| (entry.service.id, entry))
        .collect()
}

/// The commands by the order in which they are safe.
#[derive(Default)]
struct Difference {
    first: Vec<Command>,
    services: Vec<Command>,
    additions: Vec<Command>,
    edits: Vec<Command>,
    deletes: Vec<Command>,
    service_deletes: Vec<Command>,
    last: Vec<Command>,
}

impl Difference {
    fn in_order(self) -> Vec<Command> {
        [
            self.first,
            self.services,
            self.additions,
            self.edits,
            self.deletes,
            self.service_deletes,
            self.last,
        ]
        .concat()
    }

    fn timeouts(&mut self, current: Option<Timeouts>, wanted: Option<Timeouts>) {
        let Some(wanted) = wanted else { return };
        let current = current.unwrap_or_default();
        let pairs = [
            (current.tcp, wanted.tcp),
            (current.tcp_fin, wanted.tcp_fin),
            (current.udp, wanted.udp),
        ];
        if pairs
            .iter()
            .any(|(current, wanted)| wanted.0 != 0 && current != wanted)
        {
            self.first.push(Command::SetTimeouts(wanted));
        }
    }

    fn daemons(&mut self, current: Option<&[Daemon]>, wanted: Option<&[Daemon]>) {
        let Some(wanted) = wanted else { return };
        let current = current.unwrap_or_default();
        let stays = |running: &Daemon| wanted.iter().any(|daemon| satisfies(running, daemon));
        let stops = current.iter().filter(|running| !stays(running));
        self.first
            .extend(stops.map(|running| Command::StopDaemon(running.role)));
        let runs = |daemon: &Daemon| current.iter().any(|running| satisfies(running, daemon));
        let starts = wanted.iter().filter(|daemon| !runs(daemon));
        self.last.extend(starts.cloned().map(Command::StartDaemon));
    }

    fn service(&mut self, current: Option<&ServiceEntry>, wanted: &ServiceEntry) {
        match current {
            None => self
                .services
                .push(Command::AddService(wanted.service.clone())),
            Some(current) if current.service != wanted.service => self
                .services
                .push(Command::EditService(wanted.service.clone())),
            Some(_) => {}
        }
        let none = Vec::new();
        let current = current.map_or(&none, |entry| &entry.destinations);
        self.destinations(wanted.service.id, current, &wanted.destinations);
    }

    fn destinations(
        &mut self,
        service: ServiceId,
        current: &[Destination],
        wanted: &[Destination],
    ) {
        let standing: BTreeMap<DestinationId, &Destination> = current
            .iter()
            .map(|destination| (destination.id, destination))
            .collect();
        // Each new one comes to the head of the kernel's list: oldest first.
        for destination in wanted.iter().rev() {
            match standing.get(&destination.id) {
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
        let gone = standing.keys().filter(|id| !kept.contains(id));
        self.deletes
            .extend(gone.map(|id| Command::DeleteDestination(service, *id)));
    }
}

/// Whether a running daemon is what is wanted; what is left to the kernel is no difference.
fn satisfies(running: &Daemon, wanted: &Daemon) -> bool {
    fn left_or_equal<T: PartialEq>(running: Option<T>, wanted: Option<T>) -> bool {
        wanted.is_none() || running == wanted
    }
    running.role == wanted.role
        && running.interface == wanted.interface
        && running.sync_id == wanted.sync_id
        && left_or_equal(running.max_length, wanted.max_length)
        && left_or_equal(running.group, wanted.group)
        && left_or_equal(running.port, wanted.port)
        && left_or_equal(running.ttl, wanted.ttl)
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

    /// Everything but what is left alone, and the order of destinations.
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
    fn executing_the_difference_gives_what_is_wanted() {
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

    /// Something of the current table, kept or changed, besides the other.
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
    fn nothing_is_touched_twice_or_in_vain() {
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
                let rest = commands
                    .iter()
                    .enumerate()
                    .filter(|(other, _)| *other != place);
                let whole = rest
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
    fn deletes_come_after_additions_and_a_deleted_service_takes_its_destinations() {
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
