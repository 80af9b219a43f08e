//! Many affine additions for the price of one inversion.
//!
//! An affine addition costs one inversion, two products and one square. With Montgomery's trick
//! the inversion of a whole batch becomes three products per addition and one true inversion, so
//! that an addition costs six products in all; the complete projective formulas of the curve
//! crate cost twelve and more. Every bulk computation of this crate is made of such batches.

use ff::Field;
use halo2curves::bn256::{Fq, G1Affine};

/// What one addition of a batch amounts to once both operands are known.
enum Case {
    /// Nothing to add: the right operand is the identity, or the batch set the result already.
    Done,
    /// Distinct abscissas, or a doubling: the slope is `numerator / denominator`.
    Slope { denominator: Fq },
}

/// Additions `acc[slot] += point` gathered until [`BatchAdder::apply`] does them all.
///
/// The buffers stay allocated from one batch to the next.
#[derive(Default)]
pub(crate) struct BatchAdder {
    slots: Vec<u32>,
    points: Vec<G1Affine>,
    prefix: Vec<Fq>,
}

pub(crate) const IDENTITY: G1Affine = G1Affine {
    x: Fq::zero(),
    y: Fq::zero(),
};

pub(crate) fn is_identity(point: &G1Affine) -> bool {
    bool::from(point.x.is_zero() & point.y.is_zero())
}

impl BatchAdder {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self {
            slots: Vec::with_capacity(capacity),
            points: Vec::with_capacity(capacity),
            prefix: Vec::with_capacity(capacity),
        }
    }

    /// Queues `acc[slot] += point`. A slot may be queued once per batch.
    #[inline]
    pub(crate) fn push(&mut self, slot: usize, point: G1Affine) {
        self.slots.push(slot as u32);
        self.points.push(point);
    }

    /// Does the queued additions on `acc` and empties the queue.
    pub(crate) fn apply(&mut self, acc: &mut [G1Affine]) {
        self.prefix.clear();
        let mut product = Fq::one();
        for (&slot, point) in self.slots.iter().zip(&mut self.points) {
            self.prefix.push(product);
            match prepare(&mut acc[slot as usize], point) {
                Case::Slope { denominator } => product *= denominator,
                // The identity marks the entry as finished for the second pass.
                Case::Done => *point = IDENTITY,
            }
        }
        // No factor is zero, see `prepare`.
        let mut inverse = product.invert().unwrap_or(Fq::zero());
        let entries = self.slots.iter().zip(&self.points).zip(&self.prefix);
        for ((&slot, point), prefix) in entries.rev() {
            if is_identity(point) {
                continue;
            }
            let left = &mut acc[slot as usize];
            if left.x == point.x {
                let denominator = left.y.double();
                let slope = triple(left.x.square()) * (inverse * prefix);
                inverse *= denominator;
                *left = finish(left, point, slope);
            } else {
                let denominator = point.x - left.x;
                let slope = (point.y - left.y) * (inverse * prefix);
                inverse *= denominator;
                *left = finish(left, point, slope);
            }
        }
        self.slots.clear();
        self.points.clear();
    }
}

/// Settles the cases without a slope and returns the denominator of the others.
///
/// The denominator is never zero: abscissas differ, or the points are equal and, the group having
/// odd order, the ordinate is not zero.
#[inline]
fn prepare(left: &mut G1Affine, right: &G1Affine) -> Case {
    if is_identity(right) {
        return Case::Done;
    }
    if is_identity(left) {
        *left = *right;
        return Case::Done;
    }
    if left.x != right.x {
        return Case::Slope {
            denominator: right.x - left.x,
        };
    }
    if left.y == right.y {
        return Case::Slope {
            denominator: left.y.double(),
        };
    }
    *left = IDENTITY;
    Case::Done
}

#[inline]
fn finish(left: &G1Affine, right: &G1Affine, slope: Fq) -> G1Affine {
    let x = slope.square() - left.x - right.x;
    let y = slope * (left.x - x) - left.y;
    G1Affine { x, y }
}

#[inline]
fn triple(value: Fq) -> Fq {
    value.double() + value
}

