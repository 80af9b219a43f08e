//! Import of `.ptau` files: good ones, and every way of being bad.

use ff::Field;
use group::prime::PrimeCurveAffine;
use halo2curves::CurveAffine;
use halo2curves::bn256::{Fq, Fq2, Fr, G1Affine, G2Affine};
use nascent_params::{
    Basis, CheckError, FormatError, ImportOptions, ParamsError, PointName, Provenance, Silent,
    SourceFormat, Srs, Step,
};
use std::sync::LazyLock;

use crate::support::{PtauFile, check_error, format_error, g1, g2, lagrange, on_disk, tau};

/// The smallest power at which snarkjs and the library number the domain differently.
const POWER: u32 = 6;

static GOOD: LazyLock<PtauFile> = LazyLock::new(|| PtauFile::new(POWER));

fn import(file: &PtauFile, k: u32) -> Result<Srs, ParamsError> {
    import_bytes(&file.bytes(), k)
}

fn import_bytes(bytes: &[u8], k: u32) -> Result<Srs, ParamsError> {
    let (_directory, path) = on_disk(bytes);
    Srs::import_ptau(&path, k, &ImportOptions::default(), &Silent)
}

/// The error of a spoiled file.
fn spoiled(spoil: impl FnOnce(&mut PtauFile)) -> ParamsError {
    let mut file = GOOD.clone();
    spoil(&mut file);
    import(&file, POWER).expect_err("a spoiled file is refused")
}

fn power(index: u64) -> PointName {
    PointName::G1 {
        basis: Basis::Powers,
        index,
    }
}

#[test]
fn a_prepared_file_gives_both_bases_at_every_size() {
    let file = GOOD.clone();
    let mut identity = None;
    for k in 1..=POWER {
        let srs = import(&file, k).expect("a good file");
        assert_eq!(srs.k(), k);
        let n = 1u64 << k;
        let powers: Vec<G1Affine> = (0..n).map(|i| g1(tau().pow_vartime([i]))).collect();
        assert_eq!(srs.powers(), powers);
        let omega = halo2_proofs::poly::EvaluationDomain::<Fr>::new(1, k).get_omega();
        let expected: Vec<G1Affine> = lagrange(omega, k).into_iter().map(g1).collect();
        assert_eq!(srs.lagrange(), expected, "k = {k}");
        assert_eq!(srs.tau_g2(), g2(tau()));
        assert!(!srs.is_development());
        srs.check(&Silent).expect("a good SRS");
        assert_eq!(identity.get_or_insert(*srs.identity()), srs.identity());
    }
}

#[test]
fn the_provenance_is_the_hash_of_the_file_and_its_path() {
    let bytes = PtauFile::new(2).bytes();
    let (_directory, path) = on_disk(&bytes);
    let srs = Srs::import_ptau(&path, 2, &ImportOptions::default(), &Silent).expect("a good file");
    let Provenance::Ceremony(file) = srs.provenance() else {
        panic!("not a ceremony")
    };
    assert_eq!(file.format, SourceFormat::Ptau);
    assert_eq!(file.path, path);
    assert_eq!(file.blake2b, *blake2b_simd::blake2b(&bytes).as_array());
}

#[test]
fn a_file_with_the_extra_lagrange_block_is_read() {
    let mut file = GOOD.clone();
    // snarkjs also writes the basis of twice the size.
    file.section(12).extend(vec![0; 64 << (POWER + 1)]);
    import(&file, POWER).expect("a good file");
}

#[test]
fn sections_may_come_in_any_order() {
    let mut file = GOOD.clone();
    file.sections.reverse();
    import(&file, POWER).expect("a good file");
}

