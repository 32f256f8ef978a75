//! Nanoseconds to encode and to decode one message.

use std::hint::black_box;

use criterion::Criterion;
use lvs_benches::{encoded, messages};
use lvs_core::ipvs::message::IpvsMessage;

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    for (name, message) in messages() {
        let mut buffer = Vec::new();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                buffer.clear();
                black_box(&message).encode(&mut buffer);
            });
        });
    }
    group.finish();
}

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    for (name, message) in messages() {
        let bytes = encoded(&message);
        group.bench_function(name, |bencher| {
            bencher.iter(|| IpvsMessage::decode(message.command(), black_box(&bytes)));
        });
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    encode(&mut criterion);
    decode(&mut criterion);
    criterion.final_summary();
}
