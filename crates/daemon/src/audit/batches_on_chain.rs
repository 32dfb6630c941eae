//! A batcher's ledger against the events of the contracts, range of blocks by range of blocks, in both directions; then the contracts'
//! own words about tasks and accounts.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use alloy::{
    primitives::{Address, B256, U256},
    providers::{DynProvider, Provider},
    rpc::types::Filter,
    sol_types::SolEvent,
};
use anyhow::{Context, Result};
use collimate_chain::ChainError;
use collimate_contracts::{
    AlignedLayerServiceManager::{self, BatchVerified, NewBatchV3},
    BatcherPaymentService::{self, TaskPaid, TaskRefunded, TaskSettled},
    fast_mode::{Task, task_id},
};
use collimate_store::{BatchOnChain, BatchStatus, BatcherLedger, FastGroup};
use collimate_tasks::{ServiceManager, TaskStatus};

use super::{Finding, MAX_RANGE, fast_mode::head};

const ACCOUNTS: u32 = 500;

/// What a comparison found.
#[derive(Debug, Default)]
pub(super) struct Compared {
    pub(super) tasks: u64,
    pub(super) findings: Vec<Finding>,
}

impl Compared {
    fn add(&mut self, rule: &str, subject: impl std::fmt::Display) {
        self.findings.push(Finding { rule: rule.to_owned(), subject: subject.to_string() });
    }
}

/// The contracts, and whose tasks are looked at.
#[derive(Debug)]
pub(super) struct Contracts {
    pub(super) provider: DynProvider,
    pub(super) manager: Address,
    pub(super) payments: Address,
    pub(super) batcher: Address,
}

/// A task of the batcher as the chain announced it.
#[derive(Debug)]
struct Created {
    event: NewBatchV3,
    paid: TaskPaid,
    tx_hash: B256,
}

/// What became of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Verified,
    Settled,
    Refunded,
}

/// What the chain says of the batcher's tasks in some blocks. Verified are those of everybody who pays with the same contract.
#[derive(Debug, Default)]
struct Told {
    created: BTreeMap<B256, Created>,
    /// With the task and the block.
    ends: BTreeSet<(End, B256, u64)>,
}

impl Contracts {
    /// Compares up to the block to which the ledger knows the chain.
    pub(super) async fn compare(
        &self,
        ledger: Option<&BatcherLedger>,
        first: u64,
        last: u64,
    ) -> Result<Compared> {
        let mut compared = Compared::default();
        let manager = ServiceManager::open(self.provider.clone(), self.manager).await?;
        let mut from = first;
        while from <= last {
            let to = from.saturating_add(MAX_RANGE - 1).min(last);
            let mut told = self.told(from, to).await?;
            if let Some(ledger) = ledger {
                for batch in ledger.batches_of_blocks(from, to).await? {
                    ends_agree(&batch, from, to, &mut told, &mut compared);
                    if (from..=to).contains(&batch.task_block) {
                        compared.tasks += 1;
                        let groups = ledger.groups_of(batch.id).await?;
                        created_agrees(&batch, &groups, &mut told, &mut compared);
                        self.status_agrees(&manager, &batch, last, &mut compared).await?;
                    }
                }
            }
            self.unknown(ledger, told, &mut compared).await?;
            from = to.saturating_add(1);
        }
        if let Some(ledger) = ledger {
            self.nonces_agree(ledger, last, &mut compared).await?;
        }
        Ok(compared)
    }

