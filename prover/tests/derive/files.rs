//! Files written and read back, audited, and files that are refused.

use std::{
    collections::BTreeMap,
    io::Cursor,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use ff::Field;
use halo2curves::bn256::Fr;
use nascent_prover::derive::{
    AuditError, AuditReport, DeriveError, Deriver, Metadata, SafetensorsError, SafetensorsFile,
    audit, write_safetensors,
};
use nascent_verifier::{Fill, ModelSpec};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::{deriver, mixed, model, tensor};

fn write(deriver: &Deriver<'_>, path: &Path) -> Vec<u8> {
    let metadata = Metadata {
        plan: Some([0xab; 32]),
        weight_digest: None,
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
    // Tensors of 6 and 4 elements at the given bytes.
    let pair = |a: (u64, u64), second: &str, b: (u64, u64)| {
        let (a, end) = (entry("a", a.0, a.1, "[2,3]"), b.1);
        let b = entry(second, b.0, end, "[4]");
        with_header(&format!("{{{a},{b}}}"), end as usize)
    };
    let bodies = [
        ("huge claim", u64::MAX.to_le_bytes().to_vec()),
        ("long claim", 99_999_999u64.to_le_bytes().to_vec()),
        ("not JSON", with_header("{", 0)),
        ("not an object", with_header("[]", 0)),
        ("empty", with_header("{}", 0)),
        ("nested", with_header(&"[".repeat(100_000), 0)),
        ("name twice", pair((0, 24), "a", (24, 40))),
        ("gap", pair((0, 24), "b", (28, 44))),
        ("overlap", pair((0, 24), "b", (20, 36))),
        ("backwards", pair((24, 0), "b", (24, 40))),
        ("short tensor", pair((0, 20), "b", (20, 36))),
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
