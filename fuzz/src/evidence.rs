//! Evidence of beacon values: whatever is accepted is accepted again from its file, and what cannot
//! be made without a key is what was recorded.

use std::sync::LazyLock;

use nascent_beacons::{check, establish, evidence_from_json, parse_source};
use nascent_verifier::{BeaconSource, BeaconValue, Format};

/// A round of drand's quicknet, and an example of RFC 9381.
const SIGNATURE: &str = "b75c69d0b72a5d906e854e808ba7e2accb1542ac355ae486d591aa9d43765482e26cd02df835d3546d23c4b13e0dfc92";
const PROOF: &str = "8657106690b5526245a92b003bb079ccd1a92130477671f6fc01ad16f26f723f26f8a57ccaed74ee1b190bed1f479d9727d2d0f9b005a6e456a35d4fb0daab1268a1b0db10836d9826a528ca76567805";
const GENESIS: &str = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f";

/// Sources, and for those with a key the only evidence there can be.
static SOURCES: LazyLock<[(BeaconSource, Option<Vec<u8>>); 6]> = LazyLock::new(|| {
    let source = |text: &str| parse_source(text).expect("a source");
    let bytes = |digits: &str| hex::decode(digits).expect("hexadecimal");
    let key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    // A target that the fuzzer meets by chance.
    let easy = format!("bitcoin:anchor=0/{GENESIS},height=1,confirmations=2,bits=207fffff");
    [
        (
            source("drand:network=quicknet,round=123"),
            Some(bytes(SIGNATURE)),
        ),
        (source("drand:network=default,round=72785"), None),
        (source("ethereum:number=19449567"), None),
        (source(&easy), None),
        (source(&format!("vrf:key={key},alpha=")), Some(bytes(PROOF))),
        (source("words:w"), None),
    ]
});

/// First inputs: the honest evidence.
pub fn seeds() -> Vec<Vec<u8>> {
    let seed = |(number, (_, evidence)): (usize, &(BeaconSource, Option<Vec<u8>>))| {
        let evidence = evidence.clone().unwrap_or_default();
        [vec![number as u8], evidence].concat()
    };
    let answer = format!("\0{{\"signature\":\"{SIGNATURE}\"}}").into_bytes();
    SOURCES
        .iter()
        .enumerate()
        .map(seed)
        .chain([answer])
        .collect()
}

/// A source by the first byte, then evidence, an interface's answer, or a whole file.
pub fn run(data: &[u8]) {
    let Some((number, bytes)) = data.split_first() else {
        return;
    };
    if let Ok(value) = BeaconValue::decode(bytes) {
        assert_eq!(value.encode().as_deref(), Ok(bytes), "a second encoding");
        let _ = check(&value);
    }
    let (source, only) = &SOURCES[usize::from(*number) % SOURCES.len()];
    examine(source, only.as_deref(), bytes.to_vec());
    if let Ok(evidence) = evidence_from_json(source, bytes) {
        examine(source, only.as_deref(), evidence);
    }
}

fn examine(source: &BeaconSource, only: Option<&[u8]>, evidence: Vec<u8>) {
    let Ok((value, finding)) = establish(source.clone(), evidence) else {
        return;
    };
    if let Some(only) = only {
        assert_eq!(value.evidence, only, "forged, or spelled in two ways");
    }
    let bytes = value.encode().expect("what was accepted is written");
    let again = BeaconValue::decode(&bytes).expect("and read");
    assert_eq!(check(&again), Ok(finding));
    assert_eq!(again, value);
}
