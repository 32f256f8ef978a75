//! A client that never rests: what it sees of a service while something happens to it.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lvs_core::Netns;

use crate::error::{Error, Result};
use crate::http;

/// Between the beginnings of two requests.
const EVERY: Duration = Duration::from_millis(50);

/// How long an answer is awaited.
const ANSWER: Duration = Duration::from_secs(3);

/// A request and what became of it.
#[derive(Debug)]
pub struct Request {
    /// When the client began to connect.
    pub begun: Instant,
    /// When it had its answer, or gave up.
    pub ended: Instant,
    /// The name of the machine that answered.
    pub answer: io::Result<String>,
}

/// Has the client begin a request every 50 ms, whatever becomes of those before, until `happening` has
/// returned; answers what that returned, and all requests in the order of their beginnings.
///
/// # Errors
/// The client's namespace cannot be entered.
pub fn requests_during<T>(
    client: &Netns,
    server: SocketAddr,
    happening: impl FnOnce() -> T,
) -> Result<(T, Vec<Request>)> {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let requests = scope.spawn(|| client.run(|_| begin_until(&over, server)));
        let result = {
            let _over = Over(&over);
            happening()
        };
        let requests = requests.join();
        let requests = requests.map_err(|_| Error::failed("the client panicked"))??;
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

/// A thread's threads are in its namespace.
fn begin_until(over: &AtomicBool, server: SocketAddr) -> Vec<Request> {
    thread::scope(|scope| {
        let mut requests = Vec::new();
        while !over.load(Ordering::Relaxed) {
            requests.push(scope.spawn(move || request(server)));
            thread::sleep(EVERY);
        }
        let ended = requests.into_iter().map(|request| request.join());
        ended.filter_map(std::result::Result::ok).collect()
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
