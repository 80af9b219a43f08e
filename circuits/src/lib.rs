//! Chips and circuits over the halo2 front end.
