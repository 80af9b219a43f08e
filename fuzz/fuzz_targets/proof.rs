//! Proof bytes under a fixed key and statement.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nascent_fuzz::proof::run(data));
