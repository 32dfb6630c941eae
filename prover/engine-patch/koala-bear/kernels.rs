//! The inner loops of the sum-checks, for KoalaBear and its degree-4 extension.
//!
//! The engine's crates call these with their own generic types; a call returns `false` or `None`, with
//! nothing done, where the types are others. Tables are row-major with `n` columns.

use alloc::{vec, vec::Vec};

use p3_field::AbstractField;

use crate::{
    KoalaBear,
    lanes::{Element, Ext, LANES, Lanes, PackedExt, same, same_mut},
    vector::{Packed, to_packed},
};

/// Where a block of [`LANES`] elements is read.
#[derive(Clone, Copy)]
enum At {
    /// From here on.
    Run(usize),
    /// Each at its own place.
    Pick([usize; LANES]),
}

#[inline(always)]
fn load<T: Element>(from: &[T], at: At, shift: usize) -> T::Vector {
    match at {
        At::Run(i) => T::run(&from[i + shift..]),
        At::Pick(places) => T::pick(&from[shift..], &places),
    }
}

/// Places of the elements `first ..` of the even rows, where the even rows alone are counted.
#[inline(always)]
fn even_rows(n: usize, first: usize) -> At {
    let (mut row, mut column) = (first / n, first % n);
    let mut places = [0; LANES];
    for place in &mut places {
        *place = 2 * row * n + column;
        column += 1;
        if column == n {
            (row, column) = (row + 1, 0);
        }
    }
    At::Pick(places)
}

/// Starts of blocks that cover `0..length`; the last may overlap the one before it. `length` is at least [`LANES`].
#[inline(always)]
fn starts(length: usize) -> impl Iterator<Item = usize> {
    let last = length - LANES;
    (0..last).step_by(LANES).chain([last])
}

/// Calls `block(output, input)` for blocks that cover `length` outputs, in rows of `n`, which are computed from the
/// even rows of the input (and, at a distance of `n`, from the odd ones). Blocks may overlap. `false` if there are
/// too few outputs for a block.
#[inline(always)]
fn each_block(n: usize, length: usize, mut block: impl FnMut(usize, At)) -> bool {
    if n >= LANES {
        for row in 0..length / n {
            for column in starts(n) {
                block(row * n + column, At::Run(2 * row * n + column));
            }
        }
    } else if length >= LANES {
        for first in starts(length) {
            block(first, even_rows(n, first));
        }
    } else {
        return false;
    }
    true
}

/// Pairs of rows become one: `x + alpha (y - x)`.
pub fn fold<T: 'static, E: Clone + 'static>(from: &[T], n: usize, alpha: E, out: &mut [E]) -> bool {
    let Some(&[alpha]) = same::<E, Ext>(&[alpha]).and_then(<[Ext]>::first_chunk) else {
        return false;
    };
    let Some(out) = same_mut::<E, Ext>(out) else { return false };
    if let Some(from) = same::<T, KoalaBear>(from) {
        fold_of(from, n, alpha, out);
    } else if let Some(from) = same::<T, Ext>(from) {
        fold_of(from, n, alpha, out);
    } else {
        return false;
    }
    true
}

fn fold_of<T: Element>(from: &[T], n: usize, alpha: Ext, out: &mut [Ext]) {
    assert!(n > 0 && from.len() == 2 * out.len() && out.len() % n == 0);
    let factor = Lanes::splat(alpha);
    let done = each_block(n, out.len(), |to, at| {
        let (x, y) = (load(from, at, 0), load(from, at, n));
        T::times(T::minus(y, x), factor).add(T::lanes(x)).store(&mut out[to..]);
    });
    if !done {
        for (out, pair) in out.chunks_exact_mut(n).zip(from.chunks_exact(2 * n)) {
            for (j, out) in out.iter_mut().enumerate() {
                let (x, y) = (pair[j].to_ext(), pair[n + j].to_ext());
                *out = alpha * (y - x) + x;
            }
        }
    }
}

