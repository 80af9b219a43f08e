//! Which element of a sampled tensor each element of a parameter is.

use crate::error::OriginsError;
use crate::id::TensorId;
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
/// Most steps of a search.
const MOST_STEPS: u64 = 1 << 16;

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
            steps: elements
                .saturating_mul(STEPS)
                .clamp(LEAST_STEPS, MOST_STEPS),
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn origin(first: u64, strides: &[i64]) -> Origin {
        Origin {
            param: TensorId(4),
            tensor: 2,
            first,
            strides: strides.to_vec(),
        }
    }

    fn elements(origin: &Origin, shape: &[u32]) -> Vec<i64> {
        let count = shape.iter().product::<u32>() as usize;
        (0..count).map(|i| origin.element(shape, i)).collect()
    }

    #[test]
    fn patterns_are_found_and_read_back() {
        let shapes: [(&[u32], u64, &[i64]); 5] = [
            (&[2, 3], 0, &[3, 1]),
            (&[3, 2], 0, &[1, 3]),
            (&[2, 1, 4], 7, &[8, 0, -1]),
            (&[5], 3, &[0]),
            (&[], 9, &[]),
        ];
        for (shape, first, strides) in shapes {
            let origin = Origin {
                param: TensorId(4),
                tensor: 2,
                first,
                strides: strides.to_vec(),
            };
            let list = elements(&origin, shape);
            let found = Origin::from_elements(TensorId(4), 2, shape, &list);
            assert_eq!(found, Some(origin), "{shape:?}");
            for at in 0..list.len() {
                let mut other = list.clone();
                other[at] += 1;
                let found = Origin::from_elements(TensorId(4), 2, shape, &other);
                assert_ne!(found.map(|f| elements(&f, shape)), Some(list.clone()));
            }
            let longer = [list.as_slice(), &[0]].concat();
            assert_eq!(Origin::from_elements(TensorId(4), 2, shape, &longer), None);
        }
        let shuffled = [0, 1, 3, 2, 4, 5];
        assert_eq!(Origin::from_elements(TensorId(0), 0, &[6], &shuffled), None);
        assert_eq!(Origin::from_elements(TensorId(0), 0, &[1], &[-1]), None);
        assert_eq!(Origin::from_elements(TensorId(0), 0, &[0], &[]), None);
    }

    fn repeated(element: u64) -> Result<(), OriginsError> {
        Err(OriginsError::Repeated {
            param: TensorId(4),
            tensor: 2,
            element,
        })
    }

    #[test]
    fn patterns_that_repeat_an_element() {
        const MANY: u64 = 1 << 48;
        let outside = Err(OriginsError::Outside {
            param: TensorId(4),
            tensor: 2,
        });
        type Case<'a> = (&'a [u32], u64, &'a [i64], u64, Result<(), OriginsError>);
        let cases: [Case<'_>; 22] = [
            // As the compiler makes them: in order, transposed, reversed, a part.
            (&[3, 4], 0, &[4, 1], 12, Ok(())),
            (&[4, 3], 0, &[1, 4], 12, Ok(())),
            (&[3, 4], 11, &[-4, -1], 12, Ok(())),
            (&[2, 2], 5, &[-4, 2], 12, Ok(())),
            // Scalars, and axes of one element, whose stride says nothing.
            (&[], 9, &[], 10, Ok(())),
            (&[], 10, &[], 10, outside.clone()),
            (&[1, 3, 1], 0, &[0, 1, i64::MAX], 3, Ok(())),
            (&[1], 2, &[i64::MIN], 3, Ok(())),
            // One element, or one row, again and again.
            (&[5], 3, &[0], 12, repeated(3)),
            (&[3, 4], 0, &[0, 1], 12, repeated(0)),
            (&[3, 4], 2, &[4, 0], 12, repeated(2)),
            (&[2, 2, 2], 1, &[0, 0, 0], 12, repeated(1)),
            // Rows that overlap, and some that only look so.
            (&[3, 4], 0, &[3, 1], 12, repeated(3)),
            (&[3, 4], 5, &[-1, 1], 12, repeated(5)),
            (&[3, 2], 0, &[2, 3], 12, Ok(())),
            (&[4, 3], 0, &[2, 3], 16, repeated(6)),
            (&[2, 2, 2], 0, &[1, 2, 3], 12, repeated(3)),
            (&[2, 2, 2], 0, &[4, 5, 6], 20, Ok(())),
            // Far apart, and beyond any integer.
            (&[2, 3], 0, &[1 << 40, 1 << 40], MANY, repeated(1 << 40)),
            (&[2, 2], 1 << 47, &[-(1 << 46), 1], MANY, Ok(())),
            (&[3], 1, &[i64::MAX], MANY, outside.clone()),
            (&[5, 5], u64::MAX, &[i64::MIN, i64::MIN], MANY, outside),
        ];
        for (shape, first, strides, elements, expected) in cases {
            let origin = origin(first, strides);
            assert_eq!(
                origin.check(shape, elements),
                expected,
                "{shape:?} {strides:?}"
            );
        }
        let rank = origin(0, &[1]).check(&[2, 2], 12);
        assert!(matches!(rank, Err(OriginsError::Rank { got: 1, .. })));
    }

    /// Strides of which the search has no end are refused, not accepted, and soon.
    #[test]
    fn tangled_strides_are_refused() {
        let strides: Vec<i64> = (0..8).map(|i| (1 << 40) + (1 << (5 * i))).collect();
        let shape = [11; 8];
        let error = origin(0, &strides).check(&shape, 1 << 48);
        assert_eq!(error, Err(OriginsError::Tangled { param: TensorId(4) }));
    }

    proptest! {
        /// Against the elements themselves.
        #[test]
        fn repetitions_are_found(
            axes in prop::collection::vec((1u32..5, -9i64..10), 0..5),
        ) {
            let (shape, strides): (Vec<u32>, Vec<i64>) = axes.into_iter().unzip();
            let origin = origin(1000, &strides);
            let mut each = elements(&origin, &shape);
            let mut walked = Vec::new();
            origin.for_each(&shape, &mut |element| walked.push(element as i64));
            prop_assert_eq!(&walked, &each);
            each.sort_unstable();
            let twice = |element: i64| each.windows(2).any(|pair| pair == [element; 2]);
            match origin.check(&shape, 2000) {
                Ok(()) => prop_assert!(each.windows(2).all(|pair| pair[0] < pair[1])),
                Err(OriginsError::Repeated { element, .. }) => prop_assert!(twice(element as i64)),
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }
}
