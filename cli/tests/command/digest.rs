//! A plan with the weight digest, from plan to audit.

use crate::support::{BEACON, Folder, world};
use nascent_verifier::InitBundle;
use nascent_verifier::codec::Format;
use std::sync::OnceLock;

/// A public seed, two tiles: plan `p`, weights `w`, proofs `b`.
fn folder() -> &'static (Folder, String) {
    static FOLDER: OnceLock<(Folder, String)> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let world = world();
        let folder = Folder::new();
        let (model, rules) = (world.file("tiny.toml"), world.file("rules.toml"));
        let plan = ["plan", &model, "--rules", &rules, "--public-seed"];
        let more = ["--beacon", "x", "-o", "p", "--weight-digest"];
        let json = folder.json(&[&plan[..], &more].concat()).exits(0).json();
        assert_eq!(json["plan"]["weight_digest"], true);
        let init = ["init", "p", "--beacon-value", BEACON, "--weights", "w"];
        let json = folder.json(&init).exits(0).json();
        let digest = json["weight_digest"].as_str().expect("a digest").to_owned();
        assert_eq!(digest.len(), 64);
        let prove = [
            "prove",
            "p",
            "--beacon-value",
            BEACON,
            "-o",
            "b",
            "--k",
            "8",
        ];
        let prove = [&prove[..], &["--development-srs"]].concat();
        let json = folder.json(&prove).exits(0).json();
        assert_eq!(json["weight_digest"], digest);
        assert_eq!(json["proofs"], 2);
        (folder, digest)
    })
}

#[test]
fn verify_and_inspect_show_it() {
    let (folder, digest) = folder();
    let verify = ["verify", "b", "--development-srs"];
    let json = folder.json(&verify).exits(6).json();
    assert_eq!(json["weight_digest"], *digest);
    assert!(json["proved"].to_string().contains("WeightDigest"));
    assert_eq!(
        json["streams"][0]["weight_digest"].as_str().map(str::len),
        Some(64)
    );
    let words = folder.run(&verify).exits(6).stdout;
    assert!(words.contains(digest.as_str()), "{words}");
    let json = folder.json(&["inspect", "b"]).exits(0).json();
    assert!(json.to_string().contains(digest.as_str()), "{json}");
    let words = folder.run(&["inspect", "p"]).exits(0).stdout;
    assert!(words.contains("weight digest"), "{words}");
    let rederive = [&verify[..], &["--rederive-key"]].concat();
    let json = folder.json(&rederive).exits(6).json();
    assert_eq!(json["keys"][0]["origin"], "rederived");
}

#[test]
fn plans_without_it_show_none() {
    let world = world();
    assert_eq!(world.plan["plan"]["weight_digest"], false);
    assert!(world.init["weight_digest"].is_null());
    assert!(world.prove["weight_digest"].is_null());
}

#[test]
fn audit_compares_it() {
    let (folder, digest) = folder();
    let json = folder.json(&["audit", "b", "w"]).exits(0).json();
    assert_eq!(json["weight_digest"], *digest);
    assert_eq!(json["weight_digest_matches"], true);
    // The header of the weights says another one; the weights are right.
    let other = Folder::new();
    let mut weights = std::fs::read(folder.path("w")).expect("weights");
    let at = weights.windows(64).position(|w| w == digest.as_bytes());
    let at = at.expect("in the header");
    weights[at] = if weights[at] == b'0' { b'1' } else { b'0' };
    let path = other.write("w", &weights);
    let path = path.to_string_lossy();
    let json = folder.json(&["audit", "b", &path]).exits(1).json();
    assert_eq!(json["mismatches"], 0);
    assert_eq!(json["weight_digest_matches"], false);
    // So does a bundle that claims another.
    let mut bundle = bundle(folder);
    bundle.hash_chain_ends[1][0] ^= 1;
    other.write("b", &bundle.encode().expect("encodes"));
    let weights = folder.path("w");
    let json = other.json(&["audit", "b", &weights.to_string_lossy()]);
    assert_eq!(json.exits(1).json()["weight_digest_matches"], false);
}

#[test]
fn wrong_chain_values_are_refused_naming_the_tile() {
    let (folder, _) = folder();
    let refused = |change: &dyn Fn(&mut InitBundle)| {
        let mut bundle = bundle(folder);
        change(&mut bundle);
        let folder = Folder::new();
        folder.write("bundle", &bundle.encode().expect("encodes"));
        let verify = ["verify", "bundle", "--development-srs"];
        folder.json(&verify).failure(1, "refused")
    };
    let message = refused(&|bundle| bundle.hash_chain_ends.swap(0, 1));
    assert!(message.contains("tile 0 of stream 0"), "{message}");
    let message = refused(&|bundle| bundle.hash_chain_ends[1][3] ^= 1);
    assert!(message.contains("tile 1 of stream 0"), "{message}");
    let message = refused(&|bundle| {
        bundle.plan.weight_digest = false;
        bundle.hash_chain_ends.clear();
    });
    assert!(message.contains("weight digest"), "{message}");
}

fn bundle(folder: &Folder) -> InitBundle {
    let bytes = std::fs::read(folder.path("b")).expect("a bundle");
    InitBundle::decode(&bytes).expect("valid")
}
