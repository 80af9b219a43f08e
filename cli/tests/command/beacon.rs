//! Beacon values with evidence: from an endpoint or from bytes, into weights, proofs, verdicts.

use crate::support::{Folder, world};
use nascent_verifier::codec::Format;
use nascent_verifier::{Beacon, BeaconSource, InitBundle};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::OnceLock;

const DRAND: &str = "drand:network=quicknet,round=123";
const ETHEREUM: &str = "ethereum:number=19449567";
const BLOCK_HASH: &str = "85cdcbe36217fd57bf2c33731d8460657a7ce512401f49c9f6392c82a7ccf7ac";
const VRF_KEY: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
const VRF: &str = "vrf:key=d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a,alpha=";
const SOURCES: [&str; 3] = [DRAND, ETHEREUM, VRF];

const SIGNATURE: &str = "b75c69d0b72a5d906e854e808ba7e2accb1542ac355ae486d591aa9d43765482e26cd02df835d3546d23c4b13e0dfc92";
const PROOF: &str = "8657106690b5526245a92b003bb079ccd1a92130477671f6fc01ad16f26f723f26f8a57ccaed74ee1b190bed1f479d9727d2d0f9b005a6e456a35d4fb0daab1268a1b0db10836d9826a528ca76567805";
const BLOCK: &[u8] = include_bytes!("../../../beacons/tests/files/ethereum-19449567.json");

fn answer() -> String {
    format!("{{\"round\":123,\"randomness\":\"00\",\"signature\":\"{SIGNATURE}\"}}")
}

/// A folder with a value for each source, in `0`, `1` and `2`.
fn values() -> Folder {
    let folder = Folder::new();
    folder.write("signature", &hex::decode(SIGNATURE).expect("digits"));
    folder.write("block", BLOCK);
    folder.write("proof", &hex::decode(PROOF).expect("digits"));
    for (number, (source, file)) in SOURCES
        .iter()
        .zip(["signature", "block", "proof"])
        .enumerate()
    {
        pack(&folder, source, file, &number.to_string()).exits(0);
    }
    folder
}

fn pack(folder: &Folder, source: &str, file: &str, out: &str) -> crate::support::Run {
    folder.json(&["beacon", "pack", "--source", source, file, "--out", out])
}

/// Plans the world's model with these sources, into `p`.
fn plan(folder: &Folder, sources: &[&str]) -> crate::support::Run {
    let world = world();
    let (model, rules) = (world.file("tiny.toml"), world.file("rules.toml"));
    let mut plan = vec![
        "plan",
        &model,
        "--rules",
        &rules,
        "--public-seed",
        "-o",
        "p",
    ];
    for source in sources {
        plan.extend(["--source", source]);
    }
    folder.json(&plan)
}

/// A plan with all three sources, carried out; made once.
fn proved() -> &'static Folder {
    static PROVED: OnceLock<Folder> = OnceLock::new();
    PROVED.get_or_init(|| {
        let folder = values();
        plan(&folder, &SOURCES).exits(0);
        let evidence = ["--evidence", "0", "--evidence", "1", "--evidence", "2"];
        let init = ["init", "p", "--weights", "w"];
        folder.json(&[&init[..], &evidence].concat()).exits(0);
        let prove = [
            "prove",
            "p",
            "--out",
            "bundle",
            "--development-srs",
            "--k",
            "8",
        ];
        folder.json(&[&prove[..], &evidence].concat()).exits(0);
        folder
    })
}

fn names(list: &Value) -> Vec<&str> {
    let items = list.as_array().expect("a list").iter();
    items.filter_map(|item| item["name"].as_str()).collect()
}

