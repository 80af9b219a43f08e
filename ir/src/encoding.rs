//! Canonical bytes of graphs and parameters, and the architecture digest.

use crate::error::{GraphError, ParamsError};
use crate::graph::{CheckedGraph, Graph};
use crate::limits::{MAX_GRAPH_BYTES, MAX_PARAMS_BYTES};
use crate::params::Params;
use nascent_verifier::codec::{Format, FormatError};
use nascent_verifier::digest::{Digest32, tagged};

/// Domain of the architecture digest.
const DIGEST_DOMAIN: &str = "nascent integer graph v1";

impl Format for Graph {
    const MAGIC: [u8; 8] = *b"nsc.grph";
    const VERSION: u16 = 1;
    const MAX_BYTES: usize = MAX_GRAPH_BYTES;
    type Error = GraphError;

    fn validate(&self) -> Result<(), GraphError> {
        self.verify()
    }
}

impl Format for Params {
    const MAGIC: [u8; 8] = *b"nsc.parm";
    const VERSION: u16 = 1;
    const MAX_BYTES: usize = MAX_PARAMS_BYTES;
    type Error = ParamsError;

    /// What can be told without a graph; see [`Params::check`] for the rest.
    fn validate(&self) -> Result<(), ParamsError> {
        self.check_scales()
    }
}

impl CheckedGraph {
    /// Canonical bytes, names included.
    ///
    /// # Errors
    /// A graph whose encoding is too long.
    pub fn encode(&self) -> Result<Vec<u8>, FormatError<GraphError>> {
        self.graph.encode()
    }

    /// The graph that has these canonical bytes. Memory is bounded by a small multiple of the
    /// length, whatever the bytes.
    ///
    /// # Errors
    /// Bytes that are not the canonical encoding of a graph that keeps all rules.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError<GraphError>> {
        let graph = Graph::decode(bytes)?;
        Ok(Self { graph })
    }

    /// The architecture digest: Keccak-256 of the canonical bytes, with all names empty. It covers
    /// shapes, declared ranges, operators, constants, tables, and the order of inputs and outputs;
    /// it does not depend on names or on any [`Params`].
    ///
    /// # Errors
    /// A graph whose encoding is too long.
    pub fn digest(&self) -> Result<Digest32, FormatError<GraphError>> {
        let mut graph = self.graph.clone();
        graph.name.clear();
        let tensors = graph.tensors.iter_mut().map(|tensor| &mut tensor.name);
        let nodes = graph.nodes.iter_mut().map(|node| &mut node.name);
        let tables = graph.tables.iter_mut().map(|table| &mut table.name);
        tensors.chain(nodes).chain(tables).for_each(String::clear);
        Ok(tagged(DIGEST_DOMAIN, &[&graph.encode()?]))
    }
}
