//! Batches of additions, eight at once.
//!
//! A point is one cache line: both coordinates in radix-52 Montgomery form, packed in four words
//! each, below `2.1 p`. Bounds on integers, in multiples of `p`: differences of abscissas and
//! ordinates get `3 p` added and are below `5.1`; a subtracted point's ordinate is `p - y`.

use ff::{BatchInvert, Field};
use halo2curves::bn256::{Fq, G1Affine};
use nascent_field::ifma::{Ifma, Kernel, LANES, Wide, lanes, vector, zeros};
use nascent_field::radix52::{Modulus, enter, join, leave, subtract};

use super::adder::{NEGATIVE, is_identity};
use super::{Engine, Job};

/// Independent products: the steps of one fill the waits of the other.
const CHAINS: usize = 2;

/// A point in memory: four words of `x`, four of `y`.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
pub(super) struct Packed([u64; 8]);

/// Bases in packed form, and the proof that eight can be added at once.
pub(crate) struct Points {
    simd: Ifma,
    bases: Vec<Packed>,
    has_identity: bool,
}

impl Points {
    pub(super) fn new(simd: Ifma, points: &[G1Affine]) -> Self {
        Self {
            simd,
            bases: points.iter().map(pack).collect(),
            has_identity: points.iter().any(is_identity),
        }
    }
}

fn pack(point: &G1Affine) -> Packed {
    let mut packed = Packed::default();
    packed.0[..4].copy_from_slice(&enter(&point.x));
    packed.0[4..].copy_from_slice(&enter(&point.y));
    packed
}

impl Engine for Points {
    type Point = Packed;
    type Scratch = Vec<Step>;

    fn bases(&self) -> &[Packed] {
        &self.bases
    }

    fn has_identity(&self) -> bool {
        self.has_identity
    }

    fn import(&self, point: &G1Affine) -> Packed {
        pack(point)
    }

    fn export(&self, point: &Packed) -> G1Affine {
        let [x0, x1, x2, x3, y0, y1, y2, y3] = point.0;
        G1Affine {
            x: leave([x0, x1, x2, x3]),
            y: leave([y0, y1, y2, y3]),
        }
    }

    fn negate(&self, base: &Packed) -> Packed {
        let [x0, x1, x2, x3, y0, y1, y2, y3] = base.0;
        let ([y0, y1, y2, y3], _) = subtract(join(Fq::P), [y0, y1, y2, y3]);
        Packed([x0, x1, x2, x3, y0, y1, y2, y3])
    }

    fn add(
        &self,
        source: &[Packed],
        jobs: &[Job],
        out: &mut [Packed],
        scratch: &mut Vec<Step>,
    ) -> bool {
        self.simd.run(Add {
            simd: self.simd,
            source,
            jobs,
            out,
            steps: scratch,
        })
    }
}

/// What is kept of eight additions until the inverse is known.
#[derive(Clone)]
pub(super) struct Step {
    ax: Wide,
    ay: Wide,
    /// Differences, carried.
    dx: Wide,
    dy: Wide,
    /// Product of the chain's differences before.
    prefix: Wide,
}

struct Add<'a> {
    simd: Ifma,
    source: &'a [Packed],
    jobs: &'a [Job],
    out: &'a mut [Packed],
    steps: &'a mut Vec<Step>,
}