/// Doubles every point.
pub(crate) fn double_all(points: &mut [G1Affine], prefix: &mut Vec<Fq>) {
    prefix.clear();
    let mut product = Fq::one();
    for point in points.iter() {
        prefix.push(product);
        if !is_identity(point) {
            product *= point.y.double();
        }
    }
    let mut inverse = product.invert().unwrap_or(Fq::zero());
    for (point, prefix) in points.iter_mut().zip(prefix.iter()).rev() {
        if is_identity(point) {
            continue;
        }
        let slope = triple(point.x.square()) * (inverse * prefix);
        inverse *= point.y.double();
        *point = finish(point, point, slope);
    }
}

/// The butterfly `(low, high) <- (low + high, low - high)` on every pair.
///
/// The sum and the difference share their denominator.
pub(crate) fn butterflies(low: &mut [G1Affine], high: &mut [G1Affine], prefix: &mut Vec<Fq>) {
    prefix.clear();
    let mut product = Fq::one();
    for (a, b) in low.iter().zip(high.iter()) {
        prefix.push(product);
        if generic_pair(a, b) {
            product *= b.x - a.x;
        }
    }
    let mut inverse = product.invert().unwrap_or(Fq::zero());
    for ((a, b), prefix) in low.iter_mut().zip(high.iter_mut()).zip(prefix.iter()).rev() {
        if generic_pair(a, b) {
            let denominator = inverse * prefix;
            inverse *= b.x - a.x;
            let sum = finish(a, b, (b.y - a.y) * denominator);
            let difference = finish(a, b, -(b.y + a.y) * denominator);
            (*a, *b) = (sum, difference);
        } else {
            rare_butterfly(a, b);
        }
    }
}

#[inline]
fn generic_pair(a: &G1Affine, b: &G1Affine) -> bool {
    a.x != b.x && !is_identity(a) && !is_identity(b)
}

/// One butterfly where an operand is the identity or the abscissas are equal.
#[cold]
fn rare_butterfly(a: &mut G1Affine, b: &mut G1Affine) {
    use group::prime::PrimeCurveAffine;
    let (left, right) = (a.to_curve(), b.to_curve());
    *a = (left + right).into();
    *b = (left - right).into();
}

#[cfg(test)]
mod tests {
    use super::*;
    use group::Curve;
    use halo2curves::bn256::{Fr, G1};

    fn multiple(n: i64) -> G1Affine {
        let magnitude = Fr::from(n.unsigned_abs());
        let scalar = if n < 0 { -magnitude } else { magnitude };
        (G1::generator() * scalar).to_affine()
    }

    /// Every pair of small multiples: identities, doublings and opposite points included.
    fn pairs() -> Vec<(i64, i64)> {
        (-3..=3)
            .flat_map(|a| (-3..=3).map(move |b| (a, b)))
            .collect()
    }

    #[test]
    fn additions_agree_with_the_group_law_in_every_case() {
        let mut acc: Vec<_> = pairs().iter().map(|(a, _)| multiple(*a)).collect();
        let mut adder = BatchAdder::default();
        for (slot, (_, b)) in pairs().iter().enumerate() {
            adder.push(slot, multiple(*b));
        }
        adder.apply(&mut acc);
        for ((a, b), sum) in pairs().iter().zip(&acc) {
            assert_eq!(*sum, multiple(a + b), "{a} + {b}");
        }
        assert!(is_identity(&multiple(0)));
    }

    #[test]
    fn an_adder_is_empty_after_use() {
        let mut acc = vec![multiple(5)];
        let mut adder = BatchAdder::with_capacity(1);
        adder.push(0, multiple(2));
        adder.apply(&mut acc);
        adder.apply(&mut acc);
        assert_eq!(acc, [multiple(7)]);
    }

    #[test]
    fn doublings_agree() {
        let mut points: Vec<_> = (-3..=3).map(multiple).collect();
        double_all(&mut points, &mut Vec::new());
        let expected: Vec<_> = (-3..=3).map(|n| multiple(2 * n)).collect();
        assert_eq!(points, expected);
    }

    #[test]
    fn butterflies_agree() {
        let mut low: Vec<_> = pairs().iter().map(|(a, _)| multiple(*a)).collect();
        let mut high: Vec<_> = pairs().iter().map(|(_, b)| multiple(*b)).collect();
        butterflies(&mut low, &mut high, &mut Vec::new());
        for (((a, b), sum), difference) in pairs().iter().zip(&low).zip(&high) {
            assert_eq!(
                (*sum, *difference),
                (multiple(a + b), multiple(a - b)),
                "{a}, {b}"
            );
        }
    }
}
