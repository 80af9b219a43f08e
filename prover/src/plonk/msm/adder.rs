//! Sums of buckets, made of batches of additions.

use ff::Field;
use group::prime::PrimeCurveAffine;
use halo2curves::bn256::G1Affine;

use super::{Engine, Job};

/// Marks a reference to a point that counts negative.
pub(super) const NEGATIVE: u32 = 1 << 31;
/// Additions that share an inversion.
const BATCH: usize = 1 << 11;

/// Additions that wait for their common inversion.
///
/// Equal, opposite and trivial summands have no slope. They do not occur among the points of an
/// honest SRS, so that they are looked for only once a batch has met one (its product is zero then)
/// or the bases contain the identity.
pub(super) struct Adder<'a, E: Engine> {
    engine: &'a E,
    /// Look at each pair for a missing slope.
    careful: bool,
    jobs: Vec<Job>,
    scratch: E::Scratch,
    /// The points of the next round.
    next: Vec<E::Point>,
}

impl<'a, E: Engine> Adder<'a, E> {
    pub(super) fn new(engine: &'a E) -> Self {
        Self {
            engine,
            careful: engine.has_identity(),
            jobs: Vec::with_capacity(BATCH),
            scratch: E::Scratch::default(),
            next: Vec::new(),
        }
    }

    /// One round: each bucket's points are added in pairs. Bucket `i` has the places from
    /// `starts[i]` to `starts[i + 1]`; `reference` says what stands at a place.
    pub(super) fn halve(
        &mut self,
        source: &[E::Point],
        reference: impl Fn(u32) -> u32,
        starts: &mut [u32],
        out: &mut Vec<E::Point>,
    ) {
        out.clear();
        let mut first = starts[0];
        for bucket in 0..starts.len() - 1 {
            let last = starts[bucket + 1];
            while first + 1 < last {
                self.pair(source, reference(first), reference(first + 1), out);
                first += 2;
            }
            if first < last {
                out.push(self.point(source, reference(first)));
            }
            first = last;
            starts[bucket + 1] = out.len() as u32;
        }
        self.flush(source, out);
    }

    /// Rounds until no bucket has more than one point.
    pub(super) fn sum_buckets(&mut self, points: &mut Vec<E::Point>, starts: &mut [u32]) {
        while starts.windows(2).any(|pair| pair[1] - pair[0] > 1) {
            let mut next = std::mem::take(&mut self.next);
            self.halve(points, |place| place, starts, &mut next);
            self.next = std::mem::replace(points, next);
        }
    }

    /// Bucket `c` becomes the sum of buckets `2 c` and `2 c + 1`, of at most one point each;
    /// bucket 0 becomes empty.
    pub(super) fn merge_neighbours(&mut self, points: &mut Vec<E::Point>, starts: &mut Vec<u32>) {
        let mut next = std::mem::take(&mut self.next);
        next.clear();
        let buckets = starts.len() - 1;
        let mut merged = vec![0; buckets.div_ceil(2).min(buckets - 1) + 1];
        for (c, end) in merged.iter_mut().enumerate().skip(2) {
            let first = starts[2 * (c - 1)];
            let last = starts[(2 * c).min(buckets)];
            match last - first {
                0 => {}
                1 => next.push(points[first as usize]),
                _ => self.pair(points, first, first + 1, &mut next),
            }
            *end = next.len() as u32;
        }
        self.flush(points, &mut next);
        *starts = merged;
        self.next = std::mem::replace(points, next);
    }

    fn point(&self, source: &[E::Point], reference: u32) -> E::Point {
        let point = source[(reference & !NEGATIVE) as usize];
        if reference & NEGATIVE == 0 {
            point
        } else {
            self.engine.negate(&point)
        }
    }

    /// Reserves the next place of `out` for the sum.
    fn pair(&mut self, source: &[E::Point], a: u32, b: u32, out: &mut Vec<E::Point>) {
        let to = out.len() as u32;
        self.jobs.push(Job { a, b, to });
        out.push(E::Point::default());
        if self.jobs.len() == BATCH {
            self.flush(source, out);
        }
    }

    /// Carries out all waiting additions.
    fn flush(&mut self, source: &[E::Point], out: &mut [E::Point]) {
        let mut jobs = std::mem::take(&mut self.jobs);
        if self.careful {
            jobs.retain(|job| {
                let [a, b] = self.summands(source, job);
                let special = is_identity(&a) || is_identity(&b) || a.x == b.x;
                if special {
                    self.add_slowly(&a, &b, &mut out[job.to as usize]);
                }
                !special
            });
        }
        if !jobs.is_empty() && !self.engine.add(source, &jobs, out, &mut self.scratch) {
            self.careful = true;
            for job in &jobs {
                let [a, b] = self.summands(source, job);
                self.add_slowly(&a, &b, &mut out[job.to as usize]);
            }
        }
        jobs.clear();
        self.jobs = jobs;
    }

    fn summands(&self, source: &[E::Point], job: &Job) -> [G1Affine; 2] {
        [job.a, job.b].map(|reference| self.engine.export(&self.point(source, reference)))
    }

    fn add_slowly(&self, a: &G1Affine, b: &G1Affine, sum: &mut E::Point) {
        *sum = self.engine.import(&(a.to_curve() + b.to_curve()).into());
    }
}

/// Whether a point is the identity, written as (0, 0).
pub(super) fn is_identity(point: &G1Affine) -> bool {
    bool::from(point.x.is_zero() & point.y.is_zero())
}
