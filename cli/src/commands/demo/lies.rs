//! Chains that claim what is not so. Each must be refused.

use crate::commands::compile::{GRAPH, ORIGINS, PARAMS, PROFILE};
use crate::evidence::{self, Known};
use crate::failure::{Classify, Failure, Kind, Result};
use crate::files;
use nascent_compiler::infer::Profile;
use nascent_ir::{CheckedGraph, Graph, Origins, Params};
use nascent_verifier::codec::Format;
use nascent_verifier::link::CommittedTo;
use nascent_verifier::{Beacon, BeaconSource, Fill, InitBundle, Provenance};
use std::path::Path;

/// A lie, and the chain that tells it.
pub struct Lie {
    pub name: &'static str,
    pub chain: Provenance,
}

/// The first initialization of a chain.
fn init(chain: &mut Provenance) -> Option<&mut InitBundle> {
    chain.initializations.first_mut().map(|of| &mut of.bundle)
}

/// Lies about an honest chain; those that cannot be told of it are left out.
pub fn lies(honest: &Provenance) -> Vec<Lie> {
    let mut lies = Vec::new();
    let mut lie = |name, change: &dyn Fn(&mut Provenance)| {
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
        Err(failure) => Ok(failure.messages().join(": ")),
        Ok(_) => Err(
            Failure::new(Kind::Internal, "a signature on another round was ACCEPTED")
                .help("please report this"),
        ),
    }
}

/// A compiled model whose first table is another function, with profile and list of origins in
/// agreement: what a publisher would write who wants other answers from the same weights.
pub fn other_graph(model: &Path, other: &Path) -> Result<()> {
    let mut graph: Graph = files::read(&model.join(GRAPH))?;
    if let Some(table) = graph.tables.first_mut() {
        let least = table.values.iter().copied().min().unwrap_or(0);
        let half = table.values.len() / 2;
        // Its range stays what it was.
        for value in table.values.iter_mut().take(half) {
            *value = least + i32::from(*value == least);
        }
    }
    let graph: CheckedGraph = graph.check().or_fail(Kind::Internal)?;
    let architecture = graph.digest().or_fail(Kind::Internal)?;
    let mut profile: Profile = files::read(&model.join(PROFILE))?;
    profile.architecture = architecture;
    let mut origins: Origins = files::read(&model.join(ORIGINS))?;
    origins.architecture = architecture;
    let params: Params = files::read(&model.join(PARAMS))?;
    std::fs::create_dir_all(other).or_fail(Kind::Environment)?;
    for (name, bytes) in [
        (GRAPH, graph.encode().or_fail(Kind::Internal)?),
        (PARAMS, params.encode().or_fail(Kind::Internal)?),
        (PROFILE, profile.encode().or_fail(Kind::Internal)?),
        (ORIGINS, origins.encode().or_fail(Kind::Internal)?),
    ] {
        files::write(&other.join(name), &bytes)?;
    }
    Ok(())
}

/// A version's name that would print as a line of the verifier's; gives the reason of the refusal.
pub fn written_verdict(honest: &Provenance) -> Result<String> {
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
    match Provenance::decode(&bytes) {
        Err(error) => Ok(error.to_string()),
        Ok(_) => {
            let failure = Failure::new(Kind::Internal, "a name of two lines was ACCEPTED");
            Err(failure.help("please report this"))
        }
    }
}
