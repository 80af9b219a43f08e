//! Which element of a sampled tensor each element of a parameter is.

use crate::error::OriginsError;
use crate::graph::TensorId;
use crate::limits::MAX_RANK;
use nascent_verifier::codec::bounded;
use serde::{Deserialize, Serialize};

/// One parameter: its element at `(i_0, i_1, ..)` is element `first + sum of i_d strides_d` of a
/// sampled tensor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The parameter.
    pub param: TensorId,
    /// Position of the sampled tensor in the specification.
    pub tensor: u32,
    /// Element of the tensor that is the parameter's first.
    pub first: u64,
    /// Elements from one index of an axis to the next.
    #[serde(deserialize_with = "bounded::<_, _, MAX_RANK>")]
    pub strides: Vec<i64>,
}

impl Origin {
    /// The strides behind a list of elements, one for each element of a parameter of this shape;
    /// `None` if the list is no such pattern, or empty.
    pub fn from_elements(
        param: TensorId,
        tensor: u32,
        shape: &[u32],
        elements: &[i64],
    ) -> Option<Self> {
        let &first = elements.first()?;
        let mut inner = 1;
        let mut strides = vec![0; shape.len()];
        for (stride, &dim) in strides.iter_mut().zip(shape).rev() {
            if dim > 1 {
                *stride = elements.get(inner)?.checked_sub(first)?;
            }
            inner = inner.checked_mul(dim as usize)?;
        }
        let origin = Self {
            param,
            tensor,
            first: u64::try_from(first).ok()?,
            strides,
        };
        let same = |(index, &element): (usize, &i64)| origin.element(shape, index) == element;
        (inner == elements.len() && elements.iter().enumerate().all(same)).then_some(origin)
    }

    /// Element of the tensor at a row-major index of the parameter of this shape.
    pub fn element(&self, shape: &[u32], index: usize) -> i64 {
        let mut rest = index as i64;
        let mut element = self.first as i64;
        for (&dim, &stride) in shape.iter().zip(&self.strides).rev() {
            let dim = i64::from(dim.max(1));
            element = element.wrapping_add((rest % dim).wrapping_mul(stride));
            rest /= dim;
        }
        element
    }

    /// Checks that each element is one of the tensor's, and that none occurs twice.
    ///
    /// # Errors
    /// The first rule broken.
    pub(super) fn check(&self, shape: &[u32], elements: u64) -> Result<(), OriginsError> {
        let (param, tensor) = (self.param, self.tensor);
        if self.strides.len() != shape.len() {
            return Err(OriginsError::Rank {
                param,
                expected: shape.len(),
                got: self.strides.len(),
            });
        }
        let (lo, hi) = self.extent(shape);
        if lo < 0 || hi >= i128::from(elements) {
            return Err(OriginsError::Outside { param, tensor });
        }
        Difference::new(&self.strides, shape).find(self)
    }

    /// Least and greatest element, wide enough for any strides.
    fn extent(&self, shape: &[u32]) -> (i128, i128) {
        let first = i128::from(self.first);
        let steps = shape.iter().zip(&self.strides);
        steps.fold((first, first), |(lo, hi), (&dim, &stride)| {
            let step = i128::from(dim.saturating_sub(1)) * i128::from(stride);
            (lo + step.min(0), hi + step.max(0))
        })
    }

    /// Calls `visit` with each element, in row-major order. The pattern must be checked.
    pub(super) fn for_each(&self, shape: &[u32], visit: &mut impl FnMut(u64)) {
        walk(self.first, shape, &self.strides, visit);
    }
}

fn walk(at: u64, shape: &[u32], strides: &[i64], visit: &mut impl FnMut(u64)) {
    let (Some((&dim, shape)), Some((&stride, strides))) =
        (shape.split_first(), strides.split_first())
    else {
        return visit(at);
    };
    let mut at = at;
    for _ in 0..dim {
        walk(at, shape, strides, visit);
        at = at.wrapping_add_signed(stride);
    }
}

