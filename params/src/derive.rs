//! An SRS of another size.

use crate::error::{ParamsError, size_error};
use crate::progress::Progress;
use crate::ptau::Ptau;
use crate::srs::{Provenance, SourceFormat, Srs};

impl Srs {
    /// The SRS of size `2^k` with the same tau, for a smaller `k`.
    ///
    /// A development SRS is generated anew; a `.ptau` file that is still where it was gives its
    /// own Lagrange basis of that size; otherwise the basis is computed from the powers, which
    /// takes about 35 microseconds of processor time times `k 2^(k-1)`.
    ///
    /// # Errors
    ///
    /// Refuses a `k` above that of this SRS.
    pub fn derive(&self, k: u32, progress: &dyn Progress) -> Result<Self, ParamsError> {
        if k < crate::MIN_K || k > self.k() {
            return Err(size_error(self.k(), k));
        }
        match self.provenance() {
            Provenance::Development => return Self::development(k, progress),
            Provenance::Ceremony(file) if file.format == SourceFormat::Ptau => {
                // The file may be gone or replaced: what it gives is checked, and not needed.
                let tau_g2 = self.tau_g2();
                if let Ok(Some(parts)) = Ptau::reread(&file.path, k, &tau_g2, progress) {
                    return Ok(Self::from_checked(parts, self.provenance().clone())?);
                }
            }
            Provenance::Ceremony(_) => {}
        }
        self.derive_from_powers(k, progress)
    }
}
