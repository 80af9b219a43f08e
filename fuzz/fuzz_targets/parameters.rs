//! Parameter files.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: nascent_fuzz::proved::make(),
    |data: &[u8]| nascent_fuzz::parameters::run(data)
);
