//! From an ONNX file or a TOML description to a model specification.
