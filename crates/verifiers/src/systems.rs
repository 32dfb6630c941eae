use std::{collections::BTreeMap, sync::Arc};

use crate::{ProofSystem, ProofSystemId};

/// Which proof systems a process verifies, with their verifiers.
#[derive(Debug, Clone, Default)]
pub struct ProofSystems(BTreeMap<u16, Arc<dyn ProofSystem>>);

impl ProofSystems {
    /// The verifier of the proof system with this number.
    #[must_use]
    pub fn get(&self, number: u16) -> Option<&Arc<dyn ProofSystem>> {
        self.0.get(&number)
    }

    /// Their numbers, in order.
    pub fn numbers(&self) -> impl Iterator<Item = u16> {
        self.0.keys().copied()
    }

    /// Their numbers as bits.
    #[must_use]
    pub fn bits(&self) -> u128 {
        self.numbers().fold(0, |bits, number| bits | 1 << number)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<ProofSystemId> for ProofSystems {
    /// Builds their verifiers. Clone it for others: that of SP1's compressed proofs takes time to build.
    fn from_iter<I: IntoIterator<Item = ProofSystemId>>(ids: I) -> Self {
        ids.into_iter().map(|id| (id, id.verifier())).collect()
    }
}

impl FromIterator<(ProofSystemId, Arc<dyn ProofSystem>)> for ProofSystems {
    fn from_iter<I: IntoIterator<Item = (ProofSystemId, Arc<dyn ProofSystem>)>>(
        systems: I,
    ) -> Self {
        Self(systems.into_iter().map(|(id, verifier)| (id.number(), verifier)).collect())
    }
}
