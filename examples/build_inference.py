#!/usr/bin/env python3
"""Builds models with seeded random weights for the inference examples, and sample inputs.

Weights are He normal numbers from a fixed seed; nothing is downloaded. Small models go into
examples/inference, which is kept; large ones into examples/generated, which is not. Each model
`m.onnx` has samples beside it in `m.samples.npz`. Needs `pip install onnx numpy`.

    python3 examples/build_inference.py                # the small ones
    python3 examples/build_inference.py resnet18       # some, by name
    python3 examples/build_inference.py --all --out DIR
"""

import argparse
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8
SAMPLES = 4


class Builder:
    """Collects nodes and initializers with values."""

    def __init__(self, name, seed):
        self.name = name
        self.rng = np.random.default_rng(seed)
        self.nodes = []
        self.values = []
        self.count = 0

    def tensor(self, name, array):
        self.values.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def normal(self, name, dims, fan_in, gain=2.0):
        array = self.rng.standard_normal(dims) * np.sqrt(gain / fan_in)
        return self.tensor(name, array.astype(np.float32))

    def node(self, op, inputs, outputs=1, **attrs):
        names = [f"v{self.count + i}" for i in range(outputs)]
        self.count += outputs
        name = f"{op}_{self.count}"
        self.nodes.append(helper.make_node(op, inputs, names, name=name, **attrs))
        return names[0] if outputs == 1 else names

    def linear(self, name, x, fan_in, fan_out):
        weight = self.normal(f"{name}.weight", [fan_out, fan_in], fan_in)
        bias = self.normal(f"{name}.bias", [fan_out], 100)
        return self.node("Gemm", [x, weight, bias], transB=1)

    def project(self, name, x, fan_in, fan_out, gain=1.0):
        weight = self.normal(f"{name}.weight", [fan_in, fan_out], fan_in, gain)
        bias = self.normal(f"{name}.bias", [fan_out], 100)
        return self.node("Add", [self.node("MatMul", [x, weight]), bias])

    def conv(self, name, x, fan_in, fan_out, size, stride=1, pad=0, bias=True):
        weight = self.normal(f"{name}.weight", [fan_out, fan_in, size, size], fan_in * size * size)
        inputs = [x, weight]
        if bias:
            inputs.append(self.normal(f"{name}.bias", [fan_out], 100))
        return self.node(
            "Conv", inputs, kernel_shape=[size, size], strides=[stride, stride], pads=[pad] * 4
        )

    def batch_norm(self, name, x, channels):
        def around(part, mean, spread):
            values = mean + spread * self.rng.random(channels)
            return self.tensor(f"{name}.{part}", values.astype(np.float32))

        parts = [
            around("weight", 0.8, 0.4),
            around("bias", -0.2, 0.4),
            around("running_mean", -0.2, 0.4),
            around("running_var", 0.8, 0.6),
        ]
        return self.node("BatchNormalization", [x] + parts, epsilon=1e-5)

    def layer_norm(self, name, x, width):
        weight = (1 + 0.1 * self.rng.standard_normal(width)).astype(np.float32)
        bias = (0.1 * self.rng.standard_normal(width)).astype(np.float32)
        inputs = [x, self.tensor(f"{name}.weight", weight), self.tensor(f"{name}.bias", bias)]
        return self.node("LayerNormalization", inputs, axis=-1, epsilon=1e-5)

    def relu(self, x):
        return self.node("Relu", [x])

    def pool(self, op, x, size=2, stride=2, pad=0):
        return self.node(
            op, [x], kernel_shape=[size, size], strides=[stride, stride], pads=[pad] * 4
        )

    def finish(self, shape, out_shape, kind=TensorProto.FLOAT):
        self.nodes[-1].output[0] = "y"
        graph = helper.make_graph(
            self.nodes,
            self.name,
            [helper.make_tensor_value_info("x", kind, shape)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, out_shape)],
            initializer=self.values,
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="nascent",
        )
        onnx.checker.check_model(model, full_check=True)
        return model


