//! Extension elements side by side: [`WIDTH`] at a time, coefficient by coefficient.

use core::any::TypeId;

use p3_field::extension::BinomialExtensionField;

use crate::{vector::*, KoalaBear};

/// An element of the degree-4 extension.
pub type Ext = BinomialExtensionField<KoalaBear, 4>;

/// Elements of the extension whose coefficients are packed.
pub(crate) type PackedExt = BinomialExtensionField<Packed, 4>;

/// Number of elements in [`Lanes`].
pub(crate) const LANES: usize = WIDTH;

/// Elements of the extension, in the order of [`reorder`]: `self.0[k]` holds their `k`-th coefficients.
#[derive(Clone, Copy)]
pub(crate) struct Lanes([V; 4]);

/// The coefficients as Montgomery representatives.
#[inline(always)]
fn raw(x: &Ext) -> &[u32; 4] {
    // Safety: `Ext` is a C structure of one array of four `KoalaBear`s, which are transparent `u32`s.
    unsafe { &*core::ptr::from_ref(x).cast() }
}

impl Lanes {
    #[inline(always)]
    pub(crate) fn zero() -> Self {
        Self([splat(0); 4])
    }

    #[inline(always)]
    pub(crate) fn splat(x: Ext) -> Self {
        let [a, b, c, d] = *raw(&x);
        Self([splat(a), splat(b), splat(c), splat(d)])
    }

    #[inline(always)]
    pub(crate) fn add(self, other: Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Self([add_mod(a, e), add_mod(b, f), add_mod(c, g), add_mod(d, h)])
    }

    #[inline(always)]
    pub(crate) fn sub(self, other: Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Self([sub_mod(a, e), sub_mod(b, f), sub_mod(c, g), sub_mod(d, h)])
    }

    /// The products; the formulas and their bounds are in [`crate::ext4`].
    #[inline(always)]
    pub(crate) fn mul(self, other: Self) -> Self {
        let (a, b) = (self.0, other.0);
        let t = [b[0], triple(b[1]), triple(b[2]), triple(b[3])];
        let (even, odd) = (sums(a, b, t), sums(all_odd(a), all_odd(b), all_odd(t)));
        Self([
            reduce(even[0], odd[0]),
            reduce(even[1], odd[1]),
            reduce(even[2], odd[2]),
            reduce(even[3], odd[3]),
        ])
    }

    /// The elements, in their order.
    #[inline(always)]
    pub(crate) fn store(self, out: &mut [Ext]) {
        let out = &mut out[..WIDTH];
        // Safety: the slice has the size of the four vectors; the write may be unaligned.
        unsafe { out.as_mut_ptr().cast::<[V; 4]>().write_unaligned(transpose(self.0)) }
    }

    /// The same in the field's own packing.
    #[inline(always)]
    pub(crate) fn to_packed(self) -> PackedExt {
        // Safety: it is a C structure of one array of four packed coefficients.
        unsafe { core::mem::transmute_copy(&self.0.map(to_packed)) }
    }

    /// The sum of all elements.
    #[inline(always)]
    pub(crate) fn sum(self) -> Ext {
        let [a, b, c, d] = transpose(self.0);
        let quarters = add_mod(add_mod(a, b), add_mod(c, d));
        // Safety: the vector has the size of the array.
        let parts: [Ext; WIDTH / 4] = unsafe { core::mem::transmute(quarters) };
        parts.into_iter().sum()
    }
}

// Arrays are written out in this file: `map` and `from_fn` go through memory for vectors.

#[inline(always)]
fn all_odd([a, b, c, d]: [V; 4]) -> [V; 4] {
    [odd(a), odd(b), odd(c), odd(d)]
}

#[inline(always)]
fn triple(x: V) -> V {
    add_mod(add_mod(x, x), x)
}

/// The 64-bit sums of the even lanes for each coefficient of the product; `t` is `3 b`.
#[inline(always)]
fn sums(a: [V; 4], b: [V; 4], t: [V; 4]) -> [V; 4] {
    #[inline(always)]
    fn sum(a: [V; 4], b: [V; 4]) -> V {
        add64(
            add64(mul_even(a[0], b[0]), mul_even(a[1], b[1])),
            add64(mul_even(a[2], b[2]), mul_even(a[3], b[3])),
        )
    }
    [
        sum(a, [b[0], t[3], t[2], t[1]]),
        sum(a, [b[1], b[0], t[3], t[2]]),
        sum(a, [b[2], b[1], b[0], t[3]]),
        sum(a, [b[3], b[2], b[1], b[0]]),
    ]
}

/// The products of elements whose coefficients are packed.
#[inline(always)]
pub(crate) fn mul_packed(a: &[Packed; 4], b: &[Packed; 4]) -> [Packed; 4] {
    let lanes = |x: &[Packed; 4]| {
        Lanes([from_packed(x[0]), from_packed(x[1]), from_packed(x[2]), from_packed(x[3])])
    };
    let [c, d, e, f] = lanes(a).mul(lanes(b)).0;
    [to_packed(c), to_packed(d), to_packed(e), to_packed(f)]
}

