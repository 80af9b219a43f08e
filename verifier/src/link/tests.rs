//! Links made by a second implementation, over arkworks alone and with a known `tau`.

use super::weights::ProvedWeights;
use super::*;
use crate::codec::{Format, FormatError};
use crate::digest::{keccak256, to_scalar};
use crate::encoding::{EncodingError, point_to_bytes, scalar_to_bytes};
use crate::srs::{DEVELOPMENT_TEXT, Srs};
use alloc::vec;
use ark_bn254::{Fq, Fq2, G2Affine};
use ark_ff::{BigInteger, PrimeField};
use std::format;

extern crate std;

const K: u8 = 5;
const ROWS: usize = 1 << K;
const TAIL_ROWS: usize = 4;

fn scalar(label: &str, index: usize) -> Fr {
    to_scalar(&keccak256(&[label.as_bytes(), &index.to_be_bytes()]))
}

fn multiple(scalar: Fr) -> G1Affine {
    (G1Affine::generator() * scalar).into_affine()
}

/// An SRS whose `tau` is known.
struct Toy {
    tau: Fr,
    srs: Srs,
}

impl Toy {
    fn development() -> Self {
        Self {
            tau: to_scalar(&keccak256(&[DEVELOPMENT_TEXT.as_bytes()])),
            srs: Srs::development().unwrap(),
        }
    }

    fn other() -> Self {
        let tau = Fr::from(77_u64);
        let point = (G2Affine::generator() * tau).into_affine();
        let (x, y): (Fq2, Fq2) = point.xy().unwrap();
        let mut bytes = [0; 128];
        for (word, value) in bytes.chunks_mut(32).zip([x.c0, x.c1, y.c0, y.c1]) {
            let value: Fq = value;
            word.copy_from_slice(&crate::encoding::le_bytes(value.into_bigint()));
        }
        let srs = Srs::from_uncompressed(&bytes).unwrap();
        Self { tau, srs }
    }

    /// `l_row(at)` for a domain of `2^k` rows.
    fn lagrange(k: u8, row: usize, at: Fr) -> Fr {
        // 7 generates the field's units.
        let mut exponent = (-Fr::ONE).into_bigint();
        for _ in 0..k {
            exponent.div2();
        }
        let root = Fr::from(7_u64).pow(exponent).pow([row as u64]);
        let rows = Fr::from(1_u64 << k);
        root * (at.pow([1_u64 << k]) - Fr::ONE) / (rows * (at - root))
    }

    fn commit(&self, column: &[Fr]) -> G1Affine {
        let terms = column.iter().enumerate();
        multiple(
            terms
                .map(|(row, x)| *x * Self::lagrange(K, row, self.tau))
                .sum(),
        )
    }

    fn commit_all(&self, columns: &[Vec<Fr>]) -> Vec<G1Affine> {
        columns.iter().map(|column| self.commit(column)).collect()
    }

    /// Points of the given rows with a true opening for what they are.
    fn points_of_rows(&self, k: u8, rows: &[usize]) -> TailPoints {
        let of_row = |&row: &usize| multiple(Self::lagrange(k, row, self.tau));
        let points: Vec<G1Affine> = rows.iter().map(of_row).collect();
        let [mu, x] = certificate_challenges(&self.srs.digest(), k, &points);
        let at = |at: Fr| -> Fr {
            let terms = rows.iter().enumerate();
            terms
                .map(|(j, &row)| mu.pow([j as u64]) * Self::lagrange(k, row, at))
                .sum()
        };
        let witness = multiple((at(self.tau) - at(x)) / (self.tau - x));
        TailPoints {
            k,
            points: points.iter().map(point_to_bytes).collect(),
            witness: point_to_bytes(&witness),
        }
    }

    fn tail(&self, k: u8) -> TailPoints {
        let rows: Vec<usize> = ((1 << k) - TAIL_ROWS..1 << k).collect();
        self.points_of_rows(k, &rows)
    }

    fn key(&self, k: u8) -> LinkKey {
        LinkKey::new(&self.tail(k), &self.srs).unwrap()
    }
}

/// Columns with these weights and fresh tails.
fn columns(count: usize, label: &str) -> Vec<Vec<Fr>> {
    let column = |c: usize| {
        let cell = |row: usize| {
            if row < ROWS - TAIL_ROWS {
                Fr::from((c * 31 + row * 7) as u64)
            } else {
                scalar(label, c * ROWS + row)
            }
        };
        (0..ROWS).map(cell).collect()
    };
    (0..count).map(column).collect()
}

