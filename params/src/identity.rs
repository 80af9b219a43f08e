//! What the verifier needs of an SRS: `[tau]_2`, whose digest names the SRS whatever its size.

use ff::PrimeField;
use halo2curves::bn256::{Fq, G2Affine};
use nascent_verifier::Srs as VerifierSrs;
use nascent_verifier::srs::SrsError;

use crate::error::{CheckError, PointName};

/// `[tau]_2` as the verifier holds it, which checks the curve and the subgroup once more, with
/// another implementation of the curve.
pub(crate) fn verifier_srs(tau_g2: &G2Affine) -> Result<VerifierSrs, CheckError> {
    let mut bytes = [0; 128];
    let coordinates: [&Fq; 4] = [&tau_g2.x.c0, &tau_g2.x.c1, &tau_g2.y.c0, &tau_g2.y.c1];
    for (out, coordinate) in bytes.chunks_exact_mut(32).zip(coordinates) {
        out.copy_from_slice(coordinate.to_repr().as_ref());
    }
    let name = PointName::G2 { index: 1 };
    VerifierSrs::from_uncompressed(&bytes).map_err(|error| match error {
        SrsError::NotCanonical { .. } => CheckError::NonCanonicalCoordinate(name),
        SrsError::NotInSubgroup => CheckError::NotInSubgroup(name),
        _ => CheckError::NotOnCurve(name),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::development::development_tau;
    use group::Curve;
    use halo2curves::bn256::{Fr, G2};

    #[test]
    fn the_verifier_recognises_the_development_tau_and_no_other() {
        let srs =
            |tau: Fr| verifier_srs(&(G2::generator() * tau).to_affine()).expect("in the group");
        let development = srs(development_tau());
        assert!(development.is_development());
        assert_eq!(Ok(development), VerifierSrs::development());
        assert!(!srs(development_tau() + Fr::one()).is_development());
    }
}
