//! Weight files given to an audit.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nascent_fuzz::audit::run(data));
