//! Which tensors are weights, and what each of them is for.
//!
//! [`assign`] reads the nodes in graph order; a tensor takes the role of its
//! first use, and the list of parameters is in the order of first use. That
//! order is the canonical order of the tensors of a model.

mod activation;
mod chain;
mod conv;
mod elementwise;
mod linear;
mod norm;
mod recurrent;
mod residual;

use crate::error::{CompileError, NodeRef, Result, at_most};
use crate::graph::{DType, Graph, Node, Origin, ValueId, count};
use crate::limits::Limits;
use chain::Leaf;
pub(crate) use conv::pytorch_fans;
use std::collections::{BTreeMap, BTreeSet};

/// What a weight tensor is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Matrix of `Gemm`, `MatMul` or `Einsum`.
    Linear,
    /// Kernel of `Conv`.
    Conv,
    /// Kernel of `ConvTranspose`.
    ConvTranspose,
    /// Table of `Gather`.
    Embedding,
    /// Input weights `W` of `RNN`, `GRU`, `LSTM`.
    RecurrentInput,
    /// Hidden weights `R` of `RNN`, `GRU`, `LSTM`.
    RecurrentHidden,
    /// Biases `B` and peepholes `P` of `RNN`, `GRU`, `LSTM`.
    RecurrentBias,
    /// Vector added to the result of a linear operator or a convolution.
    Bias,
    /// Scale of a normalization.
    NormScale,
    /// Shift of a normalization.
    NormBias,
    /// Running mean of `BatchNormalization`.
    NormMean,
    /// Running variance of `BatchNormalization`.
    NormVariance,
    /// Slope of `PRelu`.
    Slope,
    /// Any other float tensor: filled only by a rule that names it.
    Other,
}

impl Role {
    /// All roles, with the names that rules files use.
    pub const NAMES: [(Self, &'static str); 14] = [
        (Self::Linear, "linear"),
        (Self::Conv, "conv"),
        (Self::ConvTranspose, "conv_transpose"),
        (Self::Embedding, "embedding"),
        (Self::RecurrentInput, "recurrent_input"),
        (Self::RecurrentHidden, "recurrent_hidden"),
        (Self::RecurrentBias, "recurrent_bias"),
        (Self::Bias, "bias"),
        (Self::NormScale, "norm_scale"),
        (Self::NormBias, "norm_bias"),
        (Self::NormMean, "norm_mean"),
        (Self::NormVariance, "norm_variance"),
        (Self::Slope, "slope"),
        (Self::Other, "other"),
    ];

    /// The name in rules files.
    pub fn name(self) -> &'static str {
        let found = Self::NAMES.iter().find(|(role, _)| *role == self);
        found.map_or("other", |(_, name)| name)
    }

    /// The role of a name.
    pub fn parse(name: &str) -> Option<Self> {
        let found = Self::NAMES.iter().find(|(_, known)| *known == name);
        found.map(|(role, _)| *role)
    }

    /// Whether the role multiplies activations, so that a gain makes sense.
    pub fn is_weight(self) -> bool {
        matches!(
            self,
            Self::Linear
                | Self::Conv
                | Self::ConvTranspose
                | Self::Embedding
                | Self::RecurrentInput
                | Self::RecurrentHidden
        )
    }
}

/// The activation that follows a weight, as far as it decides the gain.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Activation {
    /// None of the ReLU family.
    Other,
    /// A rectifier with this slope on the negative side: 0 for ReLU.
    Rectifier {
        /// Negative slope.
        slope: f32,
    },
}

/// Fan-in and fan-out of a weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fans {
    /// Inputs that each output sums over.
    pub fan_in: u64,
    /// Outputs that each input reaches.
    pub fan_out: u64,
}

/// A tensor that can be filled.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Name in the file.
    pub name: String,
    /// Dimensions in the file.
    pub dims: Vec<u64>,
    /// Element type in the file.
    pub dtype: DType,
    /// What it is for.
    pub role: Role,
    /// Its fans; none for vectors.
    pub fans: Option<Fans>,
    /// For a bias: fan-in of the weight that it belongs to.
    pub owner_fan_in: Option<u64>,
    /// For recurrent weights: the hidden size.
    pub hidden: Option<u64>,
    /// What follows a weight.
    pub activation: Activation,
    /// Whether the output of a linear weight is added to a residual path.
    pub residual: bool,
    /// The node of its first use, for people; none for a description.
    pub node: Option<NodeRef>,
    /// The value in the graph; none for a description.
    pub value: Option<ValueId>,
}

impl Parameter {
    /// Number of elements; the readers have checked that it fits.
    pub fn elements(&self) -> u64 {
        count(&self.dims)
    }
}

