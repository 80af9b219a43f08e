//! Keys that a verifier derives again.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: nascent_fuzz::rederive_key::make(),
    |data: &[u8]| nascent_fuzz::rederive_key::run(data)
);
