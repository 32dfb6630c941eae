//! How likely a bad proof would have been seen.

/// The probability that at least one of `bad` proofs is among `checked` of `all`, when either of them were chosen at random:
///
/// `1 − C(all − bad, checked) / C(all, checked) = 1 − C(all − checked, bad) / C(all, bad)`,
///
/// the complement of drawing none in the hypergeometric distribution, which describes drawing without replacement (W. Feller, An
/// Introduction to Probability Theory and Its Applications, volume 1, II.6).
///
/// It also holds for many batches together, with `all` and `checked` summed over them, whatever part of each was checked, if the
/// bad proofs can be anywhere with equal probability: of `C(all, bad)` places for them, `Σ Π C(nᵢ − kᵢ, bᵢ)` over all
/// `b₁ + b₂ + … = bad` avoid what was checked, and by Vandermonde's identity that sum is `C(all − checked, bad)`. Who makes a batch
/// does not know the seed, so within a batch no place is better than another.
#[must_use]
pub fn probability_seen(all: u64, checked: u64, bad: u64) -> f64 {
    let (checked, bad) = (checked.min(all), bad.min(all));
    // The formula is symmetric: the shorter product is taken.
    let (fewer, more) = (checked.min(bad), checked.max(bad));
    if fewer == 0 {
        return 0.0;
    }
    if fewer > all.saturating_sub(more) {
        return 1.0;
    }
    // Logarithms, so that probabilities near 0 keep their digits.
    let missed: f64 =
        (0..fewer).map(|drawn| (-float(more) / float(all.saturating_sub(drawn))).ln_1p()).sum();
    -missed.exp_m1()
}

/// The logarithm of the probability that one bad proof of a batch of `all` was not among the `checked`.
pub(crate) fn log_missed_one(all: u64, checked: u64) -> f64 {
    if all == 0 {
        return 0.0;
    }
    (-float(checked.min(all)) / float(all)).ln_1p()
}

#[allow(
    clippy::cast_precision_loss,
    reason = "counts of proofs; the result is an estimate for people"
)]
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn binomial(n: u64, k: u64) -> u128 {
        if k > n {
            return 0;
        }
        (0..k).fold(1, |product, i| product * u128::from(n - i) / u128::from(i + 1))
    }

    /// The formula as it is written, in whole numbers.
    fn exact(all: u64, checked: u64, bad: u64) -> f64 {
        1.0 - binomial(all - bad, checked) as f64 / binomial(all, checked) as f64
    }

    proptest! {
        #[test]
        fn it_is_the_formula((all, checked, bad) in (1u64..90).prop_flat_map(|all| (Just(all), 0..=all, 0..=all))) {
            let found = probability_seen(all, checked, bad);
            prop_assert!((found - exact(all, checked, bad)).abs() < 1e-9, "{} {}", found, exact(all, checked, bad));
            prop_assert!((found - probability_seen(all, bad, checked)).abs() < 1e-12, "symmetric");
        }

        #[test]
        fn who_checks_more_sees_more(all in 2u64..1_000_000, checked in 0u64..1_000, bad in 1u64..200) {
            let found = probability_seen(all, checked, bad);
            prop_assert!((0.0..=1.0).contains(&found));
            prop_assert!(probability_seen(all, checked + 1, bad) >= found - 1e-12);
            prop_assert!(probability_seen(all, checked, bad + 1) >= found - 1e-12);
            prop_assert!(probability_seen(all + 1, checked, bad) <= found + 1e-12);
        }

        /// Two batches of which different parts were checked, and every way to place the bad proofs in them.
        #[test]
        fn batches_add_up(first in 1u32..6, second in 1u32..6, in_first in 0u32..6, in_second in 0u32..6, bad in 1u32..5) {
            let (in_first, in_second) = (in_first.min(first), in_second.min(second));
            let all = first + second;
            let bad = bad.min(all);
            let checked: u32 = ((1 << in_first) - 1) | (((1 << in_second) - 1) << first);
            let places: Vec<u32> = (0..1u32 << all).filter(|places| places.count_ones() == bad).collect();
            let seen = places.iter().filter(|places| **places & checked != 0).count();
            let expected = seen as f64 / places.len() as f64;
            let found = probability_seen(all.into(), (in_first + in_second).into(), bad.into());
            prop_assert!((found - expected).abs() < 1e-12, "{} {}", found, expected);
        }
    }

    #[test]
    fn nothing_checked_sees_nothing_and_everything_checked_sees_all() {
        assert_eq!(probability_seen(0, 0, 1), 0.0);
        assert_eq!(probability_seen(100, 0, 100), 0.0);
        assert_eq!(probability_seen(100, 100, 1), 1.0);
        assert_eq!(probability_seen(100, 60, 41), 1.0, "there is no room for them");
        assert!((probability_seen(1_000, 50, 1) - 0.05).abs() < 1e-12);
        assert_eq!(log_missed_one(10, 10), f64::NEG_INFINITY);
        assert!((log_missed_one(10, 5) - 0.5f64.ln()).abs() < 1e-12);
    }
}
