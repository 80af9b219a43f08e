//! Canonical bytes for digests: lengths before contents, little-endian.

/// A buffer with one way to write each thing.
#[derive(Debug, Default)]
pub(crate) struct Canon(Vec<u8>);

impl Canon {
    pub fn u8(&mut self, value: u8) -> &mut Self {
        self.0.push(value);
        self
    }

    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    pub fn i64(&mut self, value: i64) -> &mut Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    pub fn len(&mut self, len: usize) -> &mut Self {
        self.u64(len as u64)
    }

    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.len(bytes.len());
        self.0.extend_from_slice(bytes);
        self
    }

    pub fn str(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    pub fn f64(&mut self, value: f64) -> &mut Self {
        self.u64(value.to_bits())
    }

    pub fn option_u64(&mut self, value: Option<u64>) -> &mut Self {
        match value {
            Some(value) => self.u8(1).u64(value),
            None => self.u8(0),
        }
    }

    pub fn dims(&mut self, dims: &[u64]) -> &mut Self {
        self.len(dims.len());
        for &dim in dims {
            self.u64(dim);
        }
        self
    }

    pub fn digest(&self, domain: &str) -> [u8; 32] {
        nascent_verifier::digest::tagged(domain, &[&self.0])
    }
}

/// What a TOML parser says, on one line and in quotes: it repeats words of the file.
pub(crate) fn toml_reason(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map_or(1, |before| before.matches('\n').count() + 1);
    format!(
        "line {line}: {}",
        nascent_verifier::text::Quoted(error.message())
    )
}
