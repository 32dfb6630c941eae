//! Which proofs of a batch are checked.

use alloy::primitives::{B256, keccak256};

/// The `count` leaves of a task's batch of `leaves` that a seed chooses, ascending: those with the smallest
/// `keccak256(seed ‖ task ‖ index as 8 bytes)`.
///
/// Every set of `count` leaves is as likely as any other, as long as nobody can tell the hash from a random function without the seed;
/// with it, everybody gets the same leaves.
#[must_use]
pub fn sample(seed: B256, task: B256, leaves: u32, count: usize) -> Vec<u32> {
    let rank = |leaf: &u32| {
        let index = u64::from(*leaf).to_be_bytes();
        keccak256([seed.as_slice(), task.as_slice(), index.as_slice()].concat())
    };
    let mut chosen: Vec<u32> = (0..leaves).collect();
    chosen.sort_by_cached_key(rank);
    chosen.truncate(count);
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn word(number: u64) -> B256 {
        keccak256(number.to_be_bytes())
    }

    proptest! {
        #[test]
        fn a_sample_has_its_size_and_is_the_same_again(
            seed: [u8; 32], task: [u8; 32], leaves in 0u32..300, count in 0usize..320
        ) {
            let (seed, task) = (B256::from(seed), B256::from(task));
            let chosen = sample(seed, task, leaves, count);
            prop_assert_eq!(chosen.len(), count.min(leaves as usize));
            prop_assert!(chosen.iter().all(|leaf| *leaf < leaves));
            prop_assert!(chosen.is_sorted());
            let distinct: BTreeSet<_> = chosen.iter().collect();
            prop_assert_eq!(distinct.len(), chosen.len());
            prop_assert_eq!(&chosen, &sample(seed, task, leaves, count));
            // Who checks more checks the same ones too.
            let more = sample(seed, task, leaves, count + 1);
            prop_assert!(chosen.iter().all(|leaf| more.contains(leaf)));
        }
    }

    #[test]
    fn every_leaf_is_as_likely_as_any_other() {
        let (leaves, count, tries) = (20, 5, 4_000);
        let mut times = vec![0u32; leaves as usize];
        for number in 0..tries {
            for leaf in sample(word(1), word(number), leaves, count) {
                times[leaf as usize] += 1;
            }
        }
        // Expected 1,000 each, with a standard deviation of 27.
        assert!(times.iter().all(|times| (850..1_150).contains(times)), "{times:?}");
    }

    #[test]
    fn another_seed_or_task_chooses_otherwise() {
        let first = sample(word(1), word(2), 1_000, 20);
        assert_ne!(first, sample(word(3), word(2), 1_000, 20));
        assert_ne!(first, sample(word(1), word(3), 1_000, 20));
    }
}
