//! `verify`: every option is heeded or refused, whatever kind of file its publisher hands over.

use crate::support::{BEACON, Folder, example, key_name, world};
use nascent_verifier::codec::Format;
use nascent_verifier::{InferenceBundle, InitBundle};
use std::fs;

/// An answer, with a cache of its own: no other test has made its key.
fn answered() -> (Folder, std::path::PathBuf) {
    let folder = Folder::new();
    let cache = folder.path("cache");
    let (model, samples) = (example("mlp-128.onnx"), example("mlp-128.samples.npz"));
    let compile = ["compile", &model, "--samples", &samples, "--out", "model"];
    folder.run_with(&cache, &compile).exits(0);
    let prove = ["prove", "inference", "model", "--input", &samples];
    let prove = [&prove[..], &["--out", "answer", "--development-srs"]].concat();
    folder.run_with(&cache, &prove).exits(0);
    (folder, cache)
}

#[test]
fn an_option_is_heeded_or_refused() {
    let (folder, cache) = answered();
    let verify = |more: &[&str]| {
        let verify = ["verify", "answer", "--development-srs", "--json"];
        folder.run_with(&cache, &[&verify[..], more].concat())
    };
    // Of a bundle, or of a chain; none of the files exists.
    for option in [
        &["--plan", "none"][..],
        &["--evidence", "none"],
        &["--beacon-value", "00"],
        &["--beacon-file", "none"],
        &["--block-hash", &"00".repeat(32)],
        &["--rules", "none"],
        &["--preset", "torch"],
        &["--origins", "none"],
        &["--picture", "none"],
        &["--rederive-key"],
        &["--model", "none"],
    ] {
        let refused =
            verify(&[option, &["--accept-keys"][..usize::from(option.len() > 1)]].concat());
        let refused = refused.failure(2, "usage");
        assert!(
            refused.contains("--") || refused.contains("rules"),
            "{refused}"
        );
    }
    // What is for an answer is read.
    for option in ["--architecture", "--commitment", "--key"] {
        let refused = verify(&["--accept-keys", option, "none"]);
        assert!(
            [3, 4].contains(&refused.code),
            "{option}: {}",
            refused.stdout
        );
    }
    // The kind of file is the verifier's to say.
    for kind in ["initialization", "relayout", "chain"] {
        let refused = verify(&["--accept-keys", "--expect", kind]).failure(1, "refused");
        assert!(refused.contains(kind), "{refused}");
    }
    verify(&["--accept-keys", "--expect", "answer"]).exits(0);

    // A bundle does not take what is for an answer.
    let world = world();
    let of_bundle = |more: &[&str]| {
        let bundle = world.file("bundle");
        folder.json(&[&["verify", &bundle, "--development-srs"], more].concat())
    };
    for option in ["--architecture", "--origins", "--picture"] {
        of_bundle(&[option, "none"]).failure(2, "usage");
    }
    of_bundle(&["--expect", "answer"]).failure(1, "refused");
    let value = ["--beacon-value", BEACON];
    of_bundle(&[&["--expect", "initialization"][..], &value].concat()).exits(0);
    // What is known of blocks and VRF keys was held against something.
    for option in ["--block-hash", "--vrf-key"] {
        let said = of_bundle(&[&[option, &"00".repeat(32)][..], &value].concat());
        let said = said.failure(1, "refused");
        assert!(said.contains("no value of the beacon"), "{said}");
    }
    for option in [["--rules", "none"], ["--preset", "gpt2"]] {
        of_bundle(&option).failure(2, "usage");
    }
    of_bundle(&["--previous-plan", &world.file("plan")]).failure(2, "usage");
}

/// A value that nothing establishes is the publisher's: the code says so.
#[test]
fn beacon_values_that_nothing_establishes_are_no_success() {
    let (folder, world) = (Folder::new(), world());
    let verify = |more: &[&str]| {
        let bundle = world.file("bundle");
        folder.json(&[&["verify", &bundle, "--development-srs"], more].concat())
    };
    let open = verify(&[]).exits(6).json();
    assert!(
        open["not_shown"].to_string().contains("--beacon-value"),
        "{open}"
    );
    verify(&["--beacon-value", BEACON]).exits(0);
}

/// A tile's key is of as many rows as the bundle says: the memory for it is the verifier's to allow.
#[test]
fn keys_of_huge_tiles_are_refused_before_the_memory_is_taken() {
    let (folder, world) = (Folder::new(), world());
    let mut bundle = InitBundle::decode(&world.bytes("bundle")).expect("a bundle");
    bundle.streams[0].k = 24;
    folder.write("huge", &bundle.encode().expect("encodes"));
    let verify = ["verify", "huge", "--development-srs", "--rederive-key"];
    let said = folder.json(&verify).failure(3, "input");
    assert!(said.contains("of memory"), "{said}");
}

#[test]
fn keys_that_nothing_shows_are_an_exit_code_of_their_own() {
    let (folder, cache) = answered();
    let verify = |more: &[&str]| {
        let verify = ["verify", "answer", "--development-srs", "--json"];
        folder.run_with(&cache, &[&verify[..], more].concat())
    };
    let open = verify(&[]).exits(6).json();
    assert_eq!(open["key_origin"], "beside-bundle");
    assert!(
        open["not_shown"].to_string().contains("--rederive-key"),
        "{open}"
    );
    let taken = verify(&["--accept-keys"]).exits(0).json();
    assert_eq!(taken["key_origin"], "beside-bundle");
    // A key of something else is not passed over.
    let bytes = fs::read(folder.path("answer")).expect("read");
    let answer = InferenceBundle::decode(&bytes).expect("an answer");
    let own = key_name(&answer.vk_digest);
    assert_eq!(
        verify(&["--key", &own]).exits(6).json()["key_origin"],
        "given"
    );
    let world = world();
    let bundle = InitBundle::decode(&world.bytes("bundle")).expect("a bundle");
    let other = world.file(&key_name(&bundle.streams[0].vk_digest));
    let refused = verify(&["--key", &other, "--accept-keys"]).failure(1, "refused");
    assert!(refused.contains("no proof"), "{refused}");
    let of_bundle = [
        "verify",
        &world.file("bundle"),
        "--development-srs",
        "--key",
        &own,
    ];
    folder.json(&of_bundle).failure(1, "refused");
    // Derived once, it is known.
    let derive = ["--architecture", "model/model.graph"];
    let derived = verify(&derive).exits(0).json();
    assert_eq!(derived["key_origin"], "rederived");
    assert_eq!(derived["input_ranges_checked"], true);
    let known = verify(&[]).exits(0).json();
    assert_eq!(known["key_origin"], "made-here");
    assert_eq!(known["input_ranges_checked"], false);
    // Unless it is asked for again, or the cache is another.
    let again = verify(&[&derive[..], &["--rederive-key"]].concat())
        .exits(0)
        .json();
    assert_eq!(again["key_origin"], "rederived");
    let elsewhere = folder.path("elsewhere");
    let verify = ["verify", "answer", "--development-srs"];
    folder.run_with(&elsewhere, &verify).exits(6);
}