/// Finds the parameters of a graph, in canonical order.
///
/// `inputs` names graph inputs that are data and never weights. Where a graph
/// has its weights as inputs without values, an input is a weight when its
/// shape is fixed, its type is a float, and every use of it is in the place of
/// a weight.
///
/// # Errors
/// A weight with a shape that its operator cannot take, one that cannot be
/// filled (quantized, or made by `ConstantOfShape`), or too many of them.
pub fn assign(graph: &Graph, inputs: &[String], limits: &Limits) -> Result<Vec<Parameter>> {
    let named: BTreeMap<String, ValueId> = graph
        .inputs
        .iter()
        .map(|&id| (name_of(graph, id), id))
        .collect();
    let mut data = BTreeSet::new();
    for name in inputs {
        let id = named.get(name);
        data.insert(*id.ok_or_else(|| CompileError::NoSuchInput { name: name.clone() })?);
    }
    let mut assigner = Assigner {
        graph,
        eligible: chain::eligible_inputs(graph, &data),
        parameters: Vec::new(),
        first_use: Vec::new(),
        claimed: BTreeMap::new(),
        owner: BTreeMap::new(),
        scaled: BTreeSet::new(),
    };
    for (index, node) in graph.nodes.iter().enumerate() {
        assigner.node(index, node)?;
    }
    assigner.others();
    let parameters = assigner.in_order();
    at_most(
        "parameter tensors",
        limits.tensors as u64,
        parameters.len() as u64,
    )?;
    Ok(parameters)
}

/// State of [`assign`].
struct Assigner<'a> {
    graph: &'a Graph,
    /// Graph inputs that can be weights.
    eligible: BTreeSet<ValueId>,
    parameters: Vec<Parameter>,
    /// Position of the node that each parameter was found at.
    first_use: Vec<usize>,
    claimed: BTreeMap<ValueId, usize>,
    /// Position of the weight of each linear node, for biases added later.
    owner: BTreeMap<usize, usize>,
    /// `Mul` nodes that apply the scale of a normalization written out.
    scaled: BTreeSet<usize>,
}

/// What a claim says besides the tensor.
struct Claim {
    role: Role,
    fans: Option<Fans>,
    owner_fan_in: Option<u64>,
    hidden: Option<u64>,
}

impl Claim {
    fn vector(role: Role) -> Self {
        Self {
            role,
            fans: None,
            owner_fan_in: None,
            hidden: None,
        }
    }

    fn weight(role: Role, fans: Fans) -> Self {
        Self {
            fans: Some(fans),
            ..Self::vector(role)
        }
    }
}

impl Assigner<'_> {
    /// One place that says which operators have weights.
    fn node(&mut self, index: usize, node: &Node) -> Result<()> {
        match node.standard_op() {
            Some("Gemm") => self.gemm(index, node),
            Some("MatMul") => self.matmul(index, node),
            Some("Einsum") => self.einsum(index, node),
            Some("Conv") => self.conv(index, node, Role::Conv),
            Some("ConvTranspose") => self.conv(index, node, Role::ConvTranspose),
            Some("Gather") => self.gather(index, node),
            Some("RNN") => self.recurrent(index, node, 1),
            Some("GRU") => self.recurrent(index, node, 3),
            Some("LSTM") => self.recurrent(index, node, 4),
            Some("PRelu") => self.vectors(index, node, &[(1, Role::Slope)]),
            Some("Add") => self.add(index, node),
            Some("Mul") => self.mul(index, node),
            Some(op) => match norm::slots(op) {
                Some(slots) => self.vectors(index, node, slots),
                None => refuse_quantized(self.graph, node),
            },
            None => Ok(()),
        }
    }

    /// Claims each slot that holds a parameter, without fans.
    fn vectors(&mut self, index: usize, node: &Node, slots: &[(usize, Role)]) -> Result<()> {
        for &(slot, role) in slots {
            if let Some(leaf) = self.leaf(node, slot)? {
                self.claim(index, node, &leaf, Claim::vector(role));
            }
        }
        Ok(())
    }

    /// The bias in `slot` of the node whose weight is `owner`.
    fn bias(&mut self, index: usize, node: &Node, slot: usize, owner: usize) -> Result<()> {
        if let Some(leaf) = self.leaf(node, slot)? {
            self.claim_bias(index, node, &leaf, owner);
        }
        Ok(())
    }

    fn claim_bias(&mut self, index: usize, node: &Node, leaf: &Leaf, owner: usize) {
        let fans = self.parameters.get(owner).and_then(|owner| owner.fans);
        let claim = Claim {
            owner_fan_in: fans.map(|fans| fans.fan_in),
            ..Claim::vector(Role::Bias)
        };
        self.claim(index, node, leaf, claim);
    }

    /// Adds a parameter, or returns the position of an earlier claim.
    fn claim(&mut self, index: usize, node: &Node, leaf: &Leaf, claim: Claim) -> usize {
        if let Some(&position) = self.claimed.get(&leaf.value) {
            return position;
        }
        let position = self.parameters.len();
        let Some(value) = self.graph.values.get(leaf.value) else {
            return position;
        };
        let is_weight = claim.role.is_weight();
        let activation = match node.output(0) {
            Some(output) if is_weight => activation::following(self.graph, output),
            _ => Activation::Other,
        };
        let residual = claim.role == Role::Linear && self.is_residual(index);
        self.parameters.push(Parameter {
            name: value.name.clone(),
            dims: self.graph.fixed_dims(leaf.value).unwrap_or_default(),
            dtype: self.graph.dtype(leaf.value).unwrap_or(DType::F32),
            role: claim.role,
            fans: claim.fans,
            owner_fan_in: claim.owner_fan_in,
            hidden: claim.hidden,
            activation,
            residual,
            node: Some(node.at.clone()),
            value: Some(leaf.value),
        });
        self.first_use.push(index);
        self.claimed.insert(leaf.value, position);
        position
    }
}

