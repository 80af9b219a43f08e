//! Rules files against PyTorch's formulas, computed by hand.

use crate::common::{Net, table};
use nascent_compiler::{CompileError, Earlier, Limits, Rules};
use nascent_verifier::{Distribution, Fill, Precision};

/// A linear layer (fan-in 300, fan-out 100) with a bias.
fn net() -> Net {
    Net::new()
        .weight("fc.weight", &[300, 100])
        .weight("fc.bias", &[100])
        .node("MatMul", "x fc.weight", "h")
        .node("Add", "h fc.bias", "y")
}

/// Distribution, scale and mean of the weight under one rule.
fn fill(rule: &str) -> (Distribution, f32, f32) {
    let model = net()
        .compile_with(&format!("[[rule]]\nname = \"fc.weight\"\n{rule}"))
        .unwrap();
    match model.spec.tensors[0].fill {
        Fill::Sampled {
            stream,
            scale_bits,
            mean_bits,
            ..
        } => (
            model.spec.streams[usize::from(stream)].distribution,
            f32::from_bits(scale_bits),
            f32::from_bits(mean_bits),
        ),
        other => panic!("{other:?}"),
    }
}

fn check(rule: &str, distribution: Distribution, deviation: f64, mean: f32) {
    let (got, scale, got_mean) = fill(rule);
    let unit = if distribution == Distribution::Uniform {
        65536.0
    } else {
        4096.0
    };
    let expected = deviation / unit;
    assert_eq!((got, got_mean), (distribution, mean), "{rule}");
    assert!(
        (f64::from(scale) / expected - 1.0).abs() < 1e-7,
        "{rule}: {scale} {expected}"
    );
}

#[test]
fn every_random_fill_of_pytorch() {
    use Distribution::{Normal, Uniform};
    let sqrt = f64::sqrt;
    check("init = \"uniform\"", Uniform, 0.5, 0.5);
    check("init = \"uniform\"\na = -0.1\nb = 0.3", Uniform, 0.2, 0.1);
    check("init = \"normal\"", Normal, 1.0, 0.0);
    check("init = \"normal\"\nmean = 2\nstd = 0.5", Normal, 0.5, 2.0);
    check("init = \"xavier_uniform\"", Uniform, sqrt(6.0 / 400.0), 0.0);
    check(
        "init = \"xavier_uniform\"\ngain = 2",
        Uniform,
        2.0 * sqrt(6.0 / 400.0),
        0.0,
    );
    check("init = \"xavier_normal\"", Normal, sqrt(2.0 / 400.0), 0.0);
    check(
        "init = \"kaiming_uniform\"",
        Uniform,
        sqrt(6.0 / 300.0),
        0.0,
    );
    check(
        "init = \"kaiming_uniform\"\na = 2.23606797749979",
        Uniform,
        1.0 / sqrt(300.0),
        0.0,
    );
    check("init = \"kaiming_normal\"", Normal, sqrt(2.0 / 300.0), 0.0);
    check(
        "init = \"kaiming_normal\"\nmode = \"fan_out\"",
        Normal,
        sqrt(2.0 / 100.0),
        0.0,
    );
    for (nonlinearity, gain) in [
        ("linear", 1.0),
        ("sigmoid", 1.0),
        ("conv2d", 1.0),
        ("tanh", 5.0 / 3.0),
        ("relu", sqrt(2.0)),
        ("selu", 0.75),
        ("leaky_relu", sqrt(2.0 / 1.01)),
    ] {
        let rule = format!("init = \"kaiming_normal\"\na = 0.1\nnonlinearity = \"{nonlinearity}\"");
        check(&rule, Normal, gain / sqrt(300.0), 0.0);
    }
    check("init = \"lecun_normal\"", Normal, sqrt(1.0 / 300.0), 0.0);
    check("init = \"lecun_uniform\"", Uniform, sqrt(3.0 / 300.0), 0.0);
    let two = Distribution::TruncatedNormal {
        lo: -8192,
        hi: 8192,
    };
    check("init = \"trunc_normal\"", two, 1.0, 0.0);
    check("init = \"trunc_normal\"\nstd = 0.02", Normal, 0.02, 0.0);
    let cut = Distribution::TruncatedNormal {
        lo: -4096,
        hi: 8192,
    };
    check(
        "init = \"trunc_normal\"\nmean = 1\nstd = 0.5\na = 0.5\nb = 2",
        cut,
        0.5,
        1.0,
    );
    check("init = \"kaiming_normal\"\nfan_in = 2", Normal, 1.0, 0.0);
}

#[test]
fn constants() {
    for (rule, value) in [
        ("init = \"zeros\"", 0.0),
        ("init = \"ones\"", 1.0),
        ("init = \"constant\"\nvalue = -2.5", -2.5),
        ("init = \"normal\"\nmean = 3\nstd = 0", 3.0_f32),
    ] {
        let rule = format!("preset = \"torch\"\n[[rule]]\nname = \"*.bias\"\n{rule}");
        let model = net().compile_with(&rule).unwrap();
        let bits = value.to_bits();
        assert_eq!(model.spec.tensors[1].fill, Fill::Constant { bits });
    }
}

