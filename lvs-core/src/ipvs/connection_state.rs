//! The state of a connection.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// Declares the states, each with the kernel's name of it.
macro_rules! states {
    ($($(#[$doc:meta])* $state:ident = $name:literal),* $(,)?) => {
        /// Is the state of a connection, as the kernel names it: `ESTABLISHED`, `SYN_RECV`.
        ///
        /// ```
        /// use lvs_core::ipvs::ConnectionState;
        /// let state = ConnectionState::from("SYN_RECV");
        /// assert_eq!(state, ConnectionState::SynRecv);
        /// assert_eq!(ConnectionState::from("COOKIE_ECHOED").to_string(), "COOKIE_ECHOED");
        /// ```
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        #[serde(from = "String")]
        #[non_exhaustive]
        pub enum ConnectionState {
            $($(#[$doc])* $state,)*
            /// Another state, such as one of SCTP.
            Other(String),
        }

        impl ConnectionState {
            /// Returns the kernel's name of it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$state => $name,)*
                    Self::Other(name) => name,
                }
            }
        }

        impl From<&str> for ConnectionState {
            fn from(name: &str) -> Self {
                match name {
                    $($name => Self::$state,)*
                    other => Self::Other(other.to_owned()),
                }
            }
        }
    };
}

states! {
    /// Nothing of it is known yet. Of a template: none of its connections was established.
    None = "NONE",
    /// TCP: the real server has sent a SYN.
    SynSent = "SYN_SENT",
    /// TCP: the client has sent a SYN.
    SynRecv = "SYN_RECV",
    /// TCP and SCTP: it is open.
    Established = "ESTABLISHED",
    /// TCP: a side has closed it; with direct routing and tunnels the client.
    FinWait = "FIN_WAIT",
    /// TCP: both sides have closed it.
    TimeWait = "TIME_WAIT",
    /// TCP: it was reset.
    Close = "CLOSE",
    /// TCP: a side has closed it; with masquerading the client.
    CloseWait = "CLOSE_WAIT",
    /// TCP: the other side has closed it, too.
    LastAck = "LAST_ACK",
    /// TCP: it is not in use.
    Listen = "LISTEN",
    /// TCP: the client has not answered a SYN cookie yet.
    SynAck = "SYNACK",
    /// UDP: it is used.
    Udp = "UDP",
    /// A template of connections that were established.
    Assured = "ASSURED",
}

impl From<String> for ConnectionState {
    fn from(name: String) -> Self {
        Self::from(name.as_str())
    }
}

impl PartialEq<&str> for ConnectionState {
    fn eq(&self, name: &&str) -> bool {
        self.as_str() == *name
    }
}

impl fmt::Display for ConnectionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for ConnectionState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_and_written_the_same() {
        for name in ["ESTABLISHED", "SYN_RECV", "UDP", "ASSURED", "COOKIE_SENT"] {
            let json = format!("{name:?}");
            let state: ConnectionState = serde_json::from_str(&json).unwrap();
            assert_eq!(state, name);
            assert_eq!(serde_json::to_string(&state).unwrap(), json);
        }
    }
}