#[test]
fn the_whole_way() {
    let folder = proved();
    let verify = ["verify", "bundle", "--development-srs"];
    let json = folder.json(&verify).exits(6).json();
    let values = json["beacon_values"].as_array().expect("a list");
    let established: Vec<bool> = values
        .iter()
        .map(|value| value["established"].as_bool().expect("a truth value"))
        .collect();
    // Whose the VRF's key is, its proof does not say: the publisher could have made it.
    assert_eq!(established, [true, false, false]);
    assert!(json["beacon_values"][2]["established_by"].is_null());
    assert!(names(&json["not_proved"]).contains(&"BeaconEvidence"));
    // With the block's hash from a chain one trusts, and the key of a holder, nothing stays open.
    let hash = ["--block-hash", BLOCK_HASH];
    let json = folder.json(&[&verify[..], &hash].concat()).exits(6).json();
    assert!(names(&json["not_proved"]).contains(&"BeaconEvidence"));
    let key = ["--vrf-key", VRF_KEY];
    let json = folder.json(&[&verify[..], &hash, &key].concat());
    let json = json.exits(0).json();
    let open = names(&json["not_proved"]);
    assert!(!open.contains(&"BeaconEvidence") && open.contains(&"PlanTime"));
    assert_eq!(json["beacon_values"][1]["established"], true);
    let by = json["beacon_values"][2]["established_by"].as_str();
    assert_eq!(by, Some("the VRF's key is one that you gave"));
    let other = "11".repeat(32);
    let failure = folder.json(&[&verify[..], &["--vrf-key", &other]].concat());
    let failure = failure.failure(1, "refused");
    assert!(failure.contains(VRF_KEY), "{failure}");

    let words = folder.run(&verify).exits(6).stdout;
    for expected in [
        "Beacon value 3",
        "prevrandao of Ethereum block 19449567",
        "not shown    that the block is on the chain, and final",
        "so it is     established: a signature under the key of a public drand network",
        "so it is     NOT ESTABLISHED: not shown that the block is on the chain",
        "so it is     NOT ESTABLISHED: not shown whose key it is",
        "by its own date the plan was made after this value was out",
    ] {
        assert!(words.contains(expected), "{expected}: {words}");
    }
    let audit = folder.json(&["audit", "bundle", "w"]).exits(0).json();
    assert_eq!(audit["mismatches"], 0);
    assert_eq!(audit["beacon_digest"], json["beacon_digest"]);
}

#[test]
fn a_bundle_whose_evidence_does_not_hold() {
    let honest = InitBundle::decode(&std::fs::read(proved().path("bundle")).expect("read"));
    let honest = honest.expect("a bundle");
    let refused = |change: &dyn Fn(&mut InitBundle)| {
        let mut bundle = honest.clone();
        change(&mut bundle);
        let folder = Folder::new();
        // Written without its checks, as a cheat would.
        let bytes = bundle.encode();
        let Ok(bytes) = bytes else {
            return bytes.expect_err("not encoded").to_string();
        };
        folder.write("bundle", &bytes);
        let verify = ["verify", "bundle", "--development-srs", "--rederive-key"];
        folder.json(&verify).failure(1, "refused")
    };
    fn value(bundle: &mut InitBundle, at: usize) -> &mut nascent_verifier::BeaconValue {
        let Beacon::Sources(values) = &mut bundle.beacon else {
            panic!("no sources");
        };
        &mut values[at]
    }
    let failure = refused(&|bundle| value(bundle, 0).evidence[10] ^= 1);
    assert!(failure.contains("drand"), "{failure}");
    let failure = refused(&|bundle| value(bundle, 1).evidence.push(0));
    assert!(failure.contains("RLP"), "{failure}");
    let failure = refused(&|bundle| value(bundle, 2).evidence.clear());
    assert!(failure.contains("VRF"), "{failure}");
    let failure = refused(&|bundle| value(bundle, 0).value[0] ^= 1);
    assert!(failure.contains("another value"), "{failure}");
    // A network of one's own.
    let own = |bundle: &mut InitBundle| {
        if let BeaconSource::Drand { chain, .. } = &mut value(bundle, 0).source {
            chain[0] ^= 1;
        }
        let sources = bundle.beacon.values().iter();
        bundle.plan.beacon = sources
            .map(|of| of.source.clone())
            .collect::<Vec<_>>()
            .into();
    };
    let failure = refused(&own);
    assert!(
        failure.contains("no network with the chain hash"),
        "{failure}"
    );
    // A plan edited once the value was known, value and evidence honest.
    let sources = |sources: Vec<BeaconSource>| {
        move |bundle: &mut InitBundle| bundle.plan.beacon = sources.clone().into()
    };
    let honest_sources = honest.plan.beacon.sources().to_vec();
    let mut other_round = honest_sources.clone();
    if let BeaconSource::Drand { round, .. } = &mut other_round[0] {
        *round += 1;
    }
    let failure = refused(&sources(other_round));
    assert!(failure.contains("the plan announces"), "{failure}");
    let failure = refused(&sources(honest_sources[..2].to_vec()));
    assert!(failure.contains("the plan announces 2"), "{failure}");
    // Both edited: the evidence holds, the proofs are of another statement.
    let failure = refused(&|bundle| {
        bundle.plan.beacon = honest.plan.beacon.sources()[..1].to_vec().into();
        bundle.beacon = honest.beacon.values()[..1].to_vec().into();
    });
    assert!(failure.contains("tile 0"), "{failure}");
}