#[test]
fn the_first_match_wins() {
    let rules = "
        [[rule]]
        name = \"*.bias\"
        init = \"ones\"
        [[rule]]
        role = [\"bias\", \"linear\"]
        init = \"constant\"
        value = 7
        [[rule]]
        name = \"nothing\"
        optional = true
        init = \"zeros\"";
    let error = net().compile_with(&format!(
        "{rules}\n[[rule]]\nname = \"fc.*\"\ninit = \"ones\""
    ));
    assert!(matches!(
        error,
        Err(CompileError::UnusedRule { rule: 4, .. })
    ));
    let model = net().compile_with(rules).unwrap();
    let text = table(&model);
    assert!(
        text.contains("fc.weight [300, 100] linear 300/100 constant(7)"),
        "{text}"
    );
    assert!(text.contains("fc.bias [100] bias - constant(1)"), "{text}");
    assert_eq!(model.tensors[0].why, "rule 2: constant");
}

#[test]
fn streams_are_numbered_by_first_use() {
    let rules = "[[rule]]\nname = \"fc.weight\"\ninit = \"uniform\"\n[[rule]]\nname = \"fc.bias\"\ninit = \"normal\"";
    let model = net().compile_with(rules).unwrap();
    let kinds: Vec<_> = model
        .spec
        .streams
        .iter()
        .map(|s| (s.distribution, s.rows))
        .collect();
    // 30000 and 100 weights, 15 a row.
    assert_eq!(
        kinds,
        [(Distribution::Uniform, 2000), (Distribution::Normal, 7)]
    );
}

#[test]
fn precision_is_read() {
    let rules = Rules::parse(
        "version = 1\nprecision = { limb_bits = 8, fraction_bits = 5 }",
        &Limits::default(),
    )
    .unwrap();
    assert_eq!(
        rules.precision,
        Precision {
            limb_bits: 8,
            fraction_bits: 5
        }
    );
    for (limb, fraction) in [(0, 0), (21, 1), (16, 25), (8, 6), (16, 14)] {
        let text = format!(
            "version = 1\nprecision = {{ limb_bits = {limb}, fraction_bits = {fraction} }}"
        );
        assert!(Rules::parse(&text, &Limits::default()).is_err(), "{text}");
    }
}

#[test]
fn mistakes_are_refused() {
    for text in [
        "",
        "version = 2",
        "version = 1\nprset = \"torch\"",
        "version = 1\npreset = \"pytorch\"",
        "version = 1\n[[rule]]\ninit = \"zeros\"",
        "version = 1\n[[rule]]\nname = \"a\"",
        "version = 1\n[[rule]]\nname = \"a\"\ninit = \"zeros\"\npreset = \"torch\"",
        "version = 1\n[[rule]]\nname = \"a\"\ninit = \"zeros\"\nstd = 1",
        "version = 1\n[[rule]]\nname = \"a\"\ninit = \"constant\"",
        "version = 1\n[[rule]]\nname = \"a\"\ninit = \"normal\"\nstd = nan",
        "version = 1\n[[rule]]\nname = \"a\"\ninit = \"uniform\"\nb = inf",
        "version = 1\n[[rule]]\nrole = \"weights\"\ninit = \"zeros\"",
        "version = 1\n[[rule]]\nname = \"a\"\ninit = \"kaiming_normal\"\nmode = \"fan\"",
        "version = 1\n[[rule]]\nname = \"a\"\ninit = \"kaiming_normal\"\nnonlinearity = \"gelu\"",
        "version = 1\n[[rule]]\nname = \"a\"\ninit = \"lecun_normal\"\nfan_in = 0",
    ] {
        let got = Rules::parse(text, &Limits::default());
        assert!(matches!(got, Err(CompileError::Toml { .. })), "{text}");
    }
    let rule = |text: &str| net().compile_with(&format!("[[rule]]\nname = \"*.bias\"\n{text}"));
    assert!(matches!(
        rule("init = \"xavier_normal\""),
        Err(CompileError::NoFan { .. })
    ));
    assert!(matches!(
        rule("init = \"normal\"\nstd = -1"),
        Err(CompileError::Fill { .. })
    ));
    assert!(matches!(
        rule("init = \"trunc_normal\"\na = 9\nb = 10"),
        Err(CompileError::Fill { .. })
    ));
    let long = "#".repeat(2 << 20);
    assert!(matches!(
        Rules::parse(&long, &Limits::default()),
        Err(CompileError::TooMany { .. })
    ));
}

#[test]
fn digests_follow_the_rules_not_their_text() {
    let digest = |text: &str| Rules::parse(text, &Limits::default()).unwrap().digest();
    let plain = digest("version = 1");
    assert_eq!(
        plain,
        digest("version = 1 # a comment\npreset = \"default\"")
    );
    assert_eq!(plain, Rules::default().digest());
    let base = "version = 1\n[[rule]]\nname = \"a\"\ninit = \"normal\"";
    assert_eq!(
        digest(base),
        digest("version = 1\n[[rule]]\ninit = \"normal\"\nstd = 1.0\nname = \"a\"")
    );
    assert_eq!(
        digest("version = 1\n[[rule]]\nname = \"a\"\ninit = \"zeros\""),
        digest("version = 1\n[[rule]]\nname = \"a\"\ninit = \"constant\"\nvalue = -0.0")
    );
    let mut all = vec![
        plain,
        digest(base),
        digest("version = 1\npreset = \"torch\""),
        digest("version = 1\ninputs = [\"x\"]"),
        digest("version = 1\nprecision = { limb_bits = 16, fraction_bits = 11 }"),
    ];
    for extra in [
        "std = 2",
        "mean = 1",
        "optional = true",
        "fan_in = 3",
        "fan_out = 3",
        "residual = true",
        "role = \"bias\"",
    ] {
        all.push(digest(&format!("{base}\n{extra}")));
    }
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count);
}

