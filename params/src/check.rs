//! Is it a reference string? Checks that need no trust in whoever made the file.
//!
//! They show that the points are `[tau^i]_1`, `[L_i(tau)]_1` and `[tau]_2` for *some* tau. Nothing
//! can show that nobody knows that tau: that is the ceremony's promise.

use ff::Field;
use group::Group;
use group::cofactor::CofactorGroup;
use group::prime::PrimeCurveAffine;
use halo2_proofs::arithmetic::best_multiexp;
use halo2_proofs::poly::EvaluationDomain;
use halo2curves::CurveAffine;
use halo2curves::bn256::{Bn256, Fr, G1Affine, G2Affine, G2Prepared};
use halo2curves::pairing::{MillerLoopResult, MultiMillerLoop};
use rand_core::{CryptoRng, RngCore};
use rayon::prelude::*;

use crate::batch_affine::is_identity;
use crate::error::{Basis, CheckError, PointName};
use crate::parts::Parts;
use crate::progress::{Progress, Step};

/// Points per task.
const CHUNK: usize = 1 << 14;

impl Parts {
    /// Every check; the coefficients of the random combinations come from `rng`, which must be
    /// unpredictable to whoever made the points. A wrong SRS passes with probability about
    /// `2^-253`.
    pub(crate) fn check(
        &self,
        rng: &mut (impl RngCore + CryptoRng),
        progress: &dyn Progress,
    ) -> Result<(), CheckError> {
        self.check_lengths()?;
        self.check_points(progress)?;
        check_tau_g2(&self.tau_g2)?;
        self.check_first_elements()?;
        self.check_combinations(rng, progress)
    }

    fn check_lengths(&self) -> Result<(), CheckError> {
        let expected = 1u64 << self.k;
        for (basis, points) in self.bases() {
            let got = points.len() as u64;
            if got != expected {
                return Err(CheckError::WrongLength {
                    basis,
                    expected,
                    got,
                });
            }
        }
        Ok(())
    }

    fn bases(&self) -> [(Basis, &[G1Affine]); 2] {
        [
            (Basis::Powers, &self.powers),
            (Basis::Lagrange, &self.lagrange),
        ]
    }

    fn check_points(&self, progress: &dyn Progress) -> Result<(), CheckError> {
        let total = 2u64 << self.k;
        progress.report(Step::CheckPoints, 0, total);
        for (basis, points) in self.bases() {
            points
                .par_chunks(CHUNK)
                .enumerate()
                .try_for_each(|(i, chunk)| {
                    chunk
                        .iter()
                        .zip(i * CHUNK..)
                        .try_for_each(|(point, index)| {
                            check_g1(
                                point,
                                PointName::G1 {
                                    basis,
                                    index: index as u64,
                                },
                            )
                        })
                })?;
        }
        progress.report(Step::CheckPoints, total, total);
        Ok(())
    }

    fn check_first_elements(&self) -> Result<(), CheckError> {
        let name = |index| PointName::G1 {
            basis: Basis::Powers,
            index,
        };
        let generator = G1Affine::generator();
        match self.powers[..] {
            [first, ..] if first != generator => Err(CheckError::NotGenerator(name(0))),
            [_, second, ..] if second == generator => Err(CheckError::TauIsOne(name(1))),
            _ => Ok(()),
        }
    }

    /// One random polynomial, committed three ways.
    ///
    /// With random evaluations `v` and coefficients `c`: `sum v_i L_i = sum c_i [tau^i]` ties the
    /// bases together, and `e(sum_{i<n-1} c_i [tau^i]_1, [tau]_2) = e(sum c_i [tau^(i+1)]_1, [1]_2)`
    /// ties every power to the one before. Both are linear forms in the independent, uniform `v`,
    /// so each holds by chance with probability `1/r` unless every single relation holds.
    fn check_combinations(
        &self,
        rng: &mut (impl RngCore + CryptoRng),
        progress: &dyn Progress,
    ) -> Result<(), CheckError> {
        let n = self.powers.len();
        let domain = EvaluationDomain::<Fr>::new(1, self.k);
        let values: Vec<Fr> = (0..n).map(|_| Fr::random(&mut *rng)).collect();
        progress.report(Step::CheckPowers, 0, 2);
        let in_lagrange = best_multiexp(&values, &self.lagrange);
        let coefficients = domain.lagrange_to_coeff(domain.lagrange_from_vec(values));

        let (last, rest) = (coefficients[n - 1], &coefficients[0..n - 1]);
        let below = best_multiexp(rest, &self.powers[..n - 1]);
        progress.report(Step::CheckPowers, 1, 2);
        let shifted = best_multiexp(rest, &self.powers[1..]);
        let pairing = Bn256::multi_miller_loop(&[
            (&below.into(), &G2Prepared::from(self.tau_g2)),
            (&(-shifted).into(), &G2Prepared::from(G2Affine::generator())),
        ]);
        if !bool::from(pairing.final_exponentiation().is_identity()) {
            return Err(CheckError::PowersInconsistent);
        }
        progress.report(Step::CheckPowers, 2, 2);

        if below + self.powers[n - 1] * last != in_lagrange {
            return Err(CheckError::LagrangeInconsistent);
        }
        progress.report(Step::CheckLagrange, 1, 1);
        Ok(())
    }
}

/// On the curve, whose order is prime, and not the identity.
pub(crate) fn check_g1(point: &G1Affine, name: PointName) -> Result<(), CheckError> {
    if is_identity(point) {
        return Err(CheckError::Identity(name));
    }
    if !bool::from(point.is_on_curve()) {
        return Err(CheckError::NotOnCurve(name));
    }
    Ok(())
}

