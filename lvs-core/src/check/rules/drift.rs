//! The difference between file and machine: the plan that `apply` would carry out.

use crate::check::code::Code;
use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::NodeScene;
use crate::cluster::change::Step;
use crate::cluster::{Plan, PlanOptions};

kinds! {
    DRIFT = "LVS044", Warning, Upkeep,
    title: "The machine is not as the file says",
    impact: "what the file promises is not, or no longer, there",
    explanation: "Comparing the file with the machine gives a plan that is not empty: something was never applied, was changed by hand, or is gone since a restart. \
        lvsctl plan shows each step with its reason, lvsctl apply takes them and reverts them all if one fails.";
}

/// More steps than this are only counted.
const SHOWN: usize = 5;

/// Runs last: a step whose object another finding is about is covered by that one.
pub(super) fn check<T>(scene: &NodeScene<'_, T>, others: &[Finding]) -> Option<Finding> {
    let observed = scene.facts.observed.as_ref()?;
    let plan = |options| Plan::new(&scene.desired, observed, options);
    let is_refused = !plan(PlanOptions::default()).refusals.is_empty();
    let plan = plan(PlanOptions { take_over: true });
    let steps: Vec<_> = plan
        .steps()
        .filter(|step| {
            !others
                .iter()
                .filter(|other| other.node.as_ref() == Some(&scene.facts.node))
                .any(|other| covers(other, step))
        })
        .collect();
    let first = steps.first()?;
    let listed: Vec<_> = steps
        .iter()
        .take(SHOWN)
        .map(|step| {
            let id = step.change.id();
            format!("{} {} {id}", step.change.kind(), id.what())
        })
        .collect();
    let mut seen = format!("the plan is not empty: {}", listed.join(", "));
    if steps.len() > SHOWN {
        seen += &format!(" and {} more", steps.len() - SHOWN);
    }
    Some(
        scene
            .finding(&DRIFT, first.change.id(), seen)
            .fix(match is_refused {
                true => "lvsctl apply FILE --take-over",
                false => "lvsctl apply FILE",
            }),
    )
}

/// Whether mending what was found makes the step unnecessary.
fn covers(finding: &Finding, step: &Step) -> bool {
    let id = step.change.id();
    let name = id.to_string();
    let is_same = finding.object == name;
    is_same
        || match finding.code {
            // Nothing else can be right without it.
            Code::NOT_LOADED => step.change.is_ipvs(),
            // The plan sets it on all and lo, the finding names the interface that shows it.
            Code::ARP_IGNORE => name.ends_with("/arp_ignore"),
            Code::ARP_ANNOUNCE => name.ends_with("/arp_announce"),
            // One switch sets the others.
            Code::FORWARDING => name.ends_with("/forwarding") || name.ends_with("/ip_forward"),
            // The route to a virtual IP goes with the address.
            Code::VIP_MISSING_ON_SERVER | Code::NETWORK_ON_LO | Code::VIP_ON_NIC => {
                ip(&finding.object) == ip(&name)
            }
            // So does everything on the device, and the address that could not be added.
            Code::TUNNEL_DEVICE => name.contains(finding.object.as_str()) || id.what() == "route",
            // A service with its destinations, or the daemon that makes the switch work.
            Code::BALANCED_TWICE => step.change.is_ipvs() && name.ends_with(&finding.object),
            Code::STICKY_DRAIN => name.ends_with("/expire_quiescent_template"),
            Code::RP_FILTER => name.ends_with("/rp_filter"),
            // What the file asks of clients stands on the route.
            Code::TUNNEL_MTU => ["default", "::/0"].contains(&name.as_str()),
            // So do the routes whose gateway was reached by its network.
            Code::VIP_MISSING_ON_DIRECTOR => {
                let mut lines = finding.fix.iter();
                id.what() == "route" && lines.any(|line| line.starts_with("ip route"))
            }
            // The destination of the port that is meant takes its place.
            Code::PORT_WITHOUT_NAT => parts(&finding.object) == parts(&name),
            // A service, and each of its destinations.
            Code::NO_DESTINATION | Code::NO_SCHEDULER | Code::PORT_ZERO => {
                name.ends_with(&finding.object)
            }
            _ => false,
        }
}

/// `172.16.5.11/32 on lo` without all but the address.
fn ip(object: &str) -> Option<&str> {
    object.split('/').next()
}

/// `192.168.1.12:80 of tcp 172.16.5.11:80` without the first port.
fn parts(object: &str) -> (&str, &str) {
    let (destination, service) = object.split_once(" of ").unwrap_or((object, ""));
    let address = destination
        .rsplit_once(':')
        .map_or(destination, |(address, _)| address);
    (address, service)
}
