//! Small files that ask for memory, through the command: each is refused in words, before the memory is
//! taken. The system holds the process to what `--max-memory 1` allows, and a little for itself.

use crate::support::{Folder, Run};
use nascent_ir::{
    Builder, CheckedGraph, Conv, Embed, Map, MatMul, Multiplier, Op, Params, Pre, Range, Table,
    TensorId, View,
};
use nascent_params::development_identity;
use nascent_verifier::InferenceBundle;
use nascent_verifier::codec::Format;
use std::fs;
use std::process::Command;

const BITS: u8 = 8;
const DOMAIN: Range = Range { lo: -8, hi: 7 };
/// KiB of heap and mappings: a GiB, and what the program takes by itself.
const LIMIT: u64 = (1 << 20) + (160 << 10);

/// Runs the command with little memory, and one GiB that it is willing to spend.
fn run(folder: &Folder, arguments: &[&str]) -> Run {
    let quoted = arguments.iter().map(|word| format!("'{word}'"));
    let line = format!(
        "ulimit -d {LIMIT}; exec '{}' --json --threads 1 --max-memory 1 {}",
        env!("CARGO_BIN_EXE_nascent"),
        quoted.collect::<Vec<_>>().join(" ")
    );
    let mut command = Command::new("sh");
    command.args(["-c", &line]).current_dir(folder.path("."));
    command.env("NASCENT_CACHE", folder.path("cache"));
    let output = command.output().expect("a shell");
    let died = output.status.code().is_none();
    assert!(
        !died,
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Run::from(output)
}

struct Maker {
    builder: Builder,
    x: TensorId,
}

impl Maker {
    fn new(shape: &[u32]) -> Self {
        let mut builder = Builder::new("hostile", BITS);
        builder.table(Table::identity(Range::new(-128, 127), 3, DOMAIN));
        let x = builder.input("x", shape, DOMAIN).expect("valid");
        Self { builder, x }
    }

    fn push(&mut self, op: Op) -> TensorId {
        self.builder.push("y", op).expect("valid")
    }

    fn view(&mut self, view: View) -> TensorId {
        self.push(Op::View(view))
    }

    fn expand(&mut self, x: TensorId, shape: &[u32]) -> TensorId {
        let shape = shape.to_vec();
        self.view(View::Expand { x, shape })
    }

    fn param(&mut self, shape: &[u32]) -> TensorId {
        let range = Range::new(-7, 7);
        self.builder.param("w", shape, range).expect("valid")
    }

    fn map(&mut self, a: TensorId) -> TensorId {
        self.push(Op::Map(Map {
            pre: Pre::Linear {
                a,
                ca: 1,
                b: None,
                c: 0,
            },
            multiplier: Multiplier::Const(9000),
            shift: 2 * BITS,
            table: nascent_ir::TableId(0),
            assumes_bound: true,
        }))
    }

    fn conv(
        &mut self,
        x: TensorId,
        kernel: &[u32],
        dilation: u32,
        pad: u32,
        groups: u32,
    ) -> TensorId {
        let w = self.param(kernel);
        let axes = kernel.len() - 2;
        self.push(Op::Conv(Conv {
            x,
            w,
            strides: vec![u32::MAX; axes],
            pads: vec![(pad, pad); axes],
            dilations: vec![dilation; axes],
            groups,
        }))
    }

    fn end(mut self, y: TensorId) -> CheckedGraph {
        // An answer has few outputs.
        let x = self.map(y);
        let shape = vec![self.builder.info(x).shape.iter().product()];
        let x = self.view(View::Reshape { x, shape });
        let y = self.push(Op::FoldMax { x });
        self.builder.finish(&[y]).expect("checked")
    }
}

/// Graphs whose file is small, each with a kind of tensor or row that is not.
fn graphs() -> Vec<(&'static str, CheckedGraph)> {
    let mut graphs = Vec::new();
    let mut add = |name, shape: &[u32], make: &dyn Fn(&mut Maker) -> TensorId| {
        let mut maker = Maker::new(shape);
        let y = make(&mut maker);
        graphs.push((name, maker.end(y)));
    };
    let one: &[u32] = &[1];
    add("2^24 elements", one, &|m| m.expand(m.x, &[1 << 24]));
    add("2^28 elements", one, &|m| m.expand(m.x, &[1 << 28]));
    add("an input of 2^26", &[1 << 26], &|m| m.x);
    add("reshaped again and again", one, &|m| {
        let shape = vec![1 << 20];
        let mut x = m.expand(m.x, &shape);
        for _ in 0..60 {
            let shape = shape.clone();
            x = m.view(View::Reshape { x, shape });
        }
        let (starts, sizes, steps) = (vec![0], vec![1], vec![1]);
        m.view(View::Slice {
            x,
            starts,
            sizes,
            steps,
        })
    });
    add("padded", one, &|m| {
        let (before, after) = (vec![1 << 25], vec![1 << 25]);
        let x = m.x;
        m.view(View::Pad {
            x,
            before,
            after,
            value: 1,
        })
    });
    add("concatenated", one, &|m| {
        let x = m.expand(m.x, &[1 << 20]);
        m.view(View::Concat {
            xs: vec![x; 64],
            axis: 0,
        })
    });
    add("gathered", one, &|m| {
        let x = m.expand(m.x, &[1 << 14, 1]);
        let indices = vec![0; 1 << 12];
        let x = m.view(View::Gather {
            x,
            axis: 1,
            indices,
        });
        m.view(View::Reshape {
            x,
            shape: vec![1 << 26],
        })
    });
    add("transposed", one, &|m| {
        let x = m.expand(m.x, &[1 << 13, 1 << 13]);
        m.view(View::Transpose {
            x,
            perm: vec![1, 0],
        })
    });
    add("a sum of 2^26", one, &|m| {
        let x = m.expand(m.x, &[1 << 26]);
        m.push(Op::FoldSum { x })
    });
    add("2^26 maxima", one, &|m| {
        let x = m.expand(m.x, &[1 << 26, 1]);
        m.push(Op::FoldMax { x })
    });
    add("products of 2^20 matrices, again and again", one, &|m| {
        let a = m.expand(m.x, &[1 << 20, 1, 1]);
        let b = m.param(&[1 << 20, 1, 1]);
        let product = MatMul {
            a,
            b,
            transpose_b: false,
        };
        for _ in 0..29 {
            m.push(Op::MatMul(product.clone()));
        }
        m.push(Op::MatMul(product))
    });
    add("an embedding of 2^27", one, &|m| {
        let table = m.param(&[1 << 27, 1]);
        let ids = m.builder.constant("ids", &[1], vec![0]).expect("valid");
        m.push(Op::Embed(Embed { table, ids }))
    });
    for (name, dilation, pad) in [
        ("dilation and padding of 2^31", 1 << 31, (1 << 31) - 1),
        ("exponents beyond 2^32", 1 << 17, 1 << 16),
        ("padding of 2^25", 1 << 26, 1 << 25),
    ] {
        add(name, &[1, 1, 2, 2], &|m| {
            m.conv(m.x, &[1, 1, 2, 2], dilation, pad, 1)
        });
    }
    add("2^21 groups", one, &|m| {
        let x = m.expand(m.x, &[1, 1 << 21, 1]);
        m.conv(x, &[1 << 21, 1, 1], 1, 0, 1 << 21)
    });
    add("2^27 weights", one, &|m| {
        let a = m.expand(m.x, &[1, 1 << 13]);
        let b = m.param(&[1 << 13, 1 << 14]);
        m.push(Op::MatMul(MatMul {
            a,
            b,
            transpose_b: false,
        }))
    });
    graphs
}

/// A bundle that names an architecture; no proof is looked at.
fn bundle(graph: &CheckedGraph) -> InferenceBundle {
    let count = |ids: &[TensorId]| ids.iter().map(|id| graph.tensor(*id).elements()).sum();
    let values = |count: usize| vec![0; count.min(1 << 20)];
    InferenceBundle {
        architecture: graph.digest().expect("encoded"),
        vk_digest: [7; 32],
        srs_digest: *development_identity(),
        inputs: values(count(&graph.inputs)),
        outputs: values(count(&graph.outputs)),
        hidden_inputs: None,
        hidden_outputs: None,
        proof: Vec::new(),
    }
}

#[test]
fn architectures_are_refused_before_the_memory_is_taken() {
    let folder = Folder::new();
    for (name, graph) in graphs() {
        let bytes = graph.encode().expect("encoded");
        assert!(bytes.len() < 6000, "{name}: {}", bytes.len());
        folder.write("g", &bytes);
        folder.write("answer", &bundle(&graph).encode().expect("encoded"));
        let verify = [
            "verify",
            "answer",
            "--architecture",
            "g",
            "--development-srs",
        ];
        for more in [&[][..], &["--rederive-key"]] {
            let made = run(&folder, &[&verify[..], more].concat());
            assert!(
                [1, 3].contains(&made.code),
                "{name}: {}{}",
                made.stdout,
                made.stderr
            );
            let said = made.stdout;
            // An input of more values than an answer can have is refused for that.
            let sized = ["--max-memory", "can be laid out", "public inputs"];
            assert!(
                sized.iter().any(|word| said.contains(word)),
                "{name}: {said}"
            );
        }
        run(&folder, &["inspect", "g"]).exits(0);
    }
}

/// A field of a message: bytes, or a number.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(bytes.len()).expect("short");
    assert!(length < 128);
    [&[number << 3 | 2, length], bytes].concat()
}