/// Headers that the publisher mined on the first blocks' anchor, under a target of his plan's choice.
fn mined(headers: usize) -> Vec<u8> {
    let mut evidence = Vec::new();
    let mut tip = hex::decode(GENESIS).expect("digits");
    tip.reverse();
    for _ in 0..headers {
        let mut header = [0; 80];
        header[4..36].copy_from_slice(&tip);
        header[72..76].copy_from_slice(&0x207f_ffff_u32.to_le_bytes());
        tip = loop {
            let hash = Sha256::digest(Sha256::digest(header)).to_vec();
            if hash[31] < 0x7f {
                break hash;
            }
            header[76] += 1;
        };
        evidence.extend(header);
    }
    evidence
}

const GENESIS: &str = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f";

/// A plan whose target anyone meets: the evidence holds, and the value is nobody's but its maker's.
#[test]
fn a_beacon_that_its_publisher_mined() {
    let folder = Folder::new();
    let source = format!("bitcoin:anchor=0/{GENESIS},height=100,confirmations=6,bits=207fffff");
    let world = world();
    let (model, rules) = (world.file("tiny.toml"), world.file("rules.toml"));
    let plan = [
        "plan",
        &model,
        "--rules",
        &rules,
        "--public-seed",
        "-o",
        "p",
    ];
    let run = folder.run(&[&plan[..], &["--source", &source]].concat());
    let said = run.exits(0).stderr;
    assert!(said.contains("below the floor of 2^75 hashes"), "{said}");
    folder.write("headers", &mined(105));
    let packed = pack(&folder, &source, "headers", "b").exits(0).json();
    assert_eq!(packed["established"], false);
    let prove = [
        "prove",
        "p",
        "--evidence",
        "b",
        "--out",
        "bundle",
        "--k",
        "8",
    ];
    folder
        .json(&[&prove[..], &["--development-srs"]].concat())
        .exits(0);
    let verify = ["verify", "bundle", "--development-srs"];
    let json = folder.json(&verify).exits(6).json();
    let value = &json["beacon_values"][0];
    assert_eq!(value["established"], false);
    let verdict = value["verdict"].as_str().expect("words");
    assert!(verdict.contains("NOT ESTABLISHED"), "{verdict}");
    assert!(verdict.contains("below the floor"), "{verdict}");
    assert!(names(&json["not_proved"]).contains(&"BeaconEvidence"));
    let words = folder.run(&verify).exits(6).stdout;
    assert!(words.contains("so it is     NOT ESTABLISHED"), "{words}");
}

