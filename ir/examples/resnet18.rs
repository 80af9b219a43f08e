//! How long the evaluator takes for ResNet-18 at 224 x 224 with random weights.
//!
//! `cargo run --release -p nascent-ir --example resnet18`

use nascent_ir::{
    Builder, Conv, GraphError, Map, MatMul, Multiplier, Op, Params, Pre, Range, Table, TensorId,
    View, eval,
};
use std::time::Instant;

/// Bits of `q` below the result's unit.
const HEADROOM: u8 = 4;

struct Net {
    b: Builder,
    params: Params,
    random: u64,
}

impl Net {
    fn random(&mut self, len: usize) -> Vec<i32> {
        // Knuth's linear congruential generator.
        let mut next = || {
            let step = 6_364_136_223_846_793_005_u64;
            self.random = self.random.wrapping_mul(step).wrapping_add(1);
            (self.random >> 33) as i32
        };
        (0..len).map(|_| next() % 255 - 127).collect()
    }

    fn param(&mut self, shape: &[u32]) -> Result<TensorId, GraphError> {
        let values = self.random(shape.iter().product::<u32>() as usize);
        let id = self.b.param("w", shape, Range::signed(8))?;
        self.params.values.insert(id, values);
        Ok(id)
    }

    /// Per-channel multipliers for sums of `taps` products, to about 8 bits and the headroom.
    fn requantize(
        &mut self,
        y: TensorId,
        skip: Option<TensorId>,
        taps: u32,
        relu: bool,
    ) -> Result<TensorId, GraphError> {
        let channels = self.b.info(y).shape[1];
        let multiplier = self
            .b
            .param("m", &[channels, 1, 1], Range::new(1, i32::MAX.into()))?;
        let spread = f64::from(taps).sqrt() * 4400.0;
        let value = ((1_i64 << 43) as f64 / spread) as i32;
        self.params
            .values
            .insert(multiplier, vec![value; channels as usize]);
        let domain = Range::new(-(1 << 15), (1 << 15) - 1);
        let table = match relu {
            true => Table::relu(domain, HEADROOM, Range::signed(8)),
            false => Table::identity(domain, HEADROOM, Range::signed(8)),
        };
        let table = self.b.table(table);
        let skip = skip.map(|skip| (skip, spread as i32 / 73));
        let pre = Pre::Linear {
            a: y,
            ca: 1,
            b: skip,
            c: 0,
        };
        let op = Map::requantize(pre, Multiplier::Param(multiplier), table, 16).assuming_bound();
        self.b.push("requantize", Op::Map(op))
    }

    fn conv(
        &mut self,
        x: TensorId,
        skip: Option<TensorId>,
        (outputs, kernel, stride): (u32, u32, u32),
        relu: bool,
    ) -> Result<TensorId, GraphError> {
        let channels = self.b.info(x).shape[1];
        let w = self.param(&[outputs, channels, kernel, kernel])?;
        let op = Conv {
            x,
            w,
            strides: vec![stride; 2],
            pads: vec![(kernel / 2, kernel / 2); 2],
            dilations: vec![1; 2],
            groups: 1,
        };
        let y = self.b.push("conv", Op::Conv(op))?;
        self.requantize(y, skip, channels * kernel * kernel, relu)
    }

    fn block(&mut self, x: TensorId, outputs: u32, stride: u32) -> Result<TensorId, GraphError> {
        let skip = match self.b.info(x).shape[1] == outputs {
            true => x,
            false => self.conv(x, None, (outputs, 1, stride), false)?,
        };
        let y = self.conv(x, None, (outputs, 3, stride), true)?;
        self.conv(y, Some(skip), (outputs, 3, 1), true)
    }

    /// Windows of 3 x 3 at stride 2, from views and a fold.
    fn max_pool(&mut self, x: TensorId) -> Result<TensorId, GraphError> {
        let value = self.b.info(x).range.lo as i32;
        let (before, after) = (vec![0, 0, 1, 1], vec![0, 0, 1, 1]);
        let x = self.b.push(
            "pad",
            Op::View(View::Pad {
                x,
                before,
                after,
                value,
            }),
        )?;
        let shape = self.b.info(x).shape.clone();
        let (height, width) = ((shape[2] - 3) / 2 + 1, (shape[3] - 3) / 2 + 1);
        let sizes = vec![shape[0], shape[1], height, width];
        let mut xs = Vec::new();
        for tap in 0..9 {
            let x = self.b.push(
                "tap",
                Op::View(View::Slice {
                    x,
                    starts: vec![0, 0, tap / 3, tap % 3],
                    sizes: sizes.clone(),
                    steps: vec![1, 1, 2, 2],
                }),
            )?;
            let shape = [sizes.as_slice(), &[1]].concat();
            xs.push(
                self.b
                    .push("column", Op::View(View::Reshape { x, shape }))?,
            );
        }
        let x = self
            .b
            .push("windows", Op::View(View::Concat { xs, axis: 4 }))?;
        let x = self.b.push("max", Op::FoldMax { x })?;
        self.b
            .push("pooled", Op::View(View::Reshape { x, shape: sizes }))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut net = Net {
        b: Builder::new("resnet18", 16),
        params: Params::default(),
        random: 1,
    };
    let image = net.b.input("image", &[1, 3, 224, 224], Range::signed(8))?;
    let mut x = net.conv(image, None, (64, 7, 2), true)?;
    x = net.max_pool(x)?;
    for (outputs, stride) in [(64, 1), (128, 2), (256, 2), (512, 2)] {
        x = net.block(x, outputs, stride)?;
        x = net.block(x, outputs, 1)?;
    }
    let shape = vec![1, 512, 1, 49];
    let rows = net.b.push("rows", Op::View(View::Reshape { x, shape }))?;
    let sums = net.b.push("sums", Op::FoldSum { x: rows })?;
    let means = net.requantize(sums, None, 49, false)?;
    let shape = vec![1, 512];
    let a = net
        .b
        .push("flat", Op::View(View::Reshape { x: means, shape }))?;
    let b = net.param(&[1000, 512])?;
    let transpose_b = true;
    let logits = net.b.push("fc", Op::MatMul(MatMul { a, b, transpose_b }))?;
    let shift = net.b.table(Table::identity(
        Range::new(-(1 << 15), (1 << 15) - 1),
        0,
        Range::signed(16),
    ));
    let multiplier = Multiplier::Const(1 << 24);
    let out = Map::requantize(Pre::of(logits), multiplier, shift, 16);
    let out = net.b.push("logits", Op::Map(out))?;
    let input = net.random(3 * 224 * 224);
    let (params, graph) = (net.params, net.b.finish(&[out])?);
    let cost = graph.cost();
    println!("{} products, {} elements", cost.products, cost.elements);
    let inputs = [input];
    for _ in 0..3 {
        let start = Instant::now();
        let values = eval(&graph, &params, &inputs)?;
        let most = values.get(out).iter().max();
        println!("{:.2?}, greatest logit {most:?}", start.elapsed());
    }
    Ok(())
}