/// An honest prover, who answers with what the columns hold on the tail.
fn link(key: &LinkKey, sides: [&Side<'_>; 2], columns: [&[Vec<Fr>]; 2]) -> Vec<u8> {
    let exchange = Exchange::new(key, sides[0], sides[1]).unwrap();
    let first = ROWS - TAIL_ROWS;
    let delta = |row: usize| -> Fr {
        let pairs = columns[0].iter().zip(columns[1]).enumerate();
        pairs
            .map(|(c, (a, b))| exchange.lambda().pow([c as u64]) * (a[row] - b[row]))
            .sum()
    };
    let nonces: Vec<Fr> = (0..TAIL_ROWS).map(|j| scalar("nonce", j)).collect();
    let points = key.points().iter().zip(&nonces);
    let nonce: G1Projective = points.map(|(point, nonce)| *point * nonce).sum();
    let nonce = nonce.into_affine();
    let challenge = exchange.challenge(&nonce);
    let mut bytes = point_to_bytes(&nonce).to_vec();
    for (j, nonce) in nonces.iter().enumerate() {
        bytes.extend(scalar_to_bytes(&(*nonce + challenge * delta(first + j))));
    }
    bytes
}

/// Two commitments to the same weights, and a link between them.
struct Case {
    toy: Toy,
    key: LinkKey,
    columns: [Vec<Vec<Fr>>; 2],
    points: [Vec<G1Affine>; 2],
    link: Vec<u8>,
}

const CONTEXTS: [Digest32; 2] = [[1; 32], [2; 32]];

impl Case {
    fn new(count: usize) -> Self {
        Self::of([columns(count, "a"), columns(count, "b")])
    }

    fn of(columns: [Vec<Vec<Fr>>; 2]) -> Self {
        let toy = Toy::development();
        let key = toy.key(K);
        let points = columns.each_ref().map(|columns| toy.commit_all(columns));
        let [a, b] = sides(&CONTEXTS, &points);
        let link = link(&key, [&a, &b], [&columns[0], &columns[1]]);
        Self {
            toy,
            key,
            columns,
            points,
            link,
        }
    }

    fn check(&self) -> Result<(), LinkError> {
        let [a, b] = sides(&CONTEXTS, &self.points);
        verify_link(&self.key, &a, &b, &self.link)
    }
}

fn sides<'a>(contexts: &[Digest32; 2], points: &'a [Vec<G1Affine>; 2]) -> [Side<'a>; 2] {
    [0, 1].map(|side| Side {
        context: contexts[side],
        points: &points[side],
    })
}

#[test]
fn honest_links_hold_whatever_the_number_of_columns() {
    for count in [1, 2, 15] {
        let case = Case::new(count);
        assert_eq!(case.check(), Ok(()), "{count} columns");
        assert_eq!(case.link.len(), 32 * (TAIL_ROWS + 1));
        assert_eq!(case.link.len(), link_len(&case.key));
    }
}

#[test]
fn a_weight_that_differs_is_refused_wherever_it_stands() {
    for column in 0..3 {
        for row in [0, 1, ROWS - TAIL_ROWS - 1] {
            let mut columns = [columns(3, "a"), columns(3, "b")];
            columns[1][column][row] += Fr::ONE;
            let case = Case::of(columns);
            assert_eq!(case.check(), Err(LinkError::Equation), "{column}, {row}");
        }
    }
    // On the tail a difference is what the link is about.
    let mut columns = [columns(3, "a"), columns(3, "b")];
    columns[1][2][ROWS - TAIL_ROWS] += Fr::ONE;
    assert_eq!(Case::of(columns).check(), Ok(()));
}

#[test]
fn differences_that_cancel_over_columns_are_refused() {
    let mut columns = [columns(3, "a"), columns(3, "b")];
    columns[1][0][5] += Fr::ONE;
    columns[1][1][5] -= Fr::ONE;
    assert_eq!(Case::of(columns).check(), Err(LinkError::Equation));
}

#[test]
fn columns_in_another_order_are_refused() {
    let mut columns = [columns(3, "a"), columns(3, "b")];
    columns[1].swap(0, 2);
    assert_eq!(Case::of(columns).check(), Err(LinkError::Equation));
}

