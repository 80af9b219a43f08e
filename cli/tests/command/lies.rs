//! Bundles and arguments that claim what is not so: exit code 1, with the reason.

use crate::support::{BEACON, Folder, world};
use nascent_verifier::codec::Format;
use nascent_verifier::{Beacon, Fill, InitBundle};

/// A folder with a changed bundle.
fn changed(change: impl FnOnce(&mut InitBundle)) -> Folder {
    let mut bundle = world().bundle();
    change(&mut bundle);
    let folder = Folder::new();
    folder.write("bundle", &bundle.encode().expect("encodes"));
    folder
}

/// Verifies a changed bundle; gives the messages of the refusal.
#[track_caller]
fn refused(change: impl FnOnce(&mut InitBundle)) -> String {
    changed(change)
        .json(&["verify", "bundle", "--development-srs"])
        .failure(1, "refused")
}

#[test]
fn tiles_that_do_not_cover_the_model() {
    assert!(refused(|bundle| bundle.tiles.swap(0, 1)).contains("belongs"));
    assert!(refused(|bundle| drop(bundle.tiles.pop())).contains("missing"));
    assert!(refused(|bundle| bundle.tiles.clear()).contains("missing"));
    let twice = |bundle: &mut InitBundle| bundle.tiles.push(bundle.tiles[1].clone());
    assert!(refused(twice).contains("twice"));
    let far = |bundle: &mut InitBundle| bundle.tiles[1].index = u64::MAX;
    assert!(refused(far).contains("not part of the model"));
}

/// No tile, no stream, no sampled weight: nothing is left to be false, and nothing is shown.
#[test]
fn a_bundle_that_proves_nothing() {
    let failure = refused(|bundle| {
        for tensor in &mut bundle.plan.model.tensors {
            tensor.fill = Fill::Constant { bits: 0 };
        }
        bundle.plan.model.streams.clear();
        bundle.streams.clear();
        bundle.tiles.clear();
    });
    assert!(failure.contains("samples no weight"), "{failure}");
    // Nor is there a plan for it.
    let folder = Folder::new();
    folder.write("zeros.toml", ZEROS.as_bytes());
    let model = world().file("tiny.toml");
    let plan = ["plan", &model, "--rules", "zeros.toml", "--public-seed"];
    let plan = [&plan[..], &["--beacon", "x", "--out", "p"]].concat();
    let failure = folder.json(&plan).failure(2, "usage");
    assert!(failure.contains("sample no weight"), "{failure}");
}

const ZEROS: &str = r#"
version = 1
[[rule]]
name = "*"
init = "zeros"
"#;

#[test]
fn proofs_of_something_else() {
    refused(|bundle| bundle.tiles[1].proof = bundle.tiles[0].proof.clone());
    refused(|bundle| bundle.tiles[0].proof[0] ^= 1);
    refused(|bundle| bundle.tiles[0].proof.truncate(64));
    refused(|bundle| bundle.tiles[0].proof.push(0));
    refused(|bundle| bundle.tiles[0].proof.fill(0xff));
}

#[test]
fn another_statement() {
    refused(|bundle| bundle.beacon = Beacon::Raw(vec![1]));
    refused(|bundle| bundle.plan.beacon = "another announcement".into());
    refused(|bundle| bundle.plan.publisher_key = None);
    refused(|bundle| bundle.plan.publisher_key = Some([1; 32]));
    refused(|bundle| bundle.plan.model.graph_digest[0] ^= 1);
    refused(|bundle| {
        for tensor in &mut bundle.plan.model.tensors {
            if let Fill::Sampled { scale_bits, .. } = &mut tensor.fill {
                *scale_bits ^= 1;
            }
        }
    });
}

#[test]
fn another_key() {
    let folder = Folder::new();
    let tile = [
        "keys",
        "generate",
        "--k",
        "8",
        "--limb-bits",
        "8",
        "--fraction-bits",
        "4",
    ];
    let made = folder.json(&[&tile[..], &["--development-srs", "-o", "other.vk"]].concat());
    let digest = made.exits(0).json()["key"]
        .as_str()
        .expect("a digest")
        .to_owned();
    let digest = hex::decode(digest).expect("hexadecimal");
    let failure = refused(|bundle| bundle.streams[0].vk_digest.copy_from_slice(&digest));
    assert!(failure.contains("precision"), "{failure}");
}

#[test]
fn the_key_derived_anew_is_another() {
    let folder = changed(|bundle| bundle.streams[0].vk_digest = [7; 32]);
    let verify = ["verify", "bundle", "--development-srs"];
    let failure = folder.json(&verify).failure(4, "environment");
    assert!(failure.contains("no verifying key"), "{failure}");
    let failure = folder
        .json(&[&verify[..], &["--rederive-key"]].concat())
        .failure(1, "refused");
    assert!(failure.contains("another version"), "{failure}");
}

#[test]
fn the_srs() {
    let world = world();
    // Never accepted without being asked for.
    let failure = world
        .folder
        .json(&["verify", "bundle"])
        .failure(1, "refused");
    assert!(failure.contains("development SRS"), "{failure}");

    let folder = changed(|bundle| bundle.srs_digest = [9; 32]);
    let failure = folder.json(&["verify", "bundle"]).failure(4, "environment");
    assert!(failure.contains("srs import"), "{failure}");
    let development = hex::encode(
        nascent_verifier::Srs::development()
            .expect("a constant")
            .digest(),
    );
    folder
        .json(&["srs", "export", "--srs", &development, "-o", "dev.srs"])
        .exits(0);
    let failure = folder
        .json(&["verify", "bundle", "--srs", "dev.srs"])
        .failure(1, "refused");
    assert!(failure.contains("SRS"), "{failure}");
    folder
        .json(&["verify", "bundle", "--development-srs"])
        .failure(1, "refused");
}

#[test]
fn what_the_caller_gave_differs() {
    let world = world();
    let folder = Folder::new();
    let (bundle, model) = (world.file("bundle"), world.file("tiny.toml"));
    let verify = |more: &[&str]| {
        let arguments = [&["verify", &bundle, "--development-srs"], more].concat();
        folder.json(&arguments).failure(1, "refused")
    };
    assert!(verify(&["--beacon-value", "1234"]).contains("beacon value"));
    // The same model under other rules.
    assert!(verify(&["--model", &model]).contains("model"));
    folder.plan_in_public(&[]).exits(0);
    assert!(verify(&["--plan", "p"]).contains("plan"));
    let audit = ["audit", &bundle, "weights", "--beacon-value", "1234"];
    folder.json(&audit).failure(1, "refused");
}

#[test]
fn secrets_and_plans_that_do_not_belong_together() {
    let world = world();
    let folder = Folder::new();
    let (plan, secret) = (world.file("plan"), world.file("secret"));
    folder.json(&["secret", "new", "--out", "other"]).exits(0);
    let value = ["--beacon-value", BEACON];
    for secret in [&["--secret", "other"][..], &[]] {
        let init = [&["init", &plan, "--weights", "w"], &value[..], secret].concat();
        folder.json(&init).failure(2, "usage");
        let prove = ["prove", &plan, "-o", "b", "--k", "8", "--development-srs"];
        folder
            .json(&[&prove[..], &value, secret].concat())
            .failure(2, "usage");
    }
    folder.plan_in_public(&[]).exits(0);
    let init = ["init", "p", "--weights", "w", "--secret", &secret];
    folder
        .json(&[&init[..], &value].concat())
        .failure(2, "usage");
    assert_eq!(folder.names(), ["other", "p"]);
}
