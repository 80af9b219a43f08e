//! Inference proofs.

use super::{Answer, Model, Published, rng};
use group::{Curve, GroupEncoding, prime::PrimeCurveAffine};
use halo2curves::bn256::G1Affine;
use nascent_ir::Params;
use nascent_prover::link::{OpenError, Opening, ProveLinkError, Proved, prove};
use nascent_verifier::link::{Link, LinkError, LinkKey, Links, TailPoints, link_len, tail_rows};
use nascent_verifier::{CircuitKind, VerifyingKey, VkData, WeightColumns};

fn tail(model: &Model) -> usize {
    tail_rows(model.vk(), 0).expect("room")
}

fn link(model: &Model, answer: &Answer, published: &Published) -> Result<Link, ProveLinkError> {
    linked(model, answer, published, &model.cells, &published.opening)
}

fn linked(
    model: &Model,
    answer: &Answer,
    published: &Published,
    cells: &[Vec<i64>],
    opening: &Opening,
) -> Result<Link, ProveLinkError> {
    let proved = Proved {
        vk: model.vk(),
        list: 0,
        weights: &answer.weights,
        cells,
        blinding: &answer.blinding,
    };
    proved.link_to(&published.checked.parts()[0], opening, rng(99))
}

#[test]
fn proofs_are_linked_to_one_commitment() {
    let model = Model::get();
    let published = model.publish(1);
    let part = &published.checked.parts()[0];
    let answers = [model.answer(2), model.answer(3)];
    let links = answers
        .each_ref()
        .map(|answer| link(model, answer, &published).expect("linked"));
    for (answer, link) in answers.iter().zip(&links) {
        assert_eq!(answer.weights.verify_link(part, &link.bytes), Ok(()));
        assert_eq!(link.bytes.len(), link_len(part.key()));
        assert!(link.bytes.len() <= 1024, "{} bytes", link.bytes.len());
    }
    // Found by what it is about, and good for nothing else.
    let file = Links {
        links: links.to_vec(),
    };
    let found = file.find(&answers[1].weights, part.digest());
    assert_eq!(found, Some(links[1].bytes.as_slice()));
    let other = model.publish(4);
    let other = &other.checked.parts()[0];
    assert_eq!(file.find(&answers[1].weights, other.digest()), None);
    let refused = answers[0].weights.verify_link(part, &links[1].bytes);
    assert_eq!(refused, Err(LinkError::Equation));
    let refused = answers[1].weights.verify_link(other, &links[1].bytes);
    assert_eq!(refused, Err(LinkError::Equation));
}

#[test]
fn two_proofs_are_linked_without_a_commitment() {
    let model = Model::get();
    let published = model.publish(1);
    let key = published.checked.parts()[0].key();
    let [a, b] = [model.answer(2), model.answer(3)];
    let tails = [&a, &b].map(|answer| {
        let tails = answer
            .blinding
            .tails(model.vk(), 0, &model.cells, tail(model));
        tails.expect("a list of weights")
    });
    let sides = [&a.weights.side(), &b.weights.side()];
    let link = prove(key, sides, [&tails[0], &tails[1]], rng(9)).expect("linked");
    assert_eq!(a.weights.verify_link_to(&b.weights, key, &link), Ok(()));
    let refused = b.weights.verify_link_to(&a.weights, key, &link);
    assert_eq!(refused, Err(LinkError::Equation));
    // A tail taken for the other's, or none at all.
    let refused = prove(key, sides, [&tails[1], &tails[0]], rng(9));
    assert_eq!(refused, Err(ProveLinkError::Refused(LinkError::Equation)));
    assert!(
        a.blinding
            .tails(model.vk(), 1, &model.cells, tail(model))
            .is_none()
    );
    assert!(a.blinding.tails(model.vk(), 0, &model.cells, 2).is_none());
}

#[test]
fn blinding_is_fresh_each_time() {
    let model = Model::get();
    let [one, two] = [model.publish(1), model.publish(2)];
    let [a, b] = [model.answer(3), model.answer(4)];
    let mut points = Vec::new();
    for list in [
        one.checked.parts()[0].points(),
        two.checked.parts()[0].points(),
        a.weights.points(),
        b.weights.points(),
    ] {
        points.extend(list.iter().map(|point| format!("{point:?}")));
    }
    let all = points.len();
    points.sort();
    points.dedup();
    assert_eq!(points.len(), all, "two commitments are the same point");
    // Columns of the same weights too: nobody sees that weights repeat.
    assert!(all > 4);
}

