//! Real servers that balance what a director sends them.

use crate::check::command;
use crate::check::finding::Finding;
use crate::check::kind::kinds;
use crate::check::scene::RealServerScene;
use crate::ipvs::ServiceId;

kinds! {
    BALANCED_HERE = "LVS073", Error, Services,
    title: "A real server balances a virtual IP itself",
    impact: "what the director sends it is refused, or forwarded once more instead of served",
    explanation: "\
        IPVS on a real server takes the packets to a virtual IP before any program there does. A table \
        that was left over from another task, or an edit on the wrong host, gives it a service on that \
        address; without destinations its clients are refused. Delete the service on the real server.";
}

pub(super) fn check(scene: &RealServerScene<'_>) -> Vec<Finding> {
    let vips = scene.received_vips();
    let is_received = |id: &ServiceId| matches!(id, ServiceId::Socket { address, .. } if vips.contains(&address.ip()));
    scene
        .facts
        .now()
        .into_iter()
        .flat_map(|reading| &reading.services)
        .map(|listed| listed.status.service.id)
        .filter(is_received)
        .map(|id| {
            scene
                .finding(&BALANCED_HERE, id, "it is in the table of this real server")
                .fix(command::delete_service(id))
        })
        .collect()
}
