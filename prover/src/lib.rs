//! Keys, witnesses, proofs, and the export of the verifier's data.