/// Two layers; the second with so many outputs.
fn two_layers(outputs: i64) -> Net {
    Net::new()
        .weight("w1", &[300, 100])
        .weight("b1", &[100])
        .weight("w2", &[100, outputs])
        .node("MatMul", "x w1", "h")
        .node("Add", "h b1", "a")
        .node("MatMul", "a w2", "y")
}

#[test]
fn what_an_earlier_plan_samples_alike_is_inherited() {
    let rules = "preset = \"he-normal\"";
    let first = two_layers(10).compile_with(rules).unwrap().spec;
    let plan = [7; 32];
    let earlier = [Earlier {
        plan,
        model: &first,
    }];
    let inherited = |net: &Net, rules: &str, redraw: &[&str]| -> Vec<String> {
        let redraw: Vec<String> = redraw.iter().map(|&name| name.to_owned()).collect();
        let spec = net.compile_after(rules, &earlier, &redraw).unwrap().spec;
        assert_eq!(spec.check_inherited(&plan, &first), Ok(()));
        let tensors = spec.tensors.iter();
        let own = tensors.filter(|tensor| tensor.fill == Fill::Inherited { plan });
        own.map(|tensor| tensor.name.clone()).collect()
    };
    // Another shape.
    assert_eq!(inherited(&two_layers(11), rules, &[]), ["w1"]);
    assert_eq!(inherited(&two_layers(10), rules, &[]), ["w1", "w2"]);
    assert_eq!(inherited(&two_layers(10), rules, &["w2"]), ["w1"]);
    assert_eq!(inherited(&two_layers(10), rules, &["w*"]), [""; 0]);
    // Another fill, precision or distribution.
    let other = |rule: &str| inherited(&two_layers(10), &format!("{rules}\n{rule}"), &[]);
    let rule = "[[rule]]\nname = \"w1\"\ninit = ";
    assert_eq!(other(&format!("{rule}\"normal\"\nstd = 0.5")), ["w2"]);
    assert_eq!(other(&format!("{rule}\"kaiming_uniform\"")), ["w2"]);
    assert_eq!(other(&format!("{rule}\"zeros\"")), ["w2"]);
    let coarse = "precision = { limb_bits = 16, fraction_bits = 11 }";
    let coarse = inherited(&two_layers(10), &format!("{coarse}\n{rules}"), &[]);
    assert_eq!(coarse, [""; 0]);
    // What is sampled takes the first rows of its stream.
    let second = two_layers(11).compile_after(rules, &earlier, &[]).unwrap();
    assert!(second.tensors[0].why.contains("inherited from plan 0707"));
    let Fill::Sampled { first_row, .. } = second.spec.tensors[2].fill else {
        panic!("{:?}", second.spec.tensors[2]);
    };
    assert_eq!((first_row, second.spec.sampled_elements()), (0, 1_100));
    assert_ne!(second.spec.digest(), first.digest());
    // From the plan that samples it, never from one that inherits it; of two the last.
    let later = Earlier {
        plan: [8; 32],
        model: &second.spec,
    };
    let both = [earlier[0], later];
    let third = two_layers(11)
        .compile_after(rules, &both, &[])
        .unwrap()
        .spec;
    let plans = third.inherits_from().into_iter().collect::<Vec<_>>();
    assert_eq!(plans, [[7; 32], [8; 32]]);
    let redraw = ["w3".to_owned()];
    let refused = two_layers(10).compile_after(rules, &earlier, &redraw);
    assert!(matches!(refused, Err(CompileError::NothingToRedraw { .. })));
}
