//! Chain files.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: nascent_fuzz::proved::make(),
    |data: &[u8]| nascent_fuzz::chain::run(data)
);
