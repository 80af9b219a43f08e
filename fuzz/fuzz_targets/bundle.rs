//! Bundle, plan and model files, by their magic.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nascent_fuzz::bundle::run(data));
