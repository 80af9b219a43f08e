//! Architectures: decode, lay out, compute.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nascent_fuzz::architecture::run(data));
