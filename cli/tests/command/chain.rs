//! From a plan to an answer in one chain file, and chains that do not hold.

use crate::support::{BEACON, Folder, RULES, Run, example, run};
use nascent_verifier::chain::Attachments;
use nascent_verifier::codec::Format;
use nascent_verifier::link::{CommittedTo, Link};
use nascent_verifier::{Chain, CommitmentData, InferenceBundle};
use std::fs;

/// A plan, its weights as ONNX, and the compiled model.
pub fn planned(folder: &Folder) -> u64 {
    folder.write("rules.toml", RULES.as_bytes());
    let model = example("lenet5-average.onnx");
    let plan = ["plan", &model, "--rules", "rules.toml", "--public-seed"];
    run(folder, &plan, &["--beacon", "x", "--out", "plan"]).exits(0);
    let init = ["init", "plan", "--beacon-value", BEACON, "--model", &model];
    run(folder, &init, &["--onnx", "filled.onnx"]).exits(0);
    compile(folder, "filled.onnx", &["--plan", "plan", "--out", "m"])
}

/// Gives the size of the circuit.
pub fn compile(folder: &Folder, model: &str, more: &[&str]) -> u64 {
    let samples = example("lenet5-average.samples.npz");
    let compile = ["compile", model, "--samples", &samples];
    let made = run(folder, &compile, more).exits(0).json();
    made["k"].as_u64().expect("a size")
}

pub fn prove_tiles(folder: &Folder, k: u64) {
    let k = k.to_string();
    let prove = ["prove", "plan", "--beacon-value", BEACON, "--k", &k];
    let commit = ["--commit", "deviates.c", "--opening", "o", "--job", "job"];
    let to = ["--out", "tiles", "--development-srs"];
    run(folder, &prove, &[&commit[..], &to].concat()).exits(0);
}

pub fn prove_relayout(folder: &Folder, more: &[&str]) -> Run {
    let prove = ["prove", "relayout", "m", "--plan", "plan"];
    let value = ["--beacon-value", BEACON, "--development-srs"];
    run(folder, &[&prove[..], &value].concat(), more)
}

pub fn answer(folder: &Folder, model: &str, out: &str, commitment: &str) {
    let input = example("lenet5-average.samples.npz");
    let prove = ["prove", "inference", model, "--input", &input, "--out", out];
    let to = ["--commitment", commitment, "--opening", "o"];
    run(folder, &prove, &[&to[..], &["--development-srs"]].concat()).exits(0);
}

pub fn commit(folder: &Folder, model: &str, out: &str) {
    let commit = ["commit", model, "--out", out, "--opening", "o"];
    run(folder, &commit, &["--development-srs"]).exits(0);
}

pub const FILES: [&str; 6] = ["tiles", "deviates.c", "initial.c", "r", "a", "m"];

/// Everything that a chain is made of.
fn prepared() -> Folder {
    let folder = Folder::new();
    let k = planned(&folder);
    prove_tiles(&folder, k);
    commit(&folder, "m", "initial.c");
    let links = ["--commitment", "deviates.c", "--commitment", "initial.c"];
    let links = [&links[..], &["--opening", "o", "--out", "r"]].concat();
    prove_relayout(&folder, &links).exits(0);
    answer(&folder, "m", "a", "initial.c");
    folder
}

pub fn chain(folder: &Folder, files: &[&str], more: &[&str]) -> Run {
    let to = ["--out", "chain", "--force"];
    run(folder, &["chain"], &[files, &to, more].concat())
}

fn verify(folder: &Folder, more: &[&str]) -> Run {
    let verify = ["verify", "chain", "--development-srs"];
    // Keys are the chain's own where they are not derived.
    let keys: &[&str] = match more.contains(&"--rederive-key") {
        true => &[],
        false => &["--accept-keys"],
    };
    let given = [&verify[..], keys, &["--beacon-value", BEACON]].concat();
    run(folder, &given, more)
}

