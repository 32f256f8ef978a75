//! `lvsctl run`

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use lvs_core::run::{RunEvent, Runner, RunnerHandle, TargetFiles};
use lvs_core::{Cluster, Host};

use crate::arguments::RunArguments;
use crate::exit::{Exit, Problem};
use crate::file;
use crate::output::{error, note, warning};
use crate::signals::{self, RunFlags};

/// How often signals are looked for.
const SIGNALS: Duration = Duration::from_millis(100);
/// How often the file is looked at.
const FILE: Duration = Duration::from_secs(1);
/// Absent so often in a row the file is gone: an editor replaces it in less time.
const GONE: u32 = 2;

pub(crate) fn run(arguments: &RunArguments) -> Result<Exit, Problem> {
    let target = &arguments.target;
    let mut watch = Watch::of(&target.file);
    let (cluster, _) = watch.read()?;
    let node = target.find(&cluster)?;
    let identity = &arguments.identity;
    identity.check(&cluster, &node, &target.state, &mut Host::open()?)?;
    let (runner, handle) = Runner::new(cluster, node.name, target.state.directory());
    let mut runner = runner.of_file(file::name(&target.file));
    if arguments.report_only {
        runner = runner.report_only();
    }
    if arguments.remove_on_exit {
        runner = runner.remove_on_exit();
    }
    if let Some(address) = arguments.metrics {
        runner = runner.serve_metrics(address);
    }
    let flags = signals::run_flags()?;
    thread::spawn(move || watch.keep(&flags, &handle));
    runner.run(&mut |event| tell(&event))?;
    Ok(Exit::Done)
}

/// Watches signals, the file, and the files of targets that it names.
struct Watch {
    file: String,
    /// Standard input, which cannot be read again.
    standard_input: Option<String>,
    targets: TargetFiles,
    /// As they were when they were read last, or first looked at since.
    seen: BTreeMap<String, Option<Stamp>>,
    /// How often in a row the file was not there.
    absent: u32,
}

/// Tells versions of a file apart.
type Stamp = (u64, u64, i64, i64);

impl Watch {
    fn of(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            standard_input: None,
            targets: TargetFiles::default(),
            seen: BTreeMap::new(),
            absent: 0,
        }
    }

    /// Returns the cluster, and what is wrong with files of targets, whose earlier targets stay.
    fn read(&mut self) -> Result<(Cluster, Option<Problem>), Problem> {
        // What changes while it is read is read again.
        let seen = RefCell::new(BTreeMap::from([(self.file.clone(), stamp(&self.file))]));
        let cluster = self.text().and_then(|text| {
            let read = |path: &str| {
                seen.borrow_mut().insert(path.to_owned(), stamp(path));
                file::targets(path)
            };
            self.targets
                .read(&text, &read)
                .map_err(|mistakes| file::mistaken(&self.file, mistakes))
        });
        let mut seen = seen.into_inner();
        if cluster.is_err() {
            // Of a file with a mistake it is not known which it names.
            self.seen.keys().for_each(|path| {
                seen.entry(path.clone()).or_insert_with(|| stamp(path));
            });
        }
        self.seen = seen;
        let (cluster, refused) = cluster?;
        let refused = (!refused.is_empty()).then(|| file::mistaken(&self.file, refused));
        Ok((cluster, refused))
    }

    fn text(&mut self) -> Result<String, Problem> {
        if let Some(text) = &self.standard_input {
            return Ok(text.clone());
        }
        let text = file::cluster_text(&self.file)?;
        self.standard_input = self.is_standard_input().then(|| text.clone());
        Ok(text)
    }

    fn is_standard_input(&self) -> bool {
        self.file == file::STANDARD_INPUT
    }

    fn keep(mut self, flags: &RunFlags, handle: &RunnerHandle) {
        let mut looked = Instant::now();
        loop {
            if flags.stop.load(Ordering::Relaxed) {
                return handle.stop();
            }
            let is_asked = flags.reload.swap(false, Ordering::Relaxed);
            if is_asked || looked.elapsed() >= FILE {
                looked = Instant::now();
                self.look(is_asked, handle);
            }
            thread::sleep(SIGNALS);
        }
    }

    /// Loads the file if that was asked for, or if one has changed, or is there again; while the file is absent the
    /// old one stays.
    fn look(&mut self, is_asked: bool, handle: &RunnerHandle) {
        if is_asked && self.is_standard_input() {
            note(
                "standard input is read once; what was read is applied again, and a change needs a new start",
            );
        }
        let is_absent = stamp(&self.file).is_none() && !self.is_standard_input();
        let was_absent = self.absent >= GONE;
        self.absent = match is_absent {
            true => self.absent.saturating_add(1),
            false => 0,
        };
        let has_changed = self.seen.iter().any(|(path, seen)| stamp(path) != *seen);
        let is_told = is_absent && self.absent == GONE;
        let is_due = !is_absent && (has_changed || was_absent);
        if !is_asked && !is_told && !is_due {
            return;
        }
        match self.read() {
            Ok((cluster, refused)) => {
                handle.load(cluster);
                if let Some(problem) = refused {
                    handle.refuse(problem.text());
                }
            }
            Err(problem) => handle.refuse(problem.text()),
        }
    }
}

fn stamp(path: &str) -> Option<Stamp> {
    if path == file::STANDARD_INPUT {
        return None;
    }
    let metadata = fs::metadata(path).ok()?;
    Some((
        metadata.ino(),
        metadata.size(),
        metadata.mtime(),
        metadata.mtime_nsec(),
    ))
}

fn tell(event: &RunEvent<'_>) {
    match event {
        RunEvent::Ready => note("applied and verified; probes run"),
        RunEvent::Applied(plan) if plan.is_empty() => {}
        RunEvent::Applied(plan) => note(&format!(
            "applied:\n{}",
            plan.brief().to_string().trim_end()
        )),
        RunEvent::Repaired(plan) if plan.is_empty() => {}
        RunEvent::Repaired(plan) => note(&format!(
            "repaired:\n{}",
            plan.brief().to_string().trim_end()
        )),
        RunEvent::Left => {
            note("ended; the table stays as it is, and health changes no weight any more")
        }
        RunEvent::Drifted(plan) => {
            warning(&format!("drift:\n{}", plan.brief().to_string().trim_end()))
        }
        RunEvent::Refused(problem) => {
            error(&format!(
                "refused, and the old file stays in force: {}",
                problem.replace('\n', "\n  ")
            ));
        }
        RunEvent::Role(node, role) => note(&format!("{node}: is {role} now")),
        RunEvent::Notice(notice) if notice.is_trouble() && notice.is_news() => {
            warning(&notice.to_string());
        }
        RunEvent::Notice(notice) if notice.is_news() => note(&notice.to_string()),
        RunEvent::Failed(problem) => error(problem),
        _ => {}
    }
}
