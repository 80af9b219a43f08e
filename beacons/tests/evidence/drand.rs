//! Recorded rounds of the public networks, and everything that is not one.
//!
//! The rounds are those that `drand-verify` tests itself with, as the networks' API gave them.
//! Each is also checked by `blst`, an implementation that shares nothing with it.

use nascent_beacons::{DrandError, EvidenceError, Finding, Network, check, establish};
use nascent_verifier::{BeaconSource, BeaconValue};
use sha2::{Digest, Sha256};

struct Round {
    network: Network,
    round: u64,
    signature: &'static str,
    previous: &'static str,
}

const ROUNDS: [Round; 2] = [
    Round {
        network: Network::Default,
        round: 72785,
        signature: "82f5d3d2de4db19d40a6980e8aa37842a0e55d1df06bd68bddc8d60002e8e959eb9cfa368b3c1b77d18f02a54fe047b80f0989315f83b12a74fd8679c4f12aae86eaf6ab5690b34f1fddd50ee3cc6f6cdf59e95526d5a5d82aaa84fa6f181e42",
        previous: "a609e19a03c2fcc559e8dae14900aaefe517cb55c840f6e69bc8e4f66c8d18e8a609685d9917efbfb0c37f058c2de88f13d297c7e19e0ab24813079efe57a182554ff054c7638153f9b26a60e7111f71a0ff63d9571704905d3ca6df0b031747",
    },
    Round {
        network: Network::Quicknet,
        round: 123,
        signature: "b75c69d0b72a5d906e854e808ba7e2accb1542ac355ae486d591aa9d43765482e26cd02df835d3546d23c4b13e0dfc92",
        previous: "",
    },
];

fn source(round: &Round) -> BeaconSource {
    BeaconSource::Drand {
        chain: round.network.chain_hash(),
        round: round.round,
    }
}

fn evidence(round: &Round) -> Vec<u8> {
    hex::decode(format!("{}{}", round.signature, round.previous)).unwrap()
}