#[test]
fn a_chain_is_made_verified_and_drawn() {
    let folder = prepared();
    let made = chain(&folder, &FILES, &["--picture", "p.svg"])
        .exits(0)
        .json();
    assert_eq!(made["proofs"], 3);
    assert_eq!(made["links"], 4);
    assert_eq!(made["versions"][0], "initial");
    let verified = verify(&folder, &["--plan", "plan"]).exits(0).json();
    let steps = verified["steps"].as_array().expect("a list");
    let names: Vec<&str> = steps
        .iter()
        .filter_map(|step| step["step"].as_str())
        .collect();
    let expected = [
        "plan",
        "beacon",
        "initial weights",
        "commitment",
        "model 'initial'",
        "answer 1",
    ];
    assert_eq!(names, expected);
    assert!(
        verified.to_string().contains("61,470 of its 61,"),
        "{verified}"
    );
    let words = folder
        .run(&["verify", "chain", "--development-srs", "--accept-keys"])
        .exits(6);
    assert!(words.stdout.contains("ANSWER 1 of 'initial'"));
    // What rules are for was not given.
    verify(&folder, &["--rules", "rules.toml"]).failure(2, "usage");
    verify(&folder, &["--vrf-key", &"00".repeat(32)]).failure(1, "refused");
    // The model that the plan was made from, and one that it was not.
    let of_model = |model: &str| verify(&folder, &["--model", model, "--rules", "rules.toml"]);
    let given = of_model(&example("lenet5-average.onnx")).exits(0).json();
    assert_eq!(given["checked"]["model"], true);
    of_model(&example("lenet5-max.onnx")).failure(1, "refused");
    // Commitments that were published elsewhere are the chain's, and the relayout's.
    for (file, whose) in [
        ("deviates.c", "initial weights 1"),
        ("initial.c", "model 'initial'"),
    ] {
        let given = verify(&folder, &["--commitment", file]).exits(0).json();
        assert_eq!(given["commitment_of"], whose);
        let alone = [
            "verify",
            "r",
            "--development-srs",
            "--accept-keys",
            "--commitment",
            file,
        ];
        let linked = run(&folder, &alone, &[]).exits(0).json();
        assert!(linked["linked"].is_string());
        run(&folder, &alone, &["--links", "tiles.links"]).failure(1, "refused");
    }
    let other = ["commit", "m", "--out", "other.c", "--opening", "another"];
    run(&folder, &other, &["--development-srs"]).exits(0);
    verify(&folder, &["--commitment", "other.c"]).failure(1, "refused");
    let alone = [
        "verify",
        "r",
        "--development-srs",
        "--commitment",
        "other.c",
    ];
    run(&folder, &alone, &[]).failure(1, "refused");
    // Tiles of the plan that was given, and of one plan.
    let of_plan = |commitment: &str, plan: &str| {
        let given = ["--commitment", commitment, "--links", "r.links"];
        let verify = ["verify", "r", "--development-srs", "--plan", plan];
        run(&folder, &[&verify[..], &given].concat(), &["--accept-keys"])
    };
    let linked = of_plan("deviates.c", "tiles").exits(0).json();
    assert_eq!(linked["linked_plan"].as_str().map(str::len), Some(64));
    let other = ["plan", &example("lenet5-average.onnx"), "--public-seed"];
    let rules = ["--rules", "rules.toml", "--beacon", "y", "-o", "other"];
    run(&folder, &other, &rules).exits(0);
    let refused = of_plan("deviates.c", "other").failure(1, "refused");
    assert!(
        refused.contains("its tiles are another plan's"),
        "{refused}"
    );
    let bytes = fs::read(folder.path("deviates.c")).expect("read");
    let mut mixed = CommitmentData::decode(&bytes).expect("a commitment");
    let mut another = mixed.parts[0].clone();
    if let CommittedTo::Tile { plan, .. } = &mut another.subject {
        plan[0] ^= 1;
    }
    mixed.parts.push(another);
    folder.write("mixed.c", &mixed.encode().expect("valid"));
    let refused = of_plan("mixed.c", "plan").failure(1, "refused");
    assert!(refused.contains("several plans"), "{refused}");
    // An answer that stands twice would make up the number of a link that nothing looks at.
    let honest = fs::read(folder.path("chain")).expect("read");
    let mut padded = Chain::decode(&honest).expect("a chain");
    padded.answers.push(padded.answers[0].clone());
    padded.links.links.push(Link {
        proof: [1; 32],
        other: [2; 32],
        bytes: vec![3; 544],
    });
    assert!(padded.encode().is_err());
    folder.write("chain", &unchecked(&honest, &padded));
    let refused = verify(&folder, &[]).failure(3, "input");
    assert!(
        refused.contains("has the proof of an earlier answer"),
        "{refused}"
    );
    folder.write("chain", &honest);
    // Derived keys are the ones that came with it.
    let derived = verify(&folder, &["--rederive-key"]).exits(0).json();
    for key in derived["keys"].as_array().expect("a list") {
        assert_eq!(key["origin"], "rederived");
    }
    let drawn = fs::read_to_string(folder.path("p.svg")).expect("read");
    assert!(drawn.starts_with("<svg") && drawn.contains("answer 1"));
    let inspected = folder.json(&["inspect", "chain"]).exits(0).json();
    assert_eq!(inspected["kind"], "chain");
    folder.json(&["verify", "chain"]).failure(1, "refused");
    run(
        &folder,
        &["plan"],
        &[
            &example("mlp-128.onnx"),
            "--public-seed",
            "--beacon",
            "x",
            "-o",
            "q",
        ],
    )
    .exits(0);
    let refused = verify(&folder, &["--plan", "q"]).failure(1, "refused");
    assert!(refused.contains("another plan"), "{refused}");
    // A byte of a proof, of a link, of a commitment: wherever it is.
    let bytes = fs::read(folder.path("chain")).expect("read");
    let honest = Chain::decode(&bytes).expect("a chain");
    let refused = |bytes: &[u8], what: &str| {
        folder.write("chain", bytes);
        let code = verify(&folder, &["--rederive-key"]).code;
        assert!([1, 3].contains(&code), "{what}: {code}");
    };
    let steps = Chain {
        attachments: Attachments::default(),
        ..honest.clone()
    };
    // Without the lengths of three empty lists.
    let steps = steps.encode().expect("valid").len() - 3;
    for at in (8..steps).step_by(steps / 19) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        refused(&changed, &format!("byte {at} of {steps}"));
    }
    // What is attached is named by a proof, or the chain is refused, used or not.
    let attached = |change: &dyn Fn(&mut Attachments)| {
        let mut chain = honest.clone();
        change(&mut chain.attachments);
        refused(&chain.encode().expect("valid"), "an attachment");
    };
    attached(&|files| files.keys[0].fixed_commitments.swap(0, 1));
    attached(&|files| files.keys[1].fixed_commitments.swap(0, 1));
    attached(&|files| files.architectures[0].0.truncate(100));
    attached(&|files| files.origins[0].0.truncate(20));
    attached(&|files| files.origins.clear());
}

