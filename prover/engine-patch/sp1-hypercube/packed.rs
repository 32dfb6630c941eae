//! The zerocheck's inner loop for many rows at a time: the constraints are evaluated on packed values.
//!
//! In the first round the columns hold field elements ([`Base`]), later elements of the extension
//! ([`Extended`]). Both are the field's own packings, wrapped, since a constraint also combines values with
//! single field elements.

use std::{
    any::TypeId,
    fmt::{self, Debug, Formatter},
    iter::{Product, Sum},
    ops::{Add, AddAssign, Mul, MulAssign, Neg, Sub, SubAssign},
};

use slop_air::{Air, AirBuilder, AirBuilderWithPublicValues, PairBuilder};
use slop_algebra::{AbstractExtensionField, AbstractField, ExtensionField, Field, PackedValue};
use slop_matrix::dense::RowMajorMatrixView;

use crate::air::EmptyMessageBuilder;

/// The packing of an extension.
pub type ExtPacking<F, EF> = <EF as ExtensionField<F>>::ExtensionPacking;

/// Many field elements.
pub struct Base<F: Field>(F::Packing);

/// Many elements of an extension.
pub struct Extended<F: Field, EF: ExtensionField<F>>(ExtPacking<F, EF>);

/// Number of values in a pack.
fn width<F: Field>() -> usize {
    <F::Packing as PackedValue>::WIDTH
}

/// What columns hold, packed.
pub trait PackedColumn<F: Field, EF: ExtensionField<F>>:
    AbstractField
    + Copy
    + Send
    + Sync
    + From<F>
    + Add<F, Output = Self>
    + Sub<F, Output = Self>
    + Mul<F, Output = Self>
{
    /// One value.
    type Single: Field;
    /// Packs values at a distance of `stride`, from `first` on. The order of the lanes is the same for all columns.
    fn gather(values: &[Self::Single], first: usize, stride: usize) -> Self;
    /// The product with packed elements of the extension.
    fn times(self, other: ExtPacking<F, EF>) -> ExtPacking<F, EF>;
}

impl<F: Field, EF: ExtensionField<F>> PackedColumn<F, EF> for Base<F> {
    type Single = F;

    #[inline]
    fn gather(values: &[F], first: usize, stride: usize) -> Self {
        let packed = p3_koala_bear::kernels::gather(values, first, stride);
        Self(packed.unwrap_or_else(|| F::Packing::from_fn(|lane| values[first + lane * stride])))
    }

    #[inline]
    fn times(self, other: ExtPacking<F, EF>) -> ExtPacking<F, EF> {
        other * self.0
    }
}

impl<F: Field, EF: ExtensionField<F>> PackedColumn<F, EF> for Extended<F, EF> {
    type Single = EF;

    #[inline]
    fn gather(values: &[EF], first: usize, stride: usize) -> Self {
        let packed = p3_koala_bear::kernels::gather(values, first, stride);
        Self(packed.unwrap_or_else(|| {
            ExtPacking::<F, EF>::from_base_fn(|k| {
                F::Packing::from_fn(|lane| values[first + lane * stride].as_base_slice()[k])
            })
        }))
    }

    #[inline]
    fn times(self, other: ExtPacking<F, EF>) -> ExtPacking<F, EF> {
        self.0 * other
    }
}