#[test]
fn an_unprepared_file_is_transformed_up_to_the_limit_and_refused_above() {
    let (_directory, path) = on_disk(&PtauFile::unprepared(POWER).bytes());
    let steps = std::sync::Mutex::new(Vec::new());
    let progress = |step, _: u64, _: u64| steps.lock().expect("no panic elsewhere").push(step);
    let options = ImportOptions { max_transform_k: 3 };
    let srs = Srs::import_ptau(&path, 3, &options, &progress).expect("below the limit");
    let omega = halo2_proofs::poly::EvaluationDomain::<Fr>::new(1, 3).get_omega();
    assert_eq!(
        srs.lagrange(),
        lagrange(omega, 3).into_iter().map(g1).collect::<Vec<_>>()
    );
    assert!(
        steps
            .lock()
            .expect("no panic elsewhere")
            .contains(&Step::TransformLagrange)
    );

    let error = Srs::import_ptau(&path, POWER, &options, &Silent).expect_err("above the limit");
    assert!(matches!(
        error,
        ParamsError::NotPrepared {
            k: POWER,
            limit: 3,
            ..
        }
    ));
    assert!(
        error
            .to_string()
            .contains("snarkjs powersoftau prepare phase2")
    );
}

#[test]
fn a_smaller_srs_comes_from_the_file_while_it_is_there() {
    let (directory, path) = on_disk(&GOOD.clone().bytes());
    let large = Srs::import_ptau(&path, POWER, &ImportOptions::default(), &Silent).expect("good");
    let used = |srs: &Srs| {
        let steps = std::sync::Mutex::new(Vec::new());
        let progress = |step, _: u64, _: u64| steps.lock().expect("no panic elsewhere").push(step);
        let small = srs.derive(3, &progress).expect("smaller k");
        (small, steps.into_inner().expect("no panic elsewhere"))
    };
    let (from_file, steps) = used(&large);
    assert!(steps.contains(&Step::ReadLagrange) && !steps.contains(&Step::TransformLagrange));

    // Another tau at the same place is not mistaken for this one.
    let mut other = GOOD.clone();
    other.set_g2(1, &g2(Fr::from(99)));
    std::fs::write(&path, other.bytes()).expect("writing a temporary file");
    let (computed, steps) = used(&large);
    assert!(steps.contains(&Step::TransformLagrange));
    assert_eq!(computed.lagrange(), from_file.lagrange());

    drop(directory);
    let (computed, _) = used(&large);
    assert_eq!(computed.lagrange(), from_file.lagrange());
    assert_eq!(computed.provenance(), large.provenance());
}

#[test]
fn a_size_the_file_does_not_have_is_refused() {
    let file = PtauFile::new(2);
    for k in [0, 3, 28, 29, u32::MAX] {
        let error = import(&file, k).expect_err("no such size");
        assert!(
            matches!(error, ParamsError::SizeOutOfRange { got, .. } if got == k),
            "k = {k}"
        );
    }
}

#[test]
fn what_is_not_a_ptau_file_is_refused() {
    let (directory, path) = on_disk(b"");
    let import = |path: &std::path::Path| {
        Srs::import_ptau(path, 2, &ImportOptions::default(), &Silent).expect_err("not a file")
    };
    assert!(matches!(
        format_error(import(&path)),
        FormatError::Truncated { .. }
    ));
    assert!(matches!(import(directory.path()), ParamsError::Io { .. }));
    assert!(matches!(
        import(&directory.path().join("none")),
        ParamsError::Io { .. }
    ));

    let error = format_error(spoiled(|file| file.magic = *b"zkey"));
    assert!(matches!(
        error,
        FormatError::BadMagic {
            format: ".ptau",
            ..
        }
    ));
    let error = format_error(spoiled(|file| file.version = 2));
    assert_eq!(
        error,
        FormatError::Version {
            expected: 1,
            got: 2
        }
    );
}

#[test]
fn truncation_anywhere_is_refused() {
    let bytes = PtauFile::new(1).bytes();
    for length in 0..bytes.len() {
        let error = format_error(import_bytes(&bytes[..length], 1).expect_err("truncated"));
        assert!(
            matches!(error, FormatError::Truncated { .. }),
            "{length} bytes: {error:?}"
        );
    }
}

#[test]
fn trailing_bytes_are_refused() {
    let error = format_error(spoiled(|file| file.trailing.push(0)));
    assert!(matches!(error, FormatError::Length { what: "file", .. }));
}

