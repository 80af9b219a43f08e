//! What the integers of a graph's parameters are: deviates of a plan, or public numbers.
//!
//! A plan derives tensors of deviates; the compiler turns a model with such weights into a graph
//! whose matrix parameters hold the very same integers, rearranged. [`Origins`] writes down the
//! rearrangement, so that a proof can tie the two, and anyone who compiles again gets the same. What
//! the compiler computes beside them, biases and multipliers, are no secrets of such a model: they
//! stand in the list themselves.

use crate::error::OriginsError;
use crate::graph::{CheckedGraph, TensorId};
use crate::limits::{MAX_NODES, MAX_RANK};
use crate::op::Op;
use crate::params::Params;
use nascent_verifier::codec::{Format, FormatError, bounded};
use nascent_verifier::digest::{Digest32, tagged};
use nascent_verifier::{Fill, ModelSpec};
use serde::{Deserialize, Serialize};

/// Where the integers of the parameters come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origins {
    /// Digest of the plan's model specification.
    pub model: Digest32,
    /// Architecture digest of the graph.
    pub architecture: Digest32,
    /// One entry for each matrix whose integers are deviates, by rising number.
    #[serde(deserialize_with = "bounded::<_, _, MAX_NODES>")]
    pub params: Vec<Origin>,
    /// All vectors, by rising number.
    #[serde(deserialize_with = "bounded::<_, _, MAX_NODES>")]
    pub public: Vec<PublicParam>,
}

/// A parameter that is public.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicParam {
    /// The parameter.
    pub param: TensorId,
    /// Its integers, row-major.
    #[serde(deserialize_with = "bounded::<_, _, MAX_PUBLIC>")]
    pub values: Vec<i32>,
}

/// Most integers of a public parameter.
const MAX_PUBLIC: usize = 1 << 22;

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

    /// Least and greatest element, wide enough for any strides.
    fn extent(&self, shape: &[u32]) -> (i128, i128) {
        let first = i128::from(self.first);
        let steps = shape.iter().zip(&self.strides);
        steps.fold((first, first), |(lo, hi), (&dim, &stride)| {
            let step = i128::from(dim.saturating_sub(1)) * i128::from(stride);
            (lo + step.min(0), hi + step.max(0))
        })
    }
}

impl Origins {
    /// Digest of the canonical bytes.
    ///
    /// # Errors
    /// Parameters that are not in order.
    pub fn digest(&self) -> Result<Digest32, FormatError<OriginsError>> {
        Ok(tagged("nascent origins v1", &[&self.encode()?]))
    }

    /// The integers of all vectors of a graph.
    ///
    /// # Errors
    /// A vector that has none.
    pub fn public_of(
        graph: &CheckedGraph,
        params: &Params,
    ) -> Result<Vec<PublicParam>, OriginsError> {
        let public = |param| {
            let values = params.values.get(&param);
            let values = values.ok_or(OriginsError::NotPublic { param })?.clone();
            Ok(PublicParam { param, values })
        };
        graph.vectors().into_iter().map(public).collect()
    }

    /// The integers of a public parameter.
    pub fn public(&self, param: TensorId) -> Option<&[i32]> {
        let position = self.public.binary_search_by_key(&param, |of| of.param);
        let of = self.public.get(position.ok()?)?;
        Some(&of.values)
    }

    /// Checks that model and graph are those named, that every element is one that the plan samples,
    /// and that all vectors are public.
    ///
    /// # Errors
    /// The first rule broken.
    pub fn check(&self, graph: &CheckedGraph, model: &ModelSpec) -> Result<(), OriginsError> {
        self.validate()?;
        if model.digest().ok() != Some(self.model) {
            return Err(OriginsError::Other { what: "model" });
        }
        if graph.digest().ok() != Some(self.architecture) {
            return Err(OriginsError::Other {
                what: "architecture",
            });
        }
        for origin in &self.params {
            let param = origin.param;
            let node = graph.nodes.get(param.index());
            if !node.is_some_and(|node| matches!(node.op, Op::Param)) {
                return Err(OriginsError::NoParam { param });
            }
            let shape = &graph.tensor(param).shape;
            if origin.strides.len() != shape.len() {
                return Err(OriginsError::Rank {
                    param,
                    expected: shape.len(),
                    got: origin.strides.len(),
                });
            }
            let tensor = origin.tensor;
            let sampled = model.tensors.get(tensor as usize);
            let sampled = sampled.filter(|spec| matches!(spec.fill, Fill::Sampled { .. }));
            let elements = sampled.and_then(|spec| spec.elements());
            let elements = elements.ok_or(OriginsError::NotSampled { param, tensor })?;
            let (lo, hi) = origin.extent(shape);
            if lo < 0 || hi >= i128::from(elements) {
                return Err(OriginsError::Outside { param, tensor });
            }
        }
        let vectors = graph.vectors();
        for public in &self.public {
            let param = public.param;
            if !vectors.contains(&param) {
                return Err(OriginsError::NoVector { param });
            }
            let (expected, got) = (graph.tensor(param).elements(), public.values.len());
            if got != expected {
                return Err(OriginsError::Values {
                    param,
                    expected,
                    got,
                });
            }
        }
        match vectors.into_iter().find(|&id| self.public(id).is_none()) {
            Some(param) => Err(OriginsError::NotPublic { param }),
            None => Ok(()),
        }
    }
}

impl Format for Origins {
    const MAGIC: [u8; 8] = *b"nsc.orig";
    const VERSION: u16 = 1;
    const MAX_BYTES: usize = 16 << 20;
    type Error = OriginsError;

    fn validate(&self) -> Result<(), OriginsError> {
        let params: Vec<TensorId> = self.params.iter().map(|of| of.param).collect();
        let public: Vec<TensorId> = self.public.iter().map(|of| of.param).collect();
        for list in [params, public] {
            if let Some(pair) = list.windows(2).find(|pair| pair[0] >= pair[1]) {
                return Err(OriginsError::Order { param: pair[1] });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn files_are_canonical_and_in_order() {
        let origin = |param| Origin {
            param: TensorId(param),
            tensor: 0,
            first: 1,
            strides: vec![2, -1],
        };
        let origins = Origins {
            model: [1; 32],
            architecture: [2; 32],
            params: vec![origin(1), origin(5)],
            public: [2, 7]
                .map(|param| PublicParam {
                    param: TensorId(param),
                    values: vec![param as i32, -3],
                })
                .to_vec(),
        };
        let bytes = origins.encode().expect("valid");
        assert_eq!(Origins::decode(&bytes), Ok(origins.clone()));
        for params in [vec![origin(5), origin(1)], vec![origin(1), origin(1)]] {
            let other = Origins {
                params,
                ..origins.clone()
            };
            let error = OriginsError::Order { param: TensorId(1) };
            assert_eq!(other.encode(), Err(FormatError::Invalid(error)));
        }
        let mut other = origins.clone();
        other.public.swap(0, 1);
        let error = OriginsError::Order { param: TensorId(2) };
        assert_eq!(other.encode(), Err(FormatError::Invalid(error)));
        let mut other = origins.clone();
        other.params[0].first = 2;
        assert_ne!(other.digest(), origins.digest());
        let mut other = origins.clone();
        other.public[1].values[1] = 3;
        assert_ne!(other.digest(), origins.digest());
        assert_eq!(origins.public(TensorId(7)), Some(&[7, -3][..]));
        assert_eq!(origins.public(TensorId(1)), None);
    }
}
