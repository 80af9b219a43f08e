//! Native derivation: golden values, thread independence, files good and bad, audits, statistics.

use std::{
    collections::BTreeMap,
    io::Cursor,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use ff::Field;
use halo2curves::bn256::Fr;
use nascent_circuits::{
    poseidon2,
    sampling::{DeviateTable, DistributionReport},
    seed, stream,
};
use nascent_prover::derive::{
    AuditError, AuditReport, DeriveError, Deriver, Metadata, SafetensorsError, SafetensorsFile,
    audit, write_safetensors,
};
use nascent_verifier::{
    Beacon, Distribution, Fill, ModelSpec, Plan, Precision, StreamSpec, TensorSpec,
};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

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

fn write(deriver: &Deriver<'_>, path: &Path) -> Vec<u8> {
    let metadata = Metadata {
        plan: Some([0xab; 32]),
        extra: BTreeMap::from([("note".into(), "\"x\"\n".into())]),
    };
    let seen = AtomicU64::new(0);
    let progress = |done: u64, total: u64| {
        assert!(done <= total);
        assert!(seen.swap(done, Ordering::Relaxed) < done);
    };
    let bytes = write_safetensors(deriver, path, &metadata, &progress).expect("written");
    assert_eq!(seen.into_inner(), deriver.elements());
    let content = std::fs::read(path).expect("readable");
    assert_eq!(bytes, content.len() as u64);
    content
}

#[test]
fn safetensors_round_trip() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = mixed();
    let deriver = deriver(&model);
    let content = write(&deriver, &folder.path().join("m.safetensors"));
    let (_, header) = SafeTensors::read_metadata(&content).expect("metadata");
    let strings = header.metadata().as_ref().expect("strings");
    assert_eq!(strings["nascent.plan_digest"], "ab".repeat(32));
    assert_eq!(strings["nascent.model_digest"].len(), 64);
    assert_eq!(strings["note"], "\"x\"\n");
    let file = SafeTensors::deserialize(&content).expect("the reference reader accepts it");
    assert_eq!(file.len(), model.tensors.len());
    for (index, spec) in model.tensors.iter().enumerate() {
        let view = file.tensor(&spec.name).expect("present");
        assert_eq!(view.dtype(), Dtype::F32);
        let dims: Vec<u64> = view.shape().iter().map(|&d| d as u64).collect();
        assert_eq!(dims, spec.dims);
        let expected: Vec<u8> = tensor(&deriver, index)
            .iter()
            .flat_map(|w| w.to_le_bytes())
            .collect();
        assert_eq!(view.data(), expected);
    }
    // Only the file itself is left, and it is replaced by the next one.
    let again = write(&deriver, &folder.path().join("m.safetensors"));
    assert_eq!(again, content);
    assert_eq!(
        std::fs::read_dir(folder.path()).expect("readable").count(),
        1
    );
}

#[test]
fn failed_writes_leave_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let constant = Fill::Constant { bits: 0 };
    let reserved = model(&[], &[("__metadata__", &[1], constant)]);
    let path = folder.path().join("m.safetensors");
    assert!(matches!(
        write_safetensors(&deriver(&reserved), &path, &Metadata::default(), &|_, _| ()),
        Err(DeriveError::ReservedName(_))
    ));
    let model = mixed();
    let nowhere = folder.path().join("missing/m.safetensors");
    assert!(matches!(
        write_safetensors(&deriver(&model), &nowhere, &Metadata::default(), &|_, _| ()),
        Err(DeriveError::Write { .. })
    ));
    // A folder stands where the file should go: the rename fails, the temporary file goes.
    std::fs::create_dir(&path).expect("created");
    assert!(matches!(
        write_safetensors(&deriver(&model), &path, &Metadata::default(), &|_, _| ()),
        Err(DeriveError::Write { .. })
    ));
    assert_eq!(
        std::fs::read_dir(folder.path()).expect("readable").count(),
        1
    );
}

fn audit_bytes(model: &ModelSpec, bytes: &[u8]) -> Result<AuditReport, AuditError> {
    let mut file = SafetensorsFile::new(Cursor::new(bytes))?;
    audit(&deriver(model), &mut file, &|_, _| ())
}