#[test]
fn section_tables_are_bounded() {
    for count in [0, 65, u32::MAX] {
        let error = format_error(spoiled(|file| file.count = Some(count)));
        let expected = FormatError::Range {
            what: "number of sections",
            min: 1,
            max: 64,
            got: count.into(),
        };
        assert_eq!(error, expected);
    }
    // One section more than there are.
    let error = format_error(spoiled(|file| file.count = Some(7)));
    assert!(matches!(
        error,
        FormatError::Truncated {
            what: "section header",
            ..
        }
    ));
    // A section length that runs past the end, or overflows.
    for length in [1u64 << 40, u64::MAX] {
        let mut bytes = PtauFile::new(1).bytes();
        bytes[16..24].copy_from_slice(&length.to_le_bytes());
        let error = format_error(import_bytes(&bytes, 1).expect_err("too long"));
        assert!(matches!(
            error,
            FormatError::Truncated {
                what: "section",
                ..
            }
        ));
    }
}

#[test]
fn missing_and_repeated_sections_are_refused() {
    for id in [1, 2, 3] {
        let error = spoiled(|file| file.sections.retain(|(section, _)| *section != id));
        assert_eq!(format_error(error), FormatError::MissingSection { id });
    }
    for id in [1, 2, 3, 12] {
        let error = spoiled(|file| {
            let copy = file.section(id).clone();
            file.sections.push((id, copy));
        });
        assert_eq!(format_error(error), FormatError::DuplicateSection { id });
    }
}

#[test]
fn section_lengths_follow_from_the_power() {
    let cases = [
        (1, "section 1"),
        (2, "section 2"),
        (3, "section 3"),
        (12, "section 12"),
    ];
    for (id, name) in cases {
        for change in [-64i64, -1, 1, 64] {
            let error = format_error(spoiled(|file| {
                let section = file.section(id);
                let length = section.len().saturating_add_signed(change as isize);
                section.resize(length, 0);
            }));
            assert!(
                matches!(error, FormatError::Length { what, .. } if what == name),
                "section {id} by {change}: {error:?}"
            );
        }
    }
}

#[test]
fn the_header_is_checked() {
    // A wrong power, above or below the true one: the other sections no longer fit.
    for power in [POWER - 1, POWER + 1, 28] {
        let error = format_error(spoiled(|file| {
            *file.section(1) = crate::support::header(power, 28)
        }));
        assert!(
            matches!(
                error,
                FormatError::Length {
                    what: "section 2",
                    ..
                }
            ),
            "{power}"
        );
    }
    for power in [0, 29, u32::MAX] {
        let error = format_error(spoiled(|file| {
            *file.section(1) = crate::support::header(power, 28)
        }));
        assert!(
            matches!(error, FormatError::Range { what: "power", .. }),
            "{power}"
        );
    }
    let error = format_error(spoiled(|file| {
        *file.section(1) = crate::support::header(POWER, 2)
    }));
    assert!(matches!(
        error,
        FormatError::Range {
            what: "ceremony power",
            ..
        }
    ));
    let error = format_error(spoiled(|file| file.section(1)[0] = 48));
    assert!(matches!(
        error,
        FormatError::Range {
            what: "bytes per coordinate",
            ..
        }
    ));
    for byte in [4, 20, 35] {
        let error = format_error(spoiled(|file| file.section(1)[byte] ^= 1));
        assert_eq!(error, FormatError::WrongCurve);
    }
}

#[test]
fn bad_points_in_g1_are_refused() {
    let mut off = g1(tau().pow_vartime([5]));
    off.y += Fq::one();
    let error = check_error(spoiled(|file| file.set_g1(2, 5, &off)));
    assert_eq!(error, CheckError::NotOnCurve(power(5)));
    let error = check_error(spoiled(|file| file.set_g1(2, 3, &G1Affine::identity())));
    assert_eq!(error, CheckError::Identity(power(3)));
    let error = check_error(spoiled(|file| {
        file.section(2)[64 * 7..64 * 7 + 32].fill(0xff)
    }));
    assert_eq!(error, CheckError::NonCanonicalCoordinate(power(7)));
    let error = check_error(spoiled(|file| file.set_g1(2, 0, &g1(Fr::from(2)))));
    assert_eq!(error, CheckError::NotGenerator(power(0)));
    let error = check_error(spoiled(|file| file.set_g1(2, 1, &G1Affine::generator())));
    assert_eq!(error, CheckError::TauIsOne(power(1)));
}

