//! The checks of a real server.

use super::Walk;
use super::tree::Node;
use super::virtual_server::{Block, Timing, reason};
use crate::import::health::{Check, Health, Kind, Page};

/// What is read of a check's block, of whichever kind.
#[derive(Default)]
struct Parameters {
    page: Page,
    port: Option<u16>,
    name: Option<String>,
    record: Option<String>,
    command: Option<String>,
}

impl Walk<'_> {
    pub(super) fn check(&mut self, node: &Node, inherited: &Timing, block: &mut Block) {
        let kind = node.word(0);
        let reason = match kind {
            "TCP_CHECK" | "HTTP_GET" | "SSL_GET" | "SMTP_CHECK" | "DNS_CHECK" | "UDP_CHECK"
            | "MISC_CHECK" => None,
            "PING_CHECK" => Some("a host that answers ping may serve nothing: use tcp"),
            "FILE_CHECK" => Some("track_file stays in keepalived's configuration"),
            "BFD_CHECK" => Some("BFD is for keepalived or BIRD"),
            _ => Some("keepalived knows no such check"),
        };
        if let Some(reason) = reason {
            return node.leave(self.tally, reason);
        }
        let mut timing = inherited.clone();
        let mut parameters = Parameters::default();
        for child in node.children() {
            if !self.timing(child, &mut timing) {
                self.check_directive(child, &mut parameters);
            }
        }
        if kind == "MISC_CHECK" && parameters.command.is_none() {
            return node.leave(self.tally, "misc_path is missing, which names the program");
        }
        if kind == "MISC_CHECK" && block.programs_differ {
            let reason = "its real servers have different programs, and a service has one check: name one that reads \
                          LVS_ADDRESS and LVS_PORT from its environment";
            return node.leave(self.tally, reason);
        }
        let page = || Page {
            host: parameters.page.host.clone().or_else(|| block.host.clone()),
            ..parameters.page.clone()
        };
        let kind = match kind {
            "HTTP_GET" => Kind::Http(page()),
            "SSL_GET" => Kind::Https(page()),
            "DNS_CHECK" => Kind::Dns {
                name: parameters.name,
                record: parameters.record.or_else(|| Some("SOA".to_owned())),
            },
            "UDP_CHECK" => Kind::Udp,
            "MISC_CHECK" => Kind::Program {
                command: parameters.command.unwrap_or_default(),
            },
            _ => Kind::Tcp,
        };
        let check = timing.complete(Check {
            port: parameters.port,
            ..Check::new(kind)
        });
        let problem = check.problem();
        match block.health.offer(&check) {
            true if problem.is_some() => node.leave(self.tally, &problem.unwrap_or_default()),
            true if node.word(0) == "SMTP_CHECK" => {
                let reason = "only the TCP connection is checked, not the greeting of SMTP";
                self.tally.assumed(node.id, "services.check", reason);
            }
            true => Health::said(self.tally, node.id, "check"),
            false => {
                let reason = "a service has one check; that of another real server is used";
                node.leave(self.tally, reason);
            }
        }
    }

    fn check_directive(&mut self, node: &Node, parameters: &mut Parameters) {
        let text = || Some(node.word(1).to_owned());
        match node.word(0) {
            "url" if parameters.page.path.is_some() => {
                return node.leave(self.tally, "a check requests one page; another one is used");
            }
            "url" => {
                Health::said(self.tally, node.id, "check");
                for child in node.children() {
                    self.url_directive(child, &mut parameters.page);
                }
                return;
            }
            "virtualhost" => parameters.page.host = text(),
            "connect_port" => parameters.port = node.word(1).parse().ok(),
            "name" => parameters.name = text(),
            "type" => parameters.record = text(),
            "misc_path" => parameters.command = text(),
            word => return self.tally.left(node.id, check_reason(word)),
        }
        Health::said(self.tally, node.id, "check");
    }

    fn url_directive(&mut self, node: &Node, page: &mut Page) {
        let rest = || Some(node.words.get(1..).unwrap_or_default().join(" "));
        match node.word(0) {
            "path" => page.path = rest(),
            "status_code" => page.status = rest(),
            "virtualhost" => page.host = rest(),
            word => return self.tally.left(node.id, check_reason(word)),
        }
        Health::said(self.tally, node.id, "check");
    }
}

fn check_reason(word: &str) -> &'static str {
    match word {
        "digest" => "there is no check of a digest: write contains, or use a program",
        "regex" | "regex_no_match" | "regex_options" | "regex_stack" | "regex_min_offset"
        | "regex_max_offset" => {
            "pages are searched for a text, not for a regular expression: write contains"
        }
        "connect_ip" | "bindto" | "bind_if" | "bind_port" | "fwmark" => {
            "probes go the clients' way, by the virtual IP"
        }
        "enable_sni" | "sni_name" => "the host of the check is the server name",
        "http_protocol" | "fast_recovery" | "tls_compliant" => "probes have no such option",
        "misc_dynamic" => "a program that reports weights is not supported yet",
        "user" => "a program runs as lvsctl does",
        "helo_name" | "host" => "only the TCP connection is checked, not the greeting of SMTP",
        "payload" | "require_reply" | "min_reply_length" | "max_reply_length" => {
            "a UDP probe sends an empty datagram"
        }
        word => reason(word),
    }
}
