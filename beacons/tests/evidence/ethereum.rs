//! Real headers, as nodes answer them, and what is no header of the block.
//!
//! Block 19,449,567 of the main network (Cancun) is from the tests of `alloy-rpc-types-eth` 2.5.0;
//! block 789 of a test network (Prague) and block 1700 of a test network of the Ronin chain (Paris)
//! are from those of `alloy-consensus` 2.5.0. Their hashes were recorded with them.

use alloy_rlp::Encodable;
use nascent_beacons::{
    EthereumError, EvidenceError, Finding, check, establish, evidence_from_json,
};
use nascent_verifier::{BeaconSource, digest::keccak256};
use serde_json::Value;

const CANCUN: &[u8] = include_bytes!("../files/ethereum-19449567.json");
const PRAGUE: &[u8] = include_bytes!("../files/ethereum-prague-devnet-789.json");
const PARIS: &str = include_str!("../files/ethereum-paris-1700.hex");
const PARIS_HASH: &str = "4f05e4392969fc82e41f6d6a8cea379323b0b2d3ddf7def1a33eec03883e3a33";

const NUMBER: u64 = 19_449_567;

fn source(number: u64) -> BeaconSource {
    BeaconSource::Ethereum { chain: 1, number }
}

fn header() -> Vec<u8> {
    evidence_from_json(&source(NUMBER), CANCUN).unwrap()
}