#[test]
fn a_point_of_the_curve_in_the_wrong_place_is_refused() {
    for index in 1..1 << POWER {
        let error = check_error(spoiled(|file| file.set_g1(2, index, &g1(Fr::from(3)))));
        assert_eq!(error, CheckError::PowersInconsistent, "power {index}");
    }
    // Powers in the wrong order.
    let error = check_error(spoiled(|file| {
        file.set_g1(2, 4, &g1(tau().pow_vartime([5])));
        file.set_g1(2, 5, &g1(tau().pow_vartime([4])));
    }));
    assert_eq!(error, CheckError::PowersInconsistent);
}

#[test]
fn bad_points_in_g2_are_refused() {
    let name = |index| PointName::G2 { index };
    let error = check_error(spoiled(|file| file.set_g2(0, &g2(Fr::from(2)))));
    assert_eq!(error, CheckError::NotGenerator(name(0)));
    let error = check_error(spoiled(|file| file.set_g2(1, &G2Affine::identity())));
    assert_eq!(error, CheckError::Identity(name(1)));
    let error = check_error(spoiled(|file| file.set_g2(1, &G2Affine::generator())));
    assert_eq!(error, CheckError::TauIsOne(name(1)));
    let error = check_error(spoiled(|file| file.set_g2(1, &outside_subgroup())));
    assert_eq!(error, CheckError::NotInSubgroup(name(1)));
    let error = check_error(spoiled(|file| file.section(3)[128 + 5] ^= 1));
    assert_eq!(error, CheckError::NotOnCurve(name(1)));
    let error = check_error(spoiled(|file| file.section(3)[128..160].fill(0xff)));
    assert_eq!(error, CheckError::NonCanonicalCoordinate(name(1)));
    let error = check_error(spoiled(|file| file.set_g2(1, &g2(Fr::from(2)))));
    assert_eq!(error, CheckError::PowersInconsistent);
}

fn outside_subgroup() -> G2Affine {
    let point = (1..).find_map(|x| {
        let x = Fq2 {
            c0: Fq::from(x),
            c1: Fq::one(),
        };
        let y = Option::<Fq2>::from((x.square() * x + G2Affine::b()).sqrt())?;
        Some(G2Affine { x, y })
    });
    point.expect("half of the abscissas have a point")
}

#[test]
fn a_wrong_lagrange_section_is_refused() {
    let block = (1 << POWER) - 1;
    for index in [0, 1, 7, 15] {
        let error = check_error(spoiled(|file| file.set_g1(12, block + index, &g1(tau()))));
        assert_eq!(error, CheckError::LagrangeInconsistent, "point {index}");
    }
}

#[test]
fn a_lagrange_section_in_the_library_order_is_refused() {
    let block = (1 << POWER) - 1;
    let omega = halo2_proofs::poly::EvaluationDomain::<Fr>::new(1, POWER).get_omega();
    let mut file = GOOD.clone();
    for (i, scalar) in lagrange(omega, POWER).into_iter().enumerate() {
        file.set_g1(12, block + i, &g1(scalar));
    }
    let error = check_error(import(&file, POWER).expect_err("the wrong order"));
    assert_eq!(error, CheckError::LagrangeInconsistent);
}

#[test]
fn an_error_names_a_lagrange_point_by_its_number_in_the_library() {
    let block = (1 << POWER) - 1;
    let error = check_error(spoiled(|file| {
        file.set_g1(12, block + 3, &G1Affine::identity())
    }));
    assert_eq!(
        error,
        CheckError::Identity(PointName::G1 {
            basis: Basis::Lagrange,
            index: 35
        })
    );
}

#[test]
fn a_file_made_with_the_development_tau_is_development() {
    let development = Srs::development(1, &Silent).expect("valid k");
    let mut file = PtauFile::unprepared(1);
    file.set_g1(2, 1, &development.powers()[1]);
    file.set_g2(1, &development.tau_g2());
    let srs = import(&file, 1).expect("a good file");
    assert_eq!(srs.provenance(), &Provenance::Development);
}
