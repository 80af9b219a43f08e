//! Chains that claim what is not so. Each must be refused.

use crate::evidence::{self, Known};
use crate::failure::{Failure, Kind, Result};
use nascent_verifier::link::CommittedTo;
use nascent_verifier::{Beacon, BeaconSource, Fill, InitBundle, Provenance};

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
