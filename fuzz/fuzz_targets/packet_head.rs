#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lvs_core::fuzzing::packet_head(bytes));
