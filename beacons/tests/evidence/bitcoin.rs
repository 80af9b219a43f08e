//! Real headers of the main chain, and chains that are not what a plan asks for.
//!
//! Headers 1 to 3 follow the genesis block, whose hash comes from the crate `bitcoin`; that they
//! are the chain's is what their links and their work show, checked here and by that crate.

use bitcoin::block::Header;
use bitcoin::consensus::deserialize;
use bitcoin::hashes::Hash;
use bitcoin::{Network, blockdata::constants::genesis_block};
use nascent_beacons::{BitcoinError, EvidenceError, Finding, condition, establish};
use nascent_verifier::BeaconSource;

const HEADERS: [&str; 3] = [
    "010000006fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000\
     982051fd1e4ba744bbbe680e1fee14677ba1a3c3540bf7b1cdb606e857233e0e61bc6649ffff001d01e36299",
    "010000004860eb18bf1b1620e37e9490fc8a427514416fd75159ab86688e9a8300000000\
     d5fdcc541e25de1c7a5addedf24858b8bb665c9f36ef744ee42c316022c90f9bb0bc6649ffff001d08d2bd61",
    "01000000bddd99ccfda39da1b108ce1a5d70038d0a967bacb68b6b63065f626a00000000\
     44f672226090d85db9a9f2fbfe5f0f9609b387af7be5b7fbb7a1767c831c9e995dbe6649ffff001d05e0ed6d",
];

const EASIEST: u32 = 0x1d00_ffff;

fn headers() -> Vec<u8> {
    hex::decode(HEADERS.concat()).unwrap()
}

fn genesis() -> [u8; 32] {
    genesis_block(Network::Bitcoin).block_hash().to_byte_array()
}

fn source(height: u64, confirmations: u16, bits: u32) -> BeaconSource {
    BeaconSource::Bitcoin {
        anchor_height: 0,
        anchor: genesis(),
        height,
        confirmations,
        bits,
    }
}

