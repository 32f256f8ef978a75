//! An exporter of metrics, on a real kernel: `cargo run --example metrics_exporter`.
//!
//! A program that reads the kernel's table for each scrape, by one handle that it keeps: opening one costs several times
//! as much as reading the table. It succeeds if what is scraped becomes what clients were seen to do. (`lvsctl run
//! --metrics` exports more: health, weights, drift.)

use std::error::Error;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use lvs_core::Cluster;
use lvs_core::ipvs::Ipvs;
use lvs_lab::{Lab, http};

const REQUESTS: usize = 10;

/// The kernel adds up its counters every two seconds.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    lvs_lab::example(run)
}

fn run() -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::from_toml(include_str!("nat.toml"))?;
    let lab = Lab::new(&cluster, 1)?;
    lab.apply()?;
    lab.wait_for_servers()?;

    // A socket and a handle stay in the namespace in which they were opened.
    let director = lab.node("director")?;
    let listener = director.run(|_| TcpListener::bind("127.0.0.1:9677"))??;
    let address = listener.local_addr()?;
    let ipvs = Ipvs::open_in(director)?;
    thread::spawn(move || serve(&listener, ipvs));

    let service = cluster.services().first().ok_or("no service")?.service.id;
    lab.ask(&service, REQUESTS)?;
    let expected = format!("lvs_service_connections_total{{service=\"{service}\"}} {REQUESTS}\n");
    let since = Instant::now();
    loop {
        let scraped = director.run(|_| scrape(address))??;
        if scraped.contains(&expected) {
            print!("{scraped}");
            return Ok(());
        }
        if since.elapsed() > PATIENCE {
            return Err(format!("no {expected} in\n{scraped}").into());
        }
        thread::sleep(Duration::from_millis(500));
    }
}

/// Answers every request with the metrics of that moment.
fn serve(listener: &TcpListener, mut ipvs: Ipvs) {
    for stream in listener.incoming().flatten() {
        let (status, body) = match metrics(&mut ipvs) {
            Ok(text) => ("200 OK", text),
            Err(error) => ("500 Internal Server Error", format!("{error}\n")),
        };
        let request = BufReader::new(&stream).lines().map_while(Result::ok);
        if request.take_while(|line| !line.is_empty()).count() > 0 {
            // A client that has gone needs no answer.
            let _ = write!(
                &stream,
                "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\n\
                 Connection: close\r\n\r\n{body}",
                body.len()
            );
        }
    }
}

/// Reads the table, and writes it in Prometheus' text format.
fn metrics(ipvs: &mut Ipvs) -> lvs_core::Result<String> {
    let table = ipvs.snapshot()?;
    let mut text = "# TYPE lvs_service_connections_total counter\n".to_owned();
    for entry in &table {
        let (service, stats) = (entry.status.service.id, entry.status.stats);
        let _ = writeln!(
            text,
            "lvs_service_connections_total{{service=\"{service}\"}} {}",
            stats.connections
        );
    }
    text.push_str("# TYPE lvs_destination_weight gauge\n");
    for entry in &table {
        let service = entry.status.service.id;
        for destination in &entry.destinations {
            let (id, weight) = (destination.destination.id, destination.destination.weight);
            let _ = writeln!(
                text,
                "lvs_destination_weight{{service=\"{service}\",destination=\"{id}\"}} {weight}"
            );
        }
    }
    Ok(text)
}

fn scrape(address: SocketAddr) -> std::io::Result<String> {
    http::fetch(address, None, Duration::from_secs(5))
}
