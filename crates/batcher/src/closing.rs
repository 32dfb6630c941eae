//! Closes batches: which groups, at which price, after asking the chain whether each of them can be charged.

use std::collections::{HashMap, HashSet};

use alloy::primitives::{Address, B256};
use collimate_api::fast::GroupEnd;
use collimate_batch::{Group, Manifest, Pointer};
use collimate_contracts::fast_mode::Authorization;
use collimate_objects::Key;
use collimate_store::{FastBatch, FastGroup, NewBatch, WaitingGroup, age_of};
use futures::{StreamExt, TryStreamExt, stream};

use crate::{
    BatcherError, Candidate, Choice, Room,
    chain::{Head, Refusal},
    choose::choose,
    config::bit,
    driver::Driver,
    ends,
    limits::{MAX_CANDIDATES, MAX_CHOICES, NODE_QUESTIONS},
    price::Quote,
    shared::now,
};

/// A group that cannot be charged now.
struct Refused {
    group: [u8; 32],
    account: [u8; 20],
    /// Why it never can be; nothing if it can as soon as the ledger has caught up with the chain.
    end: Option<GroupEnd>,
}

impl Driver {
    /// Closes a batch if it is time for one, and somebody pays for it. `at` is the block up to which the ledger knows the chain.
    pub(crate) async fn close(
        &self,
        head: &Head,
        at: u64,
    ) -> Result<Option<FastBatch>, BatcherError> {
        let last_chance = self.last_chance(head);
        for id in self.ledger.overdue_groups(last_chance, MAX_CANDIDATES).await? {
            self.reject(&id, GroupEnd::DeadlinePassed).await?;
        }
        let mut waiting = self.ledger.waiting_groups(MAX_CANDIDATES).await?;
        for group in disabled(&waiting, head) {
            let gone = self.reject(&group, GroupEnd::SystemDisabled).await?;
            waiting.retain(|group| !gone.contains(&group.id));
        }
        if head.paused || !self.is_time(&waiting, head) {
            return Ok(None);
        }
        let quote = Quote::new(self.prices, head.base_fee);
        for _ in 0..MAX_CHOICES {
            let doubts = doubts(&waiting);
            let candidates: Vec<Candidate> =
                waiting.iter().map(|group| self.candidate(group, &doubts)).collect();
            // Thousands of groups take milliseconds: off the threads that serve everybody.
            let (room, costs) = (self.room(), quote.costs);
            let chosen = tokio::task::spawn_blocking(move || choose(&candidates, &room, &costs));
            let chosen = chosen.await;
            let choice = chosen.map_err(|e| BatcherError::Inconsistent(e.to_string()))?;
            let Some(choice) = choice else { return Ok(None) };
            let refused = self.refused(&waiting, &choice, head, at).await?;
            if refused.is_empty() {
                return self.close_these(&waiting, &choice, &quote).await.map(Some);
            }
            for refused in refused {
                let Some(end) = refused.end else {
                    waiting.retain(|group| group.account != refused.account);
                    continue;
                };
                let gone = self.reject(&refused.group, end).await?;
                waiting.retain(|group| !gone.contains(&group.id) && group.id != refused.group);
            }
        }
        Ok(None)
    }

    /// Whether the first has waited long enough, or enough wait.
    fn is_time(&self, waiting: &[WaitingGroup], head: &Head) -> bool {
        let Some(first) = waiting.iter().map(|group| group.head).min() else { return false };
        let bytes = waiting.iter().fold(0_u64, |sum, group| sum.saturating_add(group.bytes));
        let proofs = waiting.iter().map(|group| u64::from(group.proof_count)).sum::<u64>();
        head.number >= first.saturating_add(self.closing.blocks)
            || bytes >= self.closing.enough_bytes
            || proofs >= self.closing.enough_proofs
    }

    fn room(&self) -> Room {
        Room {
            proofs: self.closing.max_proofs,
            bytes: self.closing.max_bytes,
            gas: self.closing.max_gas.saturating_sub(self.prices.gas.task),
            wallets: self.closing.max_wallets,
        }
    }

    fn candidate(&self, group: &WaitingGroup, doubts: &Doubts) -> Candidate {
        Candidate {
            user: group.account.into(),
            first_nonce: group.first_nonce,
            proofs: group.proof_count,
            max_fee: group.max_fee,
            gas: self.prices.gas.of_group(group.by_wallet, group.signature.len()),
            bytes: group.bytes,
            by_wallet: is_doubtful(group, doubts),
            sequence: group.sequence,
            commitments: group.commitments.clone(),
        }
    }

    /// A deadline before this second is missed, as far as can be told.
    fn last_chance(&self, head: &Head) -> u64 {
        head.timestamp.max(now()).saturating_add(self.closing.deadline_margin.as_secs())
    }