#[test]
fn a_link_does_not_serve_other_statements() {
    let case = Case::new(3);
    let refused = |key: &LinkKey, a: &Side<'_>, b: &Side<'_>, what: &str| {
        let verdict = verify_link(key, a, b, &case.link);
        assert_eq!(verdict, Err(LinkError::Equation), "{what}");
    };
    let [a, b] = sides(&CONTEXTS, &case.points);
    refused(&case.key, &b, &a, "sides swapped");
    let [x, y] = sides(&[[3; 32], [2; 32]], &case.points);
    refused(&case.key, &x, &y, "another proof's context");
    let [x, y] = sides(&[[1; 32], [3; 32]], &case.points);
    refused(&case.key, &x, &y, "another commitment's context");
    // The same weights under other blinding: true, but another statement.
    let mut points = case.points.clone();
    points[1] = case.toy.commit_all(&columns(3, "c"));
    let [x, y] = sides(&CONTEXTS, &points);
    refused(&case.key, &x, &y, "another commitment to the same weights");
    refused(&case.toy.key(K + 1), &a, &b, "another size");
    refused(&Toy::other().key(K), &a, &b, "another SRS");
    // The same rows without the first: true, if the blinding were not there.
    let shorter = case.toy.points_of_rows(K, &[29, 30, 31]);
    let shorter = LinkKey::new(&shorter, &case.toy.srs).unwrap();
    let verdict = verify_link(&shorter, &a, &b, &case.link[..128]);
    assert_eq!(verdict, Err(LinkError::Equation));
}

#[test]
fn every_byte_counts() {
    let case = Case::new(2);
    let [a, b] = sides(&CONTEXTS, &case.points);
    for at in 0..case.link.len() {
        for bit in [0x01, 0x20, 0x40, 0x80] {
            let mut link = case.link.clone();
            link[at] ^= bit;
            verify_link(&case.key, &a, &b, &link).expect_err("a changed byte");
        }
    }
    for length in [0, 31, 32, 128, 159, 161, 192] {
        let mut link = case.link.clone();
        link.resize(length, 0);
        let verdict = verify_link(&case.key, &a, &b, &link);
        let (expected, got) = (160, length);
        assert_eq!(verdict, Err(LinkError::Length { expected, got }));
    }
}

#[test]
fn second_encodings_and_identities_are_refused() {
    let mut case = Case::new(2);
    let [a, b] = sides(&CONTEXTS, &case.points);
    let check = |link: &[u8]| verify_link(&case.key, &a, &b, link);
    // The same response plus the order.
    let mut link = case.link.clone();
    let mut response = scalar_from_bytes(&link[32..64].try_into().unwrap())
        .unwrap()
        .into_bigint();
    response.add_with_carry(&Fr::MODULUS);
    link[32..64].copy_from_slice(&crate::encoding::le_bytes(response));
    let source = EncodingError::NotCanonical;
    assert_eq!(check(&link), Err(LinkError::Word { word: 1, source }));
    let mut link = case.link.clone();
    link[..32].copy_from_slice(&point_to_bytes(&G1Affine::identity()));
    assert_eq!(check(&link), Err(LinkError::IdentityNonce));
    link[..32].fill(0);
    let source = EncodingError::NotOnCurve;
    assert_eq!(check(&link), Err(LinkError::Word { word: 0, source }));
    let short = Side {
        points: &case.points[0][..1],
        ..a
    };
    let verdict = verify_link(&case.key, &short, &b, &case.link);
    let (expected, got) = (1, 2);
    assert_eq!(verdict, Err(LinkError::Columns { expected, got }));
    case.points[1][1] = G1Affine::identity();
    assert_eq!(case.check(), Err(LinkError::Identity { column: 1 }));
    case.points = [Vec::new(), Vec::new()];
    assert!(matches!(
        case.check(),
        Err(LinkError::TooManyColumns { got: 0, .. })
    ));
}

