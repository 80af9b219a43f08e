//! Golden text of lowered models.

use super::{bundled, quantize};
use nascent_compiler::infer::text;

/// To write the files anew: `NASCENT_BLESS=1 cargo test -p nascent-compiler --test infer golden`
fn check(name: &str) {
    let (bytes, samples) = bundled(name);
    let got = text(&quantize(&bytes, &samples).unwrap().graph);
    let path = format!("{}/tests/infer/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("NASCENT_BLESS").is_some() {
        std::fs::write(&path, &got).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(got, expected, "\n{got}");
}

#[test]
fn golden_lenet5() {
    check("lenet5-max");
}

#[test]
fn golden_mlp() {
    check("mlp-128");
}

#[test]
fn golden_transformer() {
    check("transformer");
}
