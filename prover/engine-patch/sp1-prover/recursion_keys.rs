//! Proving keys of the recursion programs that every proof uses: compose, of each arity, and deferred.
//!
//! A key takes a gigabyte, and a proof needs one at a time. So a process that has little memory keeps the
//! last ones only, and makes the others again: some seconds each.

use std::sync::Arc;

use sp1_hypercube::{
    prover::{AirProver, ProverSemaphore},
    MachineVerifyingKey,
};
use sp1_primitives::{SP1Field, SP1GlobalContext};
use sp1_recursion_executor::RecursionProgram;
use tokio::sync::Mutex;

use super::CompressProvingKey;
use crate::SP1ProverComponents;

type Program = Arc<RecursionProgram<SP1Field>>;

/// A proving key with its verifying key.
pub(super) type CompressKeys<C> =
    (Arc<CompressProvingKey<C>>, MachineVerifyingKey<SP1GlobalContext>);

/// Keys of programs, the one used last at the end.
pub(super) struct KeptKeys<C: SP1ProverComponents> {
    prover: Arc<C::RecursionProver>,
    permits: ProverSemaphore,
    most: usize,
    keys: Mutex<Vec<(Program, CompressKeys<C>)>>,
}

impl<C: SP1ProverComponents> KeptKeys<C> {
    /// No keys yet, and at most `SP1_WORKER_RECURSION_KEYS`, without which all are kept.
    pub(super) fn new(prover: Arc<C::RecursionProver>, permits: ProverSemaphore) -> Self {
        let most = std::env::var("SP1_WORKER_RECURSION_KEYS")
            .ok()
            .and_then(|most| most.parse().ok())
            .unwrap_or(usize::MAX);
        Self { prover, permits, most, keys: Mutex::default() }
    }

    /// Makes the keys of `programs` now, if all of them can be kept.
    pub(super) async fn make_all(&self, programs: impl ExactSizeIterator<Item = &Program>) {
        if programs.len() <= self.most {
            for program in programs {
                self.get(program).await;
            }
        }
    }

    /// The keys of a program.
    pub(super) async fn get(&self, program: &Program) -> CompressKeys<C> {
        let mut kept = self.keys.lock().await;
        let place = kept.iter().position(|(other, _)| Arc::ptr_eq(other, program));
        let (program, keys) = match place {
            Some(place) => kept.remove(place),
            None => {
                // Frees the oldest before the new one is made.
                let surplus = (kept.len() + 1).saturating_sub(self.most.max(1));
                kept.drain(..surplus);
                let (pk, vk) = self.prover.setup(program.clone(), self.permits.clone()).await;
                // Safety: a key on a CPU holds no resource that the permit guards.
                (program.clone(), (unsafe { pk.into_inner() }, vk))
            }
        };
        kept.push((program, keys.clone()));
        keys
    }
}