fn refused(source: BeaconSource, evidence: Vec<u8>) -> EthereumError {
    match establish(source, evidence) {
        Err(EvidenceError::Ethereum(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// The fields of a header, without the list around them.
fn fields(header: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = alloy_rlp::Header::decode_bytes(&mut &*header, true).unwrap();
    let mut fields = Vec::new();
    while !rest.is_empty() {
        fields.push(
            alloy_rlp::Header::decode_bytes(&mut rest, false)
                .unwrap()
                .to_vec(),
        );
    }
    fields
}

fn encode(fields: &[Vec<u8>]) -> Vec<u8> {
    let mut payload = Vec::new();
    fields
        .iter()
        .for_each(|field| field.as_slice().encode(&mut payload));
    let mut header = Vec::new();
    alloy_rlp::Header {
        list: true,
        payload_length: payload.len(),
    }
    .encode(&mut header);
    [header, payload].concat()
}

#[test]
fn recorded_headers_hold() {
    for (answer, number) in [(CANCUN, NUMBER), (PRAGUE, 789)] {
        let json: Value = serde_json::from_slice(answer).unwrap();
        let evidence = evidence_from_json(&source(number), answer).unwrap();
        let (value, finding) = establish(source(number), evidence).unwrap();
        let Finding::Ethereum { hash, .. } = &finding else {
            panic!("another kind");
        };
        assert_eq!(json["hash"], format!("0x{}", hex::encode(hash)));
        assert_eq!(json["mixHash"], format!("0x{}", hex::encode(&value.value)));
        let time = format!("{:#x}", finding.time().unwrap());
        assert_eq!(json["timestamp"], time);
        // Anyone can write a header.
        assert!(!finding.is_established());
        assert_eq!(check(&value), Ok(finding));
    }
}

#[test]
fn the_whole_answer_of_a_call_will_do() {
    let block: Value = serde_json::from_slice(CANCUN).unwrap();
    let answer = serde_json::json!({ "jsonrpc": "2.0", "id": 1, "result": block });
    let evidence = evidence_from_json(&source(NUMBER), answer.to_string().as_bytes());
    assert_eq!(evidence.unwrap(), header());
}

#[test]
fn another_block() {
    for other in [NUMBER - 1, NUMBER + 1, 0] {
        let expected = EthereumError::Number {
            expected: other,
            got: NUMBER,
        };
        assert_eq!(refused(source(other), header()), expected);
    }
}

/// A changed field is a header of another hash: the hash is what a reader compares.
#[test]
fn every_field_is_hashed() {
    let honest = fields(&header());
    assert_eq!(encode(&honest), header());
    for index in 0..honest.len() {
        let mut changed = honest.clone();
        match changed[index].last_mut() {
            Some(byte) => *byte ^= 1,
            None => changed[index].push(1),
        }
        if let Ok((_, finding)) = establish(source(NUMBER), encode(&changed)) {
            assert_ne!(finding.block_hash(), Some(keccak256(&[&header()])));
        } else {
            // The number, and the difficulty of a block with proof of work.
            assert!([7, 8].contains(&index), "field {index}");
        }
    }
}

#[test]
fn a_header_without_later_forks() {
    let header = hex::decode(PARIS.trim()).unwrap();
    let (_, finding) = establish(source(1700), header).unwrap();
    assert_eq!(hex::encode(finding.block_hash().unwrap()), PARIS_HASH);
}

#[test]
fn before_the_merge() {
    let paris = fields(&hex::decode(PARIS.trim()).unwrap());
    // Before London there was no fee.
    let error = refused(source(1700), encode(&paris[..15]));
    assert_eq!(error, EthereumError::Fields { got: 15 });
    let mut with_work = paris;
    with_work[7] = vec![2];
    let error = refused(source(1700), encode(&with_work));
    assert_eq!(error, EthereumError::BeforeMerge);
}

#[test]
fn truncated_or_with_more_behind() {
    let whole = header();
    for length in 0..whole.len() {
        let error = refused(source(NUMBER), whole[..length].to_vec());
        assert_eq!(error, EthereumError::Rlp, "{length}");
    }
    for more in [vec![0], vec![0x80], whole.clone(), vec![0; 4096]] {
        let evidence = [whole.clone(), more].concat();
        assert_eq!(refused(source(NUMBER), evidence), EthereumError::Rlp);
    }
}

#[test]
fn other_encodings_of_the_same_fields() {
    let whole = header();
    // A length of three bytes where two do.
    assert_eq!(whole[0], 0xf9);
    let longer = [&[0xfa, 0], &whole[1..]].concat();
    assert_eq!(refused(source(NUMBER), longer), EthereumError::Rlp);
    let honest = fields(&whole);
    for (index, name) in [(8, "number"), (9, "gasLimit"), (11, "timestamp")] {
        let mut padded = honest.clone();
        padded[index].insert(0, 0);
        let error = refused(source(NUMBER), encode(&padded));
        assert_eq!(error, EthereumError::Field { name });
    }
    // A difficulty of one zero byte where none stands for zero.
    let mut zero = honest.clone();
    zero[7] = vec![0];
    let name = "difficulty";
    let error = refused(source(NUMBER), encode(&zero));
    assert_eq!(error, EthereumError::Field { name });
    for (index, name) in [
        (0, "parentHash"),
        (6, "logsBloom"),
        (13, "mixHash"),
        (14, "nonce"),
    ] {
        let mut short = honest.clone();
        short[index].pop();
        let error = refused(source(NUMBER), encode(&short));
        assert_eq!(error, EthereumError::Field { name });
    }
}

#[test]
fn numbers_of_fields() {
    let honest = fields(&header());
    assert_eq!(honest.len(), 20);
    for (count, holds) in [
        (15, false),
        (16, true),
        (17, true),
        (18, false),
        (19, false),
    ] {
        let evidence = encode(&honest[..count]);
        let found = establish(source(NUMBER), evidence);
        assert_eq!(found.is_ok(), holds, "{count}");
    }
    // Forks to come append fields.
    let more = |extra: usize| {
        let extra = (0..extra).map(|_| vec![9; 32]);
        encode(&honest.iter().cloned().chain(extra).collect::<Vec<_>>())
    };
    assert!(establish(source(NUMBER), more(12)).is_ok());
    let error = refused(source(NUMBER), more(13));
    assert_eq!(error, EthereumError::Fields { got: 33 });
    // A list in place of a field.
    let nested = [header(), header()].concat();
    let mut list = Vec::new();
    alloy_rlp::Header {
        list: true,
        payload_length: nested.len(),
    }
    .encode(&mut list);
    let error = refused(source(NUMBER), [list, nested].concat());
    assert_eq!(error, EthereumError::Rlp);
}