/// Steps of a search that every parameter has.
const LEAST_STEPS: u64 = 1 << 12;
/// Steps of a search for each element of the parameter.
const STEPS: u64 = 16;

/// An axis of more than one element.
struct Axis {
    stride: i128,
    /// Greatest index.
    last: i128,
    /// Greatest element that the axes of smaller strides reach from 0.
    reach: i128,
}

/// The search for two indices of one element.
///
/// Their difference is a vector `d`, not zero, with `|d_i|` at most the greatest index of axis `i`
/// and `sum of d_i stride_i = 0`. Axes are gone through from the greatest stride on; a part of the
/// sum that the smaller ones cannot make up for is left. Where each stride is greater than what the
/// smaller ones reach together, as in every arrangement that transposing, slicing and reshaping
/// make, only zeros are tried: one step for each axis.
struct Difference {
    /// By rising size of the stride.
    axes: Vec<Axis>,
    steps: u64,
}

impl Difference {
    fn new(strides: &[i64], shape: &[u32]) -> Self {
        let axes = strides.iter().zip(shape).filter(|&(_, &dim)| dim > 1);
        let mut axes: Vec<Axis> = axes
            .map(|(&stride, &dim)| Axis {
                stride: stride.into(),
                last: i128::from(dim) - 1,
                reach: 0,
            })
            .collect();
        axes.sort_by_key(|axis| axis.stride.abs());
        let mut reach = 0;
        for axis in &mut axes {
            axis.reach = reach;
            reach += axis.stride.abs() * axis.last;
        }
        let elements = shape.iter().map(|&dim| u64::from(dim));
        let elements = elements.fold(1, u64::saturating_mul);
        Self {
            axes,
            steps: elements.saturating_mul(STEPS).saturating_add(LEAST_STEPS),
        }
    }

    fn find(mut self, origin: &Origin) -> Result<(), OriginsError> {
        let param = origin.param;
        match self.search(self.axes.len(), 0, 0, true) {
            Search::None => Ok(()),
            Search::Found(above) => Err(OriginsError::Repeated {
                param,
                tensor: origin.tensor,
                // Inside the tensor, as its extent is.
                element: (i128::from(origin.first) + above) as u64,
            }),
            Search::GivenUp => Err(OriginsError::Tangled { param }),
        }
    }

    /// Goes through the differences of the first `axes` axes that add up to `-sum`. `above` is what
    /// the greater of the two indices of the other axes add up to.
    fn search(&mut self, axes: usize, sum: i128, above: i128, zero: bool) -> Search {
        let Some(inner) = axes.checked_sub(1) else {
            return match zero {
                true => Search::None,
                false => Search::Found(above),
            };
        };
        let Axis {
            stride,
            last,
            reach,
        } = self.axes[inner];
        let (from, to) = match stride {
            // The first axis of all, so that nothing else is left.
            0 if sum != 0 => return Search::None,
            0 => (-last, last),
            _ => {
                let (a, b) = ((-reach - sum), (reach - sum));
                let size = stride.abs();
                let (from, to) = (div_up(a, size), b.div_euclid(size));
                // Of the multiples of the size; those of the stride have its sign.
                match stride > 0 {
                    true => (from.max(-last), to.min(last)),
                    false => ((-to).max(-last), (-from).min(last)),
                }
            }
        };
        // A difference and its negative are the same two indices.
        let from = if zero { from.max(0) } else { from };
        for difference in from..=to {
            if self.steps == 0 {
                return Search::GivenUp;
            }
            self.steps -= 1;
            let sum = sum + difference * stride;
            let above = above + difference.max(0) * stride;
            match self.search(inner, sum, above, zero && difference == 0) {
                Search::None => {}
                end => return end,
            }
        }
        Search::None
    }
}

enum Search {
    None,
    /// What the greater index adds to the first element.
    Found(i128),
    GivenUp,
}

fn div_up(a: i128, b: i128) -> i128 {
    -(-a).div_euclid(b)
}
