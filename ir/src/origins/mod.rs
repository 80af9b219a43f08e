//! What the integers of a graph's parameters are: deviates of a plan, or public numbers.
//!
//! A plan derives tensors of deviates; the compiler turns a model with such weights into a graph
//! whose matrix parameters hold the very same integers, rearranged. [`Origins`] writes down the
//! rearrangement, so that a proof can tie the two, and anyone who lowers the model again gets the
//! same. What else the parameters hold, such as biases and multipliers, are no secrets of such a
//! model: these numbers stand in the list themselves.
//!
//! A list alone may leave out whatever it likes. [`coverage()`] holds all lists of a version against
//! models and graph, and counts what they say nothing about.

mod coverage;
mod pattern;

pub use coverage::{Coverage, List, coverage};
pub use pattern::Origin;

use crate::error::OriginsError;
use crate::graph::CheckedGraph;
use crate::id::TensorId;
use crate::limits::MAX_NODES;
use crate::op::Op;
use crate::params::Params;
use nascent_verifier::codec::{Format, FormatError, bounded};
use nascent_verifier::digest::{Digest32, tagged};
use nascent_verifier::{Fill, ModelSpec};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Where the integers of the parameters come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origins {
    /// Digest of the plan's model specification.
    pub model: Digest32,
    /// Architecture digest of the graph.
    pub architecture: Digest32,
    /// One entry for each parameter whose integers are deviates, by rising number.
    #[serde(deserialize_with = "bounded::<_, _, MAX_NODES>")]
    pub params: Vec<Origin>,
    /// Parameters whose integers are known, by rising number: all vectors, and any others that are no
    /// deviates.
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
/// Most public integers of a list to which [`Origins::public_of`] adds a matrix.
const MAX_WITH_MATRICES: usize = 1 << 21;

impl Origins {
    /// Digest of the canonical bytes.
    ///
    /// # Errors
    /// Parameters that are not in order.
    pub fn digest(&self) -> Result<Digest32, FormatError<OriginsError>> {
        Ok(tagged("nascent origins v2", &[&self.encode()?]))
    }

    /// The integers of the parameters that are no deviates: of all vectors and tables, and of each
    /// matrix, by rising number, with which there are at most 2^21 public integers. The others are
    /// left out, and [`Coverage::chosen`] counts them.
    ///
    /// `derived` are the parameters that have an origin, in whichever list.
    ///
    /// # Errors
    /// A parameter without values.
    pub fn public_of(
        graph: &CheckedGraph,
        params: &Params,
        derived: &BTreeSet<TensorId>,
    ) -> Result<Vec<PublicParam>, OriginsError> {
        let contracted = graph.contracted();
        let elements = |param: TensorId| graph.tensor(param).elements();
        let others = graph.params().filter(|param| !derived.contains(param));
        let (matrices, always): (Vec<_>, Vec<_>) =
            others.partition(|param| contracted.contains(param));
        let mut public: BTreeSet<TensorId> = always.into_iter().collect();
        let mut total = public.iter().copied().map(elements).sum::<usize>();
        for param in matrices {
            let with = total.saturating_add(elements(param));
            if with <= MAX_WITH_MATRICES {
                public.insert(param);
                total = with;
            }
        }
        let listed = |param| {
            let values = params.values.get(&param);
            let values = values.ok_or(OriginsError::NotPublic { param })?.clone();
            Ok(PublicParam { param, values })
        };
        public.into_iter().map(listed).collect()
    }

    /// Where a parameter comes from, if it is made of deviates.
    pub fn origin(&self, param: TensorId) -> Option<&Origin> {
        let position = self.params.binary_search_by_key(&param, |of| of.param);
        self.params.get(position.ok()?)
    }

    /// The integers of a public parameter.
    pub fn public(&self, param: TensorId) -> Option<&[i32]> {
        let position = self.public.binary_search_by_key(&param, |of| of.param);
        let of = self.public.get(position.ok()?)?;
        Some(&of.values)
    }

    /// Checks that model and graph are those named; that every element is one that the plan samples
    /// and occurs once in its parameter; that public integers are in the range of their parameter,
    /// which has no origin; and that all vectors are public.
    ///
    /// What the list leaves out is no error here: see [`coverage()`].
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
            let (param, tensor) = (origin.param, origin.tensor);
            is_param(graph, param)?;
            let sampled = model.tensors.get(tensor as usize);
            let sampled = sampled.filter(|spec| matches!(spec.fill, Fill::Sampled { .. }));
            let elements = sampled.and_then(|spec| spec.elements());
            let elements = elements.ok_or(OriginsError::NotSampled { param, tensor })?;
            origin.check(&graph.tensor(param).shape, elements)?;
            if self.public(param).is_some() {
                return Err(OriginsError::Twice { param });
            }
        }
        for public in &self.public {
            public.check(graph)?;
        }
        let mut vectors = graph.vectors().into_iter();
        match vectors.find(|&param| self.public(param).is_none()) {
            Some(param) => Err(OriginsError::NotPublic { param }),
            None => Ok(()),
        }
    }
}

impl PublicParam {
    fn check(&self, graph: &CheckedGraph) -> Result<(), OriginsError> {
        let param = self.param;
        is_param(graph, param)?;
        let info = graph.tensor(param);
        let (expected, got) = (info.elements(), self.values.len());
        if got != expected {
            return Err(OriginsError::Values {
                param,
                expected,
                got,
            });
        }
        let outside = |&value: &i32| !info.range.contains(value.into());
        match self.values.iter().position(outside) {
            Some(element) => Err(OriginsError::Range {
                param,
                element,
                expected: info.range,
                got: self.values[element],
            }),
            None => Ok(()),
        }
    }
}

fn is_param(graph: &CheckedGraph, param: TensorId) -> Result<(), OriginsError> {
    let node = graph.nodes.get(param.index());
    match node.is_some_and(|node| matches!(node.op, Op::Param)) {
        true => Ok(()),
        false => Err(OriginsError::NoParam { param }),
    }
}

impl Format for Origins {
    const MAGIC: [u8; 8] = *b"nsc.orig";
    const VERSION: u16 = 2;
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
