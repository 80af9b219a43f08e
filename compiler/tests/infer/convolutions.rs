//! Convolutions that are products with copied windows, against the definition.

use crate::common::{Net, int, ints, value_info};
use nascent_compiler::infer::{Model, Named, Options, Samples, Tensor, compile, run_float};
use proptest::prelude::*;

/// Attributes of a convolution over three axes.
#[derive(Debug, Clone)]
struct Case {
    images: usize,
    groups: usize,
    /// Channels of a group, in and out.
    depth: usize,
    width: usize,
    area: [usize; 3],
    kernel: [usize; 3],
    strides: [usize; 3],
    dilations: [usize; 3],
    pads: [usize; 6],
    /// Whether the weights are a function of an input.
    variable: bool,
}

fn cases() -> impl Strategy<Value = Case> {
    let three = |least: usize, most: usize| [(); 3].map(|()| least..most);
    let channels = (1_usize..3, 1_usize..3, 1_usize..3, 1_usize..3);
    let pads: [std::ops::Range<usize>; 6] = [(); 6].map(|()| 0..2);
    let rest = (three(1, 3), three(1, 3), three(1, 3), pads, any::<bool>());
    (channels, three(3, 5), rest).prop_map(|(channels, area, rest)| {
        let (images, groups, depth, width) = channels;
        let (kernel, strides, dilations, pads, variable) = rest;
        Case {
            images,
            groups,
            depth,
            width,
            area,
            kernel,
            strides,
            dilations,
            pads,
            variable,
        }
    })
}

fn noise(seed: usize, count: usize) -> Vec<f32> {
    let value = |at: usize| ((at * 37 + seed * 11) % 101) as f32 / 50.0 - 1.0;
    (0..count).map(value).collect()
}

impl Case {
    fn x(&self) -> Vec<usize> {
        let channels = self.groups * self.depth;
        [&[self.images, channels], &self.area[..]].concat()
    }

    fn w(&self) -> Vec<usize> {
        let outputs = self.groups * self.width;
        [&[outputs, self.depth], &self.kernel[..]].concat()
    }

    fn size(&self, axis: usize) -> usize {
        let reach = (self.kernel[axis] - 1) * self.dilations[axis] + 1;
        let padded = self.area[axis] + self.pads[axis] + self.pads[axis + 3];
        (padded - reach) / self.strides[axis] + 1
    }

    /// The definition, element by element.
    fn expected(&self, x: &[f32], w: &[f32], bias: &[f32]) -> Vec<f32> {
        let at = |shape: &[usize], index: [usize; 5]| {
            let each = shape.iter().zip(index);
            each.fold(0, |acc, (dim, index)| acc * dim + index)
        };
        let (x_shape, w_shape) = (self.x(), self.w());
        let sizes = [0, 1, 2].map(|axis| self.size(axis));
        let mut out = Vec::new();
        for n in 0..self.images {
            for (o, bias) in bias.iter().enumerate() {
                for p in grid(sizes) {
                    let mut sum = *bias;
                    for (c, k) in
                        (0..self.depth).flat_map(|c| grid(self.kernel).map(move |k| (c, k)))
                    {
                        let place = [0, 1, 2].map(|axis| {
                            let place =
                                p[axis] * self.strides[axis] + k[axis] * self.dilations[axis];
                            let place = place.checked_sub(self.pads[axis])?;
                            (place < self.area[axis]).then_some(place)
                        });
                        let [Some(a), Some(b), Some(d)] = place else {
                            continue;
                        };
                        let channel = o / self.width * self.depth + c;
                        sum += x[at(&x_shape, [n, channel, a, b, d])]
                            * w[at(&w_shape, [o, c, k[0], k[1], k[2]])];
                    }
                    out.push(sum);
                }
            }
        }
        out
    }

    fn net(&self, weights: &[f32], bias: &[f32]) -> Net {
        let dims = |shape: &[usize]| shape.iter().map(|&dim| dim as i64).collect::<Vec<_>>();
        let mut net = Net::new();
        net.graph().input[0] = value_info("x", &dims(&self.x()));
        net = match self.variable {
            true => net.input("v", &dims(&self.w())).node("Neg", "v", "w"),
            false => {
                net = net.weight("w", &dims(&self.w()));
                net.graph().initializer[0].float_data = weights.to_vec();
                net
            }
        };
        net = net.weight("b", &[bias.len() as i64]);
        net.graph().initializer.last_mut().unwrap().float_data = bias.to_vec();
        let attrs = vec![
            int("group", self.groups as i64),
            ints("strides", &dims(&self.strides)),
            ints("dilations", &dims(&self.dilations)),
            ints("pads", &dims(&self.pads)),
        ];
        net.node_with("Conv", "x w b", "y", attrs).output("y")
    }
}

fn grid(sizes: [usize; 3]) -> impl Iterator<Item = [usize; 3]> {
    let [a, b, c] = sizes;
    (0..a * b * c).map(move |at| [at / (b * c), at / c % b, at % c])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn windows_give_the_definition(case in cases()) {
        let fits = |axis: usize| {
            let reach = (case.kernel[axis] - 1) * case.dilations[axis] + 1;
            reach <= case.area[axis] + case.pads[axis] + case.pads[axis + 3]
        };
        prop_assume!((0..3).all(fits));
        let x = noise(1, case.x().iter().product());
        let w = noise(2, case.w().iter().product());
        let bias = noise(3, case.groups * case.width);
        let bytes = case.net(&w, &bias).bytes();
        let named = |name: &str, shape: Vec<usize>, values: &[f32]| Named {
            name: Some(name.to_owned()),
            tensor: Tensor::float(&shape, values.to_vec()).unwrap(),
        };
        let mut samples = Samples { arrays: vec![named("x", case.x(), &x)] };
        if case.variable {
            let opposite: Vec<f32> = w.iter().map(|w| -w).collect();
            samples.arrays.push(named("v", case.w(), &opposite));
        }
        let options = Options::default();
        let made = run_float(&Model::new(&bytes), &options, &samples).unwrap();
        let expected = case.expected(&x, &w, &bias);
        let sizes = [0, 1, 2].map(|axis| case.size(axis));
        let shape = [&[case.images, case.groups * case.width], &sizes[..]].concat();
        prop_assert_eq!(made[0][0].shape(), &shape);
        for (made, expected) in made[0][0].floats().unwrap().iter().zip(&expected) {
            prop_assert!((made - expected).abs() < 1e-4, "{made} {expected}");
        }
        let compiled = compile(&Model::new(&bytes), &options, &samples).unwrap();
        let largest = expected.iter().fold(0.0_f32, |most, v| most.max(v.abs()));
        let error = compiled.report.layers.last().unwrap().max_error;
        prop_assert!(error <= 0.05 * f64::from(largest.max(1.0)), "{}", compiled.report);
    }
}
