//! A client that starts requests steadily while an event changes the service.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lvs_core::Netns;

use crate::error::{Error, Result};
use crate::http;

/// The time between the starts of two requests.
const EVERY: Duration = Duration::from_millis(50);

/// How long the client waits for an answer.
const ANSWER: Duration = Duration::from_secs(5);

/// Holds a request and its answer.
#[derive(Debug)]
pub(crate) struct Request {
    /// When the client began to connect.
    pub(crate) begun: Instant,
    /// When it got its answer or gave up.
    pub(crate) ended: Instant,
    /// The name of the node that answered.
    pub(crate) answer: io::Result<String>,
}

/// Lets the client start a request every 50 ms, without waiting for earlier ones, until `happening` has
/// returned, which can read how many have started; returns its result, and all requests in the order of their
/// starts.
pub(crate) fn requests_during<T>(
    client: &Netns,
    server: SocketAddr,
    happening: impl FnOnce(&AtomicUsize) -> T,
) -> Result<(T, Vec<Request>)> {
    let (begun, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let requests = scope.spawn(|| client.run(|_| begin_until(&over, &begun, server)));
        let result = {
            let _over = Over(&over);
            happening(&begun)
        };
        let requests = requests
            .join()
            .map_err(|_| Error::failed("the client panicked"))??;
        Ok((result, requests))
    })
}

/// Ends the requests when dropped, also by a panic.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Starts requests, each in a thread: a thread's threads are in its namespace.
fn begin_until(over: &AtomicBool, begun: &AtomicUsize, server: SocketAddr) -> Vec<Request> {
    thread::scope(|scope| {
        let (mut requests, mut next) = (Vec::new(), Instant::now());
        while !over.load(Ordering::Relaxed) {
            requests.push(scope.spawn(move || request(server)));
            begun.store(requests.len(), Ordering::Relaxed);
            // Steady, but missed starts are not made up for.
            next = (next + EVERY).max(Instant::now());
            thread::sleep(next.saturating_duration_since(Instant::now()));
        }
        requests
            .into_iter()
            .filter_map(|request| request.join().ok())
            .collect()
    })
}

fn request(server: SocketAddr) -> Request {
    let begun = Instant::now();
    let answer = http::fetch(server, None, ANSWER);
    Request {
        begun,
        ended: Instant::now(),
        answer,
    }
}
