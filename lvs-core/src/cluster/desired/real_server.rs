//! What a real server needs, by whichever forwarding methods packets reach it.

use super::state::DesiredState;
use crate::cluster::model::{Cluster, NodeKind, RealServer};
use crate::ipvs::Forwarding;

impl DesiredState {
    pub(super) fn real_server(cluster: &Cluster, server: &RealServer) -> Self {
        let mut state = Self::new(cluster, &server.name, NodeKind::RealServer);
        state.own_addresses(&server.addresses);
        state.receive_by_direct_routing(cluster);
        state.receive_by_tunnel(cluster);
        state.gateway(server.gateway.as_ref(), "the real server's default route");
        state.answer_through_the_director(cluster, server);
        state.answer_beside_the_tunnel(cluster, server.gateway.as_ref());
        let answered =
            cluster.families_served_by(&server.name, |method| method != Forwarding::Masquerade);
        state.note_unrouted(&answered, server.gateway.as_ref());
        state
    }
}
