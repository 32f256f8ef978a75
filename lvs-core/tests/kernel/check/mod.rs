//! Healthy clusters that are broken in one way each: what it does to clients, whether the check finds
//! exactly that and nothing else, and whether the fix that it names works.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::panic, reason = "a test fails by panicking")]

mod causes;
mod clock;
mod dr;
mod drops;
mod files;
mod healthy;
mod hostile;
mod kinds;
mod machines;
mod marks;
mod nat;
mod neighbours;
mod operators;
mod pair;
mod paths;
mod probe;
mod promises;
mod refused;
mod shares;
mod six;
mod support;
mod sync;
mod tunnel;
mod web;

pub(crate) const NAT: &str = include_str!("../../../../examples/nat.toml");
pub(crate) const DR: &str = include_str!("../../../../examples/dr.toml");
pub(crate) const TUNNEL: &str = include_str!("../../../../examples/tunnel.toml");
pub(crate) const SIX: &str = include_str!("../../../../examples/ipv6.toml");

lvs_lab::tests! {
    files::a_hash_that_keeps_choosing_the_drained,
    files::one_packet_by_masquerading,
    files::direct_routing_through_a_router,
    files::a_router_without_a_route,
    files::nobody_asks,
    hostile::the_director_has_a_real_servers_address,
    hostile::the_route_to_the_real_servers_is_missing,
    hostile::packets_that_ipvs_drops,
    hostile::a_backup_daemon_on_a_lone_director,
    hostile::arp_ignore_on_the_director,
    hostile::timeouts_of_a_second,
    hostile::a_virtual_ip_that_is_not_local,
    hostile::a_real_ip_that_is_not_local,
    hostile::a_virtual_ip_left_over,
    hostile::an_address_beside_the_clients,
    causes::programs_that_are_dead,
    causes::a_program_that_never_answers,
    #[iptables]
    causes::a_redirection_before_ipvs,
    causes::all_real_servers_at_their_thresholds,
    causes::a_hidden_gateway,
    causes::a_route_by_the_wrong_link,
    causes::another_forwarding_method,
    causes::another_persistence,
    causes::a_real_server_without_address,
    #[long]
    drops::arp_off,
    drops::arp_off_where_it_belongs,
    #[long]
    drops::a_small_mtu,
    drops::a_small_mtu_of_ipv6,
    #[long]
    drops::random_loss,
    drops::a_filter_on_the_director,
    #[long]
    drops::a_filter_on_a_real_server,
    drops::a_small_rate,
    #[long]
    #[iptables]
    drops::a_firewall_of_a_real_server,
    #[long]
    #[iptables]
    drops::a_firewall_of_the_director,
    #[iptables]
    drops::a_firewall_against_datagrams,
    drops::a_program_that_hangs,
    drops::a_full_queue,
    drops::a_program_of_datagrams_that_hangs,
    operators::a_vpn_takes_the_answers,
    operators::containers_on_the_network_of_clients,
    operators::containers_on_the_network_of_real_servers,
    operators::a_route_to_a_real_server_by_lo,
    operators::a_route_by_the_wrong_host,
    operators::rules_and_bridges_are_never_called_right,
    operators::routes_by_another_host_are_never_called_right,
    operators::a_real_ip_that_arp_hides,
    #[long]
    operators::an_interface_that_became_a_port,
    operators::an_interface_that_joined_a_vrf,
    operators::two_real_servers_of_one_hardware_address,
    #[iptables]
    healthy::a_firewall_that_is_right,
    healthy::traffic_control_that_is_right,
    healthy::a_vlan_on_a_bond,
    healthy::direct_routing_and_tunnels_on_one_virtual_ip,
    healthy::bridges,
    healthy::several_virtual_ips_with_persistence,
    healthy::datagrams,
    healthy::a_sorry_server,
    healthy::a_drained_real_server,
    healthy::the_director_serves,
    healthy::tunnels,
    healthy::both_families,
    healthy::several_clusters_on_a_node,
    healthy::policy_routing_that_is_right,
    healthy::strict_rp_filter_that_does_no_harm,
    healthy::other_tenants,
    healthy::one_armed,
    healthy::two_methods,
    healthy::thresholds_and_timeouts,
    kinds::tunnel_of_ip_in_ip,
    kinds::tunnel_of_gue,
    kinds::tunnel_of_gre,
    kinds::ipv6,
    kinds::masquerading_of_ipv6,
    kinds::ipv4_behind_ipv6,
    kinds::marks,
    kinds::the_director_serves_too,
    kinds::synchronised,
    kinds::many_services,
    tunnel::strict_rp_filter,
    tunnel::strict_rp_filter_of_all,
    tunnel::a_device_that_is_down,
    tunnel::a_device_that_is_not_there,
    tunnel::a_device_of_another_kind,
    tunnel::a_port_that_nobody_unwraps,
    tunnel::another_port_of_the_real_server,
    tunnel::another_wrapping_of_the_director,
    tunnel::virtual_ip_missing_on_a_real_server,
    tunnel::virtual_ip_of_ipv6_missing,
    tunnel::a_device_of_ipv6_that_is_down,
    tunnel::no_way_back,
    tunnel::no_room_for_the_tunnel,
    tunnel::clients_are_told_of_the_room,
    six::no_forwarding,
    six::a_default_route_that_is_not_renewed,
    six::another_router,
    six::the_virtual_ip_as_source,
    six::masquerading_without_gateway,
    six::direct_routing_without_gateway,
    six::a_tunnel_without_gateway,
    six::virtual_ip_missing_on_a_real_server,
    six::virtual_ip_missing_on_the_director,
    six::a_real_server_answers_for_the_virtual_ip,
    six::a_real_server_finds_a_duplicate,
    six::the_director_finds_a_duplicate,
    marks::no_rule_that_marks,
    marks::virtual_ip_missing_on_the_director,
    marks::virtual_ip_missing_on_a_real_server,
    marks::another_gateway,
    marks::a_mark_that_takes_everything,
    sync::a_daemon_that_does_not_run,
    sync::another_id,
    sync::an_interface_without_multicast_is_no_mistake,
    sync::datagrams_larger_than_the_interface_takes,
    machines::a_daemon_of_the_real_ip_only,
    machines::no_daemon_on_the_director,
    machines::a_daemon_that_the_virtual_ip_exposes,
    machines::strict_rp_filter_with_answers_another_way,
    machines::strict_rp_filter_on_the_director,
    #[long]
    machines::datagrams_to_a_drained_real_server,
    machines::another_program_that_manages_ipvs,
    machines::an_interface_that_networkd_configures,
    machines::the_virtual_ip_as_source,
    machines::a_full_connection_tracker,
    machines::the_virtual_ip_first_in_its_network,
    machines::the_virtual_ip_alone_in_its_network,
    neighbours::a_permanent_entry_of_another_machine,
    neighbours::a_real_server_without_a_cable,
    neighbours::a_neighbour_that_was_never_asked,
    neighbours::two_machines_with_one_address,
    neighbours::the_directors_gateway_is_dead,
    neighbours::a_real_servers_gateway_is_dead,
    paths::narrower_routes_past_the_director,
    paths::rules_past_the_director,
    paths::a_rule_through_the_director,
    paths::two_uplinks,
    #[long]
    refused::answers_of_a_real_server,
    #[long]
    refused::rules_of_a_real_server,
    #[long]
    refused::answers_of_ipv6,
    #[long]
    refused::answers_of_datagrams,
    #[long]
    refused::answers_of_the_director,
    refused::the_way_to_a_real_server,
    paths::rules_that_are_right,
    pair::healthy_by_masquerading,
    #[long]
    pair::healthy_by_direct_routing,
    pair::keepalived_belongs_to_it,
    pair::a_floating_address_on_the_standby,
    pair::neither_is_active,
    pair::a_floating_gateway_that_is_missing,
    pair::a_gateway_that_stays,
    pair::an_own_address_that_hangs_on_a_floating_one,
    pair::the_standby_balances_too,
    pair::the_other_one_knows_of_connections,
    pair::the_surviving_director_asks_where_clients_do,
    shares::persistence_of_a_whole_network,
    shares::a_threshold_that_is_reached,
    shares::a_connection_to_what_is_gone,
    shares::a_port_of_a_connection_to_what_is_gone,
    shares::a_drain_that_persistence_defeats,
    shares::a_broadcast_of_a_network_on_lo,
    shares::masquerading_over_one_interface,
    dr::a_healthy_one_is_sound,
    dr::a_real_server_that_balances_too,
    dr::no_arp_switches,
    dr::arp_switches_only_on_lo,
    dr::arp_switches_only_in_default,
    dr::arp_ignore_without_arp_announce,
    dr::arp_ignore_of_3,
    dr::virtual_ip_with_its_network_on_lo,
    dr::virtual_ip_on_a_network_interface,
    dr::virtual_ip_missing_on_a_real_server,
    dr::virtual_ip_missing_on_the_director,
    dr::another_port,
    dr::no_forwarding_is_no_mistake,
    dr::a_real_server_reaches_itself,
    dr::the_director_as_client,
    dr::an_interface_with_a_dot,
    dr::a_gateway_that_is_the_director,
    dr::destinations_of_the_director_itself,
    nat::a_healthy_one_is_sound,
    nat::no_forwarding,
    nat::no_forwarding_on_the_interface,
    nat::another_gateway,
    nat::no_gateway,
    nat::a_client_beside_the_real_servers,
    nat::virtual_ip_missing_on_the_director,
    nat::all_weights_zero,
    nat::no_scheduler,
    nat::virtual_ip_that_hangs_on_another,
    nat::every_port_without_persistence,
    nat::a_loopback_destination,
    nat::ip_vs_is_not_there,
    promises::a_flushed_table,
    promises::a_destination_that_was_deleted,
    promises::a_weight_of_zero_by_hand,
    promises::a_weight_of_zero_by_health,
    promises::an_interface_that_is_down,
    promises::an_interface_that_does_not_exist,
    promises::no_default_route_of_a_real_server,
    promises::no_default_route_of_the_director,
    promises::everything_at_once,
    probe::only_the_director_answers,
    probe::a_real_server_answers_too,
    probe::asking_changes_no_neighbour_table,
    probe::ipv6_is_asked_by_solicitation,
    clock::chrony_has_the_same_time,
    clock::a_server_that_is_5_seconds_ahead,
    clock::half_of_a_second_is_the_limit,
    clock::a_server_that_never_answers,
    clock::no_server_at_all,
}