    async fn told(&self, from: u64, to: u64) -> Result<Told> {
        let events = [
            NewBatchV3::SIGNATURE_HASH,
            BatchVerified::SIGNATURE_HASH,
            TaskPaid::SIGNATURE_HASH,
            TaskSettled::SIGNATURE_HASH,
            TaskRefunded::SIGNATURE_HASH,
        ];
        let filter = Filter::new()
            .address(vec![self.manager, self.payments])
            .event_signature(events.to_vec())
            .from_block(from)
            .to_block(to);
        let logs = self.provider.get_logs(&filter).await;
        let logs = logs.map_err(ChainError::node("eth_getLogs"))?;
        let (mut announced, mut paid) = (BTreeMap::new(), vec![]);
        let mut told = Told::default();
        for log in &logs {
            let block = log.block_number.unwrap_or(0);
            let data = log.data();
            if log.address() == self.manager {
                if let Ok(event) = NewBatchV3::decode_log_data(data) {
                    announced.insert(task_id(&Task::from(&event)), event);
                } else if let Ok(event) = BatchVerified::decode_log_data(data)
                    && event.senderAddress == self.payments
                {
                    told.ends.insert((End::Verified, event.taskId, block));
                }
            } else if let Ok(event) = TaskPaid::decode_log_data(data) {
                paid.push((event, log.transaction_hash.unwrap_or_default()));
            } else if let Ok(event) = TaskSettled::decode_log_data(data) {
                if event.batcher == self.batcher {
                    told.ends.insert((End::Settled, event.taskId, block));
                }
            } else if let Ok(event) = TaskRefunded::decode_log_data(data)
                && event.batcher == self.batcher
            {
                told.ends.insert((End::Refunded, event.taskId, block));
            }
        }
        for (paid, tx_hash) in paid.into_iter().filter(|(paid, _)| paid.batcher == self.batcher) {
            let id = paid.taskId;
            let event = announced.remove(&id).with_context(|| {
                format!("the node says that task {id} was paid for, and not that it was created")
            })?;
            told.created.insert(id, Created { event, paid, tx_hash });
        }
        Ok(told)
    }

    /// What is left of the chain's events is known to nobody here.
    async fn unknown(
        &self,
        ledger: Option<&BatcherLedger>,
        told: Told,
        compared: &mut Compared,
    ) -> Result<()> {
        for id in told.created.keys() {
            compared.add("a task that was paid for on chain is a batch of the batcher", id);
        }
        let Some(ledger) = ledger else { return Ok(()) };
        let asked: Vec<[u8; 32]> = told.ends.iter().map(|(_, id, _)| id.0).collect();
        // Verified are tasks of other batchers, too.
        let known: HashSet<[u8; 32]> = ledger.known_tasks(&asked).await?.into_iter().collect();
        for (end, id, block) in told.ends.iter().filter(|(_, id, _)| known.contains(&id.0)) {
            let subject = format!("task {id} {end:?} in block {block}");
            compared.add("what became of a task on chain is known to the batcher", subject);
        }
        Ok(())
    }

    /// The contract's own word about a task, in its newest block.
    async fn status_agrees(
        &self,
        manager: &ServiceManager,
        batch: &BatchOnChain,
        known_to: u64,
        compared: &mut Compared,
    ) -> Result<()> {
        let within = |block: Option<u64>| block.filter(|block| *block <= known_to);
        let (verified, refunded) = (within(batch.verified_block), within(batch.refunded_block));
        let says = manager.status(batch.task_id.into()).await?;
        let agrees = match () {
            () if verified.is_some() => says == TaskStatus::Verified,
            () if refunded.is_some() => says == TaskStatus::Expired,
            // In its last block it is still open to the contract, and over for whoever would be in the next.
            () if batch.status == BatchStatus::Expired => {
                matches!(says, TaskStatus::Open | TaskStatus::Expired)
            }
            // Its end may be on its way.
            () => says != TaskStatus::Unknown,
        };
        if !agrees {
            compared.add("the contract says of a task what the batcher says", batch.id);
        }
        let contract = AlignedLayerServiceManager::new(self.manager, &self.provider);
        if let Some(block) = verified {
            let first = contract.verifiedIn(batch.root.into(), self.payments).call().await?;
            // The same proofs may have been verified before.
            if first.is_zero() || first > U256::from(block) {
                compared.add("a verified batch is known to the contract", batch.id);
            }
        }
        if batch.status == BatchStatus::Open && batch.last_block <= known_to {
            compared.add("a batch whose time is over is not open", batch.id);
        }
        Ok(())
    }

