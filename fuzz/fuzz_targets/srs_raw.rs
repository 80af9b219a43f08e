//! Import of the proof library's raw parameter files.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nascent_fuzz::srs::raw(data));