/// A file that its format would refuse to write, as a cheat writes it.
fn unchecked(like: &[u8], chain: &Chain) -> Vec<u8> {
    [&like[..10], &postcard::to_allocvec(chain).expect("encoded")].concat()
}

#[test]
fn checkpoints_are_declared_and_said_to_be() {
    let folder = prepared();
    // Other weights of the same model: quantized by themselves.
    compile(&folder, &example("lenet5-average.onnx"), &["--out", "n"]);
    commit(&folder, "n", "tuned.c");
    answer(&folder, "n", "b", "tuned.c");
    let files = [&FILES[..], &["tuned.c", "b", "n"]].concat();
    let open = chain(&folder, &files, &[]).failure(3, "input");
    assert!(open.contains("'tuned'"), "{open}");
    let declared = "tuned:initial:two epochs: of digits";
    chain(&folder, &files, &["--trained", declared]).exits(0);
    // Who has plan, model or beacon value asks for answers by its weights.
    for given in [&[][..], &["--plan", "plan"]] {
        let open = verify(&folder, given).exits(6).json();
        let text = open["not_shown"].to_string();
        assert!(text.contains("--accept-declared"), "{text}");
    }
    verify(&folder, &["--plan", "plan", "--accept-declared"]).exits(0);
    let verified = verify(&folder, &["--accept-declared"]).exits(0).json();
    let steps = verified["steps"].as_array().expect("a list");
    let of_checkpoint = steps.iter().find(|step| step["step"] == "model 'tuned'");
    let of_checkpoint = of_checkpoint.expect("a step");
    assert_eq!(of_checkpoint["nature"], "declared");
    assert_eq!(of_checkpoint["shows"], serde_json::json!([]));
    assert!(of_checkpoint.to_string().contains("two epochs: of digits"));
    let last = &steps[steps.len() - 1];
    assert!(
        last.to_string()
            .contains("where the weights of 'tuned' come from")
    );
    for wrong in ["tuned:nobody:x", "nobody:initial:x"] {
        chain(&folder, &files, &["--trained", wrong]).failure(2, "usage");
    }
    chain(&folder, &files, &["--trained", "tuned"]).exits(2);

    // An answer of the checkpoint in the initial model's place.
    let bytes = fs::read(folder.path("chain")).expect("read");
    let mut passed_off = Chain::decode(&bytes).expect("a chain");
    passed_off.answers[0].version = 1;
    folder.write("chain", &passed_off.encode().expect("valid"));
    let refused = verify(&folder, &[]).failure(1, "refused");
    assert!(refused.contains("answer 1 of 'tuned'"), "{refused}");
}

