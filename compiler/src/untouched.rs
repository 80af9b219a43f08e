//! Constants that no rule fills.

use crate::graph::{Attr, DType, Graph, Node, Origin, Subgraph, Tensor, ValueId, count};
use crate::roles::{Parameter, Role};
use nascent_verifier::KeptTensor;
use std::collections::{BTreeMap, BTreeSet};

/// A constant that keeps its values; they are part of the graph's digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untouched {
    /// Its name.
    pub name: String,
    /// Its dimensions.
    pub dims: Vec<u64>,
    /// Its element type.
    pub dtype: &'static str,
    /// Whether it could hold weights: 16, 32 or 64-bit floats.
    pub is_float: bool,
    /// Why it is no weight.
    pub why: String,
    /// What a specification calls it; nothing if the graph does not use it, which is then in no
    /// digest either.
    pub(crate) place: Option<String>,
}

impl Untouched {
    fn new(name: &str, dtype: DType, dims: Vec<u64>, why: String, place: Option<String>) -> Self {
        Self {
            name: name.to_owned(),
            dims,
            dtype: dtype.name(),
            is_float: dtype.is_weight(),
            why,
            place,
        }
    }

    /// Number of elements.
    pub fn elements(&self) -> u64 {
        count(&self.dims)
    }
}

/// What of a graph's constants stands in its specification: all that are used and hold anything, in the
/// order that the specification wants. Names of nodes and of what they compute are in no digest of
/// the graph, so they are not in this list either.
pub(crate) fn kept_tensors(untouched: &[Untouched]) -> Vec<KeptTensor> {
    let used = untouched.iter().filter(|of| of.elements() > 0);
    let mut kept: Vec<KeptTensor> = used
        .filter_map(|of| {
            Some(KeptTensor {
                name: of.place.clone()?,
                dims: of.dims.clone(),
                floats: of.is_float,
            })
        })
        .collect();
    kept.sort();
    kept
}

/// Everything constant in a graph but the tensors in `filled`: initializers,
/// tensors in attributes (of `Constant` nodes above all), and both of them in
/// the bodies of control flow.
pub(crate) fn untouched(
    graph: &Graph,
    filled: &BTreeSet<ValueId>,
    kept: &[(Parameter, String)],
) -> Vec<Untouched> {
    let kept: BTreeMap<ValueId, &(Parameter, String)> = kept
        .iter()
        .filter_map(|entry| Some((entry.0.value?, entry)))
        .collect();
    let mut list = Vec::new();
    for &id in graph.initializers.iter().filter(|id| !filled.contains(id)) {
        let Some(value) = graph.values.get(id) else {
            continue;
        };
        let dtype = value.dtype.unwrap_or(DType::F32);
        let why = match kept.get(&id) {
            Some((parameter, why)) if parameter.role != Role::Other => why.clone(),
            _ if graph.uses_of(id).is_empty() => "not used".to_owned(),
            _ if !dtype.is_weight() => format!("{} constant", dtype.name()),
            _ => "constant of the graph".to_owned(),
        };
        let dims = graph.fixed_dims(id).unwrap_or_default();
        // As the graph's digest takes it: an output of the graph is used too.
        let used = !graph.uses_of(id).is_empty() || graph.outputs.contains(&id);
        let place = used.then(|| value.name.clone());
        list.push(Untouched::new(&value.name, dtype, dims, why, place));
    }
    let mut lister = Lister { graph, list };
    for node in &graph.nodes {
        if !node.output(0).is_some_and(|id| filled.contains(&id)) {
            lister.node(node, "");
        }
    }
    lister.list
}

struct Lister<'a> {
    graph: &'a Graph,
    list: Vec<Untouched>,
}

impl Lister<'_> {
    /// The constants in a node's attributes.
    fn node(&mut self, node: &Node, place: &str) {
        let output = node.output(0).and_then(|id| self.graph.values.get(id));
        let name = output.map_or("", |value| &value.name);
        let why = match node.standard_op() {
            Some("Constant") => format!("Constant node{place}"),
            _ => format!("attribute of {} {}{place}", node.at.op, node.at.name),
        };
        let is_constant = node.standard_op() == Some("Constant");
        for (attribute, attr) in &node.attrs {
            let place = format!("{}.{attribute}", node.op);
            let mut numbers = |dtype, dims| {
                let place = Some(place.clone());
                let listed = Untouched::new(name, dtype, dims, why.clone(), place);
                self.list.push(listed);
            };
            match attr {
                Attr::Tensor(tensor) => self.tensor(name, tensor, why.clone(), place),
                Attr::Tensors(tensors) => {
                    for tensor in tensors {
                        self.tensor(name, tensor, why.clone(), place.clone());
                    }
                }
                Attr::Float(_) if is_constant => numbers(DType::F32, Vec::new()),
                Attr::Int(_) if is_constant => numbers(DType::I64, Vec::new()),
                Attr::Ints(values) if is_constant => {
                    numbers(DType::I64, vec![values.len() as u64]);
                }
                // Of any operator: a list of numbers can hold what a tensor holds.
                Attr::Floats(values) => numbers(DType::F32, vec![values.len() as u64]),
                Attr::Graph(body) => self.body(body),
                Attr::Graphs(bodies) => {
                    for body in bodies {
                        self.body(body);
                    }
                }
                _ => {}
            }
        }
    }

    fn body(&mut self, body: &Subgraph) {
        for &id in &body.initializers {
            if let Some(value) = self.graph.values.get(id)
                && let Origin::Initializer(tensor) = &value.origin
            {
                let why = "initializer of a subgraph".to_owned();
                let place = why.clone();
                self.tensor(&value.name, tensor, why, place);
            }
        }
        for node in &body.nodes {
            self.node(node, " of a subgraph");
        }
    }

    fn tensor(&mut self, name: &str, tensor: &Tensor, why: String, place: String) {
        let dims = tensor.dims.clone();
        let listed = Untouched::new(name, tensor.dtype, dims, why, Some(place));
        self.list.push(listed);
    }
}