fn refused(source: BeaconSource, evidence: Vec<u8>) -> DrandError {
    match establish(source, evidence) {
        Err(EvidenceError::Drand(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn recorded_rounds_hold() {
    for round in &ROUNDS {
        let (value, finding) = establish(source(round), evidence(round)).unwrap();
        let signature = hex::decode(round.signature).unwrap();
        assert_eq!(value.value, Sha256::digest(&signature).to_vec());
        let published = round.network.time_of(round.round);
        let expected = Finding::Drand {
            network: round.network,
            round: round.round,
            published,
        };
        assert_eq!(finding, expected);
        assert!(finding.is_established());
        assert_eq!(check(&value), Ok(finding));
    }
}

/// BLS verification by `blst`, with drand's messages and domains.
fn blst_accepts(round: &Round, message_round: u64, signature: &[u8]) -> bool {
    let mut message = Sha256::new();
    message.update(hex::decode(round.previous).unwrap());
    message.update(message_round.to_be_bytes());
    let message = message.finalize();
    let key = hex::decode(KEYS[usize::from(round.network == Network::Quicknet)]).unwrap();
    let result = match round.network {
        Network::Default => {
            use blst::min_pk::{PublicKey, Signature};
            let domain = b"BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_NUL_";
            let key = PublicKey::key_validate(&key).unwrap();
            Signature::sig_validate(signature, true)
                .map(|signature| signature.verify(false, &message, domain, &[], &key, false))
        }
        Network::Quicknet => {
            use blst::min_sig::{PublicKey, Signature};
            let domain = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_";
            let key = PublicKey::key_validate(&key).unwrap();
            Signature::sig_validate(signature, true)
                .map(|signature| signature.verify(false, &message, domain, &[], &key, false))
        }
    };
    result == Ok(blst::BLST_ERROR::BLST_SUCCESS)
}

/// Public keys as the networks publish them: `default`, `quicknet`.
const KEYS: [&str; 2] = [
    "868f005eb8e6e4ca0a47c8a77ceaa5309a47978a7c71bc5cce96366b5d7a569937c529eeda66c7293784a9402801af31",
    "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a",
];

#[test]
fn blst_agrees() {
    for round in &ROUNDS {
        let signature = hex::decode(round.signature).unwrap();
        assert!(blst_accepts(round, round.round, &signature));
        assert!(!blst_accepts(round, round.round + 1, &signature));
        // Changed signatures, those that are points and those that are none.
        for place in [0, 1, signature.len() / 2, signature.len() - 1] {
            for bit in 0..8 {
                let mut changed = evidence(round);
                changed[place] ^= 1 << bit;
                let ours = establish(source(round), changed.clone()).is_ok();
                assert_eq!(
                    ours,
                    blst_accepts(round, round.round, &changed[..signature.len()])
                );
                assert!(!ours, "byte {place}, bit {bit}");
            }
        }
    }
}

#[test]
fn another_round() {
    for round in &ROUNDS {
        for other in [1, round.round - 1, round.round + 1, u64::MAX] {
            let mut source = source(round);
            if let BeaconSource::Drand { round, .. } = &mut source {
                *round = other;
            }
            let error = refused(source, evidence(round));
            assert!(matches!(
                error,
                DrandError::Signature | DrandError::Length { .. }
            ));
        }
    }
}

#[test]
fn another_chain() {
    for round in &ROUNDS {
        for network in Network::ALL {
            if network == round.network {
                continue;
            }
            let source = BeaconSource::Drand {
                chain: network.chain_hash(),
                round: round.round,
            };
            let error = refused(source, evidence(round));
            assert!(matches!(error, DrandError::Length { .. }));
        }
        let source = BeaconSource::Drand {
            chain: [1; 32],
            round: round.round,
        };
        let error = refused(source, evidence(round));
        assert!(matches!(error, DrandError::Network { .. }));
    }
}

/// The negated signature, the point at infinity, a point outside the group, another encoding.
#[test]
fn forged_and_malleable_signatures() {
    for round in &ROUNDS {
        let length = round.signature.len() / 2;
        let mut negated = evidence(round);
        negated[0] ^= 0x20;
        assert_eq!(refused(source(round), negated), DrandError::Signature);
        let mut infinity = evidence(round);
        infinity[..length].fill(0);
        infinity[0] = 0xc0;
        let error = refused(source(round), infinity);
        assert_eq!(error, DrandError::Signature);
        // x = 4 is on the curve in G1, and not in the group; in G2 (x = (0, 2)) likewise.
        let mut outside = evidence(round);
        outside[..length].fill(0);
        outside[0] = 0x80;
        outside[length - 1] = if length == 48 { 4 } else { 2 };
        assert_eq!(refused(source(round), outside), DrandError::Point);
        // x + p where it fits: a second spelling of the coordinate.
        let mut uncompressed = evidence(round);
        uncompressed[0] &= 0x7f;
        assert_eq!(refused(source(round), uncompressed), DrandError::Point);
    }
}

#[test]
fn another_signature_before() {
    let round = &ROUNDS[0];
    assert_eq!(round.network, Network::Default);
    let mut changed = evidence(round);
    changed[150] ^= 1;
    assert_eq!(refused(source(round), changed), DrandError::Signature);
}

#[test]
fn truncated_or_with_more_behind() {
    for round in &ROUNDS {
        let whole = evidence(round);
        for length in [0, 1, 47, 48, 95, 96, whole.len() - 1] {
            if length < whole.len() {
                let error = refused(source(round), whole[..length].to_vec());
                assert!(matches!(error, DrandError::Length { .. }));
            }
        }
        let error = refused(source(round), [whole, vec![0]].concat());
        assert!(matches!(error, DrandError::Length { .. }));
    }
}

/// Honest evidence with a value of the publisher's choice.
#[test]
fn another_value() {
    let round = &ROUNDS[1];
    let (value, _) = establish(source(round), evidence(round)).unwrap();
    for place in 0..32 {
        let mut changed = value.clone();
        changed.value[place] ^= 1;
        assert_eq!(check(&changed), Err(EvidenceError::OtherValue));
    }
    let short = BeaconValue {
        value: value.value[..31].to_vec(),
        ..value
    };
    assert!(matches!(check(&short), Err(EvidenceError::Format(_))));
}