/// Adds fractions: `n0 d1 + n1 d0` and `d0 d1` of every second row, from row `parity` on.
#[allow(clippy::too_many_arguments)]
pub fn add_fractions<T: 'static, E: 'static>(
    n: usize,
    parity: usize,
    [n0, n1]: [&[T]; 2],
    [d0, d1]: [&[E]; 2],
    numerators: &mut [E],
    denominators: &mut [E],
) -> bool {
    let (Some(d0), Some(d1)) = (same::<E, Ext>(d0), same::<E, Ext>(d1)) else { return false };
    let (Some(numerators), Some(denominators)) =
        (same_mut::<E, Ext>(numerators), same_mut::<E, Ext>(denominators))
    else {
        return false;
    };
    if let (Some(n0), Some(n1)) = (same::<T, KoalaBear>(n0), same::<T, KoalaBear>(n1)) {
        add_fractions_of(n, parity, [n0, n1], [d0, d1], numerators, denominators);
    } else if let (Some(n0), Some(n1)) = (same::<T, Ext>(n0), same::<T, Ext>(n1)) {
        add_fractions_of(n, parity, [n0, n1], [d0, d1], numerators, denominators);
    } else {
        return false;
    }
    true
}

fn add_fractions_of<T: Element>(
    n: usize,
    parity: usize,
    [n0, n1]: [&[T]; 2],
    [d0, d1]: [&[Ext]; 2],
    numerators: &mut [Ext],
    denominators: &mut [Ext],
) {
    assert!(n > 0 && numerators.len() == denominators.len() && numerators.len() % n == 0);
    let shift = parity * n;
    let done = each_block(n, numerators.len(), |to, at| {
        let (n0, n1) = (load(n0, at, shift), load(n1, at, shift));
        let (d0, d1) = (load(d0, at, shift), load(d1, at, shift));
        T::times(n0, d1).add(T::times(n1, d0)).store(&mut numerators[to..]);
        d0.mul(d1).store(&mut denominators[to..]);
    });
    if !done {
        for to in 0..numerators.len() {
            let from = 2 * (to / n) * n + to % n + shift;
            numerators[to] = d1[from] * n0[from].to_ext() + d0[from] * n1[from].to_ext();
            denominators[to] = d0[from] * d1[from];
        }
    }
}

/// Over pairs of rows and columns, with weights for rows and for columns, the sums of
/// `lambda (n0 d1 + n1 d0) + d0 d1`: at 0 (the even rows), and of the sums of both rows (twice the value
/// at 1/2, four times for each product), where the weights of the rows are added too.
pub fn fraction_sums<T: 'static, E: Clone + 'static>(
    lambda: E,
    rows: &[E],
    columns: &[E],
    [n0, n1]: [&[T]; 2],
    [d0, d1]: [&[E]; 2],
) -> Option<[E; 2]> {
    let &[lambda] = same::<E, Ext>(&[lambda])?.first_chunk()?;
    let (rows, columns) = (same::<E, Ext>(rows)?, same::<E, Ext>(columns)?);
    let d = [same::<E, Ext>(d0)?, same::<E, Ext>(d1)?];
    let sums = if let (Some(n0), Some(n1)) = (same::<T, KoalaBear>(n0), same::<T, KoalaBear>(n1)) {
        fraction_sums_of(lambda, rows, columns, [n0, n1], d)
    } else {
        fraction_sums_of(lambda, rows, columns, [same::<T, Ext>(n0)?, same::<T, Ext>(n1)?], d)
    };
    same::<Ext, E>(&sums)?.first_chunk().cloned()
}

#[inline(always)]
fn fraction<T: Element>(lambda: Lanes, n: [T::Vector; 2], d: [Lanes; 2]) -> Lanes {
    T::times(n[0], d[1]).add(T::times(n[1], d[0])).mul(lambda).add(d[0].mul(d[1]))
}

