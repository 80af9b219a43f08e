//! Chains that claim what is not so. Each must be refused.

use crate::failure::{Classify, Failure, Kind, Result};
use crate::files;
use nascent::evidence::{self, Known};
use nascent::model::{GRAPH, ORIGINS, PARAMS, PROFILE};
use nascent_compiler::infer::Profile;
use nascent_ir::{
    CheckedGraph, Embed, Graph, Node, Op, Origins, Params, PublicParam, Range, TensorId, TensorInfo,
};
use nascent_verifier::codec::Format;
use nascent_verifier::link::CommittedTo;
use nascent_verifier::{Beacon, BeaconSource, Chain, Fill, InitBundle};
use std::path::Path;

/// A lie, and the chain that tells it.
pub struct Lie {
    pub name: &'static str,
    pub chain: Chain,
}

/// The first initialization of a chain.
fn init(chain: &mut Chain) -> Option<&mut InitBundle> {
    chain.initializations.first_mut().map(|of| &mut of.bundle)
}

/// Lies about an honest chain; those that cannot be told of it are left out.
pub fn lies(honest: &Chain) -> Vec<Lie> {
    let mut lies = Vec::new();
    let mut lie = |name, change: &dyn Fn(&mut Chain)| {
        let mut chain = honest.clone();
        change(&mut chain);
        if chain != *honest {
            lies.push(Lie { name, chain });
        }
    };
    lie("another beacon value", &|chain| {
        if let Some(init) = init(chain)
            && let Beacon::Sources(values) = &mut init.beacon
            && let Some(byte) = values.iter_mut().find_map(|it| it.value.first_mut())
        {
            *byte ^= 1;
        }
    });
    lie("a plan edited after the beacon", &|chain| {
        let tensors = init(chain)
            .into_iter()
            .flat_map(|of| &mut of.plan.model.tensors);
        for fill in tensors.map(|tensor| &mut tensor.fill) {
            if let Fill::Sampled { scale_bits, .. } = fill {
                *scale_bits ^= 1;
            }
        }
    });
    lie("another publisher", &|chain| {
        if let Some(init) = init(chain) {
            init.plan.publisher_key = Some([1; 32]);
        }
    });
    lie("other weights in a proof", &|chain| {
        // The first two words of a proof commit to the first two lanes of weights.
        if let Some((first, rest)) = init(chain)
            .and_then(|of| of.tiles.first_mut())
            .and_then(|tile| tile.proof.split_at_mut_checked(32))
        {
            first
                .iter_mut()
                .zip(rest)
                .for_each(|(a, b)| std::mem::swap(a, b));
        }
    });
    lie("the last tile left out", &|chain| {
        if let Some(init) = init(chain) {
            init.tiles.pop();
        }
    });
    lie("a link tampered with", &|chain| {
        if let Some(byte) = chain
            .links
            .links
            .first_mut()
            .and_then(|link| link.bytes.last_chunk_mut::<32>())
            .and_then(|scalar| scalar.first_mut())
        {
            *byte ^= 1;
        }
    });
    lie("a link left out", &|chain| {
        chain.links.links.pop();
    });
    lie("other weights committed", &|chain| {
        for part in chain
            .versions
            .iter_mut()
            .flat_map(|of| &mut of.commitment.parts)
        {
            part.points.swap(0, 1);
        }
    });
    lie("another model's commitment", &|chain| {
        for part in chain
            .versions
            .iter_mut()
            .flat_map(|of| &mut of.commitment.parts)
        {
            part.subject = CommittedTo::Parameters {
                architecture: [1; 32],
            };
        }
    });
    lie("another answer", &|chain| {
        let outputs = chain.answers.iter_mut().map(|of| &mut of.inference.outputs);
        if let Some(output) = outputs.into_iter().find_map(|all| all.first_mut()) {
            *output ^= 1;
        }
    });
    lie("another question", &|chain| {
        let inputs = chain.answers.iter_mut().map(|of| &mut of.inference.inputs);
        if let Some(input) = inputs.into_iter().find_map(|all| all.last_mut()) {
            *input ^= 1;
        }
    });
    lies
}

/// The recorded signature for the round after its own; gives the reason of the refusal.
pub fn other_round(beacon: &Beacon) -> Result<String> {
    let mut values = beacon.values().to_vec();
    for value in &mut values {
        if let BeaconSource::Drand { round, .. } = &mut value.source {
            *round += 1;
        }
    }
    match evidence::check(&Beacon::Sources(values), &Known::default()) {
        Err(error) => Ok(Failure::from(error).messages().join(": ")),
        Ok(_) => Err(
            Failure::new(Kind::Internal, "a signature on another round was ACCEPTED")
                .help("please report this"),
        ),
    }
}

