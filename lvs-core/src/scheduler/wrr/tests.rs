use super::super::testing::{Pool, arrival, destination, servers};
use super::*;
use crate::testing::Random;

/// Follows the kernel's procedure level by level and server by server, from the description in [`Wrr`]: the
/// model must make the same picks.
#[derive(Default)]
struct Walk {
    cursor: Option<usize>,
    step: u32,
    top: u32,
    level: u32,
}

impl Walk {
    fn changed(&mut self, servers: &[Server], bound: bool) {
        let weights = || servers.iter().map(Server::weight);
        self.cursor = None;
        self.step = weights().fold(0, gcd).max(1);
        self.top = weights()
            .max()
            .map_or(0, |w| w.saturating_sub(self.step - 1));
        if bound || self.level == 0 || self.level > self.top {
            self.level = self.top;
        } else if self.step > 1 {
            self.level = self.level / self.step * self.step + 1;
        }
    }

    fn pick(&mut self, servers: &[Server]) -> Option<usize> {
        if self.top == 0 {
            return None;
        }
        let last = self.cursor;
        let (mut last_pass, mut restarted, mut stop) = (false, false, None);
        let mut from = last.map_or(0, |cursor| cursor + 1);
        loop {
            for (index, server) in servers.iter().enumerate().skip(from) {
                if !server.overloaded && server.weight() >= self.level {
                    self.cursor = Some(index);
                    return Some(index);
                }
                if stop == Some(index) {
                    self.cursor = stop;
                    return None;
                }
            }
            from = 0;
            self.level = self.level.saturating_sub(self.step);
            if self.level == 0 {
                self.level = self.top;
                if last_pass || last.is_none() {
                    self.cursor = None;
                    return None;
                }
                restarted = true;
            }
            last_pass = self.level <= self.step;
            if last_pass && restarted {
                stop = last;
            }
        }
    }
}

/// Compares both on random pools under random edits, full servers and refusals.
#[test]
fn equals_the_walk_over_every_level() {
    let mut draws = Random::new(7);
    for round in 0..300 {
        let count = draws.number(12) as usize;
        let scale = [1, 1, 2, 3, 10][draws.number(5) as usize];
        let weights: Vec<_> = (0..count).map(|_| draws.number(8) * scale).collect();
        let mut servers = servers(&weights);
        let (mut model, mut walk) = (Wrr::default(), Walk::default());
        model.changed(&servers, PoolChange::Bound);
        walk.changed(&servers, true);
        for step in 0..200 {
            let change = disturb(&mut servers, &mut draws, scale);
            if let Some(change) = change {
                model.changed(&servers, change);
                walk.changed(&servers, change == PoolChange::Bound);
            }
            let picked = model.pick(&servers, &arrival());
            assert_eq!(picked, walk.pick(&servers), "{round}.{step}: {servers:?}");
            assert_eq!(model.level, walk.level, "{round}.{step}");
        }
    }
}

/// Makes a random edit, add or removal, or changes which servers are full.
fn disturb(servers: &mut Vec<Server>, draws: &mut Random, scale: u32) -> Option<PoolChange> {
    let count = servers.len() as u32;
    match draws.number(24) {
        0 => {
            servers.insert(0, Server::new(destination('Z', draws.number(8) * scale)));
            Some(PoolChange::Added)
        }
        1 if count > 0 => {
            let index = draws.number(count) as usize;
            servers.remove(index);
            Some(PoolChange::Removed(index))
        }
        2 if count > 0 => {
            let index = draws.number(count) as usize;
            servers[index].destination = destination('Z', draws.number(8) * scale);
            Some(PoolChange::Edited(index))
        }
        3 => Some(PoolChange::Bound),
        4 => {
            servers
                .iter_mut()
                .for_each(|server| server.overloaded = true);
            None
        }
        5 => {
            servers
                .iter_mut()
                .for_each(|server| server.overloaded = false);
            None
        }
        6..10 if count > 0 => {
            let server = &mut servers[draws.number(count) as usize];
            server.overloaded = !server.overloaded;
            None
        }
        _ => None,
    }
}

