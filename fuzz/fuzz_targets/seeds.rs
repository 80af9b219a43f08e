//! Not a target: writes the first inputs of all targets to `corpus/` and ends.
//!
//! It is built like a target so that nothing has to be built twice.
#![no_main]

libfuzzer_sys::fuzz_target!(init: write_and_end(), |_data: &[u8]| {});

fn write_and_end() {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    nascent_fuzz::seeds::write(&corpus).expect("a writable folder");
    std::process::exit(0);
}