/// The files of a compiled model.
struct Files {
    graph: Graph,
    params: Params,
    profile: Profile,
    origins: Origins,
}

impl Files {
    fn read(model: &Path) -> Result<Self> {
        Ok(Self {
            graph: files::read(&model.join(GRAPH))?,
            params: files::read(&model.join(PARAMS))?,
            profile: files::read(&model.join(PROFILE))?,
            origins: files::read(&model.join(ORIGINS))?,
        })
    }

    /// Writes them so that they agree with each other.
    fn write(mut self, folder: &Path) -> Result<()> {
        let graph: CheckedGraph = self.graph.check().or_fail(Kind::Internal)?;
        let architecture = graph.digest().or_fail(Kind::Internal)?;
        self.profile.architecture = architecture;
        self.origins.architecture = architecture;
        std::fs::create_dir_all(folder).or_fail(Kind::Environment)?;
        for (name, bytes) in [
            (GRAPH, graph.encode().or_fail(Kind::Internal)?),
            (PARAMS, self.params.encode().or_fail(Kind::Internal)?),
            (PROFILE, self.profile.encode().or_fail(Kind::Internal)?),
            (ORIGINS, self.origins.encode().or_fail(Kind::Internal)?),
        ] {
            files::write(&folder.join(name), &bytes)?;
        }
        Ok(())
    }
}

/// A compiled model whose first table is another function, with profile and list of origins in
/// agreement: what a publisher would write who wants other answers from the same weights.
pub fn other_graph(model: &Path, other: &Path) -> Result<()> {
    let mut files = Files::read(model)?;
    if let Some(table) = files.graph.tables.first_mut() {
        let least = table.values.iter().copied().min().unwrap_or(0);
        let half = table.values.len() / 2;
        // Its range stays what it was.
        for value in table.values.iter_mut().take(half) {
            *value = least + i32::from(*value == least);
        }
    }
    files.write(other)
}

/// A compiled model with an embedding more, whose table is a public one by the list of origins; the
/// parameters have other numbers.
pub fn other_embedding(model: &Path, other: &Path) -> Result<()> {
    const ROWS: u32 = 4;
    const WIDTH: u32 = 3;
    let mut files = Files::read(model)?;
    let graph = &mut files.graph;
    let range = Range::new(-1, 1);
    let mut push = |name: &str, op, shape: &[u32], range| {
        let output = TensorId(graph.nodes.len() as u32);
        let (name, shape) = (name.to_owned(), shape.to_vec());
        graph.nodes.push(Node {
            name: name.clone(),
            op,
            output,
        });
        graph.tensors.push(TensorInfo { name, shape, range });
        output
    };
    let table = push("embedding", Op::Param, &[ROWS, WIDTH], range);
    let ids = push("ids", Op::Input, &[2], Range::new(0, i64::from(ROWS) - 1));
    let rows = push("rows", Op::Embed(Embed { table, ids }), &[2, WIDTH], range);
    graph.inputs.push(ids);
    graph.outputs.push(rows);
    let listed = vec![0; (ROWS * WIDTH) as usize];
    let mut held = listed.clone();
    held.iter_mut().take(1).for_each(|value| *value = 1);
    let param = PublicParam {
        param: table,
        values: listed,
    };
    files.origins.public.push(param);
    files.origins.public.sort_by_key(|public| public.param);
    files.params.values.insert(table, held);
    files.write(other)
}

/// A version's name that would print as a line of the verifier's; gives the reason of the refusal.
pub fn written_verdict(honest: &Chain) -> Result<String> {
    let mut chain = honest.clone();
    let words = "x' has the initial weights _9. MODEL 'x'";
    if let Some(version) = chain.versions.first_mut() {
        words.clone_into(&mut version.name);
    }
    let mut bytes = chain.encode().or_fail(Kind::Internal)?;
    let found = bytes
        .windows(words.len())
        .position(|part| part == words.as_bytes());
    let line = found.map_or(0, |at| at + words.find('_').unwrap_or(0));
    if let Some(byte) = bytes.get_mut(line) {
        *byte = b'\n';
    }
    match Chain::decode(&bytes) {
        Err(error) => Ok(error.to_string()),
        Ok(_) => {
            let failure = Failure::new(Kind::Internal, "a name of two lines was ACCEPTED");
            Err(failure.help("please report this"))
        }
    }
}
