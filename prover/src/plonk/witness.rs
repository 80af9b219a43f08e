//! Runs a circuit's synthesis and commits its advice columns, phase by phase.

use std::mem;
use std::time::{Duration, Instant};

use ff::Field;
use group::Curve;
use halo2_proofs::{
    circuit::Value,
    plonk::{
        Advice, Any, Assigned, Assignment, Challenge, Circuit, Column, ConstraintSystem, Error,
        Fixed, FloorPlanner, Instance, Selector,
    },
    transcript::{EncodedChallenge, TranscriptWrite},
};
use halo2curves::bn256::{Fr, G1, G1Affine};
use rand_core::RngCore;
use rayon::prelude::*;

use super::msm::Bases;
use super::transform::Domain;

/// Advice coefficients (bit-reversed) and challenges.
pub(super) struct Committed {
    pub(super) advice: Vec<Vec<Fr>>,
    pub(super) challenges: Vec<Fr>,
    /// Time that the synthesis took, without commitments and transforms.
    pub(super) synthesis: Duration,
}

/// Everything a synthesis needs beside the circuit.
pub(super) struct Setting<'a> {
    /// The SRS in the Lagrange basis.
    pub(super) lagrange: &'a Bases<'a>,
    pub(super) domain: &'a Domain,
    pub(super) meta: &'a ConstraintSystem<Fr>,
    pub(super) instance: &'a [&'a [Fr]],
}

/// Synthesizes the circuit and commits each phase as the library does.
pub(super) fn commit<C, E, T>(
    setting: &Setting<'_>,
    circuit: &C,
    rng: &mut dyn RngCore,
    transcript: &mut T,
) -> Result<Committed, Error>
where
    C: Circuit<Fr>,
    E: EncodedChallenge<G1Affine>,
    T: TranscriptWrite<G1Affine, E>,
{
    let mut meta = ConstraintSystem::default();
    let config = C::configure_with_params(&mut meta, circuit.params());
    let phases = setting
        .meta
        .advice_column_phase()
        .into_iter()
        .max()
        .unwrap_or(0);
    let mut sink = |words: Word<'_>| -> Result<Vec<Fr>, Error> {
        match words {
            Word::Points(points) => {
                for point in points {
                    transcript.write_point(*point)?;
                }
                Ok(Vec::new())
            }
            Word::Challenges(count) => Ok((0..count)
                .map(|_| transcript.squeeze_challenge().get_scalar())
                .collect()),
        }
    };
    let mut witness = Witness {
        setting,
        phase: 0,
        usable: (1 << setting.domain.k) - (setting.meta.blinding_factors() + 1),
        columns: vec![Vec::new(); setting.meta.num_advice_columns()],
        coefficients: vec![Vec::new(); setting.meta.num_advice_columns()],
        challenges: vec![None; setting.meta.num_challenges()],
        rng,
        sink: &mut sink,
        error: None,
        closing: Duration::ZERO,
    };
    let start = Instant::now();
    witness.open_phase();
    C::FloorPlanner::synthesize(
        &mut witness,
        circuit,
        config,
        setting.meta.constants().clone(),
    )?;
    let synthesis = start.elapsed().saturating_sub(witness.closing);
    while witness.phase <= phases {
        witness.close_phase()?;
    }
    if let Some(error) = witness.error {
        return Err(error);
    }
    let challenges = witness
        .challenges
        .iter()
        .copied()
        .collect::<Option<Vec<Fr>>>();
    Ok(Committed {
        advice: witness.coefficients,
        challenges: challenges.ok_or(Error::Synthesis)?,
        synthesis,
    })
}

/// What a phase says to the transcript.
enum Word<'a> {
    Points(&'a [G1Affine]),
    Challenges(usize),
}

type Sink<'a> = dyn FnMut(Word<'_>) -> Result<Vec<Fr>, Error> + 'a;

struct Witness<'a> {
    setting: &'a Setting<'a>,
    phase: u8,
    usable: usize,
    /// Values of the open phase's columns; empty for the others.
    columns: Vec<Vec<Fr>>,
    /// Coefficients of the closed phases' columns.
    coefficients: Vec<Vec<Fr>>,
    challenges: Vec<Option<Fr>>,
    rng: &'a mut dyn RngCore,
    sink: &'a mut Sink<'a>,
    error: Option<Error>,
    /// Time spent in closing phases.
    closing: Duration,
}

