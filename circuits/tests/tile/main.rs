//! Tiles with honest witnesses, and the distributions that they sample.

mod distributions;
mod honest;