#[test]
fn a_service_built_server_by_server_begins_with_the_last_level() {
    for (weights, picks) in [
        (&[2, 3][..], "B A B B A B A B B A B A B B A"),
        (&[3, 2], "B A A B A B A A B A B A A B A"),
        (&[4, 3, 2], "C B A A B A C B A C B A A B A C B A C B"),
        (&[2, 3, 4], "C B A C C B C B A C B A C C B C B A C B"),
        (&[1, 1, 1], "C B A C B A C B A C"),
        (&[5, 5, 5], "C B A C B A C B A C"),
        (&[5, 1, 1], "C B A A A A A C B A A A A A C B"),
        (&[1, 1, 5], "C B A C C C C C B A C C C C C B"),
        (&[4, 2], "B A A B A A B A A"),
        (&[6, 3, 3], "C B A A C B A A"),
        (&[3, 0], "A A A A A A"),
    ] {
        let count = picks.split(' ').count();
        assert_eq!(Pool::new("wrr", weights).picks(count), picks, "{weights:?}");
    }
}

#[test]
fn no_server_with_a_weight() {
    let mut pool = Pool::new("wrr", &[0, 0]);
    assert_eq!(pool.picks(2), "- -");
    pool.weigh('A', 2);
    assert_eq!(pool.picks(4), "A A A A");
}

#[test]
fn set_on_an_existing_service_it_begins_with_the_highest_level() {
    let mut pool = Pool::new("rr", &[2, 3]);
    pool.set_scheduler("wrr");
    assert_eq!(pool.picks(8), "B B A B A B B A");
    // The same scheduler is only written again and keeps its state.
    pool.set_scheduler("wrr");
    assert_eq!(pool.picks(5), "B A B B A");
}

#[test]
fn an_edit_goes_back_to_the_head_and_keeps_the_level() {
    let mut pool = Pool::new("wrr", &[2, 3]);
    assert_eq!(pool.picks(3), "B A B");
    pool.weigh('A', 5);
    assert_eq!(pool.picks(16), "B A B A B A A A B A B A B A A A");

    let mut pool = Pool::new("wrr", &[4, 3, 2]);
    assert_eq!(pool.picks(4), "C B A A");
    pool.weigh('B', 3);
    assert_eq!(pool.picks(13), "A B A C B A C B A A B A C");

    let mut pool = Pool::new("wrr", &[4, 3, 2]);
    assert_eq!(pool.picks(2), "C B");
    pool.remove('C');
    assert_eq!(pool.picks(14), "B A A B A B A B A A B A B A");

    let mut pool = Pool::new("wrr", &[2, 3]);
    assert_eq!(pool.picks(3), "B A B");
    pool.add('C', 1);
    assert_eq!(pool.picks(14), "B B A C B A B B A C B A B B");

    let mut pool = Pool::new("wrr", &[2, 2]);
    assert_eq!(pool.picks(1), "B");
    pool.weigh('A', 0);
    assert_eq!(pool.picks(3), "B B B");
    pool.weigh('A', 2);
    assert_eq!(pool.picks(6), "B A B A B A");
}

#[test]
fn over_a_cycle_each_server_has_its_weight() {
    let mut draws = Random::new(11);
    for _ in 0..50 {
        let count = 1 + draws.number(30);
        let scale = 1 + draws.number(5);
        let weights: Vec<_> = (0..count).map(|_| draws.number(20) * scale).collect();
        let divisor = weights.iter().copied().fold(0, gcd).max(1);
        let cycle = weights.iter().sum::<u32>() / divisor;
        let servers = servers(&weights);
        let mut model = Wrr::default();
        model.changed(&servers, PoolChange::Bound);
        for _ in 0..draws.number(50) {
            model.pick(&servers, &arrival());
        }
        let mut picked = vec![0; servers.len()];
        for _ in 0..cycle {
            picked[model.pick(&servers, &arrival()).unwrap()] += 1;
        }
        let due: Vec<_> = servers.iter().map(|s| s.weight() / divisor).collect();
        assert_eq!(picked, due);
    }
}

/// With a level for every unit of weight there would be two thousand million passes over the list.
#[test]
fn extreme_weights_cost_nothing() {
    let mut servers = servers(&[1, i32::MAX as u32]);
    let mut model = Wrr::default();
    model.changed(&servers, PoolChange::Bound);
    servers[0].overloaded = true;
    let picks: Vec<_> = (0..5).map(|_| model.pick(&servers, &arrival())).collect();
    assert_eq!(picks, [Some(1); 5]);
    servers[1].overloaded = true;
    assert_eq!(model.pick(&servers, &arrival()), None);
}