impl Witness<'_> {
    fn members(&self, phases: &[u8]) -> Vec<usize> {
        (0..phases.len())
            .filter(|&i| phases[i] == self.phase)
            .collect()
    }

    fn open_phase(&mut self) {
        for column in self.members(&self.setting.meta.advice_column_phase()) {
            self.columns[column] = vec![Fr::ZERO; self.setting.domain.size()];
        }
    }

    /// Blinds, commits and transforms the columns of the phase; draws its challenges.
    fn close_phase(&mut self) -> Result<(), Error> {
        let members = self.members(&self.setting.meta.advice_column_phase());
        for &column in &members {
            for cell in &mut self.columns[column][self.usable..] {
                *cell = Fr::random(&mut *self.rng);
            }
        }
        // The library draws a blind for each column; KZG commitments have none, but the order of
        // draws stays the same, so that a seeded generator gives the same tails.
        for _ in &members {
            let _blind = Fr::random(&mut *self.rng);
        }
        let setting = self.setting;
        let values: Vec<Vec<Fr>> = members
            .iter()
            .map(|&c| mem::take(&mut self.columns[c]))
            .collect();
        let (points, coefficients): (Vec<G1>, Vec<Vec<Fr>>) = values
            .into_par_iter()
            .map(|mut values| {
                let point = setting.lagrange.multi_exponentiation(&values);
                setting.domain.to_coefficients(&mut values);
                (point, values)
            })
            .unzip();
        let mut affine = vec![G1Affine::default(); points.len()];
        G1::batch_normalize(&points, &mut affine);
        (self.sink)(Word::Points(&affine))?;
        for (column, coefficients) in members.into_iter().zip(coefficients) {
            self.coefficients[column] = coefficients;
        }
        let drawn = self.members(&self.setting.meta.challenge_phase());
        let challenges = (self.sink)(Word::Challenges(drawn.len()))?;
        for (index, challenge) in drawn.into_iter().zip(challenges) {
            self.challenges[index] = Some(challenge);
        }
        self.phase += 1;
        self.open_phase();
        Ok(())
    }
}

impl Assignment<Fr> for Witness<'_> {
    fn enter_region<NR: Into<String>, N: FnOnce() -> NR>(&mut self, _: N) {}

    fn exit_region(&mut self) {}

    fn annotate_column<A: FnOnce() -> AR, AR: Into<String>>(&mut self, _: A, _: Column<Any>) {}

    fn enable_selector<A: FnOnce() -> AR, AR: Into<String>>(
        &mut self,
        _: A,
        _: &Selector,
        _: usize,
    ) -> Result<(), Error> {
        Ok(())
    }

    fn query_instance(&self, column: Column<Instance>, row: usize) -> Result<Value<Fr>, Error> {
        let cell = self
            .setting
            .instance
            .get(column.index())
            .and_then(|column| column.get(row));
        cell.map(|value| Value::known(*value))
            .ok_or(Error::BoundsFailure)
    }

    fn assign_advice<'v>(
        &mut self,
        column: Column<Advice>,
        row: usize,
        to: Value<Assigned<Fr>>,
    ) -> Value<&'v Assigned<Fr>> {
        let mut value = None;
        to.map(|assigned| {
            value = Some(match assigned {
                Assigned::Trivial(value) => value,
                other => other.evaluate(),
            });
        });
        let cell = self
            .columns
            .get_mut(column.index())
            .and_then(|column| column.get_mut(row));
        match (cell, value) {
            (Some(cell), Some(value)) if row < self.usable => *cell = value,
            _ => self.error = Some(Error::Synthesis),
        }
        Value::unknown()
    }

    fn assign_fixed(&mut self, _: Column<Fixed>, _: usize, _: Assigned<Fr>) {}

    fn copy(&mut self, _: Column<Any>, _: usize, _: Column<Any>, _: usize) {}

    fn fill_from_row(
        &mut self,
        _: Column<Fixed>,
        _: usize,
        _: Value<Assigned<Fr>>,
    ) -> Result<(), Error> {
        Ok(())
    }

    fn get_challenge(&self, challenge: Challenge) -> Value<Fr> {
        match self.challenges.get(challenge.index()) {
            Some(Some(value)) => Value::known(*value),
            _ => Value::unknown(),
        }
    }

    fn push_namespace<NR: Into<String>, N: FnOnce() -> NR>(&mut self, _: N) {}

    fn pop_namespace(&mut self, _: Option<String>) {}

    fn next_phase(&mut self) {
        let start = Instant::now();
        if let Err(error) = self.close_phase() {
            self.error = Some(error);
        }
        self.closing += start.elapsed();
    }
}