/// Wraps a packing: its own arithmetic, and that with single field elements.
macro_rules! wrap {
    ($name:ident<$($parameter:ident),*>, [$($bounds:tt)*], $ring:ty, $packed:expr, $with:ident) => {
        impl<$($bounds)*> Clone for $name<$($parameter),*> {
            #[inline]
            fn clone(&self) -> Self {
                *self
            }
        }
        impl<$($bounds)*> Copy for $name<$($parameter),*> {}
        impl<$($bounds)*> Debug for $name<$($parameter),*> {
            fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
                Debug::fmt(&self.0, f)
            }
        }
        impl<$($bounds)*> Default for $name<$($parameter),*> {
            #[inline]
            fn default() -> Self {
                Self::zero()
            }
        }
        wrap!(@operator $name<$($parameter),*>, [$($bounds)*], $packed, Add, add, AddAssign, add_assign);
        wrap!(@operator $name<$($parameter),*>, [$($bounds)*], $packed, Sub, sub, SubAssign, sub_assign);
        wrap!(@operator $name<$($parameter),*>, [$($bounds)*], $packed, Mul, mul, MulAssign, mul_assign);
        impl<$($bounds)*> Neg for $name<$($parameter),*> {
            type Output = Self;
            #[inline]
            fn neg(self) -> Self {
                Self(-self.0)
            }
        }
        impl<$($bounds)*> Sum for $name<$($parameter),*> {
            fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
                all.fold(Self::zero(), |sum, x| sum + x)
            }
        }
        impl<$($bounds)*> Product for $name<$($parameter),*> {
            fn product<I: Iterator<Item = Self>>(all: I) -> Self {
                all.fold(Self::one(), |product, x| product * x)
            }
        }
        impl<$($bounds)*> From<F> for $name<$($parameter),*> {
            #[inline]
            fn from(x: F) -> Self {
                Self($packed(x).into())
            }
        }
        impl<$($bounds)*> AbstractField for $name<$($parameter),*> {
            type F = $ring;
            wrap!(@constants zero one two neg_one generator);
            #[inline]
            fn from_f(x: Self::F) -> Self {
                Self(AbstractField::from_f(x))
            }
            wrap!(@conversions
                from_bool bool, from_canonical_u8 u8, from_canonical_u16 u16, from_canonical_u32 u32,
                from_canonical_u64 u64, from_canonical_usize usize, from_wrapped_u32 u32,
                from_wrapped_u64 u64);
        }
    };
    (@operator $name:ident<$($parameter:ident),*>, [$($bounds:tt)*], $packed:expr,
        $trait:ident, $function:ident, $assign:ident, $assign_function:ident) => {
        impl<$($bounds)*> $trait for $name<$($parameter),*> {
            type Output = Self;
            #[inline]
            fn $function(self, other: Self) -> Self {
                Self($trait::$function(self.0, other.0))
            }
        }
        impl<$($bounds)*> $trait<F> for $name<$($parameter),*> {
            type Output = Self;
            #[inline]
            fn $function(self, other: F) -> Self {
                Self($trait::$function(self.0, $packed(other)))
            }
        }
        impl<$($bounds)*> $assign for $name<$($parameter),*> {
            #[inline]
            fn $assign_function(&mut self, other: Self) {
                *self = $trait::$function(*self, other);
            }
        }
    };
    (@constants $($function:ident)*) => {
        $(#[inline]
        fn $function() -> Self {
            Self(AbstractField::$function())
        })*
    };
    (@conversions $($function:ident $type:ty),*) => {
        $(#[inline]
        fn $function(x: $type) -> Self {
            Self(AbstractField::$function(x))
        })*
    };
}

wrap!(Base<F>, [F: Field], F, F::Packing::from, base);
wrap!(Extended<F, EF>, [F: Field, EF: ExtensionField<F>], EF, F::Packing::from, base);

/// Adds up the constraints of packed rows, with their weights.
pub struct PackedFolder<'a, F: Field, EF: ExtensionField<F>, P> {
    preprocessed: RowMajorMatrixView<'a, P>,
    main: RowMajorMatrixView<'a, P>,
    weights: &'a [ExtPacking<F, EF>],
    public_values: &'a [F],
    sum: ExtPacking<F, EF>,
}

impl<'a, F: Field, EF: ExtensionField<F>, P: PackedColumn<F, EF>> AirBuilder
    for PackedFolder<'a, F, EF, P>
{
    type F = F;
    type Expr = P;
    type Var = P;
    type M = RowMajorMatrixView<'a, P>;

    fn main(&self) -> Self::M {
        self.main
    }

    fn is_first_row(&self) -> P {
        unimplemented!()
    }

    fn is_last_row(&self) -> P {
        unimplemented!()
    }

    fn is_transition_window(&self, _: usize) -> P {
        unimplemented!()
    }

    #[inline]
    fn assert_zero<I: Into<P>>(&mut self, x: I) {
        let (weight, rest) = self.weights.split_first().expect("a weight for each constraint");
        self.sum += x.into().times(*weight);
        self.weights = rest;
    }
}

impl<F: Field, EF: ExtensionField<F>, P: PackedColumn<F, EF>> PairBuilder
    for PackedFolder<'_, F, EF, P>
{
    fn preprocessed(&self) -> Self::M {
        self.preprocessed
    }
}

impl<F: Field, EF: ExtensionField<F>, P: PackedColumn<F, EF>> EmptyMessageBuilder
    for PackedFolder<'_, F, EF, P>
{
}

impl<F: Field, EF: ExtensionField<F>, P: PackedColumn<F, EF>> AirBuilderWithPublicValues
    for PackedFolder<'_, F, EF, P>
{
    type PublicVar = F;

    fn public_values(&self) -> &[F] {
        self.public_values
    }
}

/// An AIR whose constraints can be evaluated on packed rows.
pub trait PackedAir<F: Field, EF: ExtensionField<F>>:
    for<'b> Air<PackedFolder<'b, F, EF, Base<F>>> + for<'b> Air<PackedFolder<'b, F, EF, Extended<F, EF>>>
{
}

impl<F: Field, EF: ExtensionField<F>, A> PackedAir<F, EF> for A where
    A: for<'b> Air<PackedFolder<'b, F, EF, Base<F>>>
        + for<'b> Air<PackedFolder<'b, F, EF, Extended<F, EF>>>
{
}

