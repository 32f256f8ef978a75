//! Tests that messages need no allocation: `allocation_counter` is the global allocator here, and counts.

use allocation_counter::measure;
use lvs_benches::{encoded, messages};
use lvs_core::ipvs::message::IpvsMessage;
use lvs_core::ipvs::{EngineName, SchedulerName};

#[test]
fn the_counter_counts() {
    let counted = measure(|| drop(vec![0u8; 100]));
    assert_eq!((counted.count_total, counted.bytes_total), (1, 100));
}

#[test]
fn encoding_into_a_used_buffer_allocates_nothing() {
    for (name, message) in messages() {
        let mut buffer = encoded(&message);
        let counted = measure(|| {
            buffer.clear();
            message.encode(&mut buffer);
        });
        assert_eq!(counted.count_total, 0, "{name}");
        assert!(!buffer.is_empty(), "{name}");
    }
}

#[test]
fn decoding_allocates_nothing_for_names_the_kernel_has() {
    for (name, message) in messages() {
        let bytes = encoded(&message);
        let mut decoded = None;
        let counted = measure(|| decoded = Some(IpvsMessage::decode(message.command(), &bytes)));
        assert_eq!(counted.count_total, 0, "{name}");
        assert_eq!(decoded, Some(Ok(message)), "{name}");
    }
}

#[test]
fn an_unknown_scheduler_name_is_one_allocation() {
    let Some((_, IpvsMessage::NewService(mut service))) = messages().into_iter().next() else {
        panic!("the first message is a new service");
    };
    service.scheduler = "ours".parse::<SchedulerName>().unwrap();
    service.engine = Some(EngineName::SIP);
    let bytes = encoded(&IpvsMessage::NewService(service));
    let counted = measure(|| drop(IpvsMessage::decode(1, &bytes)));
    assert_eq!(counted.count_total, 1);
}
