//! `nascent compile`: a model with weights becomes a quantized model.

use crate::failure::Result;
use crate::output::{Context, Outcome};
use crate::quantize;

pub use crate::quantize::Args;

pub fn run(context: &Context, args: Args) -> Result<Outcome> {
    quantize::run(context, args)
}
