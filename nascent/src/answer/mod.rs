//! Answers: that outputs are what committed weights give on inputs; proofs of it, and their verification.

mod prove;
mod verify;

pub use prove::{Answer, Circuit, LinkTo, ProofReport, ProveError, Prover, Salts};
pub use verify::{Against, AnswerError, AnswerReport, AnswerVerdict, PARAMETER_RANGES, verify};
