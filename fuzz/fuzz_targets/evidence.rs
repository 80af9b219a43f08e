//! Evidence of beacon values.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nascent_fuzz::evidence::run(data));
