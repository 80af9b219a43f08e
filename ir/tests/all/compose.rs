//! Operators that the core lacks, composed from it as the book says.

use crate::common::assert_in_range;
use nascent_ir::{
    Builder, Conv, Divide, Map, Multiplier, Op, Params, Pre, Range, Table, View, eval,
};
use proptest::prelude::*;

proptest! {
    /// Row maximum, difference, table of the exponential, sum, quotient.
    #[test]
    fn softmax(x in prop::collection::vec(-127..=127, 2 * 24)) {
        // Real 1 per 32 steps in, 2^14 for `exp(0)`, 8 fraction bits out.
        let (step, one, fraction, shift) = (1.0 / 32.0, 1_i64 << 14, 8_u8, 4_u8);
        let mut b = Builder::new("softmax", 16);
        let x_id = b.input("x", &[2, 24], Range::signed(8)).unwrap();
        let max = b.push("max", Op::FoldMax { x: x_id }).unwrap();
        let exp = Table::real(
            "exp",
            Range::new(-254, 254),
            step,
            1.0 / one as f64,
            Range::new(0, one),
            f64::exp,
        );
        let exp = b.table(exp);
        let e = b.push("exp", Op::Map(Map::exact(Pre::Linear {
            a: x_id,
            ca: 1,
            b: Some((max, -1)),
            c: 0,
        }, exp))).unwrap();
        let sum = b.push("sum", Op::FoldSum { x: e }).unwrap();
        // The row's maximum contributes `one`, so the lower clamp never acts: it tells the range.
        let sums = Range::new(0, (24 * one + 8) >> shift);
        let table = Table::identity(sums, 0, Range::new(one >> shift, (1 << 15) - 1));
        let den = b.table(table);
        let den = b.push("den", Op::Map(Map::requantize(
            Pre::of(sum),
            Multiplier::Const(1 << (32 - shift)),
            den,
            16,
        ))).unwrap();
        let factor = 1_i64 << (fraction - shift);
        let y = b.push("y", Op::Divide(Divide { num: e, den, factor })).unwrap();
        let graph = b.finish(&[y]).unwrap();
        prop_assert_eq!(graph.tensor(y).range, Range::new(0, 1 << fraction));
        let params = Params::default();
        let values = eval(&graph, &params, std::slice::from_ref(&x)).unwrap();
        assert_in_range(&graph, &values);
        for (row, x) in x.chunks(24).enumerate() {
            let total: f64 = x.iter().map(|&x| (f64::from(x) * step).exp()).sum();
            for (i, &x) in x.iter().enumerate() {
                let exact = 256.0 * (f64::from(x) * step).exp() / total;
                let got = values.get(y).at(row * 24 + i) as f64;
                // Rounded down, and the rounding of exponentials and their sum.
                prop_assert!(got <= exact + 0.1 && got > exact - 1.1, "{got} {exact}");
            }
        }
    }

    /// Zeros between the elements by views, then a convolution with the kernel reversed.
    #[test]
    fn transposed_convolution(
        x in prop::collection::vec(-127..=127, 5),
        w in prop::collection::vec(-127..=127, 3),
        stride in 1_u32..4,
        crop in 0_u32..3,
    ) {
        let mut b = Builder::new("transposed", 16);
        let x_id = b.input("x", &[1, 1, 5], Range::signed(8)).unwrap();
        let w_id = b.param("w reversed", &[1, 1, 3], Range::signed(8)).unwrap();
        let mut view = |view| b.push("view", Op::View(view)).unwrap();
        let apart = view(View::Reshape { x: x_id, shape: vec![1, 1, 5, 1] });
        let padded = view(View::Pad {
            x: apart,
            before: vec![0; 4],
            after: vec![0, 0, 0, stride - 1],
            value: 0,
        });
        let joined = view(View::Reshape { x: padded, shape: vec![1, 1, 5 * stride] });
        let dilated = view(View::Slice {
            x: joined,
            starts: vec![0; 3],
            sizes: vec![1, 1, 4 * stride + 1],
            steps: vec![1; 3],
        });
        let pad = 2 - crop;
        let y = b.push("y", Op::Conv(Conv {
            x: dilated,
            w: w_id,
            strides: vec![1],
            pads: vec![(pad, pad)],
            dilations: vec![1],
            groups: 1,
        })).unwrap();
        let graph = b.finish(&[x_id]).unwrap();
        let mut params = Params::default();
        params.values.insert(w_id, w.iter().rev().copied().collect());
        let values = eval(&graph, &params, std::slice::from_ref(&x)).unwrap();
        let mut full = vec![0_i64; 4 * stride as usize + 3];
        for (i, &x) in x.iter().enumerate() {
            for (j, &w) in w.iter().enumerate() {
                full[i * stride as usize + j] += i64::from(x) * i64::from(w);
            }
        }
        let crop = crop as usize;
        prop_assert_eq!(values.get(y).to_vec(), &full[crop..full.len() - crop]);
    }

    /// Shifted slices side by side, then the maximum over the new axis.
    #[test]
    fn max_pooling(x in prop::collection::vec(-127..=127, 7), stride in 1_u32..4) {
        let mut b = Builder::new("pool", 16);
        let x_id = b.input("x", &[7], Range::signed(8)).unwrap();
        let size = 4 / stride + 1;
        let mut view = |view| b.push("view", Op::View(view)).unwrap();
        let xs = (0..3).map(|tap| {
            let x = view(View::Slice {
                x: x_id,
                starts: vec![tap],
                sizes: vec![size],
                steps: vec![stride as i32],
            });
            view(View::Reshape { x, shape: vec![size, 1] })
        }).collect();
        let windows = view(View::Concat { xs, axis: 1 });
        let y = b.push("y", Op::FoldMax { x: windows }).unwrap();
        let graph = b.finish(&[y]).unwrap();
        let params = Params::default();
        let values = eval(&graph, &params, std::slice::from_ref(&x)).unwrap();
        let windows = x.windows(3).step_by(stride as usize);
        let expected: Vec<i64> = windows.map(|w| w[0].max(w[1]).max(w[2]).into()).collect();
        prop_assert_eq!(values.get(y).to_vec(), expected);
    }
}
