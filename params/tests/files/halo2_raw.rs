//! Import of the proof library's raw parameter files.

use std::path::Path;

use crate::support::{check_error, g1, g1_bytes, g2, g2_bytes, on_disk};
use ff::Field;
use halo2_proofs::poly::commitment::Params;
use halo2_proofs::poly::kzg::commitment::ParamsKZG;
use halo2curves::bn256::{Bn256, Fr};
use nascent_params::{
    Basis, CheckError, FormatError, ParamsError, PointName, Provenance, Silent, SourceFormat, Srs,
};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

const K: u32 = 4;
const N: usize = 1 << K;

fn library_file() -> Vec<u8> {
    let params = ParamsKZG::<Bn256>::setup(K, ChaCha8Rng::seed_from_u64(11));
    let mut bytes = Vec::new();
    params.write(&mut bytes).expect("writing to memory");
    bytes
}

fn import(bytes: &[u8]) -> Result<Srs, ParamsError> {
    let (_directory, path) = on_disk(bytes);
    Srs::import_halo2_raw(&path, &Silent)
}

fn spoiled(spoil: impl FnOnce(&mut Vec<u8>)) -> ParamsError {
    let mut bytes = library_file();
    spoil(&mut bytes);
    import(&bytes).expect_err("a spoiled file is refused")
}

#[test]
fn the_library_reads_back_what_was_imported() {
    let bytes = library_file();
    let srs = import(&bytes).expect("a good file");
    let mut again = Vec::new();
    srs.params().write(&mut again).expect("writing to memory");
    assert_eq!(again, bytes);
    let Provenance::Ceremony(file) = srs.provenance() else {
        panic!("not development")
    };
    assert_eq!(file.format, SourceFormat::Halo2Raw);
}

#[test]
fn a_smaller_srs_is_computed() {
    let srs = import(&library_file()).expect("a good file");
    let small = srs.derive(2, &Silent).expect("smaller k");
    let theirs = {
        let mut params = srs.params().clone();
        params.downsize(2);
        let mut bytes = Vec::new();
        params.write(&mut bytes).expect("writing to memory");
        bytes
    };
    let mut ours = Vec::new();
    small.params().write(&mut ours).expect("writing to memory");
    assert_eq!(ours, theirs);
}

#[test]
fn a_development_file_is_recognised() {
    let mut bytes = Vec::new();
    let development = Srs::development(3, &Silent).expect("valid k");
    development
        .params()
        .write(&mut bytes)
        .expect("writing to memory");
    assert_eq!(
        import(&bytes).expect("a good file").provenance(),
        &Provenance::Development
    );
}

#[test]
fn sizes_are_bounded_before_anything_is_allocated() {
    for k in [0u32, 29, 63, u32::MAX] {
        let error = spoiled(|bytes| bytes[..4].copy_from_slice(&k.to_le_bytes()));
        assert!(
            matches!(
                error,
                ParamsError::Format { source: FormatError::Range { what: "k", got, .. }, .. }
                    if got == u64::from(k)
            ),
            "k = {k}"
        );
    }
    for k in [K - 1, K + 1, 28] {
        let error = spoiled(|bytes| bytes[..4].copy_from_slice(&k.to_le_bytes()));
        assert!(
            matches!(
                error,
                ParamsError::Format {
                    source: FormatError::Length { .. },
                    ..
                }
            ),
            "k = {k}"
        );
    }
}

#[test]
fn wrong_lengths_are_refused() {
    let bytes = library_file();
    for length in (0..bytes.len()).step_by(61) {
        assert!(
            matches!(import(&bytes[..length]), Err(ParamsError::Format { .. })),
            "{length}"
        );
    }
    assert!(matches!(
        spoiled(|bytes| bytes.push(0)),
        ParamsError::Format {
            source: FormatError::Length { .. },
            ..
        }
    ));
    assert!(matches!(
        Srs::import_halo2_raw(Path::new("there is no such file"), &Silent),
        Err(ParamsError::Io { .. })
    ));
}

#[test]
fn bad_points_are_refused() {
    let point = |index: usize| 4 + 64 * index..4 + 64 * (index + 1);
    let name = |basis, index| PointName::G1 { basis, index };

    // The library's own reader takes this one.
    let error = check_error(spoiled(|bytes| bytes[point(6).start + 40] ^= 1));
    assert_eq!(error, CheckError::NotOnCurve(name(Basis::Powers, 6)));
    let error = check_error(spoiled(|bytes| bytes[point(N + 2)].fill(0)));
    assert_eq!(error, CheckError::Identity(name(Basis::Lagrange, 2)));
    let error = check_error(spoiled(|bytes| bytes[point(3)].fill(0xff)));
    assert_eq!(
        error,
        CheckError::NonCanonicalCoordinate(name(Basis::Powers, 3))
    );

    let other = g1_bytes(&g1(Fr::from(5)));
    let error = check_error(spoiled(|bytes| bytes[point(9)].copy_from_slice(&other)));
    assert_eq!(error, CheckError::PowersInconsistent);
    let error = check_error(spoiled(|bytes| bytes[point(N + 9)].copy_from_slice(&other)));
    assert_eq!(error, CheckError::LagrangeInconsistent);

    let in_g2 = 4 + 128 * N;
    let other = g2_bytes(&g2(Fr::from(5)));
    let error = check_error(spoiled(|bytes| {
        bytes[in_g2..in_g2 + 128].copy_from_slice(&other)
    }));
    assert_eq!(error, CheckError::NotGenerator(PointName::G2 { index: 0 }));
    let error = check_error(spoiled(|bytes| {
        bytes[in_g2 + 128..].copy_from_slice(&other)
    }));
    assert_eq!(error, CheckError::PowersInconsistent);
}

#[test]
fn a_tau_in_the_domain_is_refused() {
    // Every Lagrange point but one is the identity, whatever the powers are.
    let tau = halo2_proofs::poly::EvaluationDomain::<Fr>::new(1, K).get_omega();
    let mut bytes = K.to_le_bytes().to_vec();
    for i in 0..N as u64 {
        bytes.extend(g1_bytes(&g1(tau.pow_vartime([i]))));
    }
    for i in 0..N {
        bytes.extend(g1_bytes(&g1(if i == 1 { Fr::ONE } else { Fr::ZERO })));
    }
    bytes.extend(g2_bytes(&g2(Fr::ONE)));
    bytes.extend(g2_bytes(&g2(tau)));
    let error = check_error(import(&bytes).expect_err("degenerate"));
    assert!(matches!(error, CheckError::Identity(_)));
}