#[test]
fn chains_with_a_step_missing_are_not_made() {
    let folder = prepared();
    let without = |gone: &str| {
        let files: Vec<&str> = FILES.iter().copied().filter(|file| *file != gone).collect();
        chain(&folder, &files, &[])
    };
    let missing = without("tiles").failure(2, "usage");
    assert!(missing.contains("initialization"), "{missing}");
    let missing = without("deviates.c").failure(2, "usage");
    assert!(missing.contains("commitment to the tiles"), "{missing}");
    let missing = without("r").failure(3, "input");
    assert!(missing.contains("'initial'"), "{missing}");
    let missing = without("initial.c").failure(2, "usage");
    assert!(missing.contains("link of an inference"), "{missing}");
    // Without an answer it is a chain all the same; without attachments too.
    without("a").exits(0);
    without("m").exits(0);
    verify(&folder, &[]).exits(0);
    let refused = verify(&folder, &["--rederive-key"]).failure(3, "input");
    assert!(refused.contains("architecture"), "{refused}");
    let twice = [&FILES[..], &["tiles"]].concat();
    chain(&folder, &twice, &[]).failure(2, "usage");
    let secret = [&FILES[..], &["o"]].concat();
    let refused = chain(&folder, &secret, &[]).failure(2, "usage");
    assert!(refused.contains("SECRET"), "{refused}");

    // Links of another proof.
    fs::remove_file(folder.path("a.links")).expect("there");
    let missing = chain(&folder, &FILES, &[]).failure(2, "usage");
    assert!(missing.contains("link of an inference"), "{missing}");
    // A proof that does not hold.
    let bytes = fs::read(folder.path("a")).expect("read");
    let mut wrong = InferenceBundle::decode(&bytes).expect("an answer");
    wrong.outputs[0] ^= 1;
    folder.write("a", &wrong.encode().expect("valid"));
    chain(&folder, &FILES, &[]).failure(1, "refused");
}

#[test]
fn relayouts_are_linked_to_what_they_are_about() {
    let folder = Folder::new();
    let k = planned(&folder);
    prove_tiles(&folder, k);
    commit(&folder, "m", "initial.c");
    let only = |commitment: &str| {
        let link = ["--commitment", commitment, "--opening", "o", "--out", "r"];
        prove_relayout(&folder, &link)
    };
    let missing = only("deviates.c").failure(3, "input");
    assert!(missing.contains("parameters"), "{missing}");
    let missing = only("initial.c").failure(3, "input");
    assert!(missing.contains("tile 0 of stream 0"), "{missing}");
    assert!(!folder.path("r").exists());
    // A secret that belongs to neither.
    let other = ["commit", "m", "--out", "x.c", "--opening", "o2"];
    run(&folder, &other, &["--development-srs"]).exits(0);
    let links = ["--commitment", "deviates.c", "--commitment", "initial.c"];
    let wrong = [&links[..], &["--opening", "o2", "--out", "r"]].concat();
    let refused = prove_relayout(&folder, &wrong).failure(2, "usage");
    assert!(refused.contains("--opening"), "{refused}");
    // Tiles of another size.
    let smaller = (k - 1).to_string();
    let prove = ["prove", "plan", "--beacon-value", BEACON, "--k", &smaller];
    let small = ["--commit", "small.c", "--opening", "o", "--job", "job2"];
    let to = ["--out", "small", "--development-srs"];
    run(&folder, &prove, &[&small[..], &to].concat()).exits(0);
    let links = ["--commitment", "small.c", "--commitment", "initial.c"];
    let links = [&links[..], &["--opening", "o", "--out", "r"]].concat();
    let refused = prove_relayout(&folder, &links).failure(3, "input");
    assert!(refused.contains("--k"), "{refused}");
}
