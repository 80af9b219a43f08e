//! [SpaceToDepth](https://onnx.ai/onnx/operators/onnx__SpaceToDepth.html): blocks of positions become blocks of channels.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::ValueId;

pub(super) const OP: Operator = Operator {
    name: "SpaceToDepth",
    since: &[1, 13],
    inputs: (1, 1),
    attrs: &["blocksize"],
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
    if block == 0 || h % block != 0 || w % block != 0 {
        return Fault::attribute("blocksize", format!("{block} with {h} x {w} positions"));
    }
    let x = cx.reshape(x, &[n, c, h / block, block, w / block, block])?;
    let x = cx.transpose(x, &[0, 3, 5, 1, 2, 4])?;
    Ok(vec![cx.reshape(
        x,
        &[n, c * block * block, h / block, w / block],
    )?])
}
