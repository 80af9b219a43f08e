//! What the lists of a version say of all its parameters, and what they leave out.

use super::{Origin, Origins};
use crate::error::OriginsError;
use crate::graph::CheckedGraph;
use crate::id::TensorId;
use crate::op::Op;
use nascent_verifier::digest::Digest32;
use nascent_verifier::{Fill, ModelSpec, TensorSpec};
use std::collections::{BTreeMap, BTreeSet};

/// A list of origins, with the plan whose deviates it is about.
#[derive(Debug, Clone, Copy)]
pub struct List<'a> {
    /// Digest of the plan.
    pub plan: Digest32,
    /// The plan's model.
    pub model: &'a ModelSpec,
    /// The list.
    pub origins: &'a Origins,
}

/// What the numbers of a version's parameters are. Every number is counted once:
/// `derived + public + chosen` is the number of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// Numbers that are deviates, for each list.
    pub by_list: Vec<u64>,
    /// Numbers that are deviates.
    pub derived: u64,
    /// Of these, the ones whose deviate stands in another place too: numbers less deviates.
    pub repeated: u64,
    /// Sampled and inherited tensors of the model; all of their elements are used.
    pub tensors: usize,
    /// Numbers that the lists give.
    pub public: u64,
    /// Numbers that no list says anything about: the publisher chooses them.
    pub chosen: u64,
    /// Matrices that [`Self::chosen`] counts.
    pub chosen_params: Vec<TensorId>,
    /// Numbers of the graph's constants that enter a product, a convolution or an embedding without
    /// an input: directly, or through views, maps, folds and quotients.
    pub constants: u64,
    /// Numbers of the graph's other constants, such as masks.
    pub other_constants: u64,
}

