//! The bundled models: integers against our floats, our floats against tract's.

use super::{bundled, path, quantize};
use nascent_compiler::infer::{Model, Options, compile, run_float, samples};
use nascent_ir::eval;
use tract_onnx::prelude::*;

/// Root of the mean square error of the output, by that of the output: below a bound with some room
/// above what was measured when the test was written.
fn relative_error(name: &str, limit: f64) {
    let (bytes, samples) = bundled(name);
    let compiled = quantize(&bytes, &samples).unwrap();
    assert!(compiled.report.warnings.is_empty(), "{}", compiled.report);
    assert_eq!(compiled.report.samples, 4);
    let last = compiled.report.layers.last().unwrap();
    assert!(last.relative_error < limit, "{name}\n{}", compiled.report);
    // The report's figure is that of the output as a caller gets it.
    let floats = run_float(&Model::new(&bytes), &Options::default(), &samples).unwrap();
    let x = samples.arrays[0].tensor.floats().unwrap();
    let size = x.len() / 4;
    let (mut error, mut signal) = (0.0, 0.0);
    for (at, floats) in floats.iter().enumerate() {
        let input = compiled.inputs[0]
            .quantize(&x[at * size..(at + 1) * size])
            .unwrap();
        let values = eval(&compiled.graph, &compiled.params, &[input]).unwrap();
        let made = values.outputs().next().unwrap();
        let made = compiled.outputs[0].dequantize(made.iter());
        for (made, float) in made.iter().zip(floats[0].floats().unwrap()) {
            error += f64::from(made - float).powi(2);
            signal += f64::from(*float).powi(2);
        }
    }
    let found = (error / signal).sqrt();
    assert!(
        (found - last.relative_error).abs() < 1e-3,
        "{found} {}",
        last.relative_error
    );
}

#[test]
fn mlp() {
    relative_error("mlp-128", 0.03);
}

#[test]
fn lenet5_max() {
    relative_error("lenet5-max", 0.03);
}

#[test]
fn lenet5_average() {
    relative_error("lenet5-average", 0.03);
}

#[test]
fn cnn() {
    relative_error("cnn", 0.03);
}

#[test]
fn transformer() {
    relative_error("transformer", 0.03);
}

#[test]
fn floats_are_those_of_tract() {
    for name in [
        "mlp-128",
        "lenet5-max",
        "lenet5-average",
        "cnn",
        "transformer",
    ] {
        let (bytes, samples) = bundled(name);
        let ours = run_float(&Model::new(&bytes), &Options::default(), &samples).unwrap();
        let array = &samples.arrays[0].tensor;
        let mut shape = array.shape().to_vec();
        shape[0] = 1;
        let size: usize = shape.iter().product();
        let model = tract_onnx::onnx()
            .model_for_path(path(&format!("{name}.onnx")))
            .unwrap()
            .with_input_fact(0, f32::fact(&shape).into())
            .unwrap()
            .into_typed()
            .unwrap()
            .into_runnable()
            .unwrap();
        let x = Tensor::from_shape(&shape, &array.floats().unwrap()[..size]).unwrap();
        let theirs = model.run(tvec!(x.into())).unwrap();
        let theirs = theirs[0].try_as_plain_ram().unwrap();
        let theirs = theirs.as_slice::<f32>().unwrap().to_vec();
        let ours = ours[0][0].floats().unwrap();
        assert_eq!(ours.len(), theirs.len());
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert!(
                (ours - theirs).abs() < 1e-4 * (1.0 + theirs.abs()),
                "{name}: {ours} {theirs}"
            );
        }
    }
}

#[test]
fn the_architecture_is_not_the_checkpoint() {
    // Other weights of the same scale give the same graph but for calibration's grid; the same
    // file gives the same graph, bit for bit.
    let (bytes, samples) = bundled("mlp-128");
    let (a, b) = (
        quantize(&bytes, &samples).unwrap(),
        quantize(&bytes, &samples).unwrap(),
    );
    assert_eq!(a.graph, b.graph);
    assert_eq!(a.params, b.params);
}

#[test]
fn without_samples_there_is_a_warning() {
    let (bytes, _) = bundled("mlp-128");
    let none = samples::open(&[]).unwrap();
    let compiled = compile(&Model::new(&bytes), &Options::default(), &none).unwrap();
    assert!(compiled.report.warnings[0].contains("no samples"));
    let json: serde_json::Value = serde_json::from_str(&compiled.report.to_json()).unwrap();
    assert_eq!(
        json["layers"].as_array().unwrap().len(),
        compiled.report.layers.len()
    );
}
