//! Where the numbers of a constant come from: elements of a sampled tensor, followed through views and
//! factors.

use super::{Binary, Flow, Op, Value, evaluate};
use crate::infer::error::OpResult;
use crate::infer::tensor::Tensor;
use std::sync::Arc;

/// A sampled tensor of a plan.
#[derive(Debug)]
pub(crate) struct Sampled {
    /// The plan's scale: a weight is that times its deviate.
    pub(crate) scale: f32,
    /// Position of the plan that samples it: 0 is the model's own, then the earlier ones.
    pub(crate) plan: usize,
    /// Position in that plan's specification.
    pub(crate) index: u32,
    pub(crate) name: String,
    /// Deviates, row-major, while they are known.
    pub(crate) deviates: Option<Vec<i32>>,
    /// Number of elements.
    pub(crate) elements: usize,
}

/// Where the numbers of a constant come from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// Each is a factor times an element of the tensor.
    Exact(Exact),
    /// Computed from elements of the tensor in another way.
    Mixed(Arc<Sampled>),
}

/// Elements of a sampled tensor, rearranged and scaled.
#[derive(Debug, Clone)]
pub(crate) struct Exact {
    pub(crate) sampled: Arc<Sampled>,
    /// The number of the element behind each number.
    pub(crate) elements: Arc<Tensor>,
    /// Factor of all of them.
    factor: f64,
    /// Factor of each of them, if they differ.
    factors: Option<Arc<Tensor>>,
}

impl Exact {
    /// A tensor as it is sampled.
    pub(crate) fn new(sampled: Sampled, elements: Tensor) -> Self {
        Self {
            sampled: Arc::new(sampled),
            elements: Arc::new(elements),
            factor: 1.0,
            factors: None,
        }
    }

    /// The elements' numbers.
    pub(crate) fn numbers(&self) -> &[i64] {
        self.elements.ints().unwrap_or(&[])
    }

    /// What a number is for one unit of its deviate.
    pub(crate) fn scale(&self, at: usize) -> f64 {
        let factors = self.factors.as_ref().and_then(|factors| factors.floats());
        let own = factors.and_then(|factors| factors.get(at)).copied();
        f64::from(self.sampled.scale) * self.factor * f64::from(own.unwrap_or(1.0))
    }

    /// Moved by a view.
    fn moved(&self, view: &Value) -> OpResult<Self> {
        let factors = match &self.factors {
            Some(factors) => Some(Arc::new(evaluate(view, &[factors])?)),
            None => None,
        };
        Ok(Self {
            elements: Arc::new(evaluate(view, &[&self.elements])?),
            factors,
            ..self.clone()
        })
    }

    /// Multiplied or divided by a constant of the model.
    fn scaled(&self, value: &Value, by: &Tensor) -> OpResult<Self> {
        let mut made = self.clone();
        match (by.single(), &value.op) {
            (Some(by), Op::Binary(Binary::Div)) => made.factor /= by,
            (Some(by), _) => made.factor *= by,
            (None, _) => {
                let ones = || Tensor::made(&value.shape, vec![1.0; self.elements.len()]);
                let own = match &self.factors {
                    Some(factors) => Arc::clone(factors),
                    None => Arc::new(ones()?),
                };
                made.factors = Some(Arc::new(evaluate(value, &[&own, by])?));
            }
        }
        Ok(made)
    }
}

impl Source {
    pub(crate) fn sampled(&self) -> &Arc<Sampled> {
        match self {
            Self::Exact(exact) => &exact.sampled,
            Self::Mixed(sampled) => sampled,
        }
    }
}

/// Where a constant that is computed from constants comes from.
pub(crate) fn follow(flow: &Flow, value: &Value) -> OpResult<Option<Source>> {
    let sources = value
        .inputs
        .iter()
        .map(|&id| flow.values[id].source.as_ref());
    let all: Vec<Option<&Source>> = sources.collect();
    let Some(first) = all.iter().flatten().next() else {
        return Ok(None);
    };
    let by = |slot: usize| value.inputs.get(slot).and_then(|&id| flow.constant(id));
    Ok(Some(match (&value.op, all.as_slice()) {
        (
            Op::Reshape(_)
            | Op::Transpose(_)
            | Op::Slice { .. }
            | Op::Expand(_)
            | Op::Gather { .. },
            [Some(Source::Exact(exact))],
        ) => Source::Exact(exact.moved(value)?),
        (Op::Binary(Binary::Mul | Binary::Div), [Some(Source::Exact(exact)), None])
            if exact.elements.shape() == value.shape && by(1).is_some() =>
        {
            match by(1) {
                Some(by) => Source::Exact(exact.scaled(value, by)?),
                None => Source::Mixed(Arc::clone(first.sampled())),
            }
        }
        (Op::Binary(Binary::Mul), [None, Some(Source::Exact(exact))])
            if exact.elements.shape() == value.shape && by(0).is_some() =>
        {
            match by(0) {
                Some(by) => Source::Exact(exact.scaled(value, by)?),
                None => Source::Mixed(Arc::clone(first.sampled())),
            }
        }
        _ => Source::Mixed(Arc::clone(first.sampled())),
    }))
}

/// Whether a constant has zeros only.
pub(crate) fn is_zero(tensor: &Tensor) -> bool {
    !tensor.is_withheld() && tensor.to_floats().iter().all(|&value| value == 0.0)
}