def mlp(name, widths):
    b = Builder(name, 1)
    x = "x"
    for at, (fan_in, fan_out) in enumerate(zip(widths, widths[1:]), 1):
        x = b.linear(f"fc{at}", x, fan_in, fan_out)
        if at + 1 < len(widths):
            x = b.relu(x)
    return b.finish(["batch", widths[0]], ["batch", widths[-1]])


def lenet5(name, pool):
    b = Builder(name, 2)
    x = b.relu(b.conv("conv1", "x", 1, 6, 5, pad=2))
    x = b.pool(pool, x)
    x = b.relu(b.conv("conv2", x, 6, 16, 5))
    x = b.pool(pool, x)
    x = b.node("Flatten", [x], axis=1)
    x = b.relu(b.linear("fc1", x, 400, 120))
    x = b.relu(b.linear("fc2", x, 120, 84))
    b.linear("fc3", x, 84, 10)
    return b.finish(["batch", 1, 28, 28], ["batch", 10])


def cnn(name):
    """Three 3x3 convolutions on 3x32x32, the mean of each channel, and a linear layer."""
    b = Builder(name, 3)
    x, channels = "x", 3
    for at, out in enumerate([32, 32, 64], 1):
        x = b.relu(b.conv(f"conv{at}", x, channels, out, 3, pad=1))
        channels = out
    x = b.node("Flatten", [b.node("GlobalAveragePool", [x])], axis=1)
    b.linear("fc", x, channels, 10)
    return b.finish(["batch", 3, 32, 32], ["batch", 10])


def block(b, prefix, x, tokens, width, heads):
    """A transformer block with the normalization first, as in GPT-2, GELU by the error function."""
    head = width // heads
    name = f"{prefix}.{{}}".format if prefix else str
    to_heads = b.tensor(name("to_heads"), np.array([0, tokens, heads, head], dtype=np.int64))
    merge = b.tensor(name("merge"), np.array([0, tokens, width], dtype=np.int64))
    parts = b.tensor(name("parts"), np.array([width] * 3, dtype=np.int64))
    scale = b.tensor(name("scale"), np.array(head**-0.5, dtype=np.float32))
    y = b.layer_norm(name("ln_1"), x, width)
    y = b.project(name("attn.c_attn"), y, width, 3 * width)
    q, k, v = b.node("Split", [y, parts], outputs=3, axis=-1)
    q, k, v = [
        b.node("Transpose", [b.node("Reshape", [part, to_heads])], perm=perm)
        for part, perm in [(q, [0, 2, 1, 3]), (k, [0, 2, 3, 1]), (v, [0, 2, 1, 3])]
    ]
    scores = b.node("Mul", [b.node("MatMul", [q, k]), scale])
    if prefix:
        future = np.triu(np.full((tokens, tokens), -1e9, dtype=np.float32), 1)
        scores = b.node("Add", [scores, b.tensor(name("mask"), future)])
    y = b.node("MatMul", [b.node("Softmax", [scores], axis=-1), v])
    y = b.node("Reshape", [b.node("Transpose", [y], perm=[0, 2, 1, 3]), merge])
    x = b.node("Add", [x, b.project(name("attn.c_proj"), y, width, width)])
    y = b.project(name("mlp.c_fc"), b.layer_norm(name("ln_2"), x, width), width, 4 * width)
    half, one, root = [
        b.tensor(name(label), np.array(value, dtype=np.float32))
        for label, value in [("half", 0.5), ("one", 1.0), ("root", 2**0.5)]
    ]
    gate = b.node("Add", [b.node("Erf", [b.node("Div", [y, root])]), one])
    y = b.node("Mul", [b.node("Mul", [y, gate]), half])
    return b.node("Add", [x, b.project(name("mlp.c_proj"), y, 4 * width, width)])


def transformer(name, tokens=16, width=64, heads=4):
    b = Builder(name, 4)
    block(b, "", "x", tokens, width, heads)
    return b.finish(["batch", tokens, width], ["batch", tokens, width])