fn fraction_sums_of<T: Element>(
    lambda: Ext,
    rows: &[Ext],
    columns: &[Ext],
    n: [&[T]; 2],
    d: [&[Ext]; 2],
) -> [Ext; 2] {
    let (width, pairs) = (columns.len(), rows.len() / 2);
    let length = pairs * width;
    assert!(n.iter().all(|n| n.len() == 2 * length) && d.iter().all(|d| d.len() == 2 * length));
    let factor = Lanes::splat(lambda);
    // At 0, and at twice 1/2.
    let block = |at| {
        let load_n = |i: usize| (load(n[i], at, 0), load(n[i], at, width));
        let load_d = |i: usize| (load(d[i], at, 0), load(d[i], at, width));
        let (n0, n1, d0, d1) = (load_n(0), load_n(1), load_d(0), load_d(1));
        [
            fraction::<T>(factor, [n0.0, n1.0], [d0.0, d1.0]),
            fraction::<T>(
                factor,
                [T::plus(n0.0, n0.1), T::plus(n1.0, n1.1)],
                [d0.0.add(d0.1), d1.0.add(d1.1)],
            ),
        ]
    };
    if width >= LANES {
        let mut sums = [Lanes::zero(); 2];
        let mut next = 0;
        for column in starts(width) {
            // Columns that the block before has counted weigh nothing.
            let weights: [Ext; LANES] =
                core::array::from_fn(|i| if column + i < next { Ext::ZERO } else { columns[column + i] });
            next = column + LANES;
            let mut over_rows = [Lanes::zero(); 2];
            for pair in 0..pairs {
                let [at_0, at_half] = block(At::Run(2 * pair * width + column));
                let (w0, w1) = (rows[2 * pair], rows[2 * pair + 1]);
                over_rows[0] = over_rows[0].add(at_0.mul(Lanes::splat(w0)));
                over_rows[1] = over_rows[1].add(at_half.mul(Lanes::splat(w0 + w1)));
            }
            let weights = Ext::run(&weights);
            for (sum, over_rows) in sums.iter_mut().zip(over_rows) {
                *sum = sum.add(over_rows.mul(weights));
            }
        }
        return sums.map(Lanes::sum);
    }
    let mut sums = [Lanes::zero(); 2];
    let whole = length - length % LANES;
    for first in (0..whole).step_by(LANES) {
        let [at_0, at_half] = block(even_rows(width, first));
        let weights = |odd: usize| {
            Ext::pick(rows, &core::array::from_fn(|i| 2 * ((first + i) / width) + odd))
        };
        let of_columns = Ext::pick(columns, &core::array::from_fn(|i| (first + i) % width));
        let (w0, w1) = (weights(0), weights(1));
        sums[0] = sums[0].add(at_0.mul(w0.mul(of_columns)));
        sums[1] = sums[1].add(at_half.mul(w0.add(w1).mul(of_columns)));
    }
    let mut sums = sums.map(Lanes::sum);
    for i in whole..length {
        let (pair, column) = (i / width, i % width);
        let (even, odd) = (2 * pair * width + column, (2 * pair + 1) * width + column);
        let value = |n0: Ext, n1: Ext, d0: Ext, d1: Ext| lambda * (n0 * d1 + n1 * d0) + d0 * d1;
        let (n_at, d_at) = (|k: usize, i: usize| n[k][i].to_ext(), |k: usize, i: usize| d[k][i]);
        let both_n = |k| n_at(k, even) + n_at(k, odd);
        let both_d = |k| d_at(k, even) + d_at(k, odd);
        let (w0, w1) = (rows[2 * pair], rows[2 * pair + 1]);
        sums[0] += value(n_at(0, even), n_at(1, even), d_at(0, even), d_at(1, even))
            * w0
            * columns[column];
        sums[1] += value(both_n(0), both_n(1), both_d(0), both_d(1)) * (w0 + w1) * columns[column];
    }
    sums
}

/// Of two tables with one column: the sum of products of the even elements, and that of the products of sums of
/// neighbours.
pub fn product_sums<T: 'static, E: Clone + 'static>(x: &[T], y: &[E]) -> Option<[E; 2]> {
    let y = same::<E, Ext>(y)?;
    let sums = match same::<T, KoalaBear>(x) {
        Some(x) => product_sums_of(x, y),
        None => product_sums_of(same::<T, Ext>(x)?, y),
    };
    same::<Ext, E>(&sums)?.first_chunk().cloned()
}

