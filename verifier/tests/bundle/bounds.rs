//! Bounds of beacons, from both sides, and what of a bundle is held against its keys and its SRS.

use nascent_verifier::beacon::{MAX_ALPHA, MAX_BEACON, MAX_EVIDENCE, MAX_HEADERS};
use nascent_verifier::{
    Announcement, Beacon, BeaconError, BeaconSource, BeaconValue, Digest32, Format, InitBundle,
    Srs, VerifyError, VerifyingKey, verify_init,
};

fn words(length: usize) -> BeaconSource {
    BeaconSource::Words("w".repeat(length))
}

fn bitcoin(height: u64, confirmations: u16) -> BeaconSource {
    BeaconSource::Bitcoin {
        anchor_height: 100,
        anchor: [1; 32],
        height,
        confirmations,
        bits: 0x1703_4219,
    }
}

fn vrf(alpha: usize) -> BeaconSource {
    BeaconSource::Vrf {
        key: [2; 32],
        alpha: vec![3; alpha],
    }
}

fn drand(round: u64) -> BeaconSource {
    BeaconSource::Drand {
        chain: [4; 32],
        round,
    }
}

#[test]
fn sources_are_bounded_from_both_sides() {
    for good in [
        words(1),
        words(MAX_BEACON),
        drand(1),
        bitcoin(101, 1),
        bitcoin(101, MAX_HEADERS as u16),
        bitcoin(100 + MAX_HEADERS, 1),
        vrf(0),
        vrf(MAX_ALPHA),
    ] {
        assert_eq!(good.validate(), Ok(()), "{good}");
        assert_eq!(Announcement::from(vec![good]).validate(), Ok(()));
    }
    for bad in [
        words(0),
        words(MAX_BEACON + 1),
        BeaconSource::Words("two\nlines".to_owned()),
        drand(0),
        bitcoin(100, 1),
        bitcoin(99, 1),
        bitcoin(101, 0),
        bitcoin(101, MAX_HEADERS as u16 + 1),
        bitcoin(101 + MAX_HEADERS, 1),
        vrf(MAX_ALPHA + 1),
    ] {
        assert!(bad.validate().is_err(), "{bad}");
        assert!(Announcement::from(vec![bad]).validate().is_err());
    }
}

#[test]
fn values_are_bounded_from_both_sides() {
    let value = |source: BeaconSource, value: usize, evidence: usize| BeaconValue {
        source,
        value: vec![5; value],
        evidence: vec![6; evidence],
    };
    for good in [
        value(drand(1), 32, 0),
        value(drand(1), 32, MAX_EVIDENCE),
        value(vrf(1), 64, 1),
        value(words(1), 1, 0),
        value(words(1), MAX_BEACON, 0),
    ] {
        assert_eq!(good.validate(), Ok(()));
    }
    for bad in [
        value(drand(0), 32, 0),
        value(drand(1), 31, 0),
        value(drand(1), 33, 0),
        value(drand(1), 32, MAX_EVIDENCE + 1),
        value(vrf(1), 63, 1),
        value(words(1), 0, 0),
        value(words(1), MAX_BEACON + 1, 0),
        value(words(1), 1, 1),
    ] {
        assert!(bad.validate().is_err(), "{}", bad.source);
        let beacon = Beacon::Sources(vec![bad, value(drand(1), 32, 0)]);
        assert!(beacon.validate().is_err());
    }
    for (length, good) in [
        (0, false),
        (1, true),
        (MAX_BEACON, true),
        (MAX_BEACON + 1, false),
    ] {
        assert_eq!(
            Beacon::Raw(vec![7; length]).validate().is_ok(),
            good,
            "{length}"
        );
    }
    let several = |count: usize| Beacon::Sources(vec![value(drand(1), 32, 0); count]);
    for (count, good) in [(0, false), (1, true), (8, true), (9, false)] {
        assert_eq!(several(count).validate().is_ok(), good, "{count}");
    }
}

