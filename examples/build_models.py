#!/usr/bin/env python3
"""Builds the bundled architectures: ONNX graphs without any weight values.

Every parameter is a graph input with a fixed shape, so a file holds shapes and
connections only. Needs `pip install onnx numpy`.

    python3 examples/build_models.py                 # all, into examples/models
    python3 examples/build_models.py lenet5 resnet50 # some of them
    python3 examples/build_models.py --out DIR       # somewhere else
"""

import argparse
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8


class Builder:
    """Collects nodes and parameters; names are those of PyTorch's modules."""

    def __init__(self, name):
        self.name = name
        self.nodes = []
        self.params = []
        self.constants = []
        self.count = 0

    def param(self, name, dims):
        self.params.append((name, list(dims)))
        return name

    def constant(self, name, values):
        array = np.asarray(values, dtype=np.int64)
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def node(self, op, inputs, **attrs):
        out = f"v{self.count}"
        self.count += 1
        self.nodes.append(helper.make_node(op, inputs, [out], name=f"{op}_{self.count}", **attrs))
        return out

    # Layers.

    def linear(self, name, x, fan_in, fan_out, bias=True):
        inputs = [x, self.param(f"{name}.weight", [fan_out, fan_in])]
        if bias:
            inputs.append(self.param(f"{name}.bias", [fan_out]))
        return self.node("Gemm", inputs, transB=1)

    def project(self, name, x, fan_in, fan_out):
        """GPT-2's Conv1D: a matrix (in, out) on the last axis, and a bias."""
        x = self.node("MatMul", [x, self.param(f"{name}.weight", [fan_in, fan_out])])
        return self.node("Add", [x, self.param(f"{name}.bias", [fan_out])])

    def conv(self, name, x, fan_in, fan_out, size, stride=1, pad=0, bias=False):
        inputs = [x, self.param(f"{name}.weight", [fan_out, fan_in, size, size])]
        if bias:
            inputs.append(self.param(f"{name}.bias", [fan_out]))
        return self.node(
            "Conv", inputs, kernel_shape=[size, size], strides=[stride, stride], pads=[pad] * 4
        )

    def batch_norm(self, name, x, channels):
        parts = ["weight", "bias", "running_mean", "running_var"]
        inputs = [x] + [self.param(f"{name}.{part}", [channels]) for part in parts]
        return self.node("BatchNormalization", inputs, epsilon=1e-5)

    def layer_norm(self, name, x, width):
        inputs = [x] + [self.param(f"{name}.{part}", [width]) for part in ["weight", "bias"]]
        return self.node("LayerNormalization", inputs, axis=-1, epsilon=1e-5)

    def relu(self, x):
        return self.node("Relu", [x])

    def finish(self, inputs, output, out_type, out_shape):
        """Renames the last value, adds the parameters as inputs, and checks."""
        self.nodes[-1].output[0] = output
        values = [helper.make_tensor_value_info(n, t, s) for n, t, s in inputs]
        values += [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in self.params]
        result = [helper.make_tensor_value_info(output, out_type, out_shape)]
        graph = helper.make_graph(self.nodes, self.name, values, result, initializer=self.constants)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="nascent",
        )
        onnx.checker.check_model(model, full_check=True)
        return model

    def total(self):
        return sum(int(np.prod(dims)) for _, dims in self.params)


def mlp():
    b = Builder("mlp")
    x = b.relu(b.linear("fc1", "x", 784, 256))
    x = b.relu(b.linear("fc2", x, 256, 128))
    b.linear("fc3", x, 128, 10)
    return b, b.finish([("x", TensorProto.FLOAT, ["batch", 784])], "y", TensorProto.FLOAT, ["batch", 10])


