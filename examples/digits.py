#!/usr/bin/env python3
"""Trains two classifiers of handwritten digits and compares the integer models with the float ones.

The digits are scikit-learn's bundled ones (8x8 pixels, 1797 images): one half trains, the other tests.

- `digits-mlp`: scikit-learn's MLPClassifier through skl2onnx. The converter looks the class of an
  index up with an operator of the domain ai.onnx.ml, which is not supported; the file is cut before
  it. The classes are 0 to 9, so the index is the class.
- `digits-cnn`: two convolutions with max pooling, trained here in numpy, written with onnx.

Each model gets `NAME.onnx` and calibration inputs `NAME.samples.npz`; the test set is in
`digits.test.npz` (`x`, `label`). Nothing is downloaded.

    pip install numpy onnx onnxruntime scikit-learn skl2onnx
    cargo build --release -p nascent-cli
    python3 examples/digits.py --nascent target/release/nascent
    python3 examples/digits.py --bits 6                          # fewer bits
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

OPSET = 17
CALIBRATION = 100
# Points of accuracy that the integer model may lose.
MOST_LOST = 0.5


def mlp(x, y):
    """A perceptron of scikit-learn, as its converter writes it, up to the index of the class."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trained = MLPClassifier((64, 32), max_iter=200, random_state=1).fit(x, y)
        types = [("x", FloatTensorType([None, 64]))]
        model = to_onnx(
            trained, initial_types=types, options={"zipmap": False}, target_opset=OPSET
        )
    graph = model.graph
    last = [node.op_type for node in graph.node].index("ArgMax")
    del graph.node[last + 1 :]
    used = {name for node in graph.node for name in node.input}
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in used]:
        graph.initializer.remove(tensor)
    del graph.output[:]
    graph.output.extend(
        [
            helper.make_tensor_value_info("argmax_output", TensorProto.INT64, [None, 1]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 10]),
        ]
    )
    onnx.checker.check_model(model)
    return model


def patches(x):
    """3x3 neighbourhoods of `[n, c, h, w]` padded by one: `[n, h, w, c * 9]`."""
    n, c, h, w = x.shape
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    views = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    return views.transpose(0, 2, 3, 1, 4, 5).reshape(n, h, w, c * 9)


class Layer:
    """Convolution 3x3, ReLU and max pooling 2x2."""

    def __init__(self, rng, inputs, outputs):
        self.w = rng.standard_normal((outputs, inputs * 9)) * np.sqrt(2 / (inputs * 9))
        self.b = np.zeros(outputs)

    def forward(self, x):
        self.shape, self.cols = x.shape, patches(x)
        y = np.maximum(self.cols @ self.w.T + self.b, 0).transpose(0, 3, 1, 2)
        n, c, h, w = y.shape
        blocks = y.reshape(n, c, h // 2, 2, w // 2, 2).transpose(0, 1, 2, 4, 3, 5)
        blocks = blocks.reshape(n, c, h // 2, w // 2, 4)
        self.best = blocks.argmax(-1)
        out = blocks.max(-1)
        self.active = out > 0
        return out

    def backward(self, grad):
        n, c, h, w = grad.shape
        blocks = np.zeros((n, c, h, w, 4))
        np.put_along_axis(blocks, self.best[..., None], (grad * self.active)[..., None], -1)
        full = blocks.reshape(n, c, h, w, 2, 2).transpose(0, 1, 2, 4, 3, 5)
        full = full.reshape(n, c, 2 * h, 2 * w).transpose(0, 2, 3, 1)
        gw = np.tensordot(full, self.cols, ((0, 1, 2), (0, 1, 2)))
        # Each pixel of the input was read by nine neighbours.
        cols = (full @ self.w).reshape(n, 2 * h, 2 * w, -1, 3, 3)
        gx = np.zeros((n, self.shape[1], 2 * h + 2, 2 * w + 2))
        for i in range(3):
            for j in range(3):
                part = cols[..., i, j].transpose(0, 3, 1, 2)
                gx[:, :, i : i + 2 * h, j : j + 2 * w] += part
        return gx[:, :, 1:-1, 1:-1], gw, full.sum((0, 1, 2))


def cnn(x, y, epochs=40, batch=32, rate=3e-3):
    """Convolutions of 8 and 16 channels and a linear layer, by Adam on the cross entropy."""
    rng = np.random.default_rng(1)
    one, two = Layer(rng, 1, 8), Layer(rng, 8, 16)
    w, b = rng.standard_normal((10, 64)) * np.sqrt(1 / 64), np.zeros(10)
    weights = [one.w, one.b, two.w, two.b, w, b]
    moments = [(np.zeros_like(v), np.zeros_like(v)) for v in weights]
    step = 0
    for _ in range(epochs):
        for at in np.array_split(rng.permutation(len(x)), len(x) // batch):
            flat = two.forward(one.forward(x[at])).reshape(len(at), -1)
            scores = flat @ w.T + b
            chances = np.exp(scores - scores.max(1, keepdims=True))
            chances /= chances.sum(1, keepdims=True)
            chances[np.arange(len(at)), y[at]] -= 1
            error = chances / len(at)
            middle, gw2, gb2 = two.backward((error @ w).reshape(len(at), 16, 2, 2))
            _, gw1, gb1 = one.backward(middle)
            grads = [gw1, gb1, gw2, gb2, error.T @ flat, error.sum(0)]
            step += 1
            for value, grad, (m, v) in zip(weights, grads, moments):
                m += 0.1 * (grad - m)
                v += 0.001 * (grad * grad - v)
                change = m / (1 - 0.9**step) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
                value -= rate * change
    return cnn_model(*[value.astype(np.float32) for value in weights])


def cnn_model(w1, b1, w2, b2, w, b):
    tensors = {
        "conv1.weight": w1.reshape(8, 1, 3, 3),
        "conv1.bias": b1,
        "conv2.weight": w2.reshape(16, 8, 3, 3),
        "conv2.bias": b2,
        "fc.weight": w,
        "fc.bias": b,
    }
    conv = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    pool = {"kernel_shape": [2, 2], "strides": [2, 2]}
    nodes = [
        helper.make_node("Conv", ["images", "conv1.weight", "conv1.bias"], ["c1"], **conv),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("MaxPool", ["r1"], ["p1"], **pool),
        helper.make_node("Conv", ["p1", "conv2.weight", "conv2.bias"], ["c2"], **conv),
        helper.make_node("Relu", ["c2"], ["r2"]),
        helper.make_node("MaxPool", ["r2"], ["p2"], **pool),
        helper.make_node("Flatten", ["p2"], ["flat"]),
        helper.make_node("Gemm", ["flat", "fc.weight", "fc.bias"], ["scores"], transB=1),
        helper.make_node("ArgMax", ["scores"], ["label"], axis=1, keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "digits-cnn",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 1, 8, 8])],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, ["n"]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 10]),
        ],
        [numpy_helper.from_array(array, name) for name, array in tensors.items()],
    )
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    onnx.checker.check_model(model)
    return model


