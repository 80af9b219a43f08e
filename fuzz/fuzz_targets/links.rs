//! Files of links, and the secret that opens commitments.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: nascent_fuzz::proved::make(),
    |data: &[u8]| nascent_fuzz::links::run(data)
);
