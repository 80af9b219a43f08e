//! Small graphs, and arrays with indices, for references that are slow and obvious.

use nascent_ir::{CheckedGraph, Values};

/// All multi-indices of `shape`, row-major.
pub fn indices(shape: &[u32]) -> Vec<Vec<usize>> {
    let mut out = vec![Vec::new()];
    for &dim in shape {
        out = (out.into_iter())
            .flat_map(|head| {
                (0..dim as usize).map(move |i| {
                    let mut index = head.clone();
                    index.push(i);
                    index
                })
            })
            .collect();
    }
    out
}

/// Row-major position of `index` in `shape`.
pub fn position(shape: &[u32], index: &[usize]) -> usize {
    assert_eq!(shape.len(), index.len());
    (shape.iter().zip(index)).fold(0, |at, (&dim, &i)| {
        assert!(i < dim as usize);
        at * dim as usize + i
    })
}

/// The element of an operand of shape `from` that lies under `index` of a larger shape.
pub fn under(from: &[u32], index: &[usize]) -> usize {
    let tail = &index[index.len() - from.len()..];
    let clipped: Vec<usize> = (tail.iter().zip(from))
        .map(|(&i, &dim)| if dim == 1 { 0 } else { i })
        .collect();
    position(from, &clipped)
}

/// Every value lies in the range that was derived for its tensor.
pub fn assert_in_range(graph: &CheckedGraph, values: &Values<'_>) {
    for node in &graph.nodes {
        let range = graph.tensor(node.output).range;
        let outside = values.get(node.output).iter().find(|&v| !range.contains(v));
        assert_eq!(outside, None, "{} outside of {range}", node.name);
    }
}
