//! A check as the cluster file writes it.

use std::fmt;
use std::num::{NonZeroU8, NonZeroU16};

use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::{
    DnsName, DnsTransport, FilePath, HostName, HttpMethod, HttpPath, Interval, Needle, Payload,
    Percent, ProbeRoute, RecordType, ServerName, StatusRanges, Timeout, Timing, UserName,
};

/// The defaults of every check, the file's `[health]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckDefaults {
    /// How often, and how many results count.
    pub timing: Timing,
    /// The way to the real server.
    pub route: ProbeRoute,
}

/// Declares the table: the keys of every check, and those of some kinds.
macro_rules! table {
    (
        every { $($(#[$every_doc:meta])* $every:ident $every_key:literal: $every_type:ty,)* }
        some { $($(#[$some_doc:meta])* $some:ident $some_key:literal: $some_type:ty,)* }
    ) => {
        /// Holds the keys of a check as they are written: `"tcp"`, or `{ type = "http", path = "/healthz" }`.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[cfg_attr(feature = "schema", schemars(deny_unknown_fields))]
        pub struct CheckTable {
            /// `tcp`, `tls`, `http`, `https`, `dns`, `udp`, `program` or `file`.
            #[serde(rename = "type")]
            pub kind: String,
            $($(#[$every_doc])*
            #[serde(rename = $every_key, skip_serializing_if = "Option::is_none")]
            pub $every: Option<$every_type>,)*
            $($(#[$some_doc])*
            #[serde(rename = $some_key, skip_serializing_if = "Option::is_none")]
            pub $some: Option<$some_type>,)*
        }

        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Full {
            #[serde(rename = "type")]
            kind: String,
            $(#[serde(rename = $every_key, default)] $every: Option<$every_type>,)*
            $(#[serde(rename = $some_key, default)] $some: Option<$some_type>,)*
        }

        impl From<Full> for CheckTable {
            fn from(full: Full) -> Self {
                Self {
                    kind: full.kind,
                    $($every: full.$every,)*
                    $($some: full.$some,)*
                }
            }
        }

        impl CheckTable {
            /// Returns a key of some kinds that is present.
            pub(super) fn remaining(&self) -> Option<&'static str> {
                [$((self.$some.is_some(), $some_key)),*]
                    .into_iter()
                    .find_map(|(is_present, key)| is_present.then_some(key))
            }
        }
    };
}

table! {
    every {
        /// The time between two probes, 100 ms to 1 day; absent: that of `[health]`.
        interval "interval": Interval,
        /// The same while results are being counted; absent: that of `[health]`.
        fast_interval "fast-interval": Interval,
        /// The time after which a probe has failed, 10 ms to 5 minutes; absent: that of `[health]`.
        timeout "timeout": Timeout,
        /// So many successes in a row make a destination up; absent: that of `[health]`.
        rise "rise": NonZeroU8,
        /// So many failures in a row make it down; absent: that of `[health]`.
        fall "fall": NonZeroU8,
        /// By up to so many percent an interval is shortened; absent: that of `[health]`.
        jitter "jitter": Percent,
        /// The way to the real server, `service` or `server`; absent: `path` of `[health]`.
        via "via": ProbeRoute,
        /// The port to probe; absent: the destination's.
        port "port": NonZeroU16,
    }
    some {
        /// tls, https: the name of SNI and of the certificate; absent: for https `host`. Required unless `verify = false`.
        sni "sni": ServerName,
        /// tls, https: whether the certificate is verified; absent: it is.
        verify "verify": bool,
        /// tls, https: a file of CA certificates; absent: those of the system.
        ca "ca": FilePath,
        /// http, https: the method of the request.
        method "method": HttpMethod,
        /// http, https: the path; `/` if absent.
        path "path": HttpPath,
        /// http, https: the header `Host`; absent: the address that clients connect to.
        host "host": HostName,
        /// http, https: the statuses that count as healthy, 100 to 599; `200-299` if absent.
        status "status": StatusRanges,
        /// http, https: a text that the first 64 KiB of the body must contain; absent: any body.
        contains "contains": Needle,
        /// dns: the name that is asked for; required.
        name "name": DnsName,
        /// dns: the type of record that is asked for.
        record "record": RecordType,
        /// dns: the transport of the question.
        transport "transport": DnsTransport,
        /// udp: what is sent, text or `hex:` and digits, up to 1200 bytes; absent: an empty datagram.
        payload "payload": Payload,
        /// udp: a text that the answer must contain; absent: no answer is needed, and only a port that refuses datagrams
        /// fails.
        answer "answer": Needle,
        /// program: the command line, program first; required. It runs without a shell, with LVS_CLUSTER, LVS_SERVICE,
        /// LVS_REAL_SERVER, LVS_ADDRESS and LVS_PORT in its environment.
        command "command": Vec<String>,
        /// program: the user that it runs as; absent: that of lvsctl.
        user "user": UserName,
        /// program: whether an exit status asks for a share of the weight: 0 for all of it, 2 to 102 for 2 less than itself
        /// in percent, so that 2 asks for no new connections and 102 for all; 1 and every other are down. Absent: no, and 0
        /// is up and every other down.
        share_by_status "share-by-status": bool,
        /// file: the absolute path; required. No file, or none that is regular, is down; an empty one is up; a number from 0
        /// to 100 in its first line is the share of the weight in percent, and 0 asks for no new connections; any other
        /// content is malformed, and down. `{server}` and `{address}` in the path stand for the real server's name and the
        /// destination's address; without them one file governs all destinations of the service.
        file "file": FilePath,
    }
}

impl CheckTable {
    /// Returns a check of a kind without any other key.
    pub(in crate::cluster) fn named(kind: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            ..Self::default()
        }
    }
}

/// By hand, because serde's untagged enums lose what was wrong and where.
impl<'de> Deserialize<'de> for CheckTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TableVisitor)
    }
}

struct TableVisitor;

impl<'de> Visitor<'de> for TableVisitor {
    type Value = CheckTable;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a type of check like \"tcp\", or a table with a type")
    }

    fn visit_str<E: de::Error>(self, kind: &str) -> Result<CheckTable, E> {
        Ok(CheckTable::named(kind))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<CheckTable, A::Error> {
        Full::deserialize(de::value::MapAccessDeserializer::new(map)).map(CheckTable::from)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Check;

    fn check(text: &str) -> Result<Check, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn every_kind_is_written_and_read_again_the_same() {
        for text in [
            r#""tcp""#,
            r#"{"type": "tcp", "port": 8080, "via": "server"}"#,
            r#"{"type": "tls", "sni": "www.example.org", "ca": "/etc/ssl/own.pem"}"#,
            r#"{"type": "tls", "verify": false}"#,
            r#"{"type": "http", "path": "/healthz", "status": "200-299,401", "contains": "ok"}"#,
            r#"{"type": "https", "host": "www.example.org:8443", "method": "HEAD"}"#,
            r#"{"type": "dns", "name": "example.org.", "record": "SOA", "transport": "tcp"}"#,
            r#"{"type": "udp", "payload": "hex:00ff", "answer": "pong"}"#,
            r#"{"type": "program", "command": ["/bin/true", "a b"], "user": "www-data"}"#,
            r#"{"type": "file", "file": "/run/health/{server}"}"#,
        ] {
            let once = check(text).unwrap();
            let written = serde_json::to_string(&once).unwrap();
            assert_eq!(check(&written).as_ref(), Ok(&once), "{written}");
        }
    }

    #[test]
    fn a_table_that_makes_no_sense_is_refused() {
        for (text, message) in [
            (r#""ping""#, "check \"ping\" is not tcp, tls"),
            (
                r#"{"type": "tcp", "path": "/"}"#,
                "key \"path\" is not a key of a check of type tcp",
            ),
            (r#"{"type": "tls"}"#, "server name \"\" is missing"),
            (r#"{"type": "https"}"#, "server name \"\" is missing"),
            (r#"{"type": "dns"}"#, "key \"name\" is missing"),
            (r#"{"type": "http", "pfad": "/"}"#, "unknown field `pfad`"),
            (
                r#"{"type": "http", "path": "/ HTTP/1.1\r\nX: y"}"#,
                "has a blank",
            ),
            (
                r#"{"type": "http", "status": "200-99"}"#,
                "is not like \"200-299\"",
            ),
            (
                r#"{"type": "http", "method": "HEAD", "contains": "x"}"#,
                "is never found",
            ),
            (
                r#"{"type": "tcp", "fast-interval": "3s"}"#,
                "is above the interval 2s",
            ),
            (r#"{"type": "tcp", "jitter": 60}"#, "is above 50"),
            (
                r#"{"type": "program", "command": ["true"]}"#,
                "is not an absolute path",
            ),
            (r#"{"type": "program", "command": []}"#, "is empty"),
            (
                r#"{"type": "tls", "verify": false, "ca": "/x"}"#,
                "has no effect",
            ),
            ("7", "a type of check like"),
        ] {
            let error = check(text).unwrap_err();
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