/// Holds the lists of a version against its graph: the list of its own plan first, then one for each
/// earlier plan that it inherits weights from.
///
/// Each list passes [`Origins::check`]. Every element of every tensor that the model samples or
/// inherits is in a parameter; no parameter is in two lists, or both derived and public; all lists
/// have the same public parameters, among them all vectors and tables without an origin.
///
/// Memory: a bit for each element of one tensor, at most one for each number of the graph's
/// parameters and 32 MiB.
///
/// # Errors
/// The first rule broken.
pub fn coverage(lists: &[List<'_>], graph: &CheckedGraph) -> Result<Coverage, OriginsError> {
    let (Some(own), earlier) = (lists.first(), lists.get(1..).unwrap_or(&[])) else {
        return Err(OriginsError::Other { what: "model" });
    };
    check_plans(own.model, earlier)?;
    let mut derived = BTreeSet::new();
    for list in lists {
        list.origins.check(graph, list.model)?;
        for origin in &list.origins.params {
            let param = origin.param;
            if !derived.insert(param) {
                return Err(OriginsError::Twice { param });
            }
        }
    }
    let mut coverage = Coverage {
        by_list: Vec::with_capacity(lists.len()),
        derived: 0,
        repeated: 0,
        tensors: 0,
        public: 0,
        chosen: 0,
        chosen_params: Vec::new(),
        constants: 0,
        other_constants: 0,
    };
    coverage.cover(own, &sampled(own.model), graph)?;
    for list in earlier {
        coverage.cover(list, &inherited(own.model, list)?, graph)?;
    }
    same_public(lists)?;
    coverage.count_others(own.origins, &derived, graph)?;
    coverage.count_constants(graph);
    Ok(coverage)
}

/// One list for each plan that the model inherits from, and no other.
fn check_plans(model: &ModelSpec, earlier: &[List<'_>]) -> Result<(), OriginsError> {
    let mut wanted = model.inherits_from();
    for &List { plan, .. } in earlier {
        if !wanted.remove(&plan) {
            return Err(OriginsError::SpareList { plan });
        }
    }
    match wanted.first() {
        Some(&plan) => Err(OriginsError::NoList { plan }),
        None => Ok(()),
    }
}

/// Positions of the tensors that a model samples.
fn sampled(model: &ModelSpec) -> BTreeSet<u32> {
    let tensors = (0u32..).zip(&model.tensors);
    let sampled = tensors.filter(|(_, spec)| matches!(spec.fill, Fill::Sampled { .. }));
    sampled.map(|(tensor, _)| tensor).collect()
}

/// Positions, in an earlier plan's model, of the tensors that a model inherits from it.
fn inherited(model: &ModelSpec, list: &List<'_>) -> Result<BTreeSet<u32>, OriginsError> {
    let there = list.model;
    let inherits = Fill::Inherited { plan: list.plan };
    let names = sampled(there).into_iter().filter_map(|tensor| {
        let spec = there.tensors.get(tensor as usize)?;
        Some((spec.name.as_str(), (tensor, spec)))
    });
    let names: BTreeMap<_, _> = names.collect();
    let inherited = model.tensors.iter().filter(|spec| spec.fill == inherits);
    let position = |spec: &TensorSpec| match names.get(spec.name.as_str()) {
        Some((tensor, there)) if there.dims == spec.dims => Ok(*tensor),
        _ => Err(OriginsError::NotCovered {
            name: spec.name.clone(),
            element: 0,
        }),
    };
    inherited.map(position).collect()
}

/// All lists have the public parameters of the first.
fn same_public(lists: &[List<'_>]) -> Result<(), OriginsError> {
    let Some((first, others)) = lists.split_first() else {
        return Ok(());
    };
    for list in others {
        let (a, b) = (&first.origins.public, &list.origins.public);
        let pairs = a.iter().zip(b).find(|(a, b)| a != b);
        let longer = || a.get(b.len()).or_else(|| b.get(a.len()));
        if let Some(public) = pairs.map(|(a, _)| a).or_else(longer) {
            let param = public.param;
            return Err(OriginsError::PublicDiffers { param });
        }
    }
    Ok(())
}

impl Coverage {
    /// Adds a list, which must use each element of these tensors of its plan, and no other tensor.
    fn cover(
        &mut self,
        list: &List<'_>,
        tensors: &BTreeSet<u32>,
        graph: &CheckedGraph,
    ) -> Result<(), OriginsError> {
        let mut uses: BTreeMap<u32, Vec<&Origin>> = BTreeMap::new();
        for origin in &list.origins.params {
            uses.entry(origin.tensor).or_default().push(origin);
        }
        let name = |tensor: u32| {
            let spec = list.model.tensors.get(tensor as usize);
            spec.map_or_else(String::new, |spec| spec.name.clone())
        };
        let mut others = uses.iter().filter(|(tensor, _)| !tensors.contains(tensor));
        if let Some((&tensor, origins)) = others.next() {
            return Err(OriginsError::NotInherited {
                param: origins[0].param,
                name: name(tensor),
            });
        }
        let mut numbers = 0;
        for &tensor in tensors {
            let spec = list.model.tensors.get(tensor as usize);
            let elements = spec.and_then(|spec| spec.elements()).unwrap_or(0);
            let origins = uses.get(&tensor).map_or(&[][..], |origins| origins);
            if let Some(element) = first_missing(elements, origins, graph) {
                let name = name(tensor);
                return Err(OriginsError::NotCovered { name, element });
            }
            let of_tensor = numbers_of(origins, graph);
            self.repeated += of_tensor - elements;
            numbers += of_tensor;
        }
        self.tensors += tensors.len();
        self.derived += numbers;
        self.by_list.push(numbers);
        Ok(())
    }

    /// Counts the parameters that are no deviates.
    fn count_others(
        &mut self,
        origins: &Origins,
        derived: &BTreeSet<TensorId>,
        graph: &CheckedGraph,
    ) -> Result<(), OriginsError> {
        let contracted = graph.contracted();
        for param in graph.params() {
            let numbers = graph.tensor(param).elements() as u64;
            match (derived.contains(&param), origins.public(param)) {
                (true, Some(_)) => return Err(OriginsError::Twice { param }),
                (true, None) => {}
                (false, Some(_)) => self.public += numbers,
                (false, None) if contracted.contains(&param) => {
                    self.chosen += numbers;
                    self.chosen_params.push(param);
                }
                (false, None) => return Err(OriginsError::NotPublic { param }),
            }
        }
        Ok(())
    }

    /// Counts the numbers of the graph's constants.
    fn count_constants(&mut self, graph: &CheckedGraph) {
        let nodes = &graph.nodes;
        // Whether a tensor depends on no input. Operands precede their node.
        let mut fixed: Vec<bool> = Vec::with_capacity(nodes.len());
        for node in nodes {
            let operands = node.op.operands();
            let all = operands.iter().all(|operand| fixed[operand.index()]);
            fixed.push(all && !matches!(node.op, Op::Input));
        }
        let takes = |op: &Op| op.is_contraction() || matches!(op, Op::Embed(_));
        let takers = nodes.iter().filter(|node| takes(&node.op));
        let mut left: Vec<TensorId> = takers.flat_map(|node| node.op.operands()).collect();
        let mut seen = vec![false; nodes.len()];
        while let Some(id) = left.pop() {
            let op = &nodes[id.index()].op;
            if seen[id.index()] || !(fixed[id.index()] || matches!(op, Op::View(_))) {
                continue;
            }
            seen[id.index()] = true;
            left.extend(op.operands());
        }
        for (node, entering) in nodes.iter().zip(seen) {
            if let Op::Constant { values } = &node.op {
                let count = match entering {
                    true => &mut self.constants,
                    false => &mut self.other_constants,
                };
                *count += values.len() as u64;
            }
        }
    }
}

fn numbers_of(origins: &[&Origin], graph: &CheckedGraph) -> u64 {
    let each = origins.iter().map(|of| graph.tensor(of.param).elements());
    each.fold(0, |sum, elements| sum.saturating_add(elements as u64))
}

/// Bits of a map of elements.
const WINDOW: u64 = 1 << 28;

/// The first element of a tensor that none of its parameters has. Each of them is checked: its
/// elements are the tensor's, once each.
fn first_missing(elements: u64, origins: &[&Origin], graph: &CheckedGraph) -> Option<u64> {
    let numbers = numbers_of(origins, graph);
    if origins.len() == 1 && numbers == elements {
        return None;
    }
    // Of more elements than there are numbers, one is missing among the first of them.
    let end = elements.min(numbers + 1);
    let mut start = 0;
    while start < end {
        let size = (end - start).min(WINDOW);
        let mut map = vec![0u64; size.div_ceil(64) as usize];
        for origin in origins {
            origin.for_each(&graph.tensor(origin.param).shape, &mut |element| {
                let bit = element.wrapping_sub(start);
                if bit < size {
                    map[(bit / 64) as usize] |= 1 << (bit % 64);
                }
            });
        }
        let words = (0u64..).step_by(64).zip(&map);
        let mut words = words.filter(|(_, word)| **word != u64::MAX);
        let missing = words.next();
        let missing = missing.map(|(at, word)| at + u64::from(word.trailing_ones()));
        // The last word may have bits past the end, which stay zero.
        if let Some(bit) = missing.filter(|&bit| bit < size) {
            return Some(start + bit);
        }
        start += size;
    }
    None
}
