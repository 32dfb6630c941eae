//! The signatures of one task, by stake: no clock, no I/O.

use std::collections::BTreeMap;

use alloy::primitives::{U256, aliases::U96};
use collimate_attestation::{QUORUM_PERCENT, Signature};
use collimate_contracts::G2Point;
use collimate_tasks::{
    RegisteredOperator,
    wire::{Acknowledged, TaskSignature},
};

use crate::{GroupView, SignaturesError};

/// Verified signatures of an epoch's operators.
#[derive(Debug, Clone)]
pub struct Collection {
    operators: BTreeMap<u32, RegisteredOperator>,
    total_stake: U256,
    answers: BTreeMap<u32, (U96, Signature)>,
}

/// What the contract takes as the answer of a quorum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quorum {
    /// Proof systems of the batch, as bits by id.
    pub systems: U96,
    /// The sum of the signatures.
    pub signature: Signature,
    /// Ids of all others of the epoch, ascending.
    pub absent: Vec<u32>,
}

impl Collection {
    /// Of these operators, none of whom signed yet.
    #[must_use]
    pub fn new(operators: Vec<RegisteredOperator>) -> Self {
        let total_stake =
            operators.iter().fold(U256::ZERO, |sum, operator| sum.saturating_add(operator.stake));
        let operators = operators.into_iter().map(|operator| (operator.id, operator)).collect();
        Self { operators, total_stake, answers: BTreeMap::new() }
    }

    /// Key of an operator that counts.
    ///
    /// # Errors
    /// [`SignaturesError::NotInEpoch`].
    pub fn key_of(&self, operator: u32) -> Result<G2Point, SignaturesError> {
        let found = self.operators.get(&operator);
        found.map(|operator| operator.public_key).ok_or(SignaturesError::NotInEpoch { operator })
    }

    /// Counts a signature that was verified against [`key_of`](Self::key_of). Counting it again changes nothing.
    ///
    /// # Errors
    /// [`SignaturesError::Conflict`] if the operator gave another answer before; [`SignaturesError::NotInEpoch`].
    pub fn add(
        &mut self,
        operator: u32,
        systems: U96,
        signature: Signature,
    ) -> Result<Acknowledged, SignaturesError> {
        self.key_of(operator)?;
        let (known, _) = *self.answers.entry(operator).or_insert((systems, signature));
        match known == systems {
            true => Ok(self.acknowledge(systems)),
            false => Err(SignaturesError::Conflict { operator }),
        }
    }

    /// Whether exactly this was counted before.
    #[must_use]
    pub fn has(&self, answer: &TaskSignature) -> bool {
        self.answers.get(&answer.operator_id).is_some_and(|(systems, signature)| {
            *systems == answer.proving_systems && signature.to_bytes() == answer.signature.0
        })
    }

    /// How far the signatures for these proof systems are.
    #[must_use]
    pub fn acknowledge(&self, systems: U96) -> Acknowledged {
        Acknowledged { signed_stake: self.stake_for(systems), needed_stake: self.needed_stake() }
    }

