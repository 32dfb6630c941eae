//! Where the processor cannot multiply vectors of 52 bits: no such permutations.

use crate::Bn254Fr;

/// How many permutations are done at a time.
pub const LANES: usize = 8;

/// Never made.
pub enum ManyPermutations {}

impl ManyPermutations {
    /// None.
    pub fn new(_constants: &[[Bn254Fr; 3]]) -> Option<Self> {
        None
    }

    /// Never called.
    pub fn hash_rows(&self, _rows: &[u32], _width: usize, _digests: &mut [[Bn254Fr; 1]]) {
        match *self {}
    }

    /// Never called.
    pub fn compress(&self, _children: &[[Bn254Fr; 1]], _parents: &mut [[Bn254Fr; 1]]) {
        match *self {}
    }

    /// Never called.
    pub fn permute_states(&self, _states: &mut [[Bn254Fr; 3]; LANES]) {
        match *self {}
    }
}