#[test]
fn tails_are_certified() {
    let toy = Toy::development();
    let certified = |tail: &TailPoints| LinkKey::new(tail, &toy.srs);
    for k in [3, K, 9] {
        let key = certified(&toy.tail(k)).unwrap();
        assert_eq!(key.first_row(), (1 << k) - TAIL_ROWS as u64);
    }
    let good = toy.tail(K);
    let wrong = Err(LinkKeyError::Certificate);
    // True openings of true Lagrange points, of other rows.
    let rows = [
        [0, 1, 2, 3],
        [27, 28, 29, 30],
        [29, 28, 30, 31],
        [28, 28, 30, 31],
        [28, 29, 30, 0],
    ];
    for rows in rows {
        assert_eq!(certified(&toy.points_of_rows(K, &rows)), wrong, "{rows:?}");
    }
    let mut other_size = toy.tail(K + 1);
    other_size.k = K;
    assert_eq!(certified(&other_size), wrong);
    assert_eq!(certified(&Toy::other().tail(K)), wrong);
    for index in 0..TAIL_ROWS {
        let mut changed = good.clone();
        changed.points[index] = point_to_bytes(&multiple(Fr::from(9_u64)));
        assert_eq!(certified(&changed), wrong);
        changed.points[index] = [0; 32];
        assert!(matches!(
            certified(&changed),
            Err(LinkKeyError::Point { .. })
        ));
        changed.points[index] = point_to_bytes(&G1Affine::identity());
        assert_eq!(certified(&changed), Err(LinkKeyError::Identity { index }));
    }
    let mut changed = good.clone();
    changed.witness = point_to_bytes(&multiple(Fr::from(9_u64)));
    assert_eq!(certified(&changed), wrong);
    let mut changed = good.clone();
    changed.points.clear();
    assert!(matches!(
        certified(&changed),
        Err(LinkKeyError::Tail { got: 0, .. })
    ));
    changed.points = vec![good.points[0]; 32];
    assert!(matches!(
        certified(&changed),
        Err(LinkKeyError::Tail { got: 32, .. })
    ));
    for k in [2, 29, 255] {
        let mut changed = good.clone();
        changed.k = k;
        assert_eq!(certified(&changed), Err(LinkKeyError::Size { got: k }));
    }
}

/// Commitments of two sizes.
fn published(toy: &Toy) -> CommitmentData {
    let part = |tail: u8, index: u64| PartData {
        subject: CommittedTo::Tile {
            plan: [4; 32],
            beacon: [5; 32],
            stream: 0,
            index,
        },
        vk_digest: [tail; 32],
        opening: [8; 32],
        tail,
        points: (1..4_u64)
            .map(|i| point_to_bytes(&multiple(Fr::from(i + index))))
            .collect(),
    };
    let parameters = PartData {
        subject: CommittedTo::Parameters {
            architecture: [6; 32],
        },
        ..part(0, 9)
    };
    CommitmentData {
        srs_digest: toy.srs.digest(),
        tails: vec![toy.tail(K), toy.tail(K + 1)],
        parts: vec![part(1, 0), part(0, 1), parameters],
    }
}

#[test]
fn commitments_are_canonical_files() {
    let toy = Toy::development();
    let data = published(&toy);
    let bytes = data.encode().unwrap();
    let checked = WeightCommitment::decode(&bytes, &toy.srs).unwrap();
    assert_eq!(*checked.digest(), data.digest().unwrap());
    assert_eq!(checked.parts().len(), 3);
    let subject = data.parts[1].subject;
    let part = checked.part(&subject).unwrap();
    assert_eq!((part.key().k(), *part.vk_digest()), (K, [0; 32]));
    // Each part has a digest of its own, which other parts do not enter.
    let mut fewer = data.clone();
    fewer.parts.remove(2);
    let fewer = WeightCommitment::new(&fewer, &toy.srs).unwrap();
    assert_ne!(fewer.digest(), checked.digest());
    assert_eq!(fewer.part(&subject).unwrap().digest(), part.digest());
    // And everything in a part enters it.
    let mut other = data.clone();
    other.parts[1].opening[0] ^= 1;
    let other = WeightCommitment::new(&other, &toy.srs).unwrap();
    assert_ne!(other.part(&subject).unwrap().digest(), part.digest());
    let digests: Vec<_> = checked.parts().iter().map(|part| part.digest()).collect();
    assert!(digests[0] != digests[1] && digests[1] != digests[2]);
    // Damage: an error, or another value whose only encoding it is.
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0x41;
        if let Ok(value) = CommitmentData::decode(&changed) {
            assert_eq!(value.encode().unwrap(), changed, "byte {at}");
            if let Ok(other) = WeightCommitment::new(&value, &toy.srs) {
                assert_ne!(other.digest(), checked.digest(), "byte {at}");
            }
        }
        CommitmentData::decode(&bytes[..at]).expect_err("cut");
    }
}