#[test]
fn an_announcement_takes_its_own_values_only() {
    let value = |round| BeaconValue {
        source: drand(round),
        value: vec![5; 32],
        evidence: Vec::new(),
    };
    let plan = Announcement::from(vec![drand(1), drand(2)]);
    let check = |values: Vec<BeaconValue>| plan.check(&Beacon::Sources(values));
    assert_eq!(check(vec![value(1), value(2)]), Ok(()));
    let other = |result| matches!(result, Err(BeaconError::OtherSource { .. }));
    assert!(other(check(vec![value(2), value(1)])));
    assert!(other(check(vec![value(1), value(3)])));
    let number = |result| matches!(result, Err(BeaconError::ValueCount { .. }));
    assert!(number(check(vec![value(1)])));
    assert!(number(check(vec![value(1), value(2), value(3)])));
    let mut short = value(2);
    short.value.pop();
    assert!(matches!(
        check(vec![value(1), short]),
        Err(BeaconError::Value { .. })
    ));
    assert!(other(plan.check(&Beacon::Raw(vec![1]))));
    let words = Announcement::from("dice");
    assert_eq!(words.check(&Beacon::Raw(vec![1])), Ok(()));
    assert!(words.check(&Beacon::Sources(vec![value(1)])).is_err());
    assert_eq!(plan.to_string().matches("; then ").count(), 1);
    assert!(plan.to_string().starts_with("round 1 of"), "{plan}");
    assert!(plan.to_string().contains("; then round 2 of"), "{plan}");
    assert!(
        bitcoin(101, 3)
            .to_string()
            .contains("101, with 3 confirmations")
    );
}

#[test]
fn keys_and_srs_are_the_bundles() {
    let bundle = InitBundle::decode(include_bytes!("../fixtures/toy.init")).unwrap();
    let keys = [
        &include_bytes!("../fixtures/uniform.vk")[..],
        include_bytes!("../fixtures/normal.vk"),
    ];
    let keys = keys.map(|bytes| VerifyingKey::decode(bytes).unwrap());
    let srs = Srs::decode(include_bytes!("../fixtures/development.srs")).unwrap();
    let verify = |change: &dyn Fn(&mut InitBundle)| {
        let mut changed = bundle.clone();
        change(&mut changed);
        let find = |digest: &Digest32| keys.iter().find(|vk| vk.digest() == digest);
        verify_init(&changed, find, &srs)
    };
    assert!(verify(&|_| ()).is_ok());
    let refused = |change: &dyn Fn(&mut InitBundle)| verify(change).expect_err("refused");
    let error = refused(&|of| of.srs_digest[0] ^= 1);
    assert!(matches!(error, VerifyError::Srs { .. }), "{error}");
    let error = refused(&|of| of.streams[0].vk_digest = of.streams[1].vk_digest);
    let shape = |error: &VerifyError, of: &str| matches!(error, VerifyError::KeyShape { what, .. } if *what == of);
    assert!(shape(&error, "distribution"), "{error}");
    let error = refused(&|of| of.streams[0].k += 1);
    assert!(shape(&error, "size"), "{error}");
    let error = refused(&|of| of.streams[0].vk_digest[0] ^= 1);
    assert!(matches!(error, VerifyError::MissingKey { .. }), "{error}");
    let error = refused(&|of| of.plan.model.streams[1].precision.fraction_bits -= 1);
    assert!(shape(&error, "precision"), "{error}");
    let error = refused(&|of| of.streams.truncate(1));
    assert!(matches!(error, VerifyError::Bundle(_)), "{error}");
    // Another tile than there are, one twice, one that is missing.
    let last = bundle.tiles.len() - 1;
    let error = refused(&|of| of.tiles[last].index += 1);
    assert!(
        matches!(error, VerifyError::UnexpectedTile { .. }),
        "{error}"
    );
    let error = refused(&|of| of.tiles[last].stream = 9);
    assert!(
        matches!(error, VerifyError::UnexpectedTile { .. }),
        "{error}"
    );
    let error = refused(&|of| {
        let again = of.tiles[last].clone();
        of.tiles.push(again);
    });
    assert!(
        matches!(error, VerifyError::DuplicateTile { .. }),
        "{error}"
    );
    let error = refused(&|of| drop(of.tiles.pop()));
    assert!(matches!(error, VerifyError::MissingTile { .. }), "{error}");
}