    /// The contract's nonce of each account is the one after what its groups took.
    async fn nonces_agree(
        &self,
        ledger: &BatcherLedger,
        known_to: u64,
        compared: &mut Compared,
    ) -> Result<()> {
        let contract = BatcherPaymentService::new(self.payments, &self.provider);
        let (mut after, mut differ) = (None, vec![]);
        loop {
            let page = ledger.charged_accounts(after.as_ref(), ACCOUNTS).await?;
            let Some((last, _)) = page.last() else { break };
            after = Some(*last);
            for (account, nonce) in page {
                let user = Address::from(account);
                let on_chain = contract.account(self.batcher, user).call().await?.nonce;
                if on_chain != nonce {
                    differ.push((user, on_chain, nonce));
                }
            }
        }
        if differ.is_empty() {
            return Ok(());
        }
        // Charges that the ledger learns of next are on their way.
        let charged = self.charged_since(known_to).await?;
        for (user, on_chain, nonce) in differ {
            if !charged.contains(&user) {
                let subject = format!("{user}: {on_chain} on chain, {nonce} here");
                compared.add("an account's nonce on chain is what its groups took", subject);
            }
        }
        Ok(())
    }

    async fn charged_since(&self, known_to: u64) -> Result<HashSet<Address>> {
        let head = head(&self.provider).await?;
        let mut charged = HashSet::new();
        let mut from = known_to.saturating_add(1);
        while from <= head {
            let to = from.saturating_add(MAX_RANGE - 1).min(head);
            let created = self.told(from, to).await?.created;
            let charges = created.into_values().flat_map(|created| created.paid.charges);
            charged.extend(charges.map(|charge| charge.user));
            from = to.saturating_add(1);
        }
        Ok(charged)
    }
}

/// What the ledger says became of a batch, the chain says of the same block.
fn ends_agree(batch: &BatchOnChain, from: u64, to: u64, told: &mut Told, compared: &mut Compared) {
    let ends = [
        (End::Verified, batch.verified_block),
        (End::Settled, batch.settled_block),
        (End::Refunded, batch.refunded_block),
    ];
    for (end, block) in ends {
        if let Some(block) = block.filter(|block| (from..=to).contains(block))
            && !told.ends.remove(&(end, B256::from(batch.task_id), block))
        {
            let subject = format!("{} {end:?} in block {block}", batch.id);
            compared.add("what became of a batch happened on chain", subject);
        }
    }
}

fn created_agrees(
    batch: &BatchOnChain,
    groups: &[FastGroup],
    told: &mut Told,
    compared: &mut Compared,
) {
    let Some(Created { event, paid, tx_hash }) = told.created.remove(&B256::from(batch.task_id))
    else {
        compared.add("a batch whose task is on chain is there", batch.id);
        return;
    };
    let is_the_task = event.batchMerkleRoot == batch.root
        && event.batchDataPointer == batch.pointer
        && event.respondToTaskFeeLimit == U256::from(batch.fee_limit)
        && u64::from(event.taskCreatedBlock) == batch.task_block
        && tx_hash == batch.tx_hash;
    if !is_the_task {
        compared.add("a batch is the one that its task announces", batch.id);
    }
    let charges: Vec<(Address, U256)> =
        paid.charges.iter().map(|charge| (charge.user, charge.fee)).collect();
    let stored: Vec<(Address, U256)> = groups
        .iter()
        .map(|group| (group.account.into(), U256::from(group.charged.unwrap_or(0))))
        .collect();
    let is_the_payment = charges == stored
        && paid.feePerProof == batch.fee_per_proof
        && paid.total == U256::from(batch.total)
        && paid.added == U256::from(batch.added);
    if !is_the_payment {
        compared.add("what a batch's users were charged is what the chain says", batch.id);
    }
}
