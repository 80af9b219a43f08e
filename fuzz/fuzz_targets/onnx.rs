//! ONNX files: read, compile, write.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nascent_fuzz::model::onnx(data));
