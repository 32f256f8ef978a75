use super::super::testing::{Pool, destination};
use super::*;
use crate::ipvs::{Stats, Weight};
use crate::testing::Random;

fn flow(client: &str) -> Flow {
    Pool::flow(client)
}

#[test]
fn a_scheduler_without_a_model_is_refused_and_named() {
    let service = Service::new(
        "tcp 172.16.5.11:80".parse().unwrap(),
        "lwlc".parse().unwrap(),
    );
    let error = ServiceModel::fresh(service, Generation::New).unwrap_err();
    assert!(
        error.to_string().contains("\"lwlc\" has no model"),
        "{error}"
    );
}

#[test]
fn destinations_are_added_once_and_must_exist() {
    let mut model = Pool::new("rr", &[1]).model;
    assert!(model.add(destination('A', 1)).is_err());
    assert!(model.edit(destination('B', 1)).is_err());
    assert!(model.remove(destination('B', 1).id).is_err());
    assert_eq!(model.servers().len(), 1);
}

#[test]
fn full_at_the_upper_threshold_and_used_again_below_three_quarters() {
    let mut pool = Pool::new("rr", &[1]);
    pool.limit('A', 4);
    assert_eq!(pool.tcp(5), "A A A A -");
    pool.close('A', 1);
    assert_eq!(pool.tcp(1), "-");
    pool.close('A', 1);
    assert_eq!(pool.tcp(3), "A A -");
}

#[test]
fn one_packet_datagrams_are_not_counted_any_more() {
    let mut pool = Pool::flagged("lc", &[1, 1], ServiceFlags::ONE_PACKET);
    assert_eq!(pool.udp(3), "B B B");
    assert!(pool.model.servers().iter().all(|s| s.connections() == 0));
    assert_eq!(pool.tcp(3), "B A B", "only of UDP");
}

#[test]
fn active_and_inactive() {
    let mut model = Pool::new("wlc", &[1]).model;
    let mut connection = model.connect(flow("10.0.0.1")).unwrap();
    assert!(connection.is_active());
    model.set_active(&mut connection, false);
    let server = model.servers()[0];
    assert_eq!((server.active, server.inactive), (0, 1));
    model.close(connection);
    assert_eq!(model.servers()[0].connections(), 0);
}

#[test]
fn clients_come_back_by_their_template_even_to_a_full_or_drained_server() {
    let mut pool = Pool::new("rr", &[1, 1]);
    pool.persist(300, 24);
    assert_eq!(pool.clients(), "B B A B", "10.0.0.1 and .2 are one client");
    pool.limit('B', 1);
    pool.weigh('B', 0);
    assert_eq!(pool.clients(), "B B A B");
    assert_eq!(pool.model.templates(), 3);
}

#[test]
fn templates_end_with_their_time_or_their_server() {
    let mut pool = Pool::new("rr", &[1, 1, 1]);
    pool.persist(300, 32);
    assert_eq!(pool.clients(), "C B A C");
    pool.remove('C');
    // Of C's two clients each is scheduled anew.
    assert_eq!(pool.clients(), "B B A A");
    pool.close('B', 3);
    pool.close('A', 3);
    pool.pass(299);
    assert_eq!(pool.model.templates(), 4);
    pool.pass(1);
    assert_eq!(pool.model.templates(), 0);
}

/// Observed in the kernel: the template is lost with the first connection it cannot serve.
#[test]
fn a_template_without_its_server_is_lost_even_if_the_server_is_added_again() {
    let mut pool = Pool::new("rr", &[1]);
    pool.persist(300, 32);
    assert_eq!(pool.tcp(1), "A");
    pool.remove('A');
    assert_eq!(pool.tcp(1), "-");
    pool.add('A', 0);
    assert_eq!(pool.tcp(1), "-");
}

#[test]
fn quiescent_templates_can_be_made_to_expire() {
    let mut pool = Pool::new("rr", &[1, 1]);
    pool.persist(300, 32);
    assert_eq!(pool.clients(), "B A B A");
    pool.weigh('B', 0);
    pool.model = pool.model.expire_quiescent_template(true);
    assert_eq!(pool.clients(), "A A A A");
}

