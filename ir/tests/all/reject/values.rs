//! Parameters and inputs.

use super::*;

#[test]
fn parameters() {
    let mut b = Builder::new("params", 8);
    let x = b.input("x", &[2], Range::signed(8)).unwrap();
    let w = b.param("w", &[2], Range::new(-3, 3)).unwrap();
    let graph = b.finish(&[x]).unwrap();
    let error = |change: &dyn Fn(&mut Params)| {
        let mut params = Params::default();
        params.values.insert(w, vec![-3, 3]);
        assert_eq!(params.check(&graph), Ok(()));
        change(&mut params);
        params.check(&graph).unwrap_err()
    };
    let missing = error(&|params| params.values.clear());
    assert!(matches!(missing, ParamsError::Missing { tensor, .. } if tensor == w));
    for tensor in [x, TensorId(7)] {
        let unknown = error(&|params| _ = params.values.insert(tensor, vec![0, 0]));
        assert_eq!(unknown, ParamsError::Unknown { tensor });
    }
    let length = error(&|params| _ = params.values.insert(w, vec![0]));
    assert!(matches!(
        length,
        ParamsError::Length {
            expected: 2,
            got: 1,
            ..
        }
    ));
    for got in [-4, 4] {
        let value = error(&|params| _ = params.values.insert(w, vec![0, got]));
        assert!(matches!(value, ParamsError::Value { index: 1, got: g, .. } if g == got));
    }
    for bits in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(Scale::new(bits), None);
    }
}

#[test]
fn inputs_of_an_evaluation() {
    let mut b = Builder::new("inputs", 8);
    let x = b.input("x", &[2], Range::new(-3, 3)).unwrap();
    let w = b.param("w", &[1], Range::new(0, 1)).unwrap();
    let graph = b.finish(&[x]).unwrap();
    let mut params = Params::default();
    let error = |params: &Params, inputs: &[Vec<i32>]| eval(&graph, params, inputs).unwrap_err();
    let missing = error(&params, &[vec![0, 0]]);
    assert!(matches!(
        missing,
        EvalError::Params(ParamsError::Missing { .. })
    ));
    params.values.insert(w, vec![0]);
    assert!(eval(&graph, &params, &[vec![-3, 3]]).is_ok());
    assert_eq!(
        error(&params, &[]),
        EvalError::Inputs {
            expected: 1,
            got: 0
        }
    );
    let length = error(&params, &[vec![0; 3]]);
    assert!(matches!(
        length,
        EvalError::InputLength {
            input: 0,
            expected: 2,
            got: 3,
            ..
        }
    ));
    for value in [-4, 4, i32::MIN] {
        let outside = error(&params, &[vec![0, value]]);
        assert!(matches!(outside, EvalError::InputValue { index: 1, got, .. } if got == value));
    }
}