fn refused(source: BeaconSource, evidence: Vec<u8>) -> BitcoinError {
    match establish(source, evidence) {
        Err(EvidenceError::Bitcoin(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn real_headers_hold() {
    for (height, confirmations) in [(1, 3), (2, 2), (3, 1)] {
        let source = source(height, confirmations, EASIEST);
        let (value, finding) = establish(source, headers()).unwrap();
        let at = (height as usize - 1) * 80;
        let header: Header = deserialize(&headers()[at..at + 80]).unwrap();
        assert_eq!(value.value, header.block_hash().to_byte_array());
        let displayed = hex::encode(finding.block_hash().unwrap());
        assert_eq!(displayed, header.block_hash().to_string());
        let Finding::Bitcoin {
            work_bits, time, ..
        } = &finding
        else {
            panic!("another kind");
        };
        assert_eq!(*time, u64::from(header.time));
        // 2^32 and a little for each header.
        let expected = 32.0 + f64::from(confirmations).log2();
        assert!((work_bits - expected).abs() < 1e-3, "{work_bits}");
        // A laptop's work: real, and below the floor.
        assert_eq!(finding.established_by(), None);
    }
}

/// Blocks 822,530 to 822,536 of the main chain; each takes `2^78.03` hashes.
const RECENT: [&str; 7] = [
    "0000002cea1ce261e182d4569a062d8907b9eff8d3fabd5b371c00000000000000000000\
     fe684bad1f19cfbc9c21e0b08726599c507d2bea652e82a464f0304daba01f86e67b8665b3e8031755e9ba82",
    "0040f92d72066085e4c705170b1998d418b1c442b105070635c303000000000000000000\
     5e3a8e93d6fb8f9191328ea0798a002261dbbdb162e4e42c6b4e7517801fe434f77b8665b3e803176380152c",
    "00e0d8285fcbae254e28c51b3747af6451f70155bd43e074aa3e03000000000000000000\
     03ad22cad850ca3186cc9be428b483790acda5748783c966da3ede658cdbbeda48808665b3e80317719c4e96",
    "00400020153a9a23ef1a7a4363b78ba08056befe253461af4d0a00000000000000000000\
     c05ffe24810ab53e44863945ba2fd28cbdd1e00c30e242925025a85397fb99c4d0818665b3e8031754958631",
    "002001208516cb6a8539f27baade38af1a0ff771fc8986640c4f01000000000000000000\
     a9b36dde3cfef0924e72b078ba157676814624d4e6ce8f3c81b40facfa0a810914828665b3e80317ce00b195",
    "00a04623e0001175ae7b16d8013a139f7906874120a734564d7100000000000000000000\
     1a4b675d1e706c773ecb49e25bcf3f2f60e204ccc26375652391bd9009f62a0b16838665b3e8031784540758",
    "0020c72de37f3b18435d802dcf8135195eab5752d6a0db90ceea01000000000000000000\
     16d8840ccb956d2391c92188841dee490aaf4964872c1ab0c44e7f55a6af5baf7b878665b3e803174c1f02c0",
];

/// The floor is on both: three real blocks are `2^79.6` hashes, four are `2^80.03`.
#[test]
fn the_floor_of_work() {
    let headers: Vec<u8> = hex::decode(RECENT.concat()).unwrap();
    let mut anchor = [0; 32];
    anchor.copy_from_slice(&headers[4..36]);
    let finding = |first: u64, confirmations: u16, bits: u32| {
        let source = BeaconSource::Bitcoin {
            anchor_height: 822_529,
            anchor,
            height: 822_529 + first,
            confirmations,
            bits,
        };
        let count = first as usize - 1 + usize::from(confirmations);
        establish(source, headers[..80 * count].to_vec()).unwrap().1
    };
    // Whatever the plan would have taken: what counts is what was done.
    for bits in [0x1703_e8b3, 0x207f_ffff] {
        for (first, confirmations, holds) in [
            (1, 1, false),
            (1, 3, false),
            (1, 4, true),
            (4, 3, false),
            (4, 4, true),
            (1, 7, true),
        ] {
            let finding = finding(first, confirmations, bits);
            assert_eq!(finding.is_established(), holds, "{first} {confirmations}");
            let open = finding.leaves_open()[0].contains("below the floor");
            assert_eq!(open, !holds);
        }
    }
    let Finding::Bitcoin { header_bits, .. } = finding(1, 7, 0x1703_e8b3) else {
        panic!("another kind");
    };
    assert!((header_bits - 78.033).abs() < 1e-3, "{header_bits}");
    // Many easy headers do not make up for a hard one, nor a few hard ones for an easy one.
    let with = |work_bits, header_bits| Finding::Bitcoin {
        height: 1,
        hash: [0; 32],
        time: 0,
        confirmations: 6,
        work_bits,
        header_bits,
    };
    assert!(with(80.0, 75.0).is_established());
    assert!(!with(90.0, 74.99).is_established());
    assert!(!with(79.99, 77.0).is_established());
    // A plan's target says the same before there are headers.
    let below = |bits| condition(&source(1, 6, bits)).is_some();
    assert!(!below(0x1703_e8b3) && !below(0x1720_0000));
    assert!(below(0x1720_0001) && below(0x1d00_ffff) && below(0x207f_ffff));
}

/// The crate `bitcoin` accepts the same headers, one by one.
#[test]
fn the_library_agrees() {
    let mut tip = genesis();
    for header in headers().chunks(80) {
        let header: Header = deserialize(header).unwrap();
        assert_eq!(header.prev_blockhash.to_byte_array(), tip);
        tip = header
            .validate_pow(header.target())
            .unwrap()
            .to_byte_array();
    }
    // And refuses the same changes of a header.
    for byte in 0..80 {
        let mut changed = headers()[..80].to_vec();
        changed[byte] ^= 1;
        let header: Header = deserialize(&changed).unwrap();
        let theirs = header.prev_blockhash.to_byte_array() == genesis()
            && header.validate_pow(header.target()).is_ok();
        let ours = establish(source(1, 1, EASIEST), changed).is_ok();
        assert_eq!(ours, theirs, "byte {byte}");
        assert!(!ours);
    }
}

#[test]
fn another_anchor_or_order() {
    let mut other = source(1, 3, EASIEST);
    if let BeaconSource::Bitcoin { anchor, .. } = &mut other {
        anchor[0] ^= 1;
    }
    let link = |position| BitcoinError::Link { position };
    assert_eq!(refused(other, headers()), link(0));
    let mut swapped = headers();
    let (first, second) = swapped.split_at_mut(80);
    first.swap_with_slice(&mut second[..80]);
    assert_eq!(refused(source(1, 3, EASIEST), swapped), link(0));
    let skipped = [&headers()[..80], &headers()[160..]].concat();
    assert_eq!(refused(source(1, 2, EASIEST), skipped), link(1));
    let twice = [&headers()[..80], &headers()[..80]].concat();
    assert_eq!(refused(source(1, 2, EASIEST), twice), link(1));
}

#[test]
fn truncated_or_with_more_behind() {
    let whole = headers();
    for length in [0, 1, 79, 80, 160, 239] {
        let error = refused(source(1, 3, EASIEST), whole[..length].to_vec());
        let expected = BitcoinError::Length {
            expected: 3,
            got: length,
        };
        assert_eq!(error, expected);
    }
    for more in [1, 80] {
        let evidence = [whole.clone(), vec![0; more]].concat();
        let error = refused(source(1, 3, EASIEST), evidence);
        assert!(matches!(error, BitcoinError::Length { .. }));
    }
    // Fewer confirmations than the plan asks for.
    let error = refused(source(3, 2, EASIEST), whole);
    assert!(matches!(error, BitcoinError::Length { .. }));
}

/// The publisher mines an own chain: headers with an easy target of their own, on the true anchor.
#[test]
fn too_little_work() {
    let easy = 0x207f_ffff_u32;
    let mut evidence = Vec::new();
    let mut tip = genesis();
    for _ in 0..2 {
        let mut header = headers()[..80].to_vec();
        header[4..36].copy_from_slice(&tip);
        header[72..76].copy_from_slice(&easy.to_le_bytes());
        let hash = loop {
            let parsed: Header = deserialize(&header).unwrap();
            if parsed.validate_pow(parsed.target()).is_ok() {
                break parsed.block_hash().to_byte_array();
            }
            header[76] = header[76].wrapping_add(1);
        };
        tip = hash;
        evidence.extend(header);
    }
    // Under a plan that takes such a target it holds, and shows nothing: the plan's maker chose it.
    let (_, finding) = establish(source(1, 2, easy), evidence.clone()).unwrap();
    assert_eq!(finding.established_by(), None);
    assert!(finding.leaves_open()[0].contains("below the floor"));
    let expected = BitcoinError::TooEasy {
        position: 0,
        limit: EASIEST,
        bits: easy,
    };
    assert_eq!(refused(source(1, 2, EASIEST), evidence.clone()), expected);
    // Real work, but for a plan that asks for more.
    let error = refused(source(1, 3, 0x1d00_fffe), headers());
    assert!(matches!(error, BitcoinError::TooEasy { position: 0, .. }));
    // A hard target without the work, in each place.
    for position in 0..2 {
        let mut claimed = evidence.clone();
        let at = position * 80;
        claimed[at + 72..at + 76].copy_from_slice(&0x1700_ffff_u32.to_le_bytes());
        let error = refused(source(1, 2, easy), claimed);
        let position = position as u64;
        assert_eq!(error, BitcoinError::Work { position });
    }
    // Targets that are none: zero, negative, too large.
    for bits in [0_u32, 0x0480_0001, 0xff12_3456] {
        let mut claimed = evidence.clone();
        claimed[72..76].copy_from_slice(&bits.to_le_bytes());
        let error = refused(source(1, 2, easy), claimed);
        assert_eq!(error, BitcoinError::Target { position: 0, bits });
    }
}
