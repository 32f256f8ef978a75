#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lvs_core::health::fuzzing::health_http(bytes));