    /// Those of the chosen groups that could not be charged. Of each user the first that cannot is named; the others go with it.
    async fn refused(
        &self,
        waiting: &[WaitingGroup],
        choice: &Choice,
        head: &Head,
        at: u64,
    ) -> Result<Vec<Refused>, BatcherError> {
        let mut users: HashMap<Address, Vec<&WaitingGroup>> = HashMap::new();
        for group in choice.groups.iter().filter_map(|place| waiting.get(*place)) {
            users.entry(group.account.into()).or_default().push(group);
        }
        let price = choice.fee_per_proof;
        let asked: Vec<_> = users
            .into_iter()
            .map(|(user, groups)| self.refused_of(user, groups, price, head, at))
            .collect();
        let found: Vec<Option<_>> =
            stream::iter(asked).buffer_unordered(NODE_QUESTIONS).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// The first of a user's groups, in the order of their nonces, that could not be charged.
    async fn refused_of(
        &self,
        user: Address,
        groups: Vec<&WaitingGroup>,
        price: u128,
        head: &Head,
        at: u64,
    ) -> Result<Option<Refused>, BatcherError> {
        let found = self.refused_in(user, &groups, price, head, at).await?;
        let Some((group, _)) = found else { return Ok(None) };
        // It was accepted by the newest block, which may have a deposit that the ledger's does not have yet.
        let newest = self.chain.head().await?.number.max(at);
        let still = self.refused_in(user, &groups, price, head, newest).await?;
        let end = still.filter(|(id, _)| *id == group).map(|(_, end)| end);
        Ok(Some(Refused { group, account: user.into(), end }))
    }

    /// The same by the state of one block.
    async fn refused_in(
        &self,
        user: Address,
        groups: &[&WaitingGroup],
        price: u128,
        head: &Head,
        block: u64,
    ) -> Result<Option<([u8; 32], GroupEnd)>, BatcherError> {
        let account = self.chain.account(user, Some(block)).await?;
        let locked_until = account.unlocked_from;
        let (mut nonce, mut balance) = (account.nonce, account.balance);
        for (place, group) in groups.iter().enumerate() {
            let fee = price.saturating_mul(u128::from(group.proof_count));
            let end = match () {
                () if locked_until != 0 && locked_until <= self.last_chance(head) => {
                    Some(GroupEnd::Unlocked)
                }
                () if group.first_nonce != nonce => Some(GroupEnd::WrongNonce),
                () if fee > balance => Some(GroupEnd::BalanceTooLow),
                // The contract's own word. For later ones it would say that their nonce is not the account's yet.
                () if place == 0 => self.contract_refuses(group, price, block).await?,
                () if group.by_wallet => self.wallet_refuses(group).await?,
                () => None,
            };
            if let Some(end) = end {
                return Ok(Some((group.id, end)));
            }
            nonce = nonce.saturating_add(group.proof_count.into());
            balance = balance.saturating_sub(fee);
        }
        Ok(None)
    }

    async fn contract_refuses(
        &self,
        group: &WaitingGroup,
        price: u128,
        at: u64,
    ) -> Result<Option<GroupEnd>, BatcherError> {
        let refusal = self.chain.refusal(price, authorization_of(group), at).await?;
        Ok(match refusal {
            None => None,
            Some(Refusal::Unlocked) => Some(GroupEnd::Unlocked),
            Some(Refusal::WrongNonce) => Some(GroupEnd::WrongNonce),
            Some(Refusal::DeadlinePassed) => Some(GroupEnd::DeadlinePassed),
            Some(Refusal::BalanceTooLow) => Some(GroupEnd::BalanceTooLow),
            Some(Refusal::InvalidSignature) => Some(GroupEnd::SignatureWithdrawn),
            Some(Refusal::Other(reason)) => {
                let id = B256::from(group.id);
                return Err(BatcherError::Inconsistent(format!(
                    "the contract refuses group {id} for reason {reason}"
                )));
            }
        })
    }

    async fn wallet_refuses(&self, group: &WaitingGroup) -> Result<Option<GroupEnd>, BatcherError> {
        let (wallet, digest) = (group.account.into(), group.id.into());
        let agrees =
            self.chain.wallet_agrees(wallet, digest, &group.signature.clone().into()).await?;
        Ok((!agrees).then_some(GroupEnd::SignatureWithdrawn))
    }

    async fn close_these(
        &self,
        waiting: &[WaitingGroup],
        choice: &Choice,
        quote: &Quote,
    ) -> Result<FastBatch, BatcherError> {
        let chosen: Vec<&WaitingGroup> =
            choice.groups.iter().filter_map(|place| waiting.get(*place)).collect();
        let ids: Vec<[u8; 32]> = chosen.iter().map(|group| group.id).collect();
        let groups = self.ledger.groups(&ids).await?;
        let manifest = manifest_of(&groups)?;
        let name = Key::of(&manifest.to_bytes()?);
        let pointer = Pointer::new(name, self.mirrors.clone())?.to_string();
        let doubts = doubts(waiting);
        let charged = chosen.iter().copied().filter(|group| !is_doubtful(group, &doubts));
        let sure = u128::from(proofs_of(charged));
        let min_charged = choice.fee_per_proof.saturating_mul(sure);
        let batch = NewBatch {
            groups: ids,
            root: manifest.tree()?.root(),
            pointer,
            proof_count: proofs_of(chosen.iter().copied()),
            bytes: manifest.parts().fold(0, |sum, part| sum.saturating_add(part.bytes)),
            fee_per_proof: choice.fee_per_proof,
            fee_limit: quote.fee_limit,
            min_charged,
            // Wallets can withdraw their consent in the very block of the charge: what is lacking then is sent along.
            value: quote.fee_limit.saturating_sub(min_charged),
        };
        let closed = self.ledger.close_batch(&batch).await?;
        self.metrics.batch_proofs.observe(f64::from(closed.proof_count));
        self.metrics.batch_bytes.observe(closed.bytes as f64);
        for group in chosen {
            self.metrics.phase("waiting", age_of(group.created_at).as_secs_f64());
        }
        tracing::info!(
            batch = closed.id,
            groups = closed.group_count,
            proofs = closed.proof_count,
            fee_per_proof_wei = closed.fee_per_proof,
            "closed a batch"
        );
        Ok(closed)
    }

    /// Drops a group, and those of its user behind it.
    pub(crate) async fn reject(
        &self,
        id: &[u8; 32],
        end: GroupEnd,
    ) -> Result<Vec<[u8; 32]>, BatcherError> {
        let (code, reason) = ends::told(end);
        let behind = ends::told(GroupEnd::WrongNonce);
        let gone = self.ledger.reject_group(id, code, reason, behind).await?;
        self.note_dropped(&gone, end);
        Ok(gone)
    }

    pub(crate) fn note_dropped(&self, gone: &[[u8; 32]], end: GroupEnd) {
        let code = end.as_str();
        for id in gone {
            tracing::info!(group = %B256::from(*id), code, "dropped a group");
            self.metrics.dropped.with_label_values(&[code]).inc();
        }
    }
}

/// Groups with a proof of a system that is disabled.
fn disabled(waiting: &[WaitingGroup], head: &Head) -> HashSet<[u8; 32]> {
    let is_disabled = |system: &u16| !(head.disabled & bit(*system)).is_zero();
    let concerned = waiting.iter().filter(|group| group.systems.iter().any(is_disabled));
    concerned.map(|group| group.id).collect()
}

/// The first nonce of each account that a wallet's word decides over.
type Doubts = HashMap<[u8; 20], u64>;

fn doubts(waiting: &[WaitingGroup]) -> Doubts {
    let mut doubts = Doubts::new();
    for group in waiting.iter().filter(|group| group.by_wallet) {
        let first = doubts.entry(group.account).or_insert(group.first_nonce);
        *first = group.first_nonce.min(*first);
    }
    doubts
}

/// Whether a wallet can keep the group from being charged in the very block: its own, or one before it, without which its nonce is not
/// the account's. An account with code has a key, too, if it delegated itself (EIP-7702).
fn is_doubtful(group: &WaitingGroup, doubts: &Doubts) -> bool {
    doubts.get(&group.account).is_some_and(|first| group.first_nonce >= *first)
}

fn proofs_of<'a>(groups: impl Iterator<Item = &'a WaitingGroup>) -> u32 {
    groups.fold(0, |sum, group| sum.saturating_add(group.proof_count))
}

fn authorization_of(group: &WaitingGroup) -> Authorization {
    Authorization {
        user: group.account.into(),
        proofsRoot: group.proofs_root.into(),
        proofCount: group.proof_count,
        firstNonce: group.first_nonce,
        maxFee: group.max_fee,
        deadline: group.deadline,
        signature: group.signature.clone().into(),
    }
}

/// The list of a batch's proofs, from its groups in their order.
pub(crate) fn manifest_of(groups: &[FastGroup]) -> Result<Manifest, BatcherError> {
    let groups: Result<Vec<Group>, BatcherError> = groups
        .iter()
        .map(|group| {
            let items = serde_json::from_str(&group.items).map_err(|error| {
                let id = B256::from(group.id);
                BatcherError::Inconsistent(format!("the items of group {id}: {error}"))
            })?;
            Ok(Group { items })
        })
        .collect();
    Ok(Manifest::new(groups?)?)
}
