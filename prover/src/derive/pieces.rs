//! Cutting a range of weights into pieces of work.

use nascent_circuits::poseidon2::RATE;
use nascent_verifier::{Fill, ModelSpec, TensorSpec};

/// Blocks of a sampled piece: about 57,000 weights at 16 bits.
const PIECE_BLOCKS: u64 = 256;
/// Elements of a constant or inherited piece.
const PIECE_CONSTANTS: u64 = 1 << 18;

/// Consecutive elements of one tensor.
pub(super) struct Piece<'a, C> {
    pub(super) tensor: &'a TensorSpec,
    /// Index of the first element in the tensor.
    pub(super) first: u64,
    pub(super) out: &'a mut [C],
}

/// Where every tensor starts when all are laid end to end; one more entry for the end.
///
/// `None` if the sum overflows.
pub(super) fn starts(model: &ModelSpec) -> Option<Vec<u64>> {
    let mut starts = vec![0u64];
    for tensor in &model.tensors {
        let end = starts.last()?.checked_add(tensor.elements()?)?;
        starts.push(end);
    }
    Some(starts)
}

/// Cuts `out`, the elements `first ..` of all tensors laid end to end.
///
/// Pieces of a sampled tensor end where blocks of the stream end, at multiples of
/// [`PIECE_BLOCKS`], so that no block is computed twice but at the ends of tensors and of `out`.
pub(super) fn pieces<'a, C>(
    model: &'a ModelSpec,
    starts: &[u64],
    first: u64,
    mut out: &'a mut [C],
) -> Vec<Piece<'a, C>> {
    let mut pieces = Vec::new();
    // The last tensor that starts at or before `first`; empty ones are skipped below.
    let tensor_index = starts.partition_point(|&start| start <= first) - 1;
    let mut position = first;
    for (tensor, range) in model
        .tensors
        .iter()
        .zip(starts.windows(2))
        .skip(tensor_index)
    {
        while position < range[1] && !out.is_empty() {
            let element = position - range[0];
            let length = (range[1] - position).min(piece_length(model, tensor, element));
            let length = usize::try_from(length).unwrap_or(usize::MAX).min(out.len());
            let (now, later) = out.split_at_mut(length);
            out = later;
            position += length as u64;
            pieces.push(Piece {
                tensor,
                first: element,
                out: now,
            });
        }
    }
    pieces
}

/// Elements from `element` to the next end of a piece, at least one.
fn piece_length(model: &ModelSpec, tensor: &TensorSpec, element: u64) -> u64 {
    match tensor.fill {
        Fill::Constant { .. } | Fill::Inherited { .. } => PIECE_CONSTANTS,
        Fill::Sampled {
            stream, first_row, ..
        } => {
            let lanes = model.streams[usize::from(stream)].precision.lanes();
            let rows = PIECE_BLOCKS * RATE as u64;
            let row = first_row + element / lanes;
            let end_row = (row / rows + 1) * rows;
            (end_row - first_row) * lanes - element
        }
    }
}
