//! The checks of a real server.

use std::net::IpAddr;
use std::num::NonZeroU16;

use super::Walk;
use super::common::Tested;
use super::directives::{reason, unknown};
use super::programs::{Programs, general};
use super::timing::Timing;
use super::tree::Node;
use crate::import::health::{Check, Health, Kind, Page, literal};
use crate::import::tally::DirectiveId;

/// What a check inherits from its real server.
pub(super) struct CheckContext<'a> {
    pub(super) timing: &'a Timing,
    /// The host of pages for which the check names none.
    pub(super) host: Option<&'a (String, DirectiveId)>,
    pub(super) address: IpAddr,
    /// The port of the real server, where it is not that of the destination.
    pub(super) port: Option<NonZeroU16>,
    pub(super) has_port: bool,
    /// The port in the real server's own line.
    pub(super) own_port: u16,
    /// Whether what serves accepts TCP connections to the service's port.
    pub(super) connects: bool,
    pub(super) programs: &'a Programs,
}

/// What is read of a check's block, of whichever kind.
#[derive(Default)]
struct Parameters {
    /// One for each `url`.
    pages: Vec<Page>,
    host: Option<String>,
    port: Option<u16>,
    name: Option<String>,
    record: Option<String>,
    payload: Option<String>,
    command: Option<String>,
    user: Option<String>,
    /// That a host is named while TLS begins.
    sni: Option<DirectiveId>,
    /// Whether the exit status of a program is a weight.
    is_dynamic: bool,
}

impl Walk<'_> {
    /// Returns what a block tests, with a check for each page; nothing if it is left.
    pub(super) fn check(&mut self, node: &Node, context: &CheckContext<'_>) -> Option<Tested> {
        if let Some(reason) = refused(node.word(0)) {
            node.leave(self.tally, reason);
            return None;
        }
        let mut timing = context.timing.clone();
        let mut parameters = Parameters::default();
        let asks_pages = matches!(node.word(0), "HTTP_GET" | "SSL_GET");
        for child in node.children() {
            if !self.timing(child, &mut timing, asks_pages) {
                self.check_directive(child, &mut parameters);
            }
            self.excess(child);
        }
        node.leave_overridden(self.tally);
        let checks = match parameters.kinds(node.word(0), context) {
            Ok(kinds) => kinds.into_iter().map(|kind| {
                timing.complete(Check {
                    port: parameters.port(node.word(0), context),
                    ..Check::new(kind)
                })
            }),
            Err(reason) => {
                node.leave(self.tally, reason);
                return None;
            }
        };
        let checks: Vec<_> = checks.collect();
        if let Some(id) = parameters.sni.filter(|_| !names_host(&checks)) {
            self.tally.left(id, "there is no virtualhost to name");
        }
        let problem = checks.iter().find_map(Check::problem);
        let tested = |checks, doubt, connects_only| Tested {
            checks,
            doubt,
            connects_only,
            node: node.clone(),
            timing,
            host: parameters.inherited_host(context),
        };
        let less = match tests_elsewhere(node, context.address) {
            true => Some((ELSEWHERE, "it tests another address than the real server's")),
            false => problem.as_deref().map(|problem| (REFUSED, problem)),
        };
        if let Some((told, reason)) = less {
            let all = [checks];
            let connection = Check::connection(&all).filter(|_| context.connects);
            let Some(check) = connection.filter(|check| check.problem().is_none()) else {
                node.leave(self.tally, reason);
                return None;
            };
            self.tally.assumed(node.id, "services.check", told);
            self.tally.doubt(node.id, reason);
            return Some(tested(vec![check], Some(told), true));
        }
        self.leave_unasked_hosts(node, &parameters);
        let mut doubt = None;
        match node.word(0) {
            "HTTP_GET" | "SSL_GET" if self.searches_less(node) => {
                self.tally.assumed(node.id, "services.check", UNSEARCHED);
                doubt = Some(UNSEARCHED);
            }
            "SMTP_CHECK" => {
                let reason = "only the TCP connection is checked, not the greeting of SMTP";
                self.tally.assumed(node.id, "services.check", reason);
            }
            "MISC_CHECK" if parameters.is_dynamic => {
                self.tally.assumed(node.id, "services.check", DYNAMIC);
                doubt = Some(DYNAMIC);
            }
            "MISC_CHECK" if *context.programs != Programs::Same => {
                let reason = "with the real server's address from the environment, LVS_ADDRESS";
                self.tally.assumed(node.id, "services.check", reason);
            }
            _ => Health::said(self.tally, node.id, "check"),
        }
        Some(tested(checks, doubt, false))
    }

    /// Returns whether the check of a page does not have all that the source compares it with.
    fn searches_less(&self, node: &Node) -> bool {
        let mut compared = node.children().iter().flat_map(Node::children);
        compared.any(|child| {
            matches!(child.word(0), "digest" | "regex") && !self.tally.is_used(child.id)
        })
    }

    /// Leaves the host of a check of which every page says its own.
    fn leave_unasked_hosts(&mut self, node: &Node, parameters: &Parameters) {
        let is_open = |page: &Page| page.host.is_none();
        if parameters.pages.is_empty() || parameters.pages.iter().any(is_open) {
            return;
        }
        let hosts = node.children().iter();
        hosts
            .filter(|child| child.word(0) == "virtualhost")
            .for_each(|child| self.tally.left(child.id, "every url says its own"));
    }

    fn check_directive(&mut self, node: &Node, parameters: &mut Parameters) {
        let text = || Some(node.word(1).to_owned());
        match node.word(0) {
            "url" => {
                let mut page = Page::default();
                for child in node.children() {
                    self.url_directive(child, node, &mut page);
                    self.excess(child);
                }
                node.leave_overridden(self.tally);
                parameters.pages.push(page);
            }
            "virtualhost" => parameters.host = text(),
            "connect_port" => match node.word(1).parse::<NonZeroU16>() {
                Ok(port) => parameters.port = Some(port.get()),
                Err(_) => {
                    let reason = format!("{:?} is not a port", node.word(1));
                    return self.tally.left(node.id, reason);
                }
            },
            "name" => parameters.name = text(),
            "type" => parameters.record = text(),
            "misc_path" => parameters.command = text(),
            "user" => {
                parameters.user = text();
                Health::said(self.tally, node.id, "check");
                if node.words.len() > 2 {
                    self.tally.doubt(node.id, "in the groups of the user");
                }
                return;
            }
            // The host of the check is the server name.
            "enable_sni" => parameters.sni = Some(node.id),
            "misc_dynamic" => parameters.is_dynamic = true,
            "payload" => match payload(node) {
                Some(payload) => parameters.payload = Some(payload),
                None => return self.tally.left(node.id, "it is not hexadecimal"),
            },
            word => return node.leave(self.tally, &check_reason(word)),
        }
        Health::said(self.tally, node.id, "check");
    }

    fn url_directive(&mut self, node: &Node, url: &Node, page: &mut Page) {
        match node.word(0) {
            "path" => page.path = Some(node.word(1).to_owned()),
            "status_code" => {
                let codes = node.words.get(1..).unwrap_or_default();
                page.status = Some(codes.join(","));
            }
            "virtualhost" => page.host = Some(node.word(1).to_owned()),
            "regex" => {
                let changes = |other: &Node| {
                    matches!(
                        other.word(0),
                        "regex_no_match"
                            | "regex_options"
                            | "regex_min_offset"
                            | "regex_max_offset"
                    )
                };
                let is_plain = !url.children().iter().any(changes);
                match literal(node.word(1)).filter(|_| is_plain) {
                    Some((text, true)) => page.contains = Some(text),
                    Some((text, false)) => {
                        page.contains = Some(text);
                        let reason = "searched as it is written, each . as a full stop";
                        return self
                            .tally
                            .assumed(node.id, "services.check.contains", reason);
                    }
                    None if url
                        .children()
                        .iter()
                        .any(|other| other.word(0) == "regex_no_match") =>
                    {
                        return self.tally.left(node.id, check_reason("regex_no_match"));
                    }
                    None => return self.tally.left(node.id, check_reason("regex")),
                }
            }
            word => return self.tally.left(node.id, check_reason(word)),
        }
        Health::said(self.tally, node.id, "check");
    }
}

