//! Native derivation: definition, golden values, ranges, threads, seeds; files and audits in
//! `files`, the statistics of a sample in `statistics`.

mod files;
mod statistics;

use ff::Field;
use halo2curves::bn256::Fr;
use nascent_circuits::{poseidon2, sampling::DeviateTable, seed, stream};
use nascent_prover::derive::{DeriveError, Deriver};
use nascent_verifier::{
    Beacon, Distribution, Fill, ModelSpec, Plan, Precision, StreamSpec, TensorSpec,
};

const P16: Precision = Precision {
    limb_bits: 16,
    fraction_bits: 12,
};
const P11: Precision = Precision {
    limb_bits: 11,
    fraction_bits: 7,
};
const CUT: Distribution = Distribution::TruncatedNormal {
    lo: -8192,
    hi: 8192,
};

fn sampled(stream: u16, scale: f32, mean: f32) -> Fill {
    Fill::Sampled {
        stream,
        first_row: 0,
        scale_bits: scale.to_bits(),
        mean_bits: mean.to_bits(),
    }
}

/// A specification whose row ranges are filled in.
fn model(kinds: &[(Distribution, Precision)], tensors: &[(&str, &[u64], Fill)]) -> ModelSpec {
    let mut rows = vec![0; kinds.len()];
    let tensors = tensors.iter().map(|&(name, dims, mut fill)| {
        if let Fill::Sampled {
            stream, first_row, ..
        } = &mut fill
        {
            let stream = usize::from(*stream);
            *first_row = rows[stream];
            rows[stream] += dims
                .iter()
                .product::<u64>()
                .div_ceil(kinds[stream].1.lanes());
        }
        TensorSpec {
            name: name.into(),
            dims: dims.to_vec(),
            fill,
        }
    });
    let tensors = tensors.collect();
    let streams = kinds.iter().zip(rows).map(|(&kind, rows)| StreamSpec {
        distribution: kind.0,
        precision: kind.1,
        rows,
    });
    ModelSpec {
        kept: Vec::new(),
        name: "test".into(),
        graph_digest: [1; 32],
        rules_digest: [2; 32],
        streams: streams.collect(),
        tensors,
    }
}

/// All kinds of fills, with lengths on both sides of rows and blocks.
fn mixed() -> ModelSpec {
    let zero = Fill::Constant { bits: 0 };
    let one = Fill::Constant {
        bits: 1f32.to_bits(),
    };
    model(
        &[
            (Distribution::Normal, P16),
            (Distribution::Uniform, P16),
            (CUT, P16),
            (Distribution::Normal, P11),
        ],
        &[
            ("conv.weight", &[8, 3, 3, 3], sampled(0, 0.01, 0.0)),
            ("conv.bias", &[8], zero),
            ("fc.weight", &[10, 451], sampled(1, 1.5e-5, 0.0)),
            ("fc.\"quoted\"\u{e9}", &[1], sampled(2, 4e-6, 0.25)),
            ("norm.weight", &[], one),
            ("empty", &[0, 4], zero),
            ("second", &[226], sampled(0, 2.5e-4, -1.0)),
            ("coarse", &[23, 16], sampled(3, 0.125, 0.0)),
            ("large", &[3, 70_001], sampled(0, 1e-3, 0.0)),
        ],
    )
}

fn deriver(model: &ModelSpec) -> Deriver<'_> {
    Deriver::new(model, Fr::ZERO, &[7; 32]).expect("valid")
}

fn tensor(deriver: &Deriver<'_>, index: usize) -> Vec<f32> {
    let elements = deriver.model().tensors[index].elements().expect("bounded");
    let mut out = vec![0.0; elements as usize];
    deriver.fill(index, 0, &mut out).expect("in range");
    out
}