    /// Whether nobody is missing any more.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.answers.len() == self.operators.len()
    }

    /// Operators that signed.
    #[must_use]
    pub fn signers(&self) -> usize {
        self.answers.len()
    }

    /// Stake of all, in wei.
    #[must_use]
    pub const fn total_stake(&self) -> U256 {
        self.total_stake
    }

    /// Stake that makes a quorum, in wei, rounded up: signed · 100 ≥ total · 67, the contract's rule.
    #[must_use]
    pub fn needed_stake(&self) -> U256 {
        self.total_stake
            .saturating_mul(U256::from(QUORUM_PERCENT))
            .div_ceil(U256::from(100))
            .max(U256::from(1))
    }

    /// The answer of a quorum, if there is one. Two cannot be: they would be more than the whole stake.
    #[must_use]
    pub fn quorum(&self) -> Option<Quorum> {
        let needed = self.needed_stake();
        let systems =
            self.systems().into_iter().find(|systems| self.stake_for(*systems) >= needed)?;
        let signed = |id: &u32| self.answers.get(id).is_some_and(|(found, _)| *found == systems);
        let signatures: Vec<_> = self
            .answers
            .values()
            .filter(|(found, _)| *found == systems)
            .map(|(_, signature)| *signature)
            .collect();
        // Signatures of operators with proofs of possession do not cancel out.
        let signature = Signature::aggregate(&signatures)?;
        let absent = self.operators.keys().filter(|id| !signed(id)).copied().collect();
        Some(Quorum { systems, signature, absent })
    }

    /// The signatures, by what they say.
    #[must_use]
    pub fn groups(&self) -> Vec<GroupView> {
        let group = |systems: U96| GroupView {
            proving_systems: systems,
            signed_stake: self.stake_for(systems),
            signatures: self
                .answers
                .iter()
                .filter(|(_, (found, _))| *found == systems)
                .map(|(id, (_, signature))| TaskSignature {
                    operator_id: *id,
                    proving_systems: systems,
                    signature: signature.to_bytes().into(),
                })
                .collect(),
        };
        self.systems().into_iter().map(group).collect()
    }

    fn systems(&self) -> std::collections::BTreeSet<U96> {
        self.answers.values().map(|(systems, _)| *systems).collect()
    }

    fn stake_for(&self, systems: U96) -> U256 {
        self.answers
            .iter()
            .filter(|(_, (found, _))| *found == systems)
            .filter_map(|(id, _)| self.operators.get(id))
            .fold(U256::ZERO, |sum, operator| sum.saturating_add(operator.stake))
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{Address, B256};
    use collimate_attestation::{PublicKey, SecretKey};

    use super::*;

    fn key(index: u8) -> SecretKey {
        SecretKey::from_seed(&[index; 32]).unwrap()
    }

    /// Operators 0, 1, … with these stakes.
    fn collection(stakes: &[u64]) -> Collection {
        let operator = |(id, stake): (u8, &u64)| RegisteredOperator {
            id: id.into(),
            account: Address::repeat_byte(id),
            stake: U256::from(*stake),
            public_key: key(id).public_key().to_point(),
        };
        Collection::new((0..).zip(stakes).map(operator).collect())
    }

    fn sign(
        collection: &mut Collection,
        id: u8,
        systems: u64,
    ) -> Result<Acknowledged, SignaturesError> {
        let message = B256::with_last_byte(u8::try_from(systems).unwrap());
        collection.add(id.into(), U96::from(systems), key(id).sign(message))
    }

    #[test]
    fn a_quorum_is_67_percent_and_not_a_wei_less() {
        let mut exact = collection(&[67, 33]);
        sign(&mut exact, 0, 1).unwrap();
        assert_eq!(exact.quorum().unwrap().absent, [1]);
        let mut short = collection(&[66, 33, 1]);
        sign(&mut short, 0, 1).unwrap();
        assert_eq!(short.quorum(), None);
        sign(&mut short, 2, 1).unwrap();
        let quorum = short.quorum().unwrap();
        assert_eq!(quorum.absent, [1]);
        let keys: Vec<PublicKey> = [0, 2].map(|id| key(id).public_key()).to_vec();
        let sum = PublicKey::aggregate(&keys).unwrap();
        assert!(quorum.signature.verify(B256::with_last_byte(1), &sum));
    }

    #[test]
    fn answers_that_differ_do_not_add_up() {
        let mut collection = collection(&[1, 1, 1, 1]);
        for (id, systems) in [(0, 1), (1, 2), (2, 1)] {
            sign(&mut collection, id, systems).unwrap();
        }
        assert_eq!(collection.quorum(), None, "three of four, but two answers");
        sign(&mut collection, 3, 1).unwrap();
        assert_eq!(collection.quorum().unwrap().absent, [1]);
        assert_eq!(collection.groups().len(), 2);
    }

    #[test]
    fn an_operator_counts_once_and_with_its_first_answer() {
        let mut collection = collection(&[50, 50]);
        let first = sign(&mut collection, 0, 1).unwrap();
        assert_eq!(sign(&mut collection, 0, 1).unwrap(), first);
        assert_eq!(sign(&mut collection, 0, 2).unwrap_err().code(), "SIG-006");
        assert_eq!(sign(&mut collection, 7, 1).unwrap_err().code(), "SIG-003");
        assert_eq!(collection.quorum(), None);
    }

    #[test]
    fn an_epoch_without_stake_has_no_quorum() {
        assert_eq!(collection(&[]).quorum(), None);
        let mut worthless = collection(&[0]);
        sign(&mut worthless, 0, 1).unwrap();
        assert_eq!(worthless.quorum(), None);
    }
}