#[test]
fn blinding_that_was_used_twice_is_refused() {
    let model = Model::get();
    let published = model.publish(1);
    let key = published.checked.parts()[0].key();
    let [a, again] = [model.answer(3), model.answer(3)];
    let tails = [&a, &again].map(|answer| {
        let tails = answer
            .blinding
            .tails(model.vk(), 0, &model.cells, tail(model));
        tails.expect("a list of weights")
    });
    let sides = [&a.weights.side(), &again.weights.side()];
    let refused = prove(key, sides, [&tails[0], &tails[1]], rng(9));
    assert_eq!(refused, Err(ProveLinkError::ReusedBlinding { column: 0 }));
}

#[test]
fn other_weights_are_not_linked() {
    let model = Model::get();
    let answer = model.answer(2);
    // A commitment to another checkpoint: one cell of one column is one more.
    for column in [0, model.cells.len() - 1] {
        let mut cells = model.cells.clone();
        cells[column][0] += 1;
        let other = Published::new(&model.srs, model.vk(), &model.columns(), &cells, 1);
        let refused = link(model, &answer, &other);
        let equation = ProveLinkError::Refused(LinkError::Equation);
        assert_eq!(refused, Err(equation), "column {column}");
    }
    // Columns that change places.
    let mut cells = model.cells.clone();
    cells.swap(0, 1);
    let other = Published::new(&model.srs, model.vk(), &model.columns(), &cells, 1);
    let refused = link(model, &answer, &other);
    assert_eq!(refused, Err(ProveLinkError::Refused(LinkError::Equation)));
    // Another opening.
    let [one, two] = [model.publish(1), model.publish(2)];
    let refused = linked(model, &answer, &one, &model.cells, &two.opening);
    assert_eq!(refused, Err(ProveLinkError::Refused(LinkError::Equation)));
    // One secret for two checkpoints: with one tail, the difference of the commitments would be
    // the point of the row that changed.
    let mut cells = model.cells.clone();
    cells[0][0] += 1;
    let other = Published::new(&model.srs, model.vk(), &model.columns(), &cells, 1);
    assert!(one.opening == other.opening);
    let point = |published: &Published| {
        let bytes = published.data.parts[0].points[0];
        let mut repr = <G1Affine as GroupEncoding>::Repr::default();
        repr.as_mut().copy_from_slice(&bytes);
        Option::<G1Affine>::from(G1Affine::from_bytes(&repr)).expect("a point")
    };
    let difference = point(&other).to_curve() - point(&one);
    assert_ne!(difference.to_affine(), model.srs.lagrange()[0]);
    // Another circuit's columns, though they hold the same.
    let mut columns = model.columns();
    columns.vk_digest[0] ^= 1;
    let other = Published::new(&model.srs, model.vk(), &columns, &model.cells, 1);
    let made = link(model, &answer, &other).expect("the columns are the same");
    let part = &other.checked.parts()[0];
    let refused = answer.weights.verify_link(part, &made.bytes);
    assert_eq!(refused, Err(LinkError::Circuit));
    assert_eq!(answer.weights.verify_link_across(part, &made.bytes), Ok(()));
}

#[test]
fn commitments_are_opened_to_plain_weights() {
    let model = Model::get();
    let published = model.publish(1);
    let part = &published.checked.parts()[0];
    let committer = nascent_prover::link::Committer::new(&model.srs, tail(model));
    let open = |cells: &[Vec<i64>], opening: &Opening| committer.open(part, cells, opening);
    assert_eq!(open(&model.cells, &published.opening), Ok(()));
    let last = model.cells.len() - 1;
    for (column, row) in [(0, 0), (last, 1)] {
        let mut cells = model.cells.clone();
        cells[column][row] += 1;
        let refused = open(&cells, &published.opening);
        assert_eq!(refused, Err(OpenError::Column { column }));
    }
    let refused = open(&model.cells, &model.publish(2).opening);
    assert_eq!(refused, Err(OpenError::Column { column: 0 }));
    let refused = open(&model.cells[1..], &published.opening);
    let (expected, got) = (last + 1, last);
    assert_eq!(refused, Err(OpenError::Columns { expected, got }));
    let mut cells = model.cells.clone();
    cells[1].pop();
    let refused = open(&cells, &published.opening);
    assert!(matches!(refused, Err(OpenError::Rows { column: 1, .. })));
}

