//! Names of nodes that follow from addresses, and well-known names of ports.

use std::net::IpAddr;

/// Names of ports that rules and configurations use in place of numbers: IANA's and those of
/// `/etc/services`.
const PORTS: &[(&str, u16)] = &[
    ("ftp-data", 20),
    ("ftp", 21),
    ("ssh", 22),
    ("telnet", 23),
    ("smtp", 25),
    ("domain", 53),
    ("tftp", 69),
    ("http", 80),
    ("www", 80),
    ("kerberos", 88),
    ("pop3", 110),
    ("pop-3", 110),
    ("sunrpc", 111),
    ("nntp", 119),
    ("ntp", 123),
    ("imap", 143),
    ("imap2", 143),
    ("snmp", 161),
    ("ldap", 389),
    ("https", 443),
    ("smtps", 465),
    ("syslog", 514),
    ("submission", 587),
    ("ldaps", 636),
    ("rsync", 873),
    ("ftps", 990),
    ("imaps", 993),
    ("pop3s", 995),
    ("openvpn", 1194),
    ("ms-sql-s", 1433),
    ("radius", 1812),
    ("radius-acct", 1813),
    ("nfs", 2049),
    ("mysql", 3306),
    ("ms-wbt-server", 3389),
    ("sip", 5060),
    ("sip-tls", 5061),
    ("xmpp-client", 5222),
    ("postgresql", 5432),
    ("amqp", 5672),
    ("redis", 6379),
    ("http-alt", 8080),
    ("webcache", 8080),
];

/// Returns the number of a port that is written as a number or by a well-known name.
pub(super) fn port(text: &str) -> Option<u16> {
    let known = || PORTS.iter().find(|(name, _)| *name == text);
    text.parse().ok().or_else(|| known().map(|(_, port)| *port))
}

/// Returns a node's name made of its address: `rs-192-168-1-12`.
pub(super) fn node(address: IpAddr) -> String {
    format!("rs-{}", address.to_string().replace(['.', ':'], "-"))
}
