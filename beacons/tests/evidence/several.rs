//! Several values together: order and type are bound, and a plan takes what it announced.

use nascent_beacons::{Network, establish, parse_source};
use nascent_verifier::digest::{keccak256, to_scalar};
use nascent_verifier::encoding::scalar_to_bytes;
use nascent_verifier::{
    Announcement, Beacon, BeaconError, BeaconSource, BeaconValue, Format, poseidon2,
};

fn drand() -> BeaconValue {
    let signature = "b75c69d0b72a5d906e854e808ba7e2accb1542ac355ae486d591aa9d43765482\
                     e26cd02df835d3546d23c4b13e0dfc92";
    let source = parse_source("drand:network=quicknet,round=123").unwrap();
    establish(source, hex::decode(signature).unwrap())
        .unwrap()
        .0
}

fn vrf() -> BeaconValue {
    let key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    let proof = "8657106690b5526245a92b003bb079ccd1a92130477671f6fc01ad16f26f723f26f8a57ccaed74ee1\
                 b190bed1f479d9727d2d0f9b005a6e456a35d4fb0daab1268a1b0db10836d9826a528ca76567805";
    let source = parse_source(&format!("vrf:key={key},alpha=")).unwrap();
    establish(source, hex::decode(proof).unwrap()).unwrap().0
}

fn words(text: &str) -> BeaconValue {
    BeaconValue {
        source: BeaconSource::Words(text.into()),
        value: vec![1, 2, 3],
        evidence: Vec::new(),
    }
}

fn together(values: &[BeaconValue]) -> Beacon {
    Beacon::from(values.to_vec())
}

/// Spelled out once more, from the book.
#[test]
fn the_digest_is_the_one_of_the_book() {
    let value = drand();
    let mut one = keccak256(&[b"nascent beacon v1"]).to_vec();
    one.push(1);
    one.extend(Network::Quicknet.chain_hash());
    one.extend(123_u64.to_be_bytes());
    one.extend(&value.value);
    let one = keccak256(&[&one]);
    assert_eq!(value.digest(), one);
    assert_eq!(Beacon::from(vec![value.clone()]).digest(), one);

    let mut raw = keccak256(&[b"nascent beacon v1"]).to_vec();
    raw.extend([0, 1, 2, 3]);
    let raw = keccak256(&[&raw]);
    assert_eq!(Beacon::Raw(vec![1, 2, 3]).digest(), raw);

    let mut tag = [0; 32];
    tag[18..].copy_from_slice(b"nascent/bcn/v1");
    let inputs = [2_u64.into(), to_scalar(&one), to_scalar(&raw)];
    let mut several = scalar_to_bytes(&poseidon2::hash(to_scalar(&tag), &inputs));
    several.reverse();
    let both = together(&[value, words("w")]);
    assert_eq!(both.digest(), several);
    assert_eq!(to_scalar(&several), both.scalar());
}

#[test]
fn order_number_and_kind_count() {
    let (a, b) = (drand(), vrf());
    let mut other_round = a.clone();
    if let BeaconSource::Drand { round, .. } = &mut other_round.source {
        *round += 1;
    }
    // The same 32 bytes as another kind of value.
    let other_kind = BeaconValue {
        source: BeaconSource::Ethereum {
            chain: 1,
            number: 123,
        },
        ..a.clone()
    };
    let as_words = BeaconValue {
        source: BeaconSource::Words("w".into()),
        evidence: Vec::new(),
        ..a.clone()
    };
    let list = |values: &[&BeaconValue]| {
        let values: Vec<_> = values.iter().map(|value| (*value).clone()).collect();
        together(&values).digest()
    };
    let digests = [
        list(&[&a]),
        list(&[&b]),
        list(&[&a, &b]),
        list(&[&b, &a]),
        list(&[&a, &a]),
        list(&[&a, &b, &b]),
        list(&[&other_round]),
        list(&[&other_kind]),
        list(&[&as_words]),
        list(&[&other_round, &b]),
        list(&[&other_kind, &b]),
        list(&[&as_words, &b]),
    ];
    for (i, one) in digests.iter().enumerate() {
        assert!(!digests[i + 1..].contains(one), "{i}");
    }
    // Evidence is not part of it: two headers chains may show one value.
    let mut other = a.clone();
    other.evidence.push(0);
    assert_eq!(list(&[&other]), list(&[&a]));
}

#[test]
fn a_plan_takes_what_it_announced() {
    let (a, b) = (drand(), vrf());
    let plan = |values: &[&BeaconValue]| -> Announcement {
        let sources: Vec<_> = values.iter().map(|value| value.source.clone()).collect();
        sources.into()
    };
    let both = plan(&[&a, &b]);
    assert_eq!(both.check(&together(&[a.clone(), b.clone()])), Ok(()));
    let other = |position| move |error: &BeaconError| matches!(error, BeaconError::OtherSource { position: at, .. } if *at == position);
    let refused =
        |plan: &Announcement, values: &[BeaconValue]| plan.check(&together(values)).unwrap_err();
    let swapped = refused(&both, &[b.clone(), a.clone()]);
    assert!(other(0)(&swapped), "{swapped}");
    let twice = refused(&both, &[a.clone(), a.clone()]);
    assert!(other(1)(&twice), "{twice}");
    let count = |expected, got| BeaconError::ValueCount { expected, got };
    assert_eq!(refused(&both, std::slice::from_ref(&a)), count(2, 1));
    let three = [a.clone(), b.clone(), b.clone()];
    assert_eq!(refused(&both, &three), count(2, 3));
    // A raw value in place of a listed one, and the other way round.
    let raw = both.check(&Beacon::Raw(a.value.clone())).unwrap_err();
    assert!(other(0)(&raw), "{raw}");
    let in_words: Announcement = "round 123 of quicknet".into();
    assert!(other(0)(&refused(&in_words, std::slice::from_ref(&a))));
    assert_eq!(in_words.check(&Beacon::Raw(vec![1])), Ok(()));
    // Words beside others are compared as words.
    let mixed = plan(&[&a, &words("w")]);
    assert_eq!(mixed.check(&together(&[a.clone(), words("w")])), Ok(()));
    assert!(other(1)(&refused(&mixed, &[a.clone(), words("v")])));
    // The anchor, the target and the rest of a source count too.
    let mut later = a.clone();
    if let BeaconSource::Drand { round, .. } = &mut later.source {
        *round += 1;
    }
    assert!(other(0)(&refused(&plan(&[&a]), &[later])));
}

#[test]
fn a_value_has_one_file() {
    let value = drand();
    let bytes = value.encode().unwrap();
    assert_eq!(BeaconValue::decode(&bytes), Ok(value.clone()));
    for length in 0..bytes.len() {
        assert!(BeaconValue::decode(&bytes[..length]).is_err());
    }
    assert!(BeaconValue::decode(&[bytes, vec![0]].concat()).is_err());
    let with_evidence = BeaconValue {
        evidence: vec![1],
        ..words("w")
    };
    assert!(with_evidence.encode().is_err());
    let wrong_length = BeaconValue {
        value: vec![0; 33],
        ..value
    };
    assert!(wrong_length.encode().is_err());
    // One raw value has one form.
    let alone = Beacon::Sources(vec![words("w")]);
    assert_eq!(alone.validate(), Err(BeaconError::SecondForm));
    assert_eq!(together(&[words("w")]), Beacon::Raw(vec![1, 2, 3]));
    let many = vec![drand(); 9];
    assert!(Beacon::Sources(many).validate().is_err());
}
