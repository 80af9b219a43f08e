//! RFC 9381, appendix B.3: ECVRF-EDWARDS25519-SHA512-TAI, and what is not an output.

use nascent_beacons::{EvidenceError, Finding, VrfError, establish};
use nascent_verifier::BeaconSource;

/// Examples 16, 17 and 18: public key, alpha, pi, beta.
const EXAMPLES: [[&str; 4]; 3] = [
    [
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "8657106690b5526245a92b003bb079ccd1a92130477671f6fc01ad16f26f723f26f8a57ccaed74ee1b190bed1f479d9727d2d0f9b005a6e456a35d4fb0daab1268a1b0db10836d9826a528ca76567805",
        "90cf1df3b703cce59e2a35b925d411164068269d7b2d29f3301c03dd757876ff66b71dda49d2de59d03450451af026798e8f81cd2e333de5cdf4f3e140fdd8ae",
    ],
    [
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "f3141cd382dc42909d19ec5110469e4feae18300e94f304590abdced48aed5933bf0864a62558b3ed7f2fea45c92a465301b3bbf5e3e54ddf2d935be3b67926da3ef39226bbc355bdc9850112c8f4b02",
        "eb4440665d3891d668e7e0fcaf587f1b4bd7fbfe99d0eb2211ccec90496310eb5e33821bc613efb94db5e5b54c70a848a0bef4553a41befc57663b56373a5031",
    ],
    [
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "9bc0f79119cc5604bf02d23b4caede71393cedfbb191434dd016d30177ccbf8096bb474e53895c362d8628ee9f9ea3c0e52c7a5c691b6c18c9979866568add7a2d41b00b05081ed0f58ee5e31b3a970e",
        "645427e5d00c62a23fb703732fa5d892940935942101e456ecca7bb217c61c452118fec1219202a0edcf038bb6373241578be7217ba85a2687f7a0310b2df19f",
    ],
];

fn example(index: usize) -> (BeaconSource, Vec<u8>, Vec<u8>) {
    let [key, alpha, proof, output] = EXAMPLES[index].map(|digits| hex::decode(digits).unwrap());
    let source = BeaconSource::Vrf {
        key: key.try_into().unwrap(),
        alpha,
    };
    (source, proof, output)
}

fn refused(source: BeaconSource, proof: Vec<u8>) -> VrfError {
    match establish(source, proof) {
        Err(EvidenceError::Vrf(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_examples_of_the_standard_hold() {
    for index in 0..EXAMPLES.len() {
        let (source, proof, output) = example(index);
        let (value, finding) = establish(source, proof).unwrap();
        assert_eq!(value.value, output);
        assert_eq!(finding, Finding::Vrf);
        // Whose key it is, the proof does not say.
        assert_eq!(finding.established_by(), None);
    }
}

#[test]
fn another_key_or_input() {
    let (source, proof, _) = example(0);
    let BeaconSource::Vrf { key, alpha } = source else {
        panic!("another kind");
    };
    let other = BeaconSource::Vrf {
        key,
        alpha: [alpha.clone(), vec![0]].concat(),
    };
    assert_eq!(refused(other, proof.clone()), VrfError::Proof);
    let BeaconSource::Vrf { key, .. } = example(1).0 else {
        panic!("another kind");
    };
    let other = BeaconSource::Vrf { key, alpha };
    assert_eq!(refused(other, proof), VrfError::Proof);
}

#[test]
fn every_byte_counts() {
    for index in 0..EXAMPLES.len() {
        let (source, proof, _) = example(index);
        for place in 0..proof.len() {
            let mut changed = proof.clone();
            changed[place] ^= 1;
            refused(source.clone(), changed);
        }
        for length in [0, 79] {
            let short = proof[..length].to_vec();
            assert!(matches!(
                refused(source.clone(), short),
                VrfError::Length { .. }
            ));
        }
        let long = [proof, vec![0]].concat();
        assert!(matches!(refused(source, long), VrfError::Length { .. }));
    }
}

/// `s + q` for `s`: the same proof in another spelling.
#[test]
fn malleable_scalar() {
    let order = hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let (source, mut proof, _) = example(0);
    let mut carry = 0_u16;
    for (byte, add) in proof[48..].iter_mut().zip(order.unwrap()) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
    refused(source, proof);
}

/// Keys of small order have one output for everybody, and points that are none.
#[test]
fn keys_that_are_none() {
    let (_, proof, _) = example(0);
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut order_two = [0xff; 32];
    order_two[0] = 0xec;
    order_two[31] = 0x7f;
    let mut not_on_the_curve = [0; 32];
    not_on_the_curve[0] = 2;
    // The identity with p added to its coordinate.
    let mut spelling = [0xff; 32];
    spelling[0] = 0xee;
    spelling[31] = 0x7f;
    for key in [[0; 32], identity, order_two, not_on_the_curve, spelling] {
        let source = BeaconSource::Vrf {
            key,
            alpha: Vec::new(),
        };
        assert_eq!(refused(source, proof.clone()), VrfError::Key);
    }
}