#[test]
fn audits_find_every_difference() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = mixed();
    let content = write(&deriver(&model), &folder.path().join("m.safetensors"));
    let report = audit_bytes(&model, &content).expect("a verdict");
    assert!(report.is_match());
    let elements: u64 = report.tensors.iter().map(|t| t.elements).sum();
    assert_eq!(elements, deriver(&model).elements());

    // One bit in the last weight, and one in the first of the same tensor.
    let large = 4 * model.tensors[8].elements().expect("bounded") as usize;
    let mut changed = content.clone();
    let end = changed.len();
    changed[end - 4] ^= 1;
    changed[end - large] ^= 1;
    let report = audit_bytes(&model, &changed).expect("a verdict");
    assert!(!report.is_match());
    assert_eq!(report.mismatches(), 2);
    let found = report.tensors[8].first.expect("a mismatch");
    assert_eq!((found.element, found.expected ^ found.got), (0, 1));
    assert!(report.tensors[..8].iter().all(|t| t.first.is_none()));

    // Another seed: nothing but constants agrees.
    let mut file = SafetensorsFile::new(Cursor::new(&content)).expect("a header");
    let other = Deriver::new(&model, Fr::ONE, &[7; 32]).expect("valid");
    let report = audit(&other, &mut file, &|_, _| ()).expect("a verdict");
    assert!(report.mismatches() > 210_000);
    assert_eq!(report.tensors[1].mismatches, 0);
}

/// A file of the given tensors, as the reference implementation writes it.
fn reference_file(tensors: &[(&str, Dtype, &[usize])]) -> Vec<u8> {
    let data = vec![0u8; 1 << 12];
    let views = tensors.iter().map(|&(name, dtype, shape)| {
        let bytes = shape.iter().product::<usize>() * dtype.bitsize() / 8;
        let view = TensorView::new(dtype, shape.to_vec(), &data[..bytes]).expect("sizes agree");
        (name, view)
    });
    safetensors::serialize(views, None).expect("serialized")
}

#[test]
fn hostile_files_are_typed_errors() {
    use SafetensorsError as E;
    let zero = Fill::Constant { bits: 0 };
    let model = model(&[], &[("a", &[2, 3], zero), ("b", &[4], zero)]);
    let refused = |bytes: &[u8]| match audit_bytes(&model, bytes) {
        Err(AuditError::Given(error)) => error,
        other => panic!("{other:?}"),
    };
    let (f32s, a, b) = (Dtype::F32, &[2usize, 3][..], &[4usize][..]);
    let good = reference_file(&[("a", f32s, a), ("b", f32s, b)]);
    assert!(audit_bytes(&model, &good).expect("a verdict").is_match());

    let extra = reference_file(&[("a", f32s, a), ("b", f32s, b), ("c", Dtype::I64, b)]);
    let report = audit_bytes(&model, &extra).expect("a verdict");
    assert_eq!(report.unexpected, ["c"]);
    assert!(!report.is_match());

    let missing = reference_file(&[("a", f32s, a)]);
    assert!(matches!(refused(&missing), E::Missing { name } if name == "b"));
    let half = reference_file(&[("a", f32s, a), ("b", Dtype::F16, b)]);
    assert!(matches!(refused(&half), E::Dtype { got, .. } if got == "F16"));
    let turned = reference_file(&[("a", f32s, &[3, 2]), ("b", f32s, b)]);
    assert!(matches!(refused(&turned), E::Shape { got, .. } if got == [3, 2]));

    for length in 0..good.len() {
        assert!(audit_bytes(&model, &good[..length]).is_err(), "{length}");
    }
    assert!(matches!(
        refused(&good[..good.len() - 1]),
        E::DataLength { .. }
    ));
    assert!(matches!(refused(&good[..7]), E::HeaderTruncated { .. }));
    let longer = [&good[..], &[0]].concat();
    assert!(matches!(refused(&longer), E::DataLength { .. }));

    let with_header = |header: &str, data: usize| {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.bytes());
        bytes.extend(vec![0; data]);
        bytes
    };
    let entry = |name: &str, from: u64, to: u64, shape: &str| {
        format!("\"{name}\":{{\"dtype\":\"F32\",\"shape\":{shape},\"data_offsets\":[{from},{to}]}}")
    };
    let bodies = [
        ("huge claim", u64::MAX.to_le_bytes().to_vec()),
        ("long claim", 99_999_999u64.to_le_bytes().to_vec()),
        ("not JSON", with_header("{", 0)),
        ("not an object", with_header("[]", 0)),
        ("empty", with_header("{}", 0)),
        ("nested", with_header(&"[".repeat(100_000), 0)),
        (
            "name twice",
            with_header(
                &format!(
                    "{{{},{}}}",
                    entry("a", 0, 24, "[2,3]"),
                    entry("a", 24, 40, "[4]")
                ),
                40,
            ),
        ),
        (
            "gap",
            with_header(
                &format!(
                    "{{{},{}}}",
                    entry("a", 0, 24, "[2,3]"),
                    entry("b", 28, 44, "[4]")
                ),
                44,
            ),
        ),
        (
            "overlap",
            with_header(
                &format!(
                    "{{{},{}}}",
                    entry("a", 0, 24, "[2,3]"),
                    entry("b", 20, 36, "[4]")
                ),
                36,
            ),
        ),
        (
            "backwards",
            with_header(
                &format!(
                    "{{{},{}}}",
                    entry("a", 24, 0, "[2,3]"),
                    entry("b", 24, 40, "[4]")
                ),
                40,
            ),
        ),
        (
            "short tensor",
            with_header(
                &format!(
                    "{{{},{}}}",
                    entry("a", 0, 20, "[2,3]"),
                    entry("b", 20, 36, "[4]")
                ),
                36,
            ),
        ),
        (
            "negative shape",
            with_header(&format!("{{{}}}", entry("a", 0, 24, "[-2,-3]")), 24),
        ),
        (
            "unknown field",
            with_header(
                "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":1}}",
                4,
            ),
        ),
    ];
    for (what, bytes) in bodies {
        assert!(audit_bytes(&model, &bytes).is_err(), "{what}");
    }
}