def gpt2(name, layers=12, width=768, heads=12, vocab=50257, tokens=16):
    """The shape of GPT-2 small, the output matrix tied to the token embedding. The answer is that
    of the last token, the one that says which comes next."""
    b = Builder(name, 7)
    wte = b.normal("wte", [vocab, width], 2500, 1.0)
    wpe = b.normal("wpe", [tokens, width], 10000, 1.0)
    x = b.node("Add", [b.node("Gather", [wte, "x"]), wpe])
    for layer in range(layers):
        x = block(b, f"h.{layer}", x, tokens, width, heads)
    x = b.layer_norm("ln_f", x, width)
    ends = [b.tensor(n, np.array([v])) for n, v in [("first", tokens - 1), ("last", tokens), ("axis", 1)]]
    x = b.node("Slice", [x, *ends])
    b.node("MatMul", [x, b.node("Transpose", [wte], perm=[1, 0])])
    return b.finish(["batch", tokens], ["batch", 1, vocab], TensorProto.INT64)


def resnet18(name):
    """ResNet-18 as in torchvision, with batch normalization."""
    b = Builder(name, 5)
    x = b.relu(b.batch_norm("bn1", b.conv("conv1", "x", 3, 64, 7, 2, 3, bias=False), 64))
    x = b.pool("MaxPool", x, 3, 2, 1)
    channels = 64
    for stage in range(4):
        out = 64 << stage
        for block in range(2):
            prefix = f"layer{stage + 1}.{block}"
            stride = 2 if stage > 0 and block == 0 else 1
            y = b.conv(f"{prefix}.conv1", x, channels, out, 3, stride, 1, bias=False)
            y = b.relu(b.batch_norm(f"{prefix}.bn1", y, out))
            y = b.conv(f"{prefix}.conv2", y, out, out, 3, 1, 1, bias=False)
            y = b.batch_norm(f"{prefix}.bn2", y, out)
            if stride != 1 or channels != out:
                x = b.conv(f"{prefix}.downsample.0", x, channels, out, 1, stride, bias=False)
                x = b.batch_norm(f"{prefix}.downsample.1", x, out)
            x = b.relu(b.node("Add", [y, x]))
            channels = out
    x = b.node("Flatten", [b.node("GlobalAveragePool", [x])], axis=1)
    b.linear("fc", x, channels, 1000)
    return b.finish(["batch", 3, 224, 224], ["batch", 1000])


SMALL = {
    "mlp-128": lambda: mlp("mlp-128", [784, 128, 10]),
    "lenet5-max": lambda: lenet5("lenet5-max", "MaxPool"),
    "lenet5-average": lambda: lenet5("lenet5-average", "AveragePool"),
    "cnn": lambda: cnn("cnn"),
    "transformer": lambda: transformer("transformer"),
}
LARGE = {
    "mlp-1024": lambda: mlp("mlp-1024", [784, 1024, 256, 10]),
    "resnet18": lambda: resnet18("resnet18"),
}
# Half a gigabyte: only by name.
HUGE = {"gpt2": lambda: gpt2("gpt2")}


def samples(model):
    """Standard normal inputs, or tokens."""
    dims = [d.dim_value or 1 for d in model.graph.input[0].type.tensor_type.shape.dim]
    rng = np.random.default_rng(6)
    if model.graph.input[0].type.tensor_type.elem_type == TensorProto.INT64:
        return rng.integers(0, 50257, [SAMPLES] + dims[1:])
    return rng.standard_normal([SAMPLES] + dims[1:]).astype(np.float32)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="models to build (the small ones)")
    parser.add_argument("--all", action="store_true", help="the large ones too")
    parser.add_argument("--out", type=pathlib.Path, help="folder for all of them")
    args = parser.parse_args()
    known = SMALL | LARGE | HUGE
    unknown = set(args.names) - set(known)
    if unknown:
        parser.error(f"no model {', '.join(sorted(unknown))}; known are {', '.join(known)}")
    here = pathlib.Path(__file__).parent
    for name in args.names or (SMALL | LARGE if args.all else SMALL):
        model = known[name]()
        folder = args.out or here / ("inference" if name in SMALL else "generated")
        folder.mkdir(parents=True, exist_ok=True)
        data = model.SerializeToString(deterministic=True)
        (folder / f"{name}.onnx").write_bytes(data)
        np.savez_compressed(folder / f"{name}.samples.npz", x=samples(model))
        print(f"{folder / name}.onnx: {len(data):,} bytes")


if __name__ == "__main__":
    main()