#[test]
fn hashes_of_other_blocks() {
    let other = "11".repeat(32);
    let verify = [
        "verify",
        "bundle",
        "--development-srs",
        "--block-hash",
        &other,
    ];
    let failure = proved().json(&verify).failure(1, "refused");
    assert!(failure.contains(BLOCK_HASH), "{failure}");
    let check = ["beacon", "check", "1", "--block-hash", &other];
    proved().json(&check).failure(1, "refused");
    let check = ["beacon", "check", "1", "--block-hash", BLOCK_HASH];
    assert_eq!(proved().json(&check).exits(0).json()["established"], true);
}

#[test]
fn values_that_the_plan_does_not_name() {
    let folder = values();
    plan(&folder, &[DRAND, VRF]).exits(0);
    for evidence in [
        &["--evidence", "2", "--evidence", "0"][..],
        &["--evidence", "0"],
        &["--evidence", "0", "--evidence", "1"],
        &["--evidence", "0", "--evidence", "2", "--evidence", "2"],
        &["--beacon-value", "0011"],
    ] {
        let init = ["init", "p", "--weights", "w"];
        let failure = folder.json(&[&init[..], evidence].concat());
        let failure = failure.failure(1, "refused");
        assert!(failure.contains("the plan announces"), "{failure}");
        let prove = ["prove", "p", "--out", "b", "--development-srs"];
        let failure = folder.json(&[&prove[..], evidence].concat());
        failure.failure(1, "refused");
        let verify = ["audit", "p", "p"];
        let failure = folder.json(&[&verify[..], evidence].concat());
        failure.failure(1, "refused");
    }
    folder
        .json(&["init", "p", "--weights", "w"])
        .failure(2, "usage");
    // A plan in words takes no evidence of something else.
    folder.plan_in_public(&["--force"]).exits(0);
    let init = ["init", "p", "--weights", "w", "--evidence", "0"];
    folder.json(&init).failure(1, "refused");
    assert!(!folder.names().contains(&"w".to_owned()));
}

#[test]
fn several_values_make_another_seed() {
    let folder = values();
    let digest = |sources: &[&str], evidence: &[&str]| {
        let out = folder.path("p");
        let _ = std::fs::remove_file(out);
        plan(&folder, sources).exits(0);
        let mut init = vec!["init", "p", "--weights", "w", "--force"];
        for file in evidence {
            init.extend(["--evidence", file]);
        }
        let json = folder.json(&init).exits(0).json();
        json["beacon_digest"].to_string()
    };
    let digests = [
        digest(&[DRAND], &["0"]),
        digest(&[VRF], &["2"]),
        digest(&[DRAND, VRF], &["0", "2"]),
        digest(&[VRF, DRAND], &["2", "0"]),
    ];
    for (i, one) in digests.iter().enumerate() {
        assert!(!digests[i + 1..].contains(one));
    }
}

#[test]
fn evidence_that_is_none_is_not_kept() {
    let folder = values();
    folder.write("forged", &[7; 48]);
    folder.write("garbage.json", b"{\"signature\": 7}");
    folder.write("answer.json", answer().as_bytes());
    pack(&folder, DRAND, "answer.json", "from-json").exits(0);
    let read = |name: &str| std::fs::read(folder.path(name)).expect("read");
    assert_eq!(read("from-json"), read("0"));
    let before = folder.names();
    pack(&folder, DRAND, "forged", "x").failure(1, "refused");
    pack(&folder, DRAND, "proof", "x").failure(1, "refused");
    pack(&folder, VRF, "signature", "x").failure(1, "refused");
    pack(&folder, DRAND, "garbage.json", "x").failure(3, "input");
    let other = "drand:network=quicknet,round=124";
    pack(&folder, other, "signature", "x").failure(1, "refused");
    pack(&folder, DRAND, "signature", "0").failure(4, "environment");
    assert_eq!(folder.names(), before);
    // A file changed afterwards.
    let mut bytes = read("0");
    *bytes.last_mut().expect("bytes") ^= 1;
    folder.write("changed", &bytes);
    folder
        .json(&["beacon", "check", "changed"])
        .failure(1, "refused");
    plan(&folder, &[DRAND]).exits(0);
    let init = ["init", "p", "--weights", "w", "--evidence", "changed"];
    folder.json(&init).failure(1, "refused");
    folder.json(&["beacon", "check", "p"]).failure(3, "input");
    let inspected = folder.json(&["inspect", "0"]).exits(0).json();
    assert_eq!(inspected["kind"], "beacon value");
    assert_eq!(inspected["details"]["evidence"], "48 bytes");
}