/// The definition, read literally: one element at a time, bits by division.
fn by_definition(deriver: &Deriver<'_>, index: usize, element: u64) -> u32 {
    let Fill::Sampled {
        stream,
        first_row,
        scale_bits,
        mean_bits,
    } = deriver.model().tensors[index].fill
    else {
        panic!("sampled")
    };
    let spec = deriver.model().streams[usize::from(stream)];
    let lanes = spec.precision.lanes();
    let (row, lane) = (first_row + element / lanes, element % lanes);
    let tag = seed::stream_tag(spec.distribution, spec.precision);
    let mut state = [Fr::ZERO; 16];
    state[..3].copy_from_slice(&[tag, deriver.stream_key(), Fr::from(row / 15)]);
    poseidon2::permute(&mut state);
    let integer = stream::integer(&state[1 + (row % 15) as usize]);
    let bits = u64::from(spec.precision.limb_bits);
    let limb = (lane * bits..(lane + 1) * bits).rev().fold(0, |limb, bit| {
        limb << 1 | integer[(bit / 64) as usize] >> (bit % 64) & 1
    });
    let table = DeviateTable::new(spec.distribution, spec.precision).expect("supported");
    let z = table.map().deviate(table.lanes()[limb as usize]);
    let (scale, mean) = (f32::from_bits(scale_bits), f32::from_bits(mean_bits));
    let weight = scale * z as f32;
    if mean == 0.0 { weight } else { weight + mean }.to_bits()
}

#[test]
fn weights_follow_the_definition() {
    let model = mixed();
    let deriver = deriver(&model);
    for (index, spec) in model.tensors.iter().enumerate() {
        let weights = tensor(&deriver, index);
        if let Fill::Constant { bits } = spec.fill {
            assert!(weights.iter().all(|w| w.to_bits() == bits));
            continue;
        }
        let last = weights.len() as u64 - 1;
        for element in [0, 1, 14, 15, 16, 22, 23, 224, 225, 57_599, 57_600, last] {
            if element <= last {
                let got = weights[element as usize].to_bits();
                assert_eq!(
                    got,
                    by_definition(&deriver, index, element),
                    "{index} {element}"
                );
            }
        }
    }
}

#[test]
fn golden_values() {
    // Changing any of these changes every model ever published.
    let model = mixed();
    let deriver = Deriver::with_key(&model, Fr::from(123_456_789)).expect("valid");
    let bits = |index| -> Vec<u32> {
        let weights = tensor(&deriver, index);
        weights.iter().take(4).map(|w| w.to_bits()).collect()
    };
    let golden = [
        (0, GOLDEN_NORMAL),
        (2, GOLDEN_UNIFORM),
        (6, GOLDEN_MEAN),
        (7, GOLDEN_COARSE),
    ];
    for (index, expected) in golden {
        assert_eq!(
            bits(index),
            expected,
            "tensor {index}: {:08x?}",
            bits(index)
        );
    }
}

const GOLDEN_NORMAL: [u32; 4] = [0x4089_47ae, 0x41d7_5c29, 0xc190_6666, 0xc211_c28f];
const GOLDEN_UNIFORM: [u32; 4] = [0x3f5e_786c, 0x3f4c_75f7, 0x3ec6_f73c, 0x3ee4_c78e];
const GOLDEN_MEAN: [u32; 4] = [0xc007_c6a8, 0xbf38_b439, 0xbf31_0624, 0xbfab_9db2];
const GOLDEN_COARSE: [u32; 4] = [0x412c_0000, 0xc19f_0000, 0x4236_8000, 0x4110_0000];

#[test]
fn any_range_is_the_same_part_of_the_whole() {
    let model = mixed();
    let deriver = deriver(&model);
    let whole = tensor(&deriver, 8);
    for first in [0usize, 1, 14, 15, 224, 225, 57_000, 209_990] {
        for length in [0, 1, 15, 16, 240, 60_000] {
            let length = length.min(whole.len() - first);
            let mut part = vec![f32::NAN; length];
            deriver.fill(8, first as u64, &mut part).expect("in range");
            assert_eq!(part, whole[first..first + length], "{first} {length}");
        }
    }
    let mut bytes = vec![[0; 4]; whole.len()];
    deriver.fill_bytes(8, 0, &mut bytes).expect("in range");
    assert!(bytes.iter().zip(&whole).all(|(b, w)| *b == w.to_le_bytes()));
    let mut sink = Vec::new();
    deriver.write_tensor(8, &mut sink).expect("in range");
    assert_eq!(sink, bytes.as_flattened());
}

#[test]
fn threads_do_not_matter() {
    let model = mixed();
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.expect("a pool")
            .install(|| tensor(&deriver(&model), 8))
    };
    let one = run(1);
    assert!([2, 3, 7].into_iter().all(|threads| run(threads) == one));
}

