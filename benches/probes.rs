//! What a TCP probe costs the processor: `cargo bench -p lvs-benches --bench probes`.
//!
//! Probes of loopback, once by threads that wait for one probe each and once by a [`ProbePool`], whose one thread waits
//! for all. A process of its own accepts them. Only the ratio of one run is meaningful.

use std::env;
use std::error::Error;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use lvs_core::health::{CheckKind, ProbePath, Prober, Subject, Target, Timeout};
use lvs_core::run::ProbePool;
use nix::sys::resource::{UsageWho, getrusage};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Says to a process that it accepts.
const ACCEPTOR: &str = "LVS_PROBES_ACCEPTOR";
/// Listeners: together their queues are longer than what is on the way.
const LISTENERS: usize = 16;
/// Probes at the same time.
const AT_A_TIME: usize = 256;
const WATCHED: Duration = Duration::from_secs(4);

fn main() -> Result<()> {
    if env::var_os(ACCEPTOR).is_some() {
        return accept();
    }
    let mut acceptor = Command::new(env::current_exe()?)
        .env(ACCEPTOR, "1")
        .stdout(Stdio::piped())
        .spawn()?;
    let lines = BufReader::new(acceptor.stdout.take().ok_or("no output")?).lines();
    let probers = lines
        .take(LISTENERS)
        .map(|line| Ok(Arc::new(prober(line?.parse()?)?)))
        .collect::<Result<Vec<_>>>()?;
    println!(
        "{AT_A_TIME} probes at a time     probes/s   µs of processor   probes/s of one core   failed"
    );
    let threads = measure("threads", &probers, by_threads())?;
    let mut pool = ProbePool::new();
    let one = measure("one thread", &probers, |prober, done| {
        pool.submit(prober, 0, Timeout::DEFAULT, move |outcome, _| {
            // The end of the measurement is not interested.
            let _ = done.send(outcome.is_ok());
        });
    })?;
    println!("one thread: {:.2} times the probes", one / threads);
    acceptor.kill()?;
    acceptor.wait()?;
    Ok(())
}

fn accept() -> Result<()> {
    let listeners = (0..LISTENERS)
        .map(|_| TcpListener::bind("127.0.0.1:0"))
        .collect::<std::io::Result<Vec<_>>>()?;
    for listener in &listeners {
        println!("{}", listener.local_addr()?);
    }
    thread::scope(|scope| {
        for listener in &listeners {
            scope.spawn(|| listener.incoming().for_each(drop));
        }
    });
    Ok(())
}

fn prober(address: SocketAddr) -> Result<Prober> {
    Ok(Prober::new(Target {
        kind: CheckKind::Tcp,
        path: ProbePath::direct(address),
        via: None,
        subject: Subject {
            cluster: "web".parse()?,
            service: "tcp 172.16.5.11:80".parse()?,
            server: "realserver1".parse()?,
            destination: address.to_string().parse()?,
        },
    }))
}

/// Returns what hands a probe to one of as many threads as there are probes.
fn by_threads() -> impl FnMut(Arc<Prober>, Sender<bool>) {
    let (send, receive) = channel::<(Arc<Prober>, Sender<bool>)>();
    let jobs = Arc::new(Mutex::new(receive));
    for _ in 0..AT_A_TIME {
        let jobs = Arc::clone(&jobs);
        thread::spawn(move || {
            let next = || jobs.lock().ok()?.recv().ok();
            while let Some((prober, done)) = next() {
                let _ = done.send(prober.run(Timeout::DEFAULT).0.is_ok());
            }
        });
    }
    move |prober, done| drop(send.send((prober, done)))
}

/// Keeps so many probes on the way, and returns how many one core makes in a second.
fn measure(
    name: &str,
    probers: &[Arc<Prober>],
    mut submit: impl FnMut(Arc<Prober>, Sender<bool>),
) -> Result<f64> {
    let (send, done) = channel();
    let mut next = probers.iter().cycle().cloned();
    let mut submit_next = || {
        if let Some(prober) = next.next() {
            submit(prober, send.clone());
        }
    };
    (0..AT_A_TIME).for_each(|_| submit_next());
    let (began, before) = (Instant::now(), processor()?);
    let (mut count, mut failed) = (0_u32, 0);
    while began.elapsed() < WATCHED {
        failed += u32::from(!done.recv()?);
        count += 1;
        submit_next();
    }
    let (count, used) = (f64::from(count), processor()? - before);
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{name:<20} {:>12.0} {:>17.1} {:>22.0} {failed:>8}",
        count / seconds,
        1e6 * used / count,
        count / used
    );
    Ok(count / used)
}

/// Returns the processor time of this process in seconds.
fn processor() -> Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let times = [usage.user_time(), usage.system_time()];
    Ok(times
        .map(|time| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6)
        .iter()
        .sum())
}