impl Assigner<'_> {
    /// Float tensors in use that no operator's rule covers, for rules by name.
    fn others(&mut self) {
        let eligible = self.eligible.iter();
        let mut stored: Vec<ValueId> = self.graph.initializers.clone();
        stored.extend(eligible);
        for id in stored {
            let Some(value) = self.graph.values.get(id) else {
                continue;
            };
            let Some((used, node)) = self
                .graph
                .uses_of(id)
                .first()
                .and_then(|used| Some((used.node, self.graph.nodes.get(used.node)?)))
            else {
                continue;
            };
            let float = value.dtype.is_some_and(DType::is_weight);
            if !float || self.claimed.contains_key(&id) {
                continue;
            }
            self.first_use.push(used);
            self.parameters.push(Parameter {
                name: value.name.clone(),
                dims: self.graph.fixed_dims(id).unwrap_or_default(),
                dtype: value.dtype.unwrap_or(DType::F32),
                role: Role::Other,
                fans: None,
                owner_fan_in: None,
                hidden: None,
                activation: Activation::Other,
                residual: false,
                node: Some(node.at.clone()),
                value: Some(id),
            });
        }
    }

    /// The parameters by first use: by node, and within a node with a role first,
    /// in the order of the operator's inputs, then the others by name.
    fn in_order(self) -> Vec<Parameter> {
        let mut ordered: Vec<_> = self.first_use.into_iter().zip(self.parameters).collect();
        ordered.sort_by(|(at, a), (bt, b)| {
            let by_name = || match (a.role, b.role) {
                (Role::Other, Role::Other) => a.name.cmp(&b.name),
                (Role::Other, _) => std::cmp::Ordering::Greater,
                (_, Role::Other) => std::cmp::Ordering::Less,
                _ => std::cmp::Ordering::Equal,
            };
            at.cmp(bt).then_with(by_name)
        });
        ordered
            .into_iter()
            .map(|(_, parameter)| parameter)
            .collect()
    }
}

/// A weight's shape error.
fn bad_shape(graph: &Graph, node: &Node, leaf: &Leaf, reason: &str) -> CompileError {
    CompileError::WeightShape {
        node: Box::new(node.at.clone()),
        tensor: name_of(graph, leaf.value),
        dims: leaf.dims.clone(),
        reason: reason.to_owned(),
    }
}

fn name_of(graph: &Graph, value: ValueId) -> String {
    graph
        .values
        .get(value)
        .map_or_else(String::new, |value| value.name.clone())
}

/// Integer operators with constant weights would keep them unnoticed.
fn refuse_quantized(graph: &Graph, node: &Node) -> Result<()> {
    if !matches!(
        node.op.as_str(),
        "ConvInteger" | "MatMulInteger" | "QLinearConv" | "QLinearMatMul"
    ) {
        return Ok(());
    }
    for value in node.inputs.iter().flatten() {
        let origin = graph.values.get(*value).map(|value| &value.origin);
        if let Some(Origin::Initializer(tensor)) = origin
            && tensor.dims.len() > 1
        {
            return Err(CompileError::WeightForm {
                node: Box::new(node.at.clone()),
                tensor: name_of(graph, *value),
                form: "quantized",
                advice: "use the model before quantization",
            });
        }
    }
    Ok(())
}