#[test]
fn tail_points_are_those_of_the_srs() {
    let model = Model::get();
    let published = model.publish(1);
    let tail: &TailPoints = &published.data.tails[0];
    let rows = 1 << model.srs.k();
    let expected = model.srs.lagrange_from(rows - tail.points.len());
    let bytes = expected.iter().map(|point| {
        let bytes = point.to_bytes();
        <[u8; 32]>::try_from(bytes.as_ref()).expect("32 bytes")
    });
    assert!(bytes.eq(tail.points.iter().copied()));
    let key = LinkKey::new(tail, model.srs.verifier_srs()).expect("certified");
    assert_eq!(key.first_row(), (rows - tail.points.len()) as u64);
    // A function of SRS and size: anybody gets the same.
    assert_eq!(*tail, model.publish(8).data.tails[0]);
}

#[test]
fn keys_name_their_parameter_columns() {
    let model = Model::get();
    let weights = model.vk().weights(0).expect("a list");
    assert_eq!(weights.columns.len(), model.cells.len());
    assert_eq!(model.vk().weights(1), None);
    let random = u64::from(model.vk().data().blinding_factors) + 1;
    assert!(random <= tail(model) as u64);
    assert!(weights.rows + tail(model) as u64 <= 1 << model.vk().data().k);
    // Every parameter stands in exactly one cell, on a row that links speak about.
    let cells = |params: &Params| model.keys.circuit().parameter_cells(params).expect("fit");
    for (tensor, values) in &model.case.params.values {
        for (index, value) in values.iter().enumerate() {
            let mut params = model.case.params.clone();
            let other = if *value > 0 { value - 1 } else { value + 1 };
            params.values.get_mut(tensor).expect("there")[index] = other;
            let changed = cells(&params);
            let pairs = changed.iter().flatten().zip(model.cells.iter().flatten());
            assert_eq!(pairs.filter(|(a, b)| a != b).count(), 1);
            let rows = weights.rows as usize;
            let before = changed.iter().zip(&model.cells);
            let mut before = before.map(|(a, b)| (&a[..rows], &b[..rows]));
            assert!(before.any(|(a, b)| a != b), "{tensor}, element {index}");
        }
    }
}

#[test]
fn lists_of_weight_columns_are_checked() {
    let model = Model::get();
    let good = model.vk().data();
    let lists = |lists: Vec<WeightColumns>| {
        let kind = CircuitKind::Bound {
            subject: super::ARCHITECTURE,
            weights: lists,
        };
        VerifyingKey::new(VkData {
            kind,
            ..good.clone()
        })
    };
    let list = |columns: &[u32], rows: u64| WeightColumns {
        columns: columns.to_vec(),
        rows,
    };
    let usable = (1 << good.k) - u64::from(good.blinding_factors) - 1;
    let key = lists(vec![list(&[1, 0], usable), list(&[2], 1)]).expect("two lists");
    assert_eq!(key.weights(0).expect("first").columns, [1, 0]);
    assert_ne!(key.digest(), model.vk().digest());
    // Another list is another key: a prover cannot choose what a link is about.
    let later = good.advice_phases.iter().position(|&phase| phase > 0);
    let later = later.expect("later phases") as u32;
    let columns = good.advice_phases.len() as u32;
    for bad in [
        vec![list(&[], 1)],
        vec![list(&[0], usable + 1)],
        vec![list(&[0, 0], 1)],
        vec![list(&[later], 1)],
        vec![list(&[columns], 1)],
        vec![list(&[0], 1), list(&[u32::MAX], 1)],
        vec![list(&[0], 1); 65],
    ] {
        lists(bad.clone()).expect_err(&format!("{:?}", bad.first()));
    }
}