#[test]
fn lane_values_are_those_of_the_weights() {
    let model = mixed();
    let deriver = deriver(&model);
    let lanes = deriver.lane_values(0, 0, 70).expect("a stream");
    assert_eq!(lanes.len(), 70 * 15 * 15);
    let map = deriver.table(0).expect("a stream").map();
    for (lane, weight) in lanes.iter().zip(tensor(&deriver, 0)) {
        assert_eq!(0.01f32 * map.deviate(*lane) as f32, weight);
    }
    let later = deriver.lane_values(0, 40, 30).expect("a stream");
    assert_eq!(later, lanes[40 * 225..]);
    assert!(matches!(
        deriver.lane_values(4, 0, 1),
        Err(DeriveError::NoSuchStream { count: 4, got: 4 })
    ));
}

#[test]
fn tensors_do_not_share_rows() {
    let model = mixed();
    let deriver = deriver(&model);
    // 216 weights take 15 rows: the next tensor of the stream starts at row 15, block 1.
    let Fill::Sampled { first_row, .. } = model.tensors[6].fill else {
        panic!("sampled")
    };
    assert_eq!(first_row, 15);
    let scale = |index: usize, s: f32| -> Vec<i32> {
        let weights = tensor(&deriver, index);
        weights.iter().map(|w| (w / s).round() as i32).collect()
    };
    assert_ne!(scale(0, 0.01)[..15], scale(8, 1e-3)[..15]);
}

#[test]
fn seeds_and_refusals() {
    let model = mixed();
    let other = Deriver::new(&model, Fr::ONE, &[7; 32]).expect("valid");
    assert_ne!(tensor(&other, 0), tensor(&deriver(&model), 0));
    let other = Deriver::new(&model, Fr::ZERO, &[8; 32]).expect("valid");
    assert_ne!(tensor(&other, 0), tensor(&deriver(&model), 0));

    let deriver = deriver(&model);
    let mut out = [0.0; 4];
    assert!(matches!(
        deriver.fill(9, 0, &mut out),
        Err(DeriveError::NoSuchTensor { count: 9, got: 9 })
    ));
    assert!(matches!(
        deriver.fill(usize::MAX, 0, &mut out),
        Err(DeriveError::NoSuchTensor { .. })
    ));
    for first in [5, 6, 8, 9, u64::MAX] {
        assert!(matches!(
            deriver.fill(1, first, &mut out),
            Err(DeriveError::OutOfRange { elements: 8, .. })
        ));
    }
    let coarse = Precision {
        limb_bits: 16,
        fraction_bits: 13,
    };
    let fine = self::model(
        &[(Distribution::Normal, coarse)],
        &[("w", &[4], sampled(0, 1.0, 0.0))],
    );
    assert!(matches!(
        Deriver::new(&fine, Fr::ZERO, &[0; 32]),
        Err(DeriveError::Sampling { stream: 0, .. })
    ));
    let mut wrong = mixed();
    wrong.streams[0].rows += 1;
    assert!(matches!(
        Deriver::new(&wrong, Fr::ZERO, &[0; 32]),
        Err(DeriveError::Model(_))
    ));
}

#[test]
fn plans_bind_the_secret() {
    let secret = Fr::from(42).invert().expect("nonzero");
    let material = seed::SeedMaterial {
        secret,
        beacon: Fr::ZERO,
        model: Fr::ZERO,
    };
    let mut plan = Plan {
        model: mixed(),
        publisher_key: Some(ff::PrimeField::to_repr(&material.public_key())),
        beacon: "round 1".into(),
        created: 0,
        weight_digest: false,
    };
    let beacon = Beacon::Raw(vec![1, 2, 3]);
    let hidden = Deriver::from_plan(&plan, &beacon, Some(secret)).expect("valid");
    let direct = Deriver::new(&plan.model, secret, &beacon.digest()).expect("valid");
    assert_eq!(hidden.stream_key(), direct.stream_key());
    for wrong in [None, Some(Fr::ONE)] {
        assert!(matches!(
            Deriver::from_plan(&plan, &beacon, wrong),
            Err(DeriveError::WrongSecret)
        ));
    }
    assert!(matches!(
        Deriver::from_plan(&plan, &Beacon::Raw(vec![]), Some(secret)),
        Err(DeriveError::Beacon(_))
    ));
    plan.publisher_key = None;
    assert!(Deriver::from_plan(&plan, &beacon, None).is_ok());
    assert!(matches!(
        Deriver::from_plan(&plan, &beacon, Some(secret)),
        Err(DeriveError::SecretForPublicSeed)
    ));
}
