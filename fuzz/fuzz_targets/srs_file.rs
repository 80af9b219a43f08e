//! The verifier's SRS file.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nascent_fuzz::srs_file::run(data));
