//! Whether the integer graphs of a chain's versions are the model.

use super::material::Material;
use crate::error::messages;
use crate::model::{ModelFile, Structure, StructureError};
use crate::setting::Setting;
use nascent_compiler::Earlier;
use nascent_compiler::infer::{Planned, Profile};
use nascent_verifier::ModelSpec;
use nascent_verifier::chain::{Chain, OriginReport, VersionReport};
use nascent_verifier::text::Quoted;

/// The versions of a chain, in order. The model is that of the last plan.
///
/// # Errors
/// A version whose weights that plan derives, and whose integer graph or origins are not the model's.
pub fn of_chain(
    setting: &Setting<'_>,
    model: Option<&ModelFile>,
    chain: &Chain,
    material: &Material,
    versions: &[VersionReport],
    plans: &[Earlier<'_>],
) -> Result<Vec<Structure>, StructureError> {
    let each = versions.iter().map(|version| {
        let known = of_version(setting, model, chain, material, version, plans);
        known.map_err(|source| StructureError::Version {
            name: version.name.clone(),
            source: Box::new(source),
        })
    });
    each.collect()
}

fn of_version(
    setting: &Setting<'_>,
    model: Option<&ModelFile>,
    chain: &Chain,
    material: &Material,
    version: &VersionReport,
    plans: &[Earlier<'_>],
) -> Result<Structure, StructureError> {
    let Some(model) = model else {
        let why = "give the model's file: --model";
        return Ok(Structure::Open(why.to_owned()));
    };
    let Some(profile) = material.profiles.get(&version.architecture) else {
        let why =
            "the chain has no profile of it: ask for one made with the folder of `nascent compile`";
        return Ok(Structure::Open(why.to_owned()));
    };
    let spec = |position: usize| -> Option<&ModelSpec> {
        let of = chain.initializations.get(position);
        of.map(|of| &of.bundle.plan.model)
    };
    let OriginReport::Initial(relayouts) = &version.origin else {
        return Ok(declared(setting, model, profile, plans));
    };
    let own = relayouts.iter().map(|of| of.initialization).max();
    let (own, last) = (
        own.unwrap_or(0),
        chain.initializations.len().saturating_sub(1),
    );
    if own != last {
        return Ok(Structure::OtherPlan);
    }
    let Some(own) = spec(own) else {
        return Ok(Structure::Open("its plan is not there".to_owned()));
    };
    let planned = Planned {
        spec: own,
        earlier: plans.get(..last).unwrap_or(&[]),
    };
    let lowering = model.lower(setting, profile, Some(planned))?;
    for origins in &lowering.origins {
        let digest = origins.digest()?;
        let of_model = |position: usize| spec(position).and_then(|spec| spec.digest().ok());
        let mut own = relayouts.iter();
        match own.find(|of| of_model(of.initialization) == Some(origins.model)) {
            Some(of) if of.origins == digest => {}
            Some(_) => return Err(StructureError::Origins),
            None if origins.params.is_empty() => {}
            None => return Err(StructureError::MissingRelayout),
        }
    }
    if relayouts.len() > lowering.origins.len() {
        return Err(StructureError::ExtraRelayout);
    }
    Ok(Structure::shown(lowering, profile))
}

/// A version whose weights are declared: its graph may be the model's all the same. One that was
/// compiled for a plan is lowered by that plan's rules: those of the last, which the model is given for.
fn declared(
    setting: &Setting<'_>,
    model: &ModelFile,
    profile: &Profile,
    plans: &[Earlier<'_>],
) -> Structure {
    let last = plans.split_last();
    let last = last.filter(|(of, _)| of.model.digest().ok() == profile.model);
    let planned = last.map(|(of, earlier)| Planned {
        spec: of.model,
        earlier,
    });
    if profile.model.is_some() && planned.is_none() {
        return Structure::OtherPlan;
    }
    match model.lower(setting, profile, planned) {
        Ok(lowering) => Structure::shown(lowering, profile),
        // Other makers' names may stand in it.
        Err(error) => Structure::Open(format!(
            "the model does not lower to it: {}",
            Quoted(&messages(&error).join(": "))
        )),
    }
}
