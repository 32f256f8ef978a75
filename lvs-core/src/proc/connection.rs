//! The files `ip_vs_conn` and `ip_vs_conn_sync`: a line of headings, then one connection per line.

use super::text::{protocol, socket};
use crate::ipvs::{Connection, EngineName, Origin, Seconds};

/// Parses a line of `ip_vs_conn`; `None` for the headings and for a line that is not understood.
pub(super) fn parse(line: &str) -> Option<Connection> {
    let (mut connection, rest) = common(line)?;
    let (expires, rest) = word(rest)?;
    connection.expires = Seconds(expires.parse().ok()?);
    if let Some((engine, data)) = word(rest) {
        connection.engine = EngineName::new(engine).ok();
        // One blank, then raw data, which may itself begin with blanks.
        connection.engine_data = data.strip_prefix(' ').map(str::to_owned);
    }
    Some(connection)
}

/// Parses a line of `ip_vs_conn_sync`.
pub(super) fn parse_sync(line: &str) -> Option<Connection> {
    let (mut connection, rest) = common(line)?;
    let (origin, rest) = word(rest)?;
    let (expires, _) = word(rest)?;
    connection.origin = match origin {
        "LOCAL" => Some(Origin::Local),
        "SYNC" => Some(Origin::Sync),
        _ => None,
    };
    connection.expires = Seconds(expires.parse().ok()?);
    Some(connection)
}

/// Parses the columns that both files have, and returns the rest of the line with them.
fn common(line: &str) -> Option<(Connection, &str)> {
    let mut rest = line;
    let mut next = || {
        let (word, after) = word(rest)?;
        rest = after;
        Some(word)
    };
    let connection = Connection {
        protocol: protocol(next()?)?,
        client: socket(next()?, next()?)?,
        service: socket(next()?, next()?)?,
        destination: socket(next()?, next()?)?,
        state: next()?.into(),
        expires: Seconds(0),
        engine: None,
        engine_data: None,
        origin: None,
    };
    Some((connection, rest))
}

/// Splits off the first word.
fn word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start_matches(' ');
    let end = text.find(' ').unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipvs::{ConnectionState, Protocol};

    /// Is a capture from kernel 7.2, except for the last two lines: a SIP template and one of a mark,
    /// which no capture here contains.
    const CONN: &str = "\
Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData
TCP fd00:0000:0000:0000:0000:0000:0000:0001 A80E fd00:0000:0000:0000:0000:0000:0000:0001 01BB fd00:0000:0000:0000:0000:0000:0000:0055 01BB SYN_RECV         59
TCP 0A000000 0000 0A000001 0050 0A000102 0050 NONE            359
TCP 0A000001 CF66 0A000001 0050 0A000102 0050 SYN_RECV         59
UDP 0A000001 0000 0A000001 13C4 0A000103 13C4 NONE             57 sip abcdef 0123456789@host
IP  0A000000 0000 00001234 0000 0A000104 0000 NONE             60
";

    /// Is a capture from kernel 6.1.
    const SYNC: &str = "\
Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Origin Expires
TCP 0A000000 0000 0A000001 0050 0A000102 0050 NONE        LOCAL      359
TCP 0A000001 842C 0A000001 0050 0A000102 0050 SYN_RECV    SYNC        59
";

    #[test]
    fn connections_of_both_families() {
        let all: Vec<_> = CONN.lines().filter_map(parse).collect();
        assert_eq!(all.len(), 5);
        let v6 = &all[0];
        assert_eq!(v6.client, "[fd00::1]:43022".parse().unwrap());
        assert_eq!(v6.service, "[fd00::1]:443".parse().unwrap());
        assert_eq!(v6.destination, "[fd00::55]:443".parse().unwrap());
        assert_eq!(
            (&v6.state, v6.expires),
            (&ConnectionState::SynRecv, Seconds(59))
        );
        assert!(!v6.is_template());
        assert!(all[1].is_template());
    }

    #[test]
    fn engine_data_keeps_its_blanks() {
        let sip = CONN.lines().filter_map(parse).nth(3).unwrap();
        assert_eq!(sip.engine, Some(EngineName::SIP));
        assert_eq!(sip.engine_data.as_deref(), Some("abcdef 0123456789@host"));
    }

    #[test]
    fn a_template_of_a_mark_has_protocol_ip() {
        let marked = CONN.lines().filter_map(parse).nth(4).unwrap();
        assert_eq!(marked.protocol, Protocol(0));
        assert_eq!(marked.mark(), Some(0x1234));
        assert!(marked.is_template());
    }

    #[test]
    fn synchronised_connections_have_an_origin() {
        let all: Vec<_> = SYNC.lines().filter_map(parse_sync).collect();
        let origins: Vec<_> = all.iter().map(|connection| connection.origin).collect();
        assert_eq!(origins, [Some(Origin::Local), Some(Origin::Sync)]);
        assert_eq!(all[0].expires, Seconds(359));
    }

    #[test]
    fn every_truncated_line_is_read_without_panic() {
        for line in CONN.lines().chain(SYNC.lines()) {
            for end in 0..line.len() {
                let cut = &line[..end];
                assert!(parse(cut).is_none_or(|connection| !connection.state.as_str().is_empty()));
                assert!(parse_sync(cut).is_none_or(|connection| connection.engine.is_none()));
            }
        }
    }
}