/// `[tau]_2`: on the twist, in the subgroup, and tau is neither 0 nor 1.
pub(crate) fn check_tau_g2(point: &G2Affine) -> Result<(), CheckError> {
    let name = PointName::G2 { index: 1 };
    if bool::from(point.is_identity()) {
        return Err(CheckError::Identity(name));
    }
    if !bool::from(point.is_on_curve()) {
        return Err(CheckError::NotOnCurve(name));
    }
    if !bool::from(point.to_curve().is_torsion_free()) {
        return Err(CheckError::NotInSubgroup(name));
    }
    if *point == G2Affine::generator() {
        return Err(CheckError::TauIsOne(name));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::development::{development_tau, from_tau};
    use crate::progress::Silent;
    use group::Curve;
    use halo2curves::bn256::{Fq, Fq2, G1, G2};
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

    const K: u32 = 4;

    fn parts() -> Parts {
        from_tau(development_tau(), K, &Silent).expect("valid k")
    }

    fn check(parts: &Parts) -> Result<(), CheckError> {
        parts.check(&mut ChaCha20Rng::seed_from_u64(7), &Silent)
    }

    fn power(index: u64) -> PointName {
        PointName::G1 {
            basis: Basis::Powers,
            index,
        }
    }

    fn lagrange(index: u64) -> PointName {
        PointName::G1 {
            basis: Basis::Lagrange,
            index,
        }
    }

    /// A point of the twist outside the subgroup: the cofactor is far larger than the subgroup's
    /// share, so the first point found is one.
    pub(crate) fn outside_subgroup() -> G2Affine {
        (1u64..)
            .find_map(|x| {
                let x = Fq2 {
                    c0: Fq::from(x),
                    c1: Fq::one(),
                };
                let y = Option::<Fq2>::from((x.square() * x + G2Affine::b()).sqrt())?;
                Some(G2Affine { x, y })
            })
            .expect("half of the abscissas have a point")
    }

    #[test]
    fn a_good_srs_passes_at_every_size() {
        for k in [1, 2, 5, 10] {
            let parts = from_tau(development_tau(), k, &Silent).expect("valid k");
            assert_eq!(check(&parts), Ok(()), "k = {k}");
        }
    }

    #[test]
    fn wrong_lengths_are_refused() {
        let mut short = parts();
        short.powers.pop();
        let wrong = CheckError::WrongLength {
            basis: Basis::Powers,
            expected: 16,
            got: 15,
        };
        assert_eq!(check(&short), Err(wrong));
        let mut long = parts();
        long.lagrange.push(G1Affine::generator());
        let wrong = CheckError::WrongLength {
            basis: Basis::Lagrange,
            expected: 16,
            got: 17,
        };
        assert_eq!(check(&long), Err(wrong));
    }

    #[test]
    fn bad_points_are_named() {
        let mut bad = parts();
        bad.powers[9].y += Fq::one();
        assert_eq!(check(&bad), Err(CheckError::NotOnCurve(power(9))));
        let mut bad = parts();
        bad.lagrange[3].x += Fq::one();
        assert_eq!(check(&bad), Err(CheckError::NotOnCurve(lagrange(3))));
        let mut bad = parts();
        bad.lagrange[15] = G1Affine::identity();
        assert_eq!(check(&bad), Err(CheckError::Identity(lagrange(15))));
    }

    #[test]
    fn the_point_in_g2_is_checked() {
        let name = PointName::G2 { index: 1 };
        let with = |tau_g2| Parts { tau_g2, ..parts() };
        assert_eq!(
            check(&with(G2Affine::identity())),
            Err(CheckError::Identity(name))
        );
        assert_eq!(
            check(&with(G2Affine::generator())),
            Err(CheckError::TauIsOne(name))
        );
        assert_eq!(
            check(&with(outside_subgroup())),
            Err(CheckError::NotInSubgroup(name))
        );
        let mut off = parts();
        off.tau_g2.x.c0 += Fq::one();
        assert_eq!(check(&off), Err(CheckError::NotOnCurve(name)));
    }

    #[test]
    fn first_elements_are_checked() {
        let mut doubled = parts();
        for point in &mut doubled.powers {
            *point = (*point + *point).to_affine();
        }
        assert_eq!(check(&doubled), Err(CheckError::NotGenerator(power(0))));
        let mut one = parts();
        one.powers[1] = G1Affine::generator();
        assert_eq!(check(&one), Err(CheckError::TauIsOne(power(1))));
    }

    #[test]
    fn every_power_is_checked() {
        for index in 1..1 << K {
            let mut bad = parts();
            bad.powers[index] = (bad.powers[index] + G1::generator()).to_affine();
            assert_eq!(
                check(&bad),
                Err(CheckError::PowersInconsistent),
                "power {index}"
            );
        }
        let mut swapped = parts();
        swapped.powers.swap(5, 6);
        assert_eq!(check(&swapped), Err(CheckError::PowersInconsistent));
    }

    #[test]
    fn another_tau_in_g2_is_refused() {
        let mut other = parts();
        other.tau_g2 = (G2::generator() * Fr::from(12345)).to_affine();
        assert_eq!(check(&other), Err(CheckError::PowersInconsistent));
    }

    #[test]
    fn every_lagrange_point_is_checked() {
        for index in 0..1 << K {
            let mut bad = parts();
            bad.lagrange[index] = (bad.lagrange[index] + G1::generator()).to_affine();
            assert_eq!(
                check(&bad),
                Err(CheckError::LagrangeInconsistent),
                "point {index}"
            );
        }
        let mut swapped = parts();
        swapped.lagrange.swap(1, 2);
        assert_eq!(check(&swapped), Err(CheckError::LagrangeInconsistent));
    }
}