fn number(number: u8, value: u64) -> Vec<u8> {
    let mut bytes = vec![number << 3];
    let mut rest = value;
    while rest > 127 {
        bytes.push(rest as u8 | 128);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes
}

/// `y = x + ConstantOfShape(dims)` as an ONNX file.
fn filled(dims: [u64; 2]) -> Vec<u8> {
    let node = |inputs: &[&[u8]], output: &[u8], op: &[u8]| {
        let inputs = inputs.iter().flat_map(|input| field(1, input));
        let node = [inputs.collect(), field(2, output), field(4, op)].concat();
        field(1, &node)
    };
    let value = |name: &[u8]| {
        let shape = field(2, &field(1, &number(1, 1)));
        let tensor = field(1, &[number(1, 1), shape].concat());
        [field(1, name), field(2, &tensor)].concat()
    };
    let raw = dims.map(u64::to_le_bytes).concat();
    let shape = [number(1, 2), number(2, 7), field(8, b"s"), field(9, &raw)].concat();
    let graph = [
        node(&[b"s"], b"c", b"ConstantOfShape"),
        node(&[b"x", b"c"], b"y", b"Add"),
        field(2, b"g"),
        field(5, &shape),
        field(11, &value(b"x")),
        field(12, &value(b"y")),
    ]
    .concat();
    // Longer than a byte says.
    let length = u8::try_from(graph.len() & 127).expect("a byte") | 128;
    let graph = [&[7 << 3 | 2, length, (graph.len() >> 7) as u8], &graph[..]].concat();
    let opset = field(8, &number(2, 17));
    [number(1, 8), graph, opset].concat()
}

/// Models of a few dozen bytes.
#[test]
fn models_are_refused_before_the_memory_is_taken() {
    let folder = Folder::new();
    for dims in [[1 << 14, 1 << 13], [1 << 14, 1 << 14], [1 << 20, 1 << 20]] {
        folder.write("m.onnx", &filled(dims));
        let said = run(&folder, &["compile", "m.onnx", "--out", "m"]).failure(3, "input");
        assert!(said.contains("elements"), "{said}");
    }
}

/// What the other commands read of a model's folder is refused too, before it is computed or proved.
#[test]
fn folders_are_refused_before_the_memory_is_taken() {
    let folder = Folder::new();
    fs::create_dir(folder.path("m")).expect("made");
    let ports = r#"{"inputs": [{"name": "x", "shape": [1], "integers": true, "scale_bits": 4607182418800017408, "lo": -8, "hi": 7}], "outputs": [{"name": "y", "shape": [1], "integers": true, "scale_bits": 4607182418800017408, "lo": -8, "hi": 7}]}"#;
    folder.write("m/model.ports.json", ports.as_bytes());
    folder.write("x.json", b"[1]");
    for (name, graph) in graphs() {
        if graph.params().next().is_some() || graph.tensor(graph.inputs[0]).elements() > 1 {
            continue;
        }
        folder.write("m/model.graph", &graph.encode().expect("encoded"));
        let params = Params::default().encode().expect("encoded");
        folder.write("m/model.params", &params);
        let made = run(
            &folder,
            &[
                "commit",
                "m",
                "--opening",
                "o",
                "--out",
                "c",
                "--development-srs",
            ],
        );
        let said = made.failure(3, "input");
        assert!(said.contains("--max-memory"), "{name}: {said}");
        assert!(!folder.names().contains(&"c".to_owned()));
        // Only some take a gigabyte to compute.
        if name.contains("2^28") || name.contains("2^26") {
            let said = run(&folder, &["run", "m", "--input", "x.json"]).failure(3, "input");
            assert!(said.contains("--max-memory"), "{name}: {said}");
        }
    }
    // Ranges without a number, scales that are none.
    for (from, to) in [
        ("\"lo\": -8", "\"lo\": 8"),
        ("4607182418800017408", "0"),
        ("4607182418800017408", "18444492273895866368"),
    ] {
        folder.write("m/model.ports.json", ports.replace(from, to).as_bytes());
        let said = run(&folder, &["run", "m", "--input", "x.json"]).failure(3, "input");
        assert!(said.contains("nascent compile"), "{said}");
    }
    // Shapes whose product does not fit 64 bits.
    let huge = ports.replace("[1]", "[4294967296, 4294967296]");
    folder.write("m/model.ports.json", huge.as_bytes());
    let said = run(&folder, &["run", "m", "--input", "x.json"]).failure(3, "input");
    assert!(said.contains("nascent compile"), "{said}");
}

/// A circuit that is laid out in little, and whose key takes far more.
#[test]
fn keys_are_refused_before_the_memory_is_taken() {
    let folder = Folder::new();
    let mut maker = Maker::new(&[1]);
    // As many rows as vectors have, in columns of which there are dozens.
    let bias = maker.builder.param("b", &[1 << 20], Range::new(-7, 7));
    let bias = bias.expect("valid");
    let x = maker.push(Op::FoldMax { x: bias });
    let y = maker.view(View::Concat {
        xs: vec![x, maker.x],
        axis: 0,
    });
    let graph = maker.end(y);
    folder.write("g", &graph.encode().expect("encoded"));
    folder.write("answer", &bundle(&graph).encode().expect("encoded"));
    let verify = [
        "verify",
        "answer",
        "--architecture",
        "g",
        "--development-srs",
    ];
    let said = run(&folder, &verify).failure(3, "input");
    assert!(
        said.contains("verifying key") && said.contains("--max-memory"),
        "{said}"
    );
}
