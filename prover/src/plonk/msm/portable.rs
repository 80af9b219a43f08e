//! Batches of additions with the curve crate's arithmetic.

use std::borrow::Cow;

use ff::Field;
use halo2curves::bn256::{Fq, G1Affine};

use super::adder::{NEGATIVE, is_identity};
use super::{Engine, Job};

/// Bases as the curve crate has them.
pub(crate) struct Points<'a> {
    bases: Cow<'a, [G1Affine]>,
    has_identity: bool,
}

impl<'a> Points<'a> {
    pub(super) fn new(bases: Cow<'a, [G1Affine]>) -> Self {
        let has_identity = bases.iter().any(is_identity);
        Self {
            bases,
            has_identity,
        }
    }
}

/// A reference's point.
fn fetch(source: &[G1Affine], reference: u32) -> G1Affine {
    let G1Affine { x, y } = source[(reference & !NEGATIVE) as usize];
    let y = if reference & NEGATIVE == 0 { y } else { -y };
    G1Affine { x, y }
}

impl Engine for Points<'_> {
    type Point = G1Affine;
    type Scratch = Vec<(G1Affine, G1Affine, Fq)>;

    fn bases(&self) -> &[G1Affine] {
        &self.bases
    }

    fn has_identity(&self) -> bool {
        self.has_identity
    }

    fn import(&self, point: &G1Affine) -> G1Affine {
        *point
    }

    fn export(&self, point: &G1Affine) -> G1Affine {
        *point
    }

    fn negate(&self, base: &G1Affine) -> G1Affine {
        -base
    }

    fn add(
        &self,
        source: &[G1Affine],
        jobs: &[Job],
        out: &mut [G1Affine],
        scratch: &mut Self::Scratch,
    ) -> bool {
        scratch.clear();
        let mut product = Fq::ONE;
        for job in jobs {
            let (a, b) = (fetch(source, job.a), fetch(source, job.b));
            scratch.push((a, b, product));
            product *= b.x - a.x;
        }
        let Some(mut inverse) = Option::<Fq>::from(product.invert()) else {
            return false;
        };
        for (job, (a, b, prefix)) in jobs.iter().zip(scratch.iter()).rev() {
            let slope = (b.y - a.y) * (inverse * prefix);
            inverse *= b.x - a.x;
            let x = slope.square() - a.x - b.x;
            let y = slope * (a.x - x) - a.y;
            out[job.to as usize] = G1Affine { x, y };
        }
        true
    }
}
