//! Verifying-key files.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nascent_fuzz::verifying_key::run(data));