def integer_labels(nascent, model, samples, test, name, bits):
    """Labels that the integer model gives to a whole file of inputs."""
    with tempfile.TemporaryDirectory() as folder:
        command = [nascent, "compile", model, "--samples", samples, "--out", f"{folder}/model"]
        command += ["--activation-bits", str(bits), "--weight-bits", str(bits)]
        run = [nascent, "run", f"{folder}/model", "--input", test, "--all"]
        for each in (command, run + ["--out", f"{folder}/out.npz"]):
            subprocess.run([str(part) for part in each], check=True, capture_output=True)
        return np.load(f"{folder}/out.npz")[name].reshape(-1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default="examples/generated")
    parser.add_argument("--nascent", default="nascent", help="the command")
    parser.add_argument("--bits", type=int, default=8, help="of weights and activations")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)

    digits = load_digits()
    x = (digits.data / 16).astype(np.float32)
    x, test, y, wanted = train_test_split(
        x, digits.target, test_size=0.5, random_state=1, stratify=digits.target
    )
    images = test.reshape(-1, 1, 8, 8)
    test_file = args.out / "digits.test.npz"
    np.savez_compressed(test_file, x=test, label=wanted)
    models = {
        "digits-mlp": (mlp(x, y), x, test, "argmax_output"),
        "digits-cnn": (cnn(x.reshape(-1, 1, 8, 8), y), x.reshape(-1, 1, 8, 8), images, "label"),
    }

    print(f"{len(test)} test images, {args.bits} bits")
    print(f"{'model':<12} {'float':>8} {'integer':>8} {'lost':>6} {'other labels':>13}")
    worst = 0.0
    for name, (model, train, inputs, label) in models.items():
        path, samples = args.out / f"{name}.onnx", args.out / f"{name}.samples.npz"
        onnx.save(model, path)
        feed = model.graph.input[0].name
        np.savez_compressed(samples, **{feed: train[:CALIBRATION]})
        session = onnxruntime.InferenceSession(path)
        floats = session.run([label], {feed: inputs})[0].reshape(-1)
        made = integer_labels(args.nascent, path, samples, test_file, label, args.bits)
        float_right, right = 100 * np.mean(floats == wanted), 100 * np.mean(made == wanted)
        lost = float_right - right
        worst = max(worst, lost)
        other = f"{np.sum(floats != made)} of {len(made)}"
        print(f"{name:<12} {float_right:7.2f}% {right:7.2f}% {lost:6.2f} {other:>13}")
    if worst > MOST_LOST:
        sys.exit(f"more than {MOST_LOST} points of accuracy are lost")


if __name__ == "__main__":
    main()
