//! Which directives a virtual server has, and why one is left.

use crate::suggest::nearest;

/// Returns why a directive of a virtual or real server has no key.
pub(super) fn reason(word: &str) -> String {
    let reason = match word {
        "alpha" => "a server keeps its weight until its first check",
        "omega" | "quorum_up" | "quorum_down" | "notify_up" | "notify_down" => {
            "lvsctl starts no program on a change"
        }
        "hysteresis" => "minimum has no hysteresis",
        "warmup" => "checks begin at random moments of the first interval",
        "ha_suspend" => "a standby director checks too",
        "smtp_alert" => "lvsctl sends no mail",
        "snmp_name" => "metrics name services by their addresses",
        "log_all_failures" => "status shows the reason of every failure",
        "nb_get_retry" => "keepalived takes it in HTTP_GET and SSL_GET only, and elsewhere retry",
        "nat_mask" => "obsolete: keepalived 2 has no such directive",
        _ => return unknown(word, &DIRECTIVES),
    };
    reason.to_owned()
}

/// Returns why a directive is left that keepalived does not know, with the nearest one that it does.
pub(super) fn unknown(word: &str, known: &[&str]) -> String {
    let near = nearest(word, known.iter().copied());
    let near = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
    format!("keepalived knows no such directive here{near}")
}

/// The directives of virtual and real servers.
pub(super) const DIRECTIVES: [&str; 29] = [
    "connect_timeout",
    "delay_before_retry",
    "delay_loop",
    "hysteresis",
    "inhibit_on_failure",
    "ip_family",
    "lb_algo",
    "lb_kind",
    "lthreshold",
    "lvs_method",
    "lvs_sched",
    "notify_down",
    "notify_up",
    "ops",
    "persistence_engine",
    "persistence_granularity",
    "persistence_timeout",
    "protocol",
    "quorum",
    "quorum_down",
    "quorum_up",
    "real_server",
    "retry",
    "sorry_server",
    "sorry_server_inhibit",
    "uthreshold",
    "virtualhost",
    "warmup",
    "weight",
];
