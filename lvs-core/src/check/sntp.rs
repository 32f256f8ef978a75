//! Comparing the clock with a time server.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use rsntp::{Config, SntpClient};

use super::facts::ClockFact;

const PORT: u16 = 123;
/// The time after which a server that has not answered is asked once more.
const PATIENCE: Duration = Duration::from_secs(1);
const ATTEMPTS: usize = 2;

/// Compares the clock with that of a server by SNTP.
pub(super) fn compare(server: &str) -> ClockFact {
    let addresses = match (server, PORT).to_socket_addrs() {
        Ok(addresses) => addresses,
        Err(error) => return ClockFact::Silent(format!("{server} is not known: {error}")),
    };
    let Some(address) = addresses.into_iter().next() else {
        return ClockFact::Silent(format!("{server} has no address"));
    };
    let mut answer = ask(address);
    for _ in 1..ATTEMPTS {
        answer = answer.or_else(|_| ask(address));
    }
    match answer {
        Ok(micros) => ClockFact::Offset(micros),
        Err(reason) => ClockFact::Silent(format!("{address} does not answer: {reason}")),
    }
}

/// Returns the microseconds to be added to this clock.
fn ask(address: SocketAddr) -> Result<i64, String> {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let config = Config::default().bind_address(any).timeout(PATIENCE);
    let answer = SntpClient::with_config(config).synchronize(address);
    let seconds = answer
        .map_err(|error| error.to_string())?
        .clock_offset()
        .as_secs_f64();
    // A float that is out of range becomes the nearest integer.
    Ok((seconds * 1e6).round() as i64)
}
