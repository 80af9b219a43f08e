//! Light verifier: canonical formats, transcript and the KZG check, without halo2.
