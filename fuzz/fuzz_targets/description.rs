//! TOML descriptions.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nascent_fuzz::model::description(data));
