//! The cache's files.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nascent_fuzz::srs::cache(data));