#[test]
fn a_raw_value_in_a_list() {
    let folder = values();
    folder.write("raw", b"heads");
    pack(&folder, "words:a coin", "raw", "coin").exits(0);
    plan(&folder, &["words:a coin", DRAND]).exits(0);
    let init = [
        "init",
        "p",
        "--weights",
        "w",
        "--evidence",
        "coin",
        "--evidence",
        "0",
    ];
    folder.json(&init).exits(0);
    plan(&folder, &["words:another coin", DRAND]).failure(4, "environment");
}

#[test]
fn sources_on_the_command_line() {
    let folder = Folder::new();
    for source in ["dice", "drand:round=1", "drand:network=quicknet,round=0"] {
        assert_eq!(plan(&folder, &[source]).code, 2, "{source}");
    }
    assert_eq!(plan(&folder, &[DRAND; 9]).code, 2);
    let words = ["--beacon", "x"];
    let model = world().file("tiny.toml");
    let both = [
        "plan",
        &model,
        "--public-seed",
        "-o",
        "p",
        "--source",
        DRAND,
    ];
    assert_eq!(folder.run(&[&both[..], &words].concat()).code, 2);
    // A round that is out is a warning, and in the plan's own words.
    let run = folder.run(&both).exits(0);
    assert!(run.stderr.contains("is out already"), "{}", run.stderr);
    assert!(run.stdout.contains("round 123 of drand"), "{}", run.stdout);
    let later = "drand:network=default,time=4102444800";
    let plan = [
        "plan",
        &model,
        "--public-seed",
        "-o",
        "q",
        "--source",
        later,
    ];
    let run = folder.run(&plan).exits(0);
    assert!(!run.stderr.contains("is out already"), "{}", run.stderr);
}

#[test]
fn from_an_endpoint() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a request");
        let reader = BufReader::new(stream.try_clone().expect("cloned"));
        let _ = reader
            .lines()
            .take_while(|line| line.as_ref().is_ok_and(|line| !line.is_empty()))
            .count();
        let body = answer();
        let length = body.len();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        )
    });
    let folder = values();
    plan(&folder, &[VRF, DRAND]).exits(0);
    let fetch = [
        "beacon",
        "fetch",
        "--plan",
        "p",
        "--out",
        "fetched",
        "--endpoint",
        &endpoint,
    ];
    let json = folder
        .json(&[&fetch[..], &["--number", "2"]].concat())
        .exits(0)
        .json();
    assert_eq!(json["established"], true);
    server.join().expect("no panic").expect("answered");
    let read = |name: &str| std::fs::read(folder.path(name)).expect("read");
    assert_eq!(read("fetched"), read("0"));
    // Nobody is there any more; the first source cannot be fetched; there is no third.
    let more =
        |more: &[&str]| folder.json(&[&fetch[..], &["--force", "--attempts", "1"], more].concat());
    more(&["--number", "2"]).failure(4, "environment");
    more(&[]).failure(2, "usage");
    more(&["--number", "3"]).failure(2, "usage");
    more(&["--number", "0"]).failure(2, "usage");
    assert_eq!(read("fetched"), read("0"));
    let ftp = [
        "beacon",
        "fetch",
        "--source",
        DRAND,
        "--endpoint",
        "ftp://x",
        "-o",
        "y",
    ];
    folder.json(&ftp).failure(2, "usage");
}
