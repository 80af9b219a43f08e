//! Damaged ONNX models, the same in every run: what still compiles does so the same
//! way twice, and the model written with its weights compiles to the same
//! specification.
//!
//! The target `onnx` in `fuzz/` looks for the same failures, for longer.

use crate::common::example;
use nascent_compiler::{
    Architecture, Limits, Preset, Rules, WeightSource, read_onnx, write_onnx_to,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::cell::Cell;

/// Largest model that is written out.
const MAX_WRITTEN: u64 = 1 << 18;

struct Half;

impl WeightSource for Half {
    fn fill(
        &mut self,
        _tensor: usize,
        _start: u64,
        out: &mut [f32],
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        out.fill(0.5);
        Ok(())
    }
}

/// Bundled models with bytes changed, moved, put in or taken out.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let names = ["lenet5", "mlp"];
    let read = |name| std::fs::read(example(&format!("models/{name}.onnx"))).unwrap();
    let models: Vec<Vec<u8>> = names.into_iter().map(read).collect();
    let index = any::<prop::sample::Index>;
    let change = (index(), index(), 0_usize..9, 0_u8..6, any::<u8>());
    let changes = prop::collection::vec(change, 1..4);
    (prop::sample::select(models), changes).prop_map(|(mut bytes, changes)| {
        for (at, from, len, kind, value) in changes {
            let (at, from) = (at.index(bytes.len()), from.index(bytes.len()));
            let len = len.min(bytes.len() - at.max(from));
            match kind {
                0 => bytes[at] ^= 1 << (value % 8),
                1 => bytes[at] = value,
                2 => bytes[at] = bytes[at].wrapping_add(1),
                3 => bytes.copy_within(from..from + len, at),
                4 => drop(bytes.splice(at..at + len, [value])),
                _ => bytes.insert(at, value),
            }
        }
        bytes
    })
}

#[test]
fn what_is_written_is_the_model_that_was_read() {
    let config = Config {
        cases: 6000,
        failure_persistence: None,
        ..Config::default()
    };
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, random);
    let limits = Limits::default();
    let rules = Rules::preset(Preset::Torch);
    let written = Cell::new(0);
    let compile = |bytes: &[u8]| {
        let architecture = Architecture::Onnx(read_onnx(bytes, &limits)?);
        architecture.compile("m", &rules, &limits)
    };
    let check = |bytes: Vec<u8>| {
        let Ok(model) = compile(&bytes) else {
            return Ok(());
        };
        prop_assert_eq!(&compile(&bytes).unwrap().spec, &model.spec);
        let elements = model.spec.sampled_elements() + model.spec.constant_elements();
        let mut out = Vec::new();
        if elements > MAX_WRITTEN
            || write_onnx_to(&bytes, &model.spec, &mut Half, &mut out).is_err()
        {
            return Ok(());
        }
        written.set(written.get() + 1);
        prop_assert_eq!(compile(&out).unwrap().spec, model.spec);
        Ok(())
    };
    runner.run(&damaged(), check).unwrap();
    assert!(written.get() > 50, "{} written", written.get());
}
