//! One size of cluster, measured in one guest.

use std::env;
use std::fs;
use std::process::Command;

use lvs_core::IfName;

use crate::Result;
use crate::namespace::only_namespace;
use crate::table::Size;
use crate::work::{self, FILE, Measured, RULES, STATE};

/// How many times each is measured; the fastest counts, for it was interrupted least.
pub(crate) const TURNS: usize = 3;
/// How many times its target a ratio is before the program fails: what a noisy host explains, and no more.
const CLEARLY: f64 = 1.5;

/// A size with the memory, in MiB, of the guest in which it is measured.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    size: Size,
    pub(crate) memory: u32,
    turns: usize,
}

pub(crate) const ROWS: [Row; 4] = [
    Row {
        name: "small",
        size: Size {
            vips: 440,
            ports: 25,
            servers: 1,
        },
        memory: 512,
        turns: TURNS,
    },
    Row {
        name: "services",
        size: Size {
            vips: 1765,
            ports: 25,
            servers: 1,
        },
        memory: 1024,
        turns: TURNS,
    },
    Row {
        name: "endpoints",
        size: Size {
            vips: 5006,
            ports: 1,
            servers: 50,
        },
        memory: 1536,
        turns: TURNS,
    },
    Row {
        name: "servers",
        size: Size {
            vips: 5000,
            ports: 1,
            servers: 500,
        },
        memory: 8192,
        turns: 1,
    },
];

pub(crate) fn find(name: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.name == name)
}

impl Row {
    pub(crate) fn run(&self) -> Result<()> {
        println!(
            "{}: {} VIPs, {} services, {} destinations",
            self.name,
            self.size.vips,
            self.size.services(),
            self.size.destinations()
        );
        fs::write(FILE, self.size.toml())?;
        fs::write(RULES, self.size.rules())?;
        let mut columns: [Vec<Measured>; 7] = Default::default();
        for _ in 0..self.turns {
            let restored = in_fresh_namespace(|| both("restore", "restore"))?;
            let _ = fs::remove_dir_all(STATE);
            let applied = in_fresh_namespace(|| {
                let (first, second) = both("apply", "apply")?;
                let others = ["snapshot", "overview", "proc"].map(measure);
                let [snapshot, overview, proc] = others;
                Ok([first, second, snapshot?, overview?, proc?])
            })?;
            let all = [restored.0, restored.1].into_iter().chain(applied);
            columns
                .iter_mut()
                .zip(all)
                .for_each(|(column, measured)| column.push(measured));
        }
        let [restore, again, apply, nothing, snapshot, overview, proc] =
            columns.map(|column| column.into_iter().min_by_key(|one| one.time));
        // A restore must find thresholds and encapsulations that another program has set, and those are only in the lists
        // of a snapshot; beyond that it reads its rules again.
        let slower = match snapshot.zip(restore) {
            Some((snapshot, restore)) if snapshot.time > restore.time => ("snapshot", snapshot),
            _ => ("restore", restore.ok_or("not measured")?),
        };
        let mut met = true;
        for (what, one, other, beside, most) in [
            ("apply", apply, restore, "restore", 3.0),
            ("apply, nothing to do", nothing, snapshot, "snapshot", 1.5),
            (
                "restore, nothing to do",
                again,
                Some(slower.1),
                slower.0,
                1.2,
            ),
            // Beside `/proc` the services are listed by netlink: `/proc` has neither their flags nor seconds, and one
            // look at a table that changes can miss what exists all the time.
            ("overview", overview, proc, "reading /proc", 3.0),
            ("snapshot", snapshot, proc, "reading /proc", f64::INFINITY),
        ] {
            let (one, other) = one.zip(other).ok_or("not measured")?;
            met &= compare(what, one, (beside, other), most);
        }
        match met {
            true => Ok(()),
            false => Err(format!("{}: a target was clearly missed", self.name).into()),
        }
    }
}

pub(crate) fn compare(
    what: &str,
    one: Measured,
    (beside, other): (&str, Measured),
    most: f64,
) -> bool {
    let ratio = one.time.as_secs_f64() / other.time.as_secs_f64();
    let verdict = match ratio {
        ratio if ratio <= most => "ok",
        ratio if ratio <= most * CLEARLY => "above the target",
        _ => "MISSED",
    };
    println!(
        "  {what:<24} {:>9.3} s {:>4} MB {:>6} faults {:>6} changes  {ratio:.2} x {beside} ({:.3} s, {} MB), at most {most}: {verdict}",
        one.time.as_secs_f64(),
        one.memory,
        one.faults,
        one.changes,
        other.time.as_secs_f64(),
        other.memory,
    );
    ratio <= most * CLEARLY
}

fn both(first: &str, second: &str) -> Result<(Measured, Measured)> {
    Ok((measure(first)?, measure(second)?))
}

/// Does work in a process of its own, in this thread's network namespace.
pub(crate) fn measure(work: &str) -> Result<Measured> {
    let output = Command::new(env::current_exe()?)
        .args(["work", work])
        .stderr(std::process::Stdio::inherit())
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    match output.status.success() {
        true => work::parse(&text).ok_or_else(|| format!("{work}: {text}").into()),
        false => Err(format!("{work}: {}", output.status).into()),
    }
}

/// Runs `work` in a new network namespace with a link whose other end is silent: no destination was ever deleted
/// there, and no one answers for an address.
pub(crate) fn in_fresh_namespace<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let name = |text: &str| text.parse::<IfName>();
    only_namespace()?.run(|host| {
        let net = host.net();
        net.add_veth(&name("eth0")?, &name("port0")?, None)?;
        for link in ["lo", "eth0", "port0"] {
            net.set_up(&name(link)?)?;
        }
        work()
    })?
}
