//! Stands for `kernels.rs` on machines without the instruction sets that it knows: every call is declined.

use alloc::vec::Vec;

pub fn fold<T, E>(_from: &[T], _n: usize, _alpha: E, _out: &mut [E]) -> bool {
    false
}

pub fn add_fractions<T, E>(
    _n: usize,
    _parity: usize,
    _numerators: [&[T]; 2],
    _denominators: [&[E]; 2],
    _numerators_out: &mut [E],
    _denominators_out: &mut [E],
) -> bool {
    false
}

pub fn fraction_sums<T, E>(
    _lambda: E,
    _rows: &[E],
    _columns: &[E],
    _numerators: [&[T]; 2],
    _denominators: [&[E]; 2],
) -> Option<[E; 2]> {
    None
}

pub fn product_sums<T, E>(_x: &[T], _y: &[E]) -> Option<[E; 2]> {
    None
}

pub fn weighted_column_sums<T, E>(_from: &[T], _n: usize, _weights: &[E]) -> Option<Vec<E>> {
    None
}

pub fn add_weighted_rows<T, E>(_from: &[T], _weights: &[E], _out: &mut [E]) -> bool {
    false
}

pub fn gather<T, P>(_from: &[T], _first: usize, _stride: usize) -> Option<P> {
    None
}