/// What kernels read: elements of the field or of its extension.
pub(crate) trait Element: Copy + 'static {
    type Vector: Copy;
    const ZERO: Self;
    /// [`WIDTH`] elements that follow each other.
    fn run(from: &[Self]) -> Self::Vector;
    /// Elements at these places, for the lanes in their order.
    fn pick(from: &[Self], at: &[usize; WIDTH]) -> Self::Vector;
    fn plus(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn minus(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn times(a: Self::Vector, b: Lanes) -> Lanes;
    fn lanes(a: Self::Vector) -> Lanes;
    fn to_ext(self) -> Ext;
}

impl Element for KoalaBear {
    type Vector = V;
    const ZERO: Self = Self { value: 0 };

    #[inline(always)]
    fn run(from: &[Self]) -> V {
        // Safety: the slice is as long as a vector of transparent `u32`s; the read may be unaligned.
        reorder(unsafe { from[..WIDTH].as_ptr().cast::<V>().read_unaligned() })
    }

    #[inline(always)]
    fn pick(from: &[Self], at: &[usize; WIDTH]) -> V {
        let mut elements = [Self::ZERO; WIDTH];
        for (element, i) in elements.iter_mut().zip(at) {
            *element = from[*i];
        }
        Self::run(&elements)
    }

    #[inline(always)]
    fn plus(a: V, b: V) -> V {
        add_mod(a, b)
    }

    #[inline(always)]
    fn minus(a: V, b: V) -> V {
        sub_mod(a, b)
    }

    #[inline(always)]
    fn times(a: V, b: Lanes) -> Lanes {
        let a_odd = odd(a);
        let [b, c, d, e] = b.0;
        Lanes([
            mul_with_odd(a, a_odd, b, odd(b)),
            mul_with_odd(a, a_odd, c, odd(c)),
            mul_with_odd(a, a_odd, d, odd(d)),
            mul_with_odd(a, a_odd, e, odd(e)),
        ])
    }

    #[inline(always)]
    fn lanes(a: V) -> Lanes {
        Lanes([a, splat(0), splat(0), splat(0)])
    }

    #[inline(always)]
    fn to_ext(self) -> Ext {
        Ext::from(self)
    }
}

impl Element for Ext {
    type Vector = Lanes;
    // Safety: see `raw`.
    const ZERO: Self = unsafe { core::mem::transmute([0_u32; 4]) };

    #[inline(always)]
    fn run(from: &[Self]) -> Lanes {
        // Safety: the slice has the size of the four vectors; the read may be unaligned.
        Lanes(transpose(unsafe { from[..WIDTH].as_ptr().cast::<[V; 4]>().read_unaligned() }))
    }

    #[inline(always)]
    fn pick(from: &[Self], at: &[usize; WIDTH]) -> Lanes {
        let quarter = |i: usize| {
            let mut elements = [core::ptr::null(); WIDTH / 4];
            for (element, i) in elements.iter_mut().zip(&at[WIDTH / 4 * i..]) {
                *element = core::ptr::from_ref(raw(&from[*i]));
            }
            // Safety: each pointer comes from a reference.
            unsafe { quarters(elements) }
        };
        Lanes(transpose([quarter(0), quarter(1), quarter(2), quarter(3)]))
    }

    #[inline(always)]
    fn plus(a: Lanes, b: Lanes) -> Lanes {
        a.add(b)
    }

    #[inline(always)]
    fn minus(a: Lanes, b: Lanes) -> Lanes {
        a.sub(b)
    }

    #[inline(always)]
    fn times(a: Lanes, b: Lanes) -> Lanes {
        a.mul(b)
    }

    #[inline(always)]
    fn lanes(a: Lanes) -> Lanes {
        a
    }

    #[inline(always)]
    fn to_ext(self) -> Ext {
        self
    }
}

/// The same slice, where `T` is `U`.
#[inline(always)]
pub(crate) fn same<T: 'static, U: 'static>(x: &[T]) -> Option<&[U]> {
    // Safety: the types are the same.
    (TypeId::of::<T>() == TypeId::of::<U>())
        .then(|| unsafe { core::slice::from_raw_parts(x.as_ptr().cast(), x.len()) })
}

/// The same slice, where `T` is `U`.
#[inline(always)]
pub(crate) fn same_mut<T: 'static, U: 'static>(x: &mut [T]) -> Option<&mut [U]> {
    // Safety: the types are the same.
    (TypeId::of::<T>() == TypeId::of::<U>())
        .then(|| unsafe { core::slice::from_raw_parts_mut(x.as_mut_ptr().cast(), x.len()) })
}
