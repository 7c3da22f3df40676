#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| litebox_partner::fuzzing::list_kkts(bytes));