def lenet5():
    """LeNet-5 on 28x28 with ReLU and max pooling: 61,706 parameters."""
    b = Builder("lenet5")
    x = b.relu(b.conv("conv1", "x", 1, 6, 5, pad=2, bias=True))
    x = b.node("MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2])
    x = b.relu(b.conv("conv2", x, 6, 16, 5, bias=True))
    x = b.node("MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2])
    x = b.node("Flatten", [x], axis=1)
    x = b.relu(b.linear("fc1", x, 400, 120))
    x = b.relu(b.linear("fc2", x, 120, 84))
    b.linear("fc3", x, 84, 10)
    inputs = [("x", TensorProto.FLOAT, ["batch", 1, 28, 28])]
    return b, b.finish(inputs, "y", TensorProto.FLOAT, ["batch", 10])


def resnet(name, layers, bottleneck):
    """ResNet v1 as in torchvision (stride in the 3x3 convolution)."""
    b = Builder(name)
    x = b.relu(b.batch_norm("bn1", b.conv("conv1", "x", 3, 64, 7, 2, 3), 64))
    x = b.node("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    expansion = 4 if bottleneck else 1
    channels = 64
    for stage, blocks in enumerate(layers):
        width = 64 << stage
        for block in range(blocks):
            prefix = f"layer{stage + 1}.{block}"
            stride = 2 if stage > 0 and block == 0 else 1
            out = width * expansion
            if bottleneck:
                convs = [(channels, width, 1, 1, 0), (width, width, 3, stride, 1), (width, out, 1, 1, 0)]
            else:
                convs = [(channels, width, 3, stride, 1), (width, width, 3, 1, 1)]
            y = x
            for index, (fan_in, fan_out, size, step, pad) in enumerate(convs, 1):
                y = b.conv(f"{prefix}.conv{index}", y, fan_in, fan_out, size, step, pad)
                y = b.batch_norm(f"{prefix}.bn{index}", y, fan_out)
                if index < len(convs):
                    y = b.relu(y)
            if stride != 1 or channels != out:
                x = b.conv(f"{prefix}.downsample.0", x, channels, out, 1, stride)
                x = b.batch_norm(f"{prefix}.downsample.1", x, out)
            x = b.relu(b.node("Add", [y, x]))
            channels = out
    x = b.node("GlobalAveragePool", [x])
    x = b.node("Flatten", [x], axis=1)
    b.linear("fc", x, channels, 1000)
    inputs = [("x", TensorProto.FLOAT, ["batch", 3, 224, 224])]
    return b, b.finish(inputs, "y", TensorProto.FLOAT, ["batch", 1000])


def gpt2(layers=12, width=768, heads=12, vocab=50257, context=1024):
    """GPT-2 small, the output matrix tied to the token embedding."""
    b = Builder("gpt2")
    head = width // heads
    length = 64
    wte = b.param("transformer.wte.weight", [vocab, width])
    wpe = b.param("transformer.wpe.weight", [context, width])
    split = b.constant("split", [width] * 3)
    to_heads = b.constant("to_heads", [0, length, heads, head])
    merge = b.constant("merge", [0, length, width])
    scale = helper.make_tensor("scale", TensorProto.FLOAT, [], [head**-0.5])
    mask = b.node("Constant", [], value=helper.make_tensor(
        "mask", TensorProto.FLOAT, [1, 1, length, length],
        np.triu(np.full((length, length), -1e9, dtype=np.float32), 1).flatten()))
    x = b.node("Add", [b.node("Gather", [wte, "tokens"]), b.node("Gather", [wpe, "positions"])])
    for layer in range(layers):
        prefix = f"transformer.h.{layer}"
        y = b.layer_norm(f"{prefix}.ln_1", x, width)
        y = b.project(f"{prefix}.attn.c_attn", y, width, 3 * width)
        parts = [f"{prefix}.{part}" for part in "qkv"]
        b.nodes.append(helper.make_node("Split", [y, split], parts, axis=-1))
        q, k, v = [
            b.node("Transpose", [b.node("Reshape", [part, to_heads])], perm=perm)
            for part, perm in zip(parts, [[0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]])
        ]
        scores = b.node("Mul", [b.node("MatMul", [q, k]), b.node("Constant", [], value=scale)])
        weights = b.node("Softmax", [b.node("Add", [scores, mask])], axis=-1)
        y = b.node("Transpose", [b.node("MatMul", [weights, v])], perm=[0, 2, 1, 3])
        y = b.project(f"{prefix}.attn.c_proj", b.node("Reshape", [y, merge]), width, width)
        x = b.node("Add", [x, y])
        y = b.project(f"{prefix}.mlp.c_fc", b.layer_norm(f"{prefix}.ln_2", x, width), width, 4 * width)
        # GELU by the error function, as exporters write it below operator set 20.
        half, one = (b.node("Constant", [], value_float=value) for value in (0.5, 1.0))
        root = b.node("Constant", [], value_float=2**0.5)
        gate = b.node("Add", [b.node("Erf", [b.node("Div", [y, root])]), one])
        y = b.node("Mul", [b.node("Mul", [y, gate]), half])
        x = b.node("Add", [x, b.project(f"{prefix}.mlp.c_proj", y, 4 * width, width)])
    x = b.layer_norm("transformer.ln_f", x, width)
    b.node("MatMul", [x, b.node("Transpose", [wte], perm=[1, 0])])
    inputs = [("tokens", TensorProto.INT64, ["batch", length]), ("positions", TensorProto.INT64, [1, length])]
    return b, b.finish(inputs, "logits", TensorProto.FLOAT, ["batch", length, vocab])


MODELS = {
    "mlp": mlp,
    "lenet5": lenet5,
    "resnet18": lambda: resnet("resnet18", [2, 2, 2, 2], False),
    "resnet50": lambda: resnet("resnet50", [3, 4, 6, 3], True),
    "gpt2": gpt2,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="models to build (all)")
    parser.add_argument("--out", default=pathlib.Path(__file__).parent / "models", type=pathlib.Path)
    args = parser.parse_args()
    unknown = set(args.names) - set(MODELS)
    if unknown:
        parser.error(f"no model {', '.join(sorted(unknown))}; known are {', '.join(MODELS)}")
    args.out.mkdir(parents=True, exist_ok=True)
    for name in args.names or MODELS:
        builder, model = MODELS[name]()
        data = model.SerializeToString(deterministic=True)
        path = args.out / f"{name}.onnx"
        path.write_bytes(data)
        print(f"{path}: {len(data):,} bytes, {builder.total():,} values in {len(builder.params)} tensors")


if __name__ == "__main__":
    main()
