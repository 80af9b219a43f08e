//! Constants that no rule fills.

use crate::graph::{Attr, DType, Graph, Node, Origin, Subgraph, Tensor, ValueId, count};
use crate::roles::{Parameter, Role};
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
}

impl Untouched {
    fn new(name: &str, dtype: DType, dims: Vec<u64>, why: String) -> Self {
        Self {
            name: name.to_owned(),
            dims,
            dtype: dtype.name(),
            is_float: dtype.is_weight(),
            why,
        }
    }

    /// Number of elements.
    pub fn elements(&self) -> u64 {
        count(&self.dims)
    }
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
        list.push(Untouched::new(&value.name, dtype, dims, why));
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
        for attr in node.attrs.values() {
            match attr {
                Attr::Tensor(tensor) => self.tensor(name, tensor, why.clone()),
                Attr::Tensors(tensors) => {
                    for tensor in tensors {
                        self.tensor(name, tensor, why.clone());
                    }
                }
                Attr::Float(_) if is_constant => {
                    self.list
                        .push(Untouched::new(name, DType::F32, Vec::new(), why.clone()));
                }
                Attr::Floats(values) if is_constant => {
                    let dims = vec![values.len() as u64];
                    self.list
                        .push(Untouched::new(name, DType::F32, dims, why.clone()));
                }
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
                self.tensor(&value.name, tensor, "initializer of a subgraph".to_owned());
            }
        }
        for node in &body.nodes {
            self.node(node, " of a subgraph");
        }
    }

    fn tensor(&mut self, name: &str, tensor: &Tensor, why: String) {
        let dims = tensor.dims.clone();
        self.list
            .push(Untouched::new(name, tensor.dtype, dims, why));
    }
}
