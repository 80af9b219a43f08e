//! Thousands of damaged TOML files, the same in every run: each is an error or
//! something that compiles the same way twice, never a panic.
//!
//! The targets in `fuzz/` look for the same failures, for longer; `hostile.rs`
//! does this for ONNX files.

use crate::common::example;
use nascent_compiler::{Architecture, Description, Limits, Rules};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::cell::Cell;

/// What people and fuzzers put into such files.
const WORDS: &[&str] = &[
    "0",
    "1",
    "-1",
    "18446744073709551615",
    "9223372036854775807",
    "1e308",
    "nan",
    "inf",
    "-0.0",
    "true",
    "\"\"",
    "\"*\"",
    "[]",
    "{}",
    "[[rule]]\n",
    "[[layer]]\n",
    "kind",
    "repeat",
    "name",
    "\"group\"",
    "layer = [",
    "]",
    "\n",
    "=",
    "\"",
    "\\u0000",
    "é",
];

fn runner() -> TestRunner {
    let config = Config {
        cases: 3000,
        failure_persistence: None,
        ..Config::default()
    };
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    TestRunner::new_with_rng(config, random)
}

/// Files of a folder of `examples/`, damaged.
fn damaged(folder: &str) -> impl Strategy<Value = String> + use<> {
    let mut files: Vec<_> = std::fs::read_dir(example(folder)).unwrap().collect();
    files.sort_by_key(|file| file.as_ref().unwrap().path());
    let texts = files
        .into_iter()
        .map(|file| std::fs::read(file.unwrap().path()).unwrap());
    let texts: Vec<Vec<u8>> = texts.collect();
    let index = any::<prop::sample::Index>;
    let change = (index(), 0_usize..12, prop::sample::select(WORDS));
    let changes = prop::collection::vec(change, 1..5);
    (prop::sample::select(texts), changes).prop_map(|(mut text, changes)| {
        for (at, len, word) in changes {
            let at = at.index(text.len());
            let end = (at + len).min(text.len());
            text.splice(at..end, word.bytes());
        }
        String::from_utf8_lossy(&text).into_owned()
    })
}

#[test]
fn damaged_descriptions() {
    let limits = Limits::default();
    let parsed = Cell::new(0);
    let check = |text: String| {
        let Ok(description) = Description::parse(&text, &limits) else {
            return Ok(());
        };
        parsed.set(parsed.get() + 1);
        prop_assert_eq!(
            Description::parse(&text, &limits).unwrap().digest(),
            description.digest()
        );
        let architecture = Architecture::Description(description);
        let _ = architecture.compile("m", &Rules::default(), &limits);
        Ok(())
    };
    runner().run(&damaged("descriptions"), check).unwrap();
    assert!(parsed.get() > 50, "{} still parse", parsed.get());
}

#[test]
fn damaged_rules() {
    let limits = Limits::default();
    let model = Architecture::open(&example("models/lenet5.onnx"), &limits).unwrap();
    let parsed = Cell::new(0);
    let check = |text: String| {
        let Ok(rules) = Rules::parse(&text, &limits) else {
            return Ok(());
        };
        parsed.set(parsed.get() + 1);
        if let Ok(compiled) = model.compile("m", &rules, &limits) {
            prop_assert_eq!(compiled.spec.rules_digest, rules.digest());
        }
        Ok(())
    };
    runner().run(&damaged("rules"), check).unwrap();
    assert!(parsed.get() > 50, "{} still parse", parsed.get());
}
