//! [DepthToSpace](https://onnx.ai/onnx/operators/onnx__DepthToSpace.html): blocks of channels become blocks of positions.
//!
//! `mode` (DCR or CRD) came with opset 11.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::ValueId;

pub(super) const OP: Operator = Operator {
    name: "DepthToSpace",
    since: &[11, 13],
    inputs: (1, 1),
    attrs: &["blocksize", "mode"],
    limits: "",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let x = cx.x(0)?;
    let [n, c, h, w] = *cx.shape(x) else {
        return Fault::shape("four axes are expected");
    };
    let block = cx
        .int("blocksize")?
        .and_then(|b| usize::try_from(b).ok())
        .unwrap_or(0);
    let square = block.saturating_mul(block);
    if square == 0 || c % square != 0 {
        return Fault::attribute("blocksize", format!("{block} with {c} channels"));
    }
    let depth = c / square;
    let (split, perm) = match cx.text("mode", "DCR")?.as_str() {
        "DCR" => ([n, block, block, depth, h, w], [0, 3, 4, 1, 5, 2]),
        "CRD" => ([n, depth, block, block, h, w], [0, 1, 4, 2, 5, 3]),
        mode => return Fault::attribute("mode", format!("{mode:?}")),
    };
    let x = cx.reshape(x, &split)?;
    let x = cx.transpose(x, &perm)?;
    Ok(vec![cx.reshape(x, &[n, depth, h * block, w * block])?])
}