impl Kernel for Add<'_> {
    type Output = bool;

    #[inline(always)]
    fn call(self) -> bool {
        let simd = self.simd;
        let one = simd.import(&[Fq::ONE; LANES]);
        let mut products = [one; CHAINS];
        let blank = || Step {
            ax: zeros(),
            ay: zeros(),
            dx: zeros(),
            dy: zeros(),
            prefix: zeros(),
        };
        // Made once; later batches write over it.
        let groups = self.jobs.len().div_ceil(LANES);
        if self.steps.len() < groups {
            self.steps.resize_with(groups, blank);
        }
        // The last eight may be fewer: then the last is done again.
        let chunks = self.jobs.chunks(LANES);
        for (index, (jobs, step)) in chunks.clone().zip(&mut *self.steps).enumerate() {
            let (mut a, mut b) = ([0; LANES], [0; LANES]);
            for lane in 0..LANES {
                let job = &jobs[lane.min(jobs.len() - 1)];
                (a[lane], b[lane]) = (job.a, job.b);
            }
            let (ax, ay) = fetch(simd, self.source, &a);
            let (bx, by) = fetch(simd, self.source, &b);
            step.ax = ax;
            step.ay = ay;
            step.dx = simd.normalized(simd.subtract::<Fq>(&bx, &ax, 3));
            step.dy = simd.carried(simd.subtract::<Fq>(&by, &ay, 3));
            let product = &mut products[index % CHAINS];
            step.prefix = *product;
            *product = simd.normalized(simd.multiply::<Fq>(product, &step.dx));
        }
        let Some(mut inverses) = invert(simd, &products) else {
            return false;
        };
        for (index, (jobs, step)) in chunks.zip(&*self.steps).enumerate().rev() {
            let inverse = &mut inverses[index % CHAINS];
            let slope = simd.carried(simd.multiply::<Fq>(inverse, &step.prefix));
            *inverse = simd.carried(simd.multiply::<Fq>(inverse, &step.dx));
            let slope = simd.carried(simd.multiply::<Fq>(&slope, &step.dy));
            // a.x + b.x is this but for a multiple of p; it is below 9.3 p.
            let sum = simd.add(&simd.double(&step.ax), &step.dx);
            let x = simd.square::<Fq>(&slope);
            let x = simd.reduce::<Fq>(&simd.subtract::<Fq>(&x, &sum, 10));
            let fall = simd.carried(simd.subtract::<Fq>(&step.ax, &x, 3));
            let y = simd.multiply::<Fq>(&slope, &fall);
            let y = simd.reduce::<Fq>(&simd.subtract::<Fq>(&y, &step.ay, 3));
            let [x0, x1, x2, x3] = simd.join(&x);
            let [y0, y1, y2, y3] = simd.join(&y);
            let points = simd.transpose([x0, x1, x2, x3, y0, y1, y2, y3]);
            for (job, point) in jobs.iter().zip(points) {
                self.out[job.to as usize] = Packed(lanes(point));
            }
        }
        true
    }
}

/// Eight points by reference, as their coordinates.
#[inline(always)]
fn fetch(simd: Ifma, source: &[Packed], references: &[u32; LANES]) -> (Wide, Wide) {
    let mut rows = [simd.zero(); LANES];
    let mut negative = 0;
    for lane in 0..LANES {
        rows[lane] = vector(source[(references[lane] & !NEGATIVE) as usize].0);
        negative |= u8::from(references[lane] & NEGATIVE != 0) << lane;
    }
    let [x0, x1, x2, x3, y0, y1, y2, y3] = simd.transpose(rows);
    // Only bases are subtracted, and their ordinates are canonical.
    let y = simd.negate_lanes::<Fq>(&simd.split([y0, y1, y2, y3]), negative, 1);
    (simd.split([x0, x1, x2, x3]), y)
}

/// Inverses of all lanes of all chains with one inversion; none if one is zero.
#[inline(always)]
fn invert(simd: Ifma, products: &[Wide; CHAINS]) -> Option<[Wide; CHAINS]> {
    let mut elements = [[Fq::ZERO; LANES]; CHAINS];
    for chain in 0..CHAINS {
        elements[chain] = simd.export(&products[chain]);
    }
    let all = elements.as_flattened_mut();
    if all.contains(&Fq::ZERO) {
        return None;
    }
    all.batch_invert();
    let mut inverses = *products;
    for chain in 0..CHAINS {
        inverses[chain] = simd.import(&elements[chain]);
    }
    Some(inverses)
}
