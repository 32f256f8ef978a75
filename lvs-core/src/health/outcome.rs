//! The result of one probe.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Percent, Timeout};

/// The result of one probe: the real server is healthy, or the reason why it is not.
pub type Outcome = Result<Healthy, Failure>;

/// Describes a healthy answer.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Healthy {
    /// The share of its weight that the real server asks for; `None` if it said nothing.
    pub share: Option<Percent>,
}

impl Healthy {
    /// Returns a healthy answer that asks for a share of the weight.
    #[must_use]
    pub const fn with_share(share: Percent) -> Self {
        Self { share: Some(share) }
    }
}

/// The reason why a probe failed.
///
/// Its text is a sentence's end: "down 12 s: connect timed out".
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, thiserror::Error,
)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Failure {
    /// No connection within the timeout: nothing answered the SYN.
    #[error("connect timed out")]
    ConnectTimedOut,
    /// A connection, or an ICMP message, that says that no process listens on the port.
    #[error("connection refused")]
    Refused,
    /// The network has no way to the address (`EHOSTUNREACH`, `ENETUNREACH`): the link or the node is gone.
    #[error("no route to the address")]
    Unreachable,
    /// The peer ended the connection too early.
    #[error("connection closed before {0}")]
    Closed(Stage),
    /// Connected, but no answer within the timeout.
    #[error("timed out before {0}")]
    TimedOut(Stage),
    /// TLS failed: the certificate, its name, or the protocol.
    #[error("TLS failed: {0}")]
    Tls(String),
    /// An HTTP status outside the expected ranges.
    #[error("HTTP status {0}")]
    Status(u16),
    /// A DNS response code other than NOERROR.
    #[error("DNS response {0}")]
    Dns(String),
    /// An answer without the expected content.
    #[error("answer lacks {0:?}")]
    Lacks(String),
    /// Bytes that are no answer of the protocol, or more of them than a probe reads.
    #[error("answer is malformed: {0}")]
    Malformed(String),
    /// A program that ended with another status than 0; its first line of output.
    #[error("program exited with {status}{}", with_colon(.output))]
    Exit {
        /// The exit status; 128 plus the signal for one that was killed.
        status: i32,
        /// The first line of its output, at most 200 bytes.
        output: String,
    },
    /// A file that is absent.
    #[error("{0} is absent")]
    Absent(String),
    /// A directory, a FIFO or a device in the place of a file.
    #[error("{0} is not a regular file")]
    NotRegular(String),
    /// An operation on the director failed, so that nothing is known of the real server.
    #[error("not probed: {0}")]
    NotProbed(String),
}

/// Says before what a probe ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Stage {
    /// The TLS handshake was complete.
    Handshake,
    /// The request was sent.
    Request,
    /// The answer was complete.
    Answer,
    /// The program ended.
    Exit,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Handshake => "the TLS handshake",
            Self::Request => "the request was sent",
            Self::Answer => "the answer",
            Self::Exit => "the program ended",
        })
    }
}

fn with_colon(text: &str) -> String {
    match text {
        "" => String::new(),
        text => format!(": {text}"),
    }
}

impl Failure {
    /// Returns whether the failure says nothing about the real server, because the director itself could not
    /// probe: no file descriptors, no permission, no source address.
    #[must_use]
    pub const fn is_inconclusive(&self) -> bool {
        matches!(self, Self::NotProbed(_))
    }

    /// Returns whether the failure is an absence of answers within the timeout.
    #[must_use]
    pub const fn is_timeout(&self) -> bool {
        matches!(self, Self::ConnectTimedOut | Self::TimedOut(_))
    }

    /// Returns whether no connection came about. Once there is one, the way to the real server is right, and what
    /// failed is the server.
    #[must_use]
    pub const fn is_unconnected(&self) -> bool {
        matches!(
            self,
            Self::ConnectTimedOut | Self::Refused | Self::Unreachable
        )
    }

    /// Returns whether a timeout was caused by the director: the probe took much longer than its timeout, so the
    /// director was stalled and the answer may have been waiting.
    #[must_use]
    pub fn is_late(&self, took: Duration, timeout: Timeout) -> bool {
        const SLACK: Duration = Duration::from_millis(250);
        let timeout = timeout.get();
        self.is_timeout() && took > timeout + SLACK.max(timeout / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_reads_as_the_end_of_a_sentence() {
        for (failure, text) in [
            (Failure::ConnectTimedOut, "connect timed out"),
            (
                Failure::TimedOut(Stage::Handshake),
                "timed out before the TLS handshake",
            ),
            (Failure::Lacks("ok".to_owned()), "answer lacks \"ok\""),
            (
                Failure::Exit {
                    status: 2,
                    output: "queue is full".to_owned(),
                },
                "program exited with 2: queue is full",
            ),
            (
                Failure::Exit {
                    status: 1,
                    output: String::new(),
                },
                "program exited with 1",
            ),
        ] {
            assert_eq!(failure.to_string(), text);
        }
    }

    #[test]
    fn a_stalled_director_is_no_failure_of_the_server() {
        let timeout = Timeout::DEFAULT;
        let late =
            |failure: Failure, millis| failure.is_late(Duration::from_millis(millis), timeout);
        assert!(!late(Failure::ConnectTimedOut, 1100));
        assert!(late(Failure::ConnectTimedOut, 3000));
        assert!(!late(Failure::Refused, 3000));
    }
}