fn product_sums_of<T: Element>(x: &[T], y: &[Ext]) -> [Ext; 2] {
    assert!(x.len() == y.len() && x.len() % 2 == 0);
    let pairs = x.len() / 2;
    let whole = pairs - pairs % LANES;
    let mut sums = [Lanes::zero(); 2];
    for first in (0..whole).step_by(LANES) {
        let at = even_rows(1, first);
        let (x0, x1, y0, y1) = (load(x, at, 0), load(x, at, 1), load(y, at, 0), load(y, at, 1));
        sums[0] = sums[0].add(T::times(x0, y0));
        sums[1] = sums[1].add(T::times(T::plus(x0, x1), y0.add(y1)));
    }
    let mut sums = sums.map(Lanes::sum);
    for i in whole..pairs {
        let (x0, x1) = (x[2 * i].to_ext(), x[2 * i + 1].to_ext());
        sums[0] += x0 * y[2 * i];
        sums[1] += (x0 + x1) * (y[2 * i] + y[2 * i + 1]);
    }
    sums
}

/// The sums over all rows, each column for itself, with a weight for each row.
pub fn weighted_column_sums<T: 'static, E: Clone + 'static>(
    from: &[T],
    n: usize,
    weights: &[E],
) -> Option<Vec<E>> {
    let weights = same::<E, Ext>(weights)?;
    let sums = match same::<T, KoalaBear>(from) {
        Some(from) => weighted_column_sums_of(from, n, weights),
        None => weighted_column_sums_of(same::<T, Ext>(from)?, n, weights),
    };
    same::<Ext, E>(&sums).map(<[E]>::to_vec)
}

fn weighted_column_sums_of<T: Element>(from: &[T], n: usize, weights: &[Ext]) -> Vec<Ext> {
    assert!(n > 0 && from.len() == n * weights.len());
    let mut sums = vec![Ext::zero(); n];
    if n >= LANES {
        for column in starts(n) {
            let mut sum = Lanes::zero();
            for (row, weight) in from.chunks_exact(n).zip(weights) {
                sum = sum.add(T::times(T::run(&row[column..]), Lanes::splat(*weight)));
            }
            sum.store(&mut sums[column..]);
        }
        return sums;
    }
    // Few columns: rows side by side.
    let whole = weights.len() - weights.len() % LANES;
    for (column, total) in sums.iter_mut().enumerate() {
        let mut sum = Lanes::zero();
        for first in (0..whole).step_by(LANES) {
            let values = T::pick(from, &core::array::from_fn(|i| (first + i) * n + column));
            sum = sum.add(T::times(values, Ext::run(&weights[first..])));
        }
        *total = sum.sum();
        for row in whole..weights.len() {
            *total += weights[row] * from[row * n + column].to_ext();
        }
    }
    sums
}

/// Adds to each output the sum over its row, with a weight for each column.
pub fn add_weighted_rows<T: 'static, E: 'static>(
    from: &[T],
    weights: &[E],
    out: &mut [E],
) -> bool {
    let (Some(from), Some(weights), Some(out)) =
        (same::<T, KoalaBear>(from), same::<E, Ext>(weights), same_mut::<E, Ext>(out))
    else {
        return false;
    };
    let n = weights.len();
    assert!(n > 0 && from.len() == n * out.len());
    let whole = n - n % LANES;
    let of_blocks: Vec<Lanes> = weights[..whole].chunks_exact(LANES).map(Ext::run).collect();
    for (row, out) in from.chunks_exact(n).zip(out) {
        let mut sum = Lanes::zero();
        for (weights, row) in of_blocks.iter().zip(row.chunks_exact(LANES)) {
            sum = sum.add(KoalaBear::times(KoalaBear::run(row), *weights));
        }
        *out += sum.sum();
        for (weight, x) in weights[whole..].iter().zip(&row[whole..]) {
            *out += *weight * *x;
        }
    }
    true
}

/// Packs elements at a distance of `stride`, from `first` on, in an order of the lanes that is the same for the field
/// and for its extension.
#[inline(always)]
pub fn gather<T: 'static, P: Copy + 'static>(from: &[T], first: usize, stride: usize) -> Option<P> {
    let mut places = [0; LANES];
    for (i, place) in places.iter_mut().enumerate() {
        *place = first + i * stride;
    }
    if let Some(from) = same::<T, KoalaBear>(from) {
        same::<Packed, P>(&[to_packed(KoalaBear::pick(from, &places))])?.first().copied()
    } else {
        let packed = Ext::pick(same::<T, Ext>(from)?, &places).to_packed();
        same::<PackedExt, P>(&[packed])?.first().copied()
    }
}
