//! Products of float matrices.

use rayon::prelude::*;

/// Columns of the result held at once: with four rows they stay in the first-level cache.
const COLUMNS: usize = 1024;
const ROWS: usize = 4;

/// `a [.., M, K]` times `b [.., K, N]` or `[K, N]`; shapes were checked by inference.
pub(super) fn matmul(a_shape: &[usize], a: &[f32], b_shape: &[usize], b: &[f32]) -> Vec<f32> {
    let (k, n) = match b_shape {
        [.., k, n] => (*k, *n),
        _ => return Vec::new(),
    };
    let shared = b_shape.len() == 2;
    let m = match a_shape {
        [.., m, _] if !shared => *m,
        _ => a.len() / k.max(1),
    };
    let batches = if shared || m * k == 0 {
        1
    } else {
        a.len() / (m * k)
    };
    let mut out = vec![0.0; batches * m * n];
    if out.is_empty() || k == 0 {
        return out;
    }
    for (batch, out) in out.chunks_mut(m * n).enumerate() {
        let a = &a[batch * m * k..(batch + 1) * m * k];
        let b = if shared {
            b
        } else {
            &b[batch * k * n..(batch + 1) * k * n]
        };
        product(a, b, k, n, out);
    }
    out
}

/// `out [M, N] += a [M, K] b [K, N]`.
pub(super) fn product(a: &[f32], b: &[f32], k: usize, n: usize, out: &mut [f32]) {
    if k == 0 || n == 0 {
        return;
    }
    out.par_chunks_mut(ROWS * n)
        .zip(a.par_chunks(ROWS * k))
        .for_each(|(out, a)| {
            for from in (0..n).step_by(COLUMNS) {
                let to = (from + COLUMNS).min(n);
                block(a, b, (k, n), from..to, out);
            }
        });
}

fn block(
    a: &[f32],
    b: &[f32],
    (k, n): (usize, usize),
    columns: std::ops::Range<usize>,
    out: &mut [f32],
) {
    for at in 0..k {
        let b = &b[at * n..][columns.clone()];
        for (out, a) in out.chunks_mut(n).zip(a.chunks(k)) {
            let factor = a[at];
            if factor == 0.0 {
                continue;
            }
            for (out, &b) in out[columns.clone()].iter_mut().zip(b) {
                *out += factor * b;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_products() {
        let a = [1.0, 2.0, 3.0, 4.0];
        let b = [5.0, 6.0, 7.0, 8.0];
        assert_eq!(matmul(&[2, 2], &a, &[2, 2], &b), [19.0, 22.0, 43.0, 50.0]);
        // Two batches of a row times a column.
        assert_eq!(matmul(&[2, 1, 2], &a, &[2, 2, 1], &b), [17.0, 53.0]);
        // A shared right side.
        assert_eq!(matmul(&[2, 1, 2], &a, &[2, 1], &b[..2]), [17.0, 39.0]);
    }

    #[test]
    fn blocks_agree_with_sums() {
        let (m, k, n) = (7, 5, 2 * COLUMNS + 3);
        let a: Vec<f32> = (0..m * k).map(|i| (i % 11) as f32 - 5.0).collect();
        let b: Vec<f32> = (0..k * n).map(|i| (i % 13) as f32 - 6.0).collect();
        let out = matmul(&[m, k], &a, &[k, n], &b);
        for (i, j) in [(0, 0), (6, n - 1), (3, COLUMNS), (4, COLUMNS - 1)] {
            let sum: f32 = (0..k).map(|l| a[i * k + l] * b[l * n + j]).sum();
            assert_eq!(out[i * n + j], sum);
        }
    }
}
