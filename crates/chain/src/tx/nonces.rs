//! Which nonces of the account are taken.

use std::collections::BTreeSet;

/// Nonces of transactions on their way. It lives behind a lock that is held until a node took the transaction or refused it,
/// so a refused transaction's nonce is free again before another can be given the next one: no gaps.
#[derive(Debug, Default)]
pub(crate) struct Nonces {
    taken: BTreeSet<u64>,
}

impl Nonces {
    /// Takes the lowest free nonce, where `used_on_chain` transactions of the account were mined.
    pub(crate) fn take(&mut self, used_on_chain: u64) -> Option<u64> {
        let free = (used_on_chain..u64::MAX).find(|nonce| !self.taken.contains(nonce))?;
        self.taken.insert(free);
        Some(free)
    }

    /// Marks the nonce of a transaction that was on its way before a restart.
    pub(crate) fn retake(&mut self, nonce: u64) {
        self.taken.insert(nonce);
    }

    /// Gives a nonce back: its transaction was refused, or mined and confirmed.
    pub(crate) fn release(&mut self, nonce: u64) {
        self.taken.remove(&nonce);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_released_nonce_is_taken_before_higher_ones() {
        let mut nonces = Nonces::default();
        assert_eq!((nonces.take(7), nonces.take(7), nonces.take(7)), (Some(7), Some(8), Some(9)));
        nonces.release(8);
        assert_eq!((nonces.take(7), nonces.take(7)), (Some(8), Some(10)));
    }

    #[test]
    fn nonces_from_before_a_restart_are_not_given_out_again() {
        let mut nonces = Nonces::default();
        nonces.retake(4);
        assert_eq!((nonces.take(3), nonces.take(3)), (Some(3), Some(5)));
    }

    #[test]
    fn the_chain_is_the_truth() {
        let mut nonces = Nonces::default();
        nonces.retake(1);
        assert_eq!(nonces.take(20), Some(20), "others used the key meanwhile");
    }
}
