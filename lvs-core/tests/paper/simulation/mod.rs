//! The controller through simulated years, in seconds: invariants hold whatever happens.
//!
//! A seed that fails is printed. `LVS_SEED=N cargo test -p lvs-core --features run --test paper simulation` replays
//! it alone; `LVS_HOURS=1000000` runs longer.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod explain;
mod file;
mod invariants;
mod world;

use std::env;
use std::time::Duration;

use world::World;

/// Hours of one world.
const HOURS: u64 = 100;

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable}={text} is no number")),
    )
}

struct OnPanic(u64);

impl Drop for OnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("replay with LVS_SEED={}", self.0);
        }
    }
}

#[test]
fn invariants_hold_for_ten_thousand_hours() {
    let hours = number("LVS_HOURS").unwrap_or(10_000);
    let seeds = match number("LVS_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..hours.div_ceil(HOURS),
    };
    let (mut probes, mut turned) = (0, 0);
    for seed in seeds.clone() {
        let _said = OnPanic(seed);
        let mut world = World::new(seed);
        world.run(Duration::from_secs(HOURS * 3600));
        probes += world.probes;
        turned += world.turned;
    }
    println!(
        "{} worlds, {probes} probes, {turned} changes of health",
        seeds.end - seeds.start
    );
    assert!(turned > 0);
}