#[test]
fn a_removed_server_gets_its_connections_back() {
    let mut pool = Pool::new("lc", &[1, 1]);
    assert_eq!(pool.tcp(4), "B A B A");
    pool.remove('A');
    pool.close('A', 1);
    pool.add('A', 1);
    let returned = pool.model.servers()[0];
    assert_eq!(returned.active, 1);
    assert_eq!(pool.tcp(2), "A A");
}

#[test]
fn a_clone_is_independent() {
    let mut model = Pool::new("wrr", &[1, 5]).model;
    let mut what_if = model.clone();
    what_if.edit(destination('B', 0)).unwrap();
    let next = |model: &mut ServiceModel| {
        let connection = model.connect(flow("10.0.0.1")).unwrap();
        connection.destination()
    };
    assert_eq!(next(&mut what_if), destination('A', 1).id);
    assert_eq!(next(&mut model), destination('B', 1).id);
}

#[test]
fn an_attached_model_begins_as_if_just_bound() {
    let status = |letter, weight, active| DestinationStatus {
        destination: destination(letter, weight),
        active,
        inactive: 0,
        persistent: 0,
        stats: Stats::default(),
    };
    let table = [status('B', 3, 7), status('A', 2, 5)];
    let service = Pool::new("wrr", &[]).model.service().clone();
    let mut model = ServiceModel::attached(service, &table, Generation::Old).unwrap();
    let first = model.connect(flow("10.0.0.1")).unwrap();
    assert_eq!(first.destination(), destination('B', 3).id);
    model.close(ModelConnection::existing(destination('A', 2).id, true));
    let counts: Vec<_> = model.servers().iter().map(|s| s.active).collect();
    assert_eq!(counts, [8, 4]);
}

/// Checks all schedulers under random changes: never a server of weight 0, a full one only for a known target
/// of lblc, and the counts add up.
#[test]
fn no_scheduler_ever_picks_a_drained_server() {
    for name in SchedulerName::KNOWN {
        for generation in [Generation::Old, Generation::New] {
            let mut draws = Random::new(generation as u64 + 1);
            let mut service = Pool::new("rr", &[]).model.service().clone();
            service.scheduler = name.clone();
            let mut model = ServiceModel::fresh(service, generation).unwrap();
            exercise(&mut model, &mut draws);
        }
    }
}

fn exercise(model: &mut ServiceModel, draws: &mut Random) {
    let mut open = Vec::new();
    for second in 0..3000 {
        let letter = char::from(b'A' + draws.number(8) as u8);
        let mut drawn = destination(letter, draws.number(4));
        drawn.thresholds = crate::ipvs::Thresholds::new(draws.number(9), 0).unwrap();
        match draws.number(20) {
            0 | 1 => drop(model.add(drawn)),
            2 => drop(model.edit(drawn)),
            3 if draws.number(4) == 0 => drop(model.remove(drawn.id)),
            4..12 if !open.is_empty() => {
                let index = draws.number(open.len() as u32) as usize;
                model.close(open.swap_remove(index));
            }
            _ => {
                let before = model.servers().to_vec();
                let arrival = flow("10.0.0.1").at(Duration::from_secs(second));
                let Some(connection) = model.connect(arrival.drawing([draws.draw(), draws.draw()]))
                else {
                    continue;
                };
                let server = before
                    .iter()
                    .find(|server| server.id() == connection.destination())
                    .unwrap();
                assert_ne!(server.destination.weight, Weight::DRAIN);
                let remembers = model.service().scheduler == SchedulerName::LBLC;
                assert!(!server.overloaded || remembers, "{model:?}");
                open.push(connection);
            }
        }
        let counted: usize = model
            .servers
            .iter()
            .chain(&model.removed)
            .map(|server| server.connections() as usize)
            .sum();
        assert_eq!(counted, open.len());
    }
}
