//! Lists of origins.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: nascent_fuzz::proved::make(),
    |data: &[u8]| nascent_fuzz::origins::run(data)
);