#[test]
fn bad_commitments_are_refused() {
    let toy = Toy::development();
    let good = published(&toy);
    type Change = fn(&mut CommitmentData);
    let cases: [(&str, Change); 9] = [
        ("parts", |data| data.parts.clear()),
        ("columns", |data| data.parts[0].points.clear()),
        ("tails", |data| data.tails.clear()),
        ("refers to tail", |data| data.parts[0].tail = 2),
        ("out of order", |data| data.tails.swap(0, 1)),
        ("not used", |data| data.parts[0].tail = 0),
        ("same weights", |data| {
            data.parts[1].subject = data.parts[0].subject;
        }),
        ("not below", |data| data.parts[2].points[1] = [0x3f; 32]),
        ("is the identity", |data| {
            data.parts[2].points[1] = point_to_bytes(&G1Affine::identity());
        }),
    ];
    for (message, change) in cases {
        let mut data = good.clone();
        change(&mut data);
        let error = data.encode().expect_err(message);
        assert!(format!("{error}").contains(message), "{error}: {message}");
    }
    let other = Toy::other();
    let refused = WeightCommitment::new(&good, &other.srs);
    assert_eq!(refused, Err(FormatError::Invalid(CommitmentError::Srs)));
    let mut relabelled = good.clone();
    relabelled.srs_digest = other.srs.digest();
    let refused = WeightCommitment::new(&relabelled, &other.srs).expect_err("other tails");
    assert!(format!("{refused}").contains("not those of the SRS"));
}

#[test]
fn the_tail_must_fit_the_proof() {
    let case = Case::new(3);
    let weights = |change: &dyn Fn(&mut ProvedWeights)| {
        let mut weights = ProvedWeights::for_tests(&case.toy.srs, K, case.points[0].clone());
        change(&mut weights);
        weights
    };
    let honest = [weights(&|_| ()), {
        let mut other = ProvedWeights::for_tests(&case.toy.srs, K, case.points[1].clone());
        other.context = [2; 32];
        other
    }];
    let bytes = link(
        &case.key,
        [&honest[0].side(), &honest[1].side()],
        [&case.columns[0], &case.columns[1]],
    );
    let check = |weights: &ProvedWeights| weights.verify_link_to(&honest[1], &case.key, &bytes);
    assert_eq!(check(&honest[0]), Ok(()));
    let (rows, tail) = (ROWS as u64, TAIL_ROWS as u64);
    assert_eq!(check(&weights(&|w| w.blinding = tail)), Ok(()));
    let (limit, got) = (tail, tail + 1);
    let refused = check(&weights(&|w| w.blinding = tail + 1));
    assert_eq!(refused, Err(LinkError::Blinding { limit, got }));
    assert_eq!(check(&weights(&|w| w.rows = rows - tail)), Ok(()));
    let (limit, got) = (rows - tail, rows - tail + 1);
    let refused = check(&weights(&|w| w.rows = got));
    assert_eq!(refused, Err(LinkError::WeightRows { limit, got }));
    assert_eq!(
        check(&weights(&|w| w.srs_digest[0] ^= 1)),
        Err(LinkError::Srs)
    );
    let domain = |got| Err(LinkError::Domain { expected: K, got });
    assert_eq!(check(&weights(&|w| w.k = K + 1)), domain(K + 1));
    assert_eq!(check(&weights(&|w| w.canonical_domain = false)), domain(K));
    // Checked on both sides.
    let wrong = weights(&|w| w.rows = rows);
    let refused = honest[0].verify_link_to(&wrong, &case.key, &bytes);
    assert!(matches!(refused, Err(LinkError::WeightRows { .. })));
}

#[test]
fn links_are_canonical_files() {
    let links = Links {
        links: vec![Link {
            proof: [1; 32],
            other: [2; 32],
            bytes: vec![3; 160],
        }],
    };
    let bytes = links.encode().unwrap();
    assert_eq!(Links::decode(&bytes).unwrap(), links);
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0x11;
        if let Ok(value) = Links::decode(&changed) {
            assert_eq!(value.encode().unwrap(), changed);
            assert_ne!(value, links);
        }
        Links::decode(&bytes[..at]).expect_err("cut");
    }
    let long = Links {
        links: vec![Link {
            bytes: vec![0; 65 * 32 + 1],
            ..links.links[0].clone()
        }],
    };
    long.encode().expect_err("too long");
}