/// The rows that a thread works on, and the challenges.
pub(super) struct Rows<'a, F, EF, K> {
    pub(super) public_values: &'a [F],
    pub(super) powers_of_alpha: &'a [EF],
    pub(super) gkr_powers: &'a [EF],
    /// The weight of each pair of rows.
    pub(super) eq: &'a [EF],
    pub(super) preprocessed: &'a [K],
    pub(super) preprocessed_width: usize,
    pub(super) main: &'a [K],
    pub(super) main_width: usize,
}

/// The sums at 0, 2 and 4 over the first pairs of rows, and how many pairs they cover: as many whole packs
/// as there are.
pub(super) fn packed_sums<F, EF, K, A>(rows: &Rows<'_, F, EF, K>, air: &A, first_round: bool) -> ([EF; 3], usize)
where
    F: Field,
    EF: ExtensionField<F>,
    K: Field,
    A: PackedAir<F, EF>,
{
    let pairs = rows.main.len() / (2 * rows.main_width);
    let covered = pairs - pairs % width::<F>();
    if width::<F>() == 1 || covered == 0 {
        return ([EF::zero(); 3], 0);
    }
    let sums = if first_round && TypeId::of::<K>() == TypeId::of::<F>() {
        sums_of::<F, EF, Base<F>, _, A>(rows, covered, air, true)
    } else if TypeId::of::<K>() == TypeId::of::<EF>() {
        sums_of::<F, EF, Extended<F, EF>, _, A>(rows, covered, air, first_round)
    } else {
        return ([EF::zero(); 3], 0);
    };
    (sums, covered)
}

/// The same slice, where the types are the same.
fn cast<T: 'static, U: 'static>(x: &[T]) -> &[U] {
    assert!(TypeId::of::<T>() == TypeId::of::<U>());
    // Safety: the types are the same.
    unsafe { std::slice::from_raw_parts(x.as_ptr().cast(), x.len()) }
}

fn sums_of<F, EF, P, K, A>(
    rows: &Rows<'_, F, EF, K>,
    covered: usize,
    air: &A,
    first_round: bool,
) -> [EF; 3]
where
    F: Field,
    EF: ExtensionField<F>,
    K: Field,
    P: PackedColumn<F, EF>,
    A: for<'b> Air<PackedFolder<'b, F, EF, P>>,
{
    let pack = |x: &EF| ExtPacking::<F, EF>::from_f(*x);
    let weights: Vec<_> = rows.powers_of_alpha.iter().map(pack).collect();
    let gkr_powers: Vec<_> = rows.gkr_powers.iter().map(pack).collect();
    let (main_width, preprocessed_width) = (rows.main_width, rows.preprocessed_width);
    let (main, preprocessed) = (cast(rows.main), cast(rows.preprocessed));
    // Values at 0, 2 and 4 of each column, main columns first.
    let mut at = [(); 3].map(|()| Vec::<P>::with_capacity(main_width + preprocessed_width));
    let mut sums = [ExtPacking::<F, EF>::zero(); 3];
    for first in (0..covered).step_by(width::<F>()) {
        at.iter_mut().for_each(Vec::clear);
        for (table, columns) in [(main, main_width), (preprocessed, preprocessed_width)] {
            for column in 0..columns {
                let start = 2 * first * columns + column;
                let even = P::gather(table, start, 2 * columns);
                let odd = P::gather(table, start + columns, 2 * columns);
                let slope = odd - even;
                let at_2 = even + slope + slope;
                at[0].push(even);
                at[1].push(at_2);
                at[2].push(at_2 + slope + slope);
            }
        }
        let eq = Extended::<F, EF>::gather(rows.eq, first, 1).0;
        let gkr = |at: &[P]| {
            at.iter()
                .zip(&gkr_powers)
                .fold(ExtPacking::<F, EF>::zero(), |sum, (x, power)| sum + x.times(*power))
        };
        let (gkr_0, gkr_2) = (gkr(&at[0]), gkr(&at[1]));
        // It is linear in the point.
        let gkr_4 = gkr_2 + gkr_2 - gkr_0;
        for (i, gkr) in [gkr_0, gkr_2, gkr_4].into_iter().enumerate() {
            let mut total = gkr;
            // In the first round the constraints hold at 0.
            if i > 0 || !first_round {
                let (main, preprocessed) = at[i].split_at(main_width);
                let mut folder = PackedFolder {
                    preprocessed: RowMajorMatrixView::new_row(preprocessed),
                    main: RowMajorMatrixView::new_row(main),
                    weights: &weights,
                    public_values: rows.public_values,
                    sum: ExtPacking::<F, EF>::zero(),
                };
                air.eval(&mut folder);
                total += folder.sum;
            }
            sums[i] += total * eq;
        }
    }
    sums.map(|sum| {
        // All lanes, whatever their order.
        (0..width::<F>())
            .map(|lane| EF::from_base_fn(|k| sum.as_base_slice()[k].as_slice()[lane]))
            .sum()
    })
}