#[test]
fn no_flipped_bit_of_a_header_goes_through_or_panics() {
    let zero = Fill::Constant { bits: 0 };
    let model = model(&[], &[("a", &[2, 3], zero), ("b", &[4], zero)]);
    let (a, b) = (&[2usize, 3][..], &[4usize][..]);
    let good = reference_file(&[("a", Dtype::F32, a), ("b", Dtype::F32, b)]);
    let header = good.len() - 40;
    for bit in 0..8 * header {
        let mut bytes = good.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        // What still parses differs only in white space, so that it is the same file.
        if audit_bytes(&model, &bytes).is_ok_and(|report| report.is_match()) {
            assert!(
                matches!(good[bit / 8], b' ' | b'\t' | b'\n' | b'\r'),
                "{bit}"
            );
        }
    }
}

#[test]
fn a_model_without_tensors_is_a_file_without_tensors() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = model(&[], &[]);
    let path = folder.path().join("empty.safetensors");
    let written = write_safetensors(&deriver(&model), &path, &Metadata::default(), &|_, _| ());
    let content = std::fs::read(&path).expect("readable");
    assert_eq!(written.expect("written"), content.len() as u64);
    assert!(
        SafeTensors::deserialize(&content)
            .expect("accepted")
            .is_empty()
    );
    assert!(audit_bytes(&model, &content).expect("a verdict").is_match());
}

#[test]
fn a_sample_has_the_statistics_of_its_table() {
    let n = 600_000u64;
    let model = model(
        &[
            (Distribution::Normal, P16),
            (Distribution::Uniform, P16),
            (CUT, P16),
        ],
        &[
            ("normal", &[n], sampled(0, 1.0 / 4096.0, 0.0)),
            ("uniform", &[n], sampled(1, 1.0 / 65536.0, 0.0)),
            ("cut", &[n], sampled(2, 1.0 / 4096.0, 0.0)),
        ],
    );
    let deriver = deriver(&model);
    for index in 0..3 {
        let table = deriver.table(index).expect("a stream");
        let report = DistributionReport::new(table);
        let mut weights = tensor(&deriver, index);
        let count = n as f64;
        let mean = weights.iter().map(|&w| f64::from(w)).sum::<f64>() / count;
        let power = |k| {
            weights
                .iter()
                .map(|&w| (f64::from(w) - mean).powi(k))
                .sum::<f64>()
                / count
        };
        let (variance, fourth) = (power(2), power(4));
        let sigma = report.moments.variance.sqrt();
        // Four standard errors of each estimate.
        assert!(
            mean.abs() < 4.0 * sigma / count.sqrt(),
            "{index}: mean {mean}"
        );
        let spread = (report.moments.kurtosis - 1.0).sqrt() * report.moments.variance;
        let off = variance - report.moments.variance;
        assert!(
            off.abs() < 4.0 * spread / count.sqrt(),
            "{index}: variance {variance}"
        );
        let kurtosis = fourth / (variance * variance);
        assert!(
            (kurtosis - report.moments.kurtosis).abs() < 0.03,
            "{index}: {kurtosis}"
        );

        // Kolmogorov-Smirnov against the table's own steps; 1.95 is exceeded once in a thousand.
        weights.sort_unstable_by(f32::total_cmp);
        let deviates: Vec<f32> = table
            .deviates()
            .map(|z| z as f32 * report.unit as f32)
            .collect();
        let distance = (0..deviates.len())
            .filter(|&i| deviates.get(i + 1) != deviates.get(i))
            .map(|i| {
                let below = weights.partition_point(|w| *w <= deviates[i]) as f64 / count;
                (below - (i + 1) as f64 / deviates.len() as f64).abs()
            })
            .fold(0.0, f64::max);
        assert!(
            distance < 1.95 / count.sqrt(),
            "{index}: distance {distance}"
        );
    }
}