impl Parameters {
    /// Returns the port that is tested, where it is not the destination's.
    fn port(&self, word: &str, context: &CheckContext<'_>) -> Option<u16> {
        // Datagrams reach no service of TCP: what they test is another program at the same port.
        let is_beside = word == "UDP_CHECK" && context.connects;
        let port = self.port.filter(|port| *port != context.own_port);
        port.or_else(|| context.port.map(NonZeroU16::get))
            .or_else(|| is_beside.then_some(context.own_port))
    }

    /// Returns what is tested, or why nothing is.
    fn kinds(&self, word: &str, context: &CheckContext<'_>) -> Result<Vec<Kind>, &'static str> {
        if self.port.is_none() && !context.has_port && word != "MISC_CHECK" {
            return Err("it has no port to connect to: add connect_port");
        }
        Ok(match word {
            "HTTP_GET" | "SSL_GET" if self.pages.is_empty() => {
                return Err("it has no url, without which keepalived tests nothing");
            }
            "HTTP_GET" => self.pages(context).map(Kind::Http).collect(),
            "SSL_GET" => self.pages(context).map(Kind::Https).collect(),
            "DNS_CHECK" => vec![Kind::Dns {
                name: self.name.clone(),
                record: self.record.clone().or_else(|| Some("SOA".to_owned())),
            }],
            "UDP_CHECK" => vec![Kind::Udp {
                payload: self.payload.clone(),
            }],
            "MISC_CHECK" => vec![self.program(context)?],
            _ => vec![Kind::Tcp],
        })
    }

    fn pages<'a>(&'a self, context: &CheckContext<'a>) -> impl Iterator<Item = Page> + 'a {
        let inherited = context.host.map(|(host, _)| host.as_str());
        let host = self.host.as_deref().or(inherited);
        self.pages.iter().map(move |page| Page {
            host: page.host.clone().or_else(|| host.map(str::to_owned)),
            ..page.clone()
        })
    }

    /// Returns the `virtualhost` outside the check, if a page of it is asked for with that.
    fn inherited_host(&self, context: &CheckContext<'_>) -> Option<DirectiveId> {
        let is_open = self.host.is_none() && self.pages.iter().any(|page| page.host.is_none());
        context.host.filter(|_| is_open).map(|(_, id)| *id)
    }

    fn program(&self, context: &CheckContext<'_>) -> Result<Kind, &'static str> {
        let command = self.command.clone();
        let mut command = command.ok_or("misc_path is missing, which names the program")?;
        match context.programs {
            Programs::Same => {}
            Programs::ByAddress => command = general(&command, &context.address.to_string()),
            Programs::Each(all) => command.clone_from(all),
            Programs::Different => {
                return Err(
                    "a real server has several programs, and a service has one check: name one that runs them",
                );
            }
        }
        Ok(Kind::Program {
            command,
            user: self.user.clone(),
            is_weight: self.is_dynamic,
        })
    }
}

const DYNAMIC: &str = "weight 100, of which the exit status of the program is the share, 2 more than the percentage: the \
                       weights that the source sets, up to 100";
const ELSEWHERE: &str = "a TCP connection to the service's port is tested: the source tests another address (connect_ip)";

const REFUSED: &str =
    "a TCP connection to the service's port is tested: a check cannot ask as the source does";
const UNSEARCHED: &str = "the status of the answer is tested, and not all that the source compares the page with (digest, regex)";

fn names_host(checks: &[Check]) -> bool {
    let names = |check: &Check| matches!(&check.kind, Kind::Https(page) if page.host.is_some());
    checks.iter().any(names)
}

/// Returns whether a check connects to another address than that of its real server.
fn tests_elsewhere(node: &Node, address: IpAddr) -> bool {
    let mut children = node.children().iter();
    children.any(|child| child.word(0) == "connect_ip" && child.word(1).parse() != Ok(address))
}

/// Returns why a check is none that can be imported.
fn refused(word: &str) -> Option<&'static str> {
    match word {
        "TCP_CHECK" | "HTTP_GET" | "SSL_GET" | "SMTP_CHECK" | "DNS_CHECK" | "UDP_CHECK"
        | "MISC_CHECK" => None,
        "PING_CHECK" => Some("a host that answers ping may serve nothing: use tcp"),
        "FILE_CHECK" => Some(
            "the weight in a track_file is not imported: write check = { type = \"file\", … }, or a program",
        ),
        "BFD_CHECK" => Some("BFD is for keepalived or BIRD"),
        _ => Some("keepalived knows no such check"),
    }
}

/// Returns `hex:` and digits: keepalived takes two of a word at a time, and a last one alone as the lower half.
fn payload(node: &Node) -> Option<String> {
    let mut text = "hex:".to_owned();
    for word in node.words.get(1..)? {
        let digits = word.as_bytes();
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        for pair in digits.chunks(2) {
            text.extend((pair.len() == 1).then_some('0'));
            text.extend(pair.iter().map(|digit| char::from(*digit)));
        }
    }
    Some(text)
}

fn check_reason(word: &str) -> String {
    let reason = match word {
        "digest" => "there is no check of a digest: write contains, or use a program",
        "regex_no_match" => "no check finds a page good that lacks a text: use a program",
        "regex" | "regex_options" | "regex_stack" | "regex_min_offset" | "regex_max_offset" => {
            "pages are searched for a text, not for a regular expression: write contains"
        }
        "connect_ip" | "bindto" | "bind_if" | "bind_port" | "fwmark" => {
            "probes go the clients' way, by the virtual IP"
        }
        "sni_name" => "the host of the check is the server name",
        "http_protocol" | "fast_recovery" | "tls_compliant" => "probes have no such option",
        "helo_name" => "only the TCP connection is checked, not the greeting of SMTP",
        "host" => "the service's port is tested, at the real server's own address",
        "require_reply" | "min_reply_length" | "max_reply_length" => {
            "a check requires no answer but one with a text (answer): without it only a port that refuses fails"
        }
        "warmup" | "alpha" | "log_all_failures" | "nb_get_retry" => return reason(word),
        _ => return unknown(word, &DIRECTIVES),
    };
    reason.to_owned()
}

/// The directives of checks and of their pages.
const DIRECTIVES: [&str; 23] = [
    "connect_ip",
    "connect_port",
    "connect_timeout",
    "delay_before_retry",
    "digest",
    "enable_sni",
    "misc_dynamic",
    "misc_path",
    "misc_timeout",
    "name",
    "nb_get_retry",
    "path",
    "payload",
    "regex",
    "regex_no_match",
    "require_reply",
    "retry",
    "status_code",
    "type",
    "url",
    "user",
    "virtualhost",
    "warmup",
];
