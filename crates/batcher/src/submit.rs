//! `POST /v1/batcher/groups`: the course of a group, from its form to its receipt.
//!
//! ```text
//!  authorisation, items ▸ claim (sizes, root, digest) ▸ signature ▸ stored before? ─ yes ─▶ its first answer
//!                                                                      │ no
//!     deadline, systems, fee ▸ account: nonce, balance, locked ▸ (wallet's word) ▸ rate ▸ files ▸ verify ▸ objects
//!           ▸ account again ▸ [nonces, balance, group: one transaction] ▸ receipt
//! ```
//!
//! What is cheap comes first, so that garbage costs little; files, verifiers and the node come after a signature of an account
//! that can pay. Nothing is accepted before the transaction in brackets, and nothing is lost after it: whoever sends the same
//! request again gets the answer that a crash kept back.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use alloy::primitives::B256;
use axum::{
    Json,
    extract::{ConnectInfo, Request, State},
};
use bytes::Bytes;
use collimate_api::fast::{BatcherProblemCode as Code, GroupAccepted, GroupEnd, field};
use collimate_store::{Admission, FastGroup, NewGroup, OnChainAccount};
use futures::{StreamExt, TryStreamExt, stream};
use time::OffsetDateTime;
use tokio::{task::spawn_blocking, time::timeout};

use crate::{
    chain::{ChainAccount, Head},
    claim::{Claim, ClaimRules},
    fault::Fault,
    form::Form,
    limits::{MAX_AUTHORIZATION_BYTES, MAX_FIELD_HEAD_BYTES, MAX_ITEM_BYTES, STORE_QUESTIONS},
    shared::{Shared, now},
    spool::Spooled,
};

impl Shared {
    /// Bytes of the largest form.
    pub(crate) fn max_form_bytes(&self) -> usize {
        let proofs = self.intake.max_group_proofs as usize;
        let files = usize::try_from(self.intake.max_group_bytes).unwrap_or(usize::MAX);
        let fields = proofs.saturating_mul(3).saturating_add(2);
        files
            .saturating_add(self.max_items_bytes())
            .saturating_add(MAX_AUTHORIZATION_BYTES)
            .saturating_add(fields.saturating_mul(MAX_FIELD_HEAD_BYTES))
    }

    fn max_items_bytes(&self) -> usize {
        (self.intake.max_group_proofs as usize).saturating_add(1).saturating_mul(MAX_ITEM_BYTES)
    }
}

pub(crate) async fn submit(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<Json<GroupAccepted>, Fault> {
    let client = shared.door.client(peer, request.headers());
    let most = shared.intake.uploads_per_client.get();
    let _entry = shared.uploads_of_clients.enter(client, most).ok_or_else(|| {
        let detail = format!("this address has {most} uploads in work; wait for one to end");
        Fault::new(Code::RateLimited, detail).retry_after(shared.intake.idle_timeout)
    })?;
    let turn = timeout(shared.intake.queue_timeout, shared.uploads.acquire()).await;
    let _turn = match turn {
        Ok(Ok(turn)) => turn,
        _ => return Err(Fault::busy("too many groups are being uploaded")),
    };
    let started = Instant::now();
    let intake = &shared.intake;
    let mut form = Form::open(request, intake.upload_timeout, intake.idle_timeout).await?;
    let authorization = form.field(field::AUTHORIZATION, MAX_AUTHORIZATION_BYTES).await?;
    let items = form.field(field::ITEMS, shared.max_items_bytes()).await?;
    let claim = shared.claim(authorization, items).await?;
    if let Some(known) = shared.known(&claim).await? {
        form.skip().await?;
        return shared.answer_again(known);
    }
    let head = shared.head()?;
    shared.check_cheap(&claim, &head)?;
    if let Err(fault) = shared.check_account(&claim).await {
        let Some(known) = shared.known(&claim).await? else { return Err(fault) };
        form.skip().await?;
        return shared.answer_again(known);
    }
    shared.check_wallet(&claim).await?;
    shared.account_rate.take(claim.user()).map_err(|wait| {
        let detail = "this account sends too many groups at once; put more proofs into each";
        Fault::new(Code::RateLimited, detail).retry_after(wait)
    })?;
    let waiting = shared.ledger.count_waiting(intake.max_waiting_groups);
    if shared.database(waiting).await? >= intake.max_waiting_groups {
        return Err(Fault::busy("too many groups wait for a batch"));
    }
    let files = form.files(&claim.files, &shared.spool).await?;
    shared.metrics.phase("upload", started.elapsed().as_secs_f64());
    let started = Instant::now();
    shared.verifiers.verify_all(&claim, &files, &shared.systems, &shared.metrics).await?;
    shared.metrics.phase("verification", started.elapsed().as_secs_f64());
    let started = Instant::now();
    shared.store_files(&claim, &files).await?;
    shared.metrics.phase("storing", started.elapsed().as_secs_f64());
    // Files may have taken minutes: the account is looked at again.
    let account = match shared.check_account(&claim).await {
        Ok(account) => account,
        // The nonce is gone: perhaps to this very group, which another request brought meanwhile.
        Err(fault) => {
            let known = shared.known(&claim).await?;
            return known.map_or(Err(fault), |known| shared.answer_again(known));
        }
    };
    shared.admit(&claim, account, head.number).await
}

impl Shared {
    async fn claim(
        self: &Arc<Self>,
        authorization: Vec<u8>,
        items: Vec<u8>,
    ) -> Result<Claim, Fault> {
        let shared = Arc::clone(self);
        // Megabytes of JSON and thousands of hashes: off the threads that serve everybody.
        let read = spawn_blocking(move || {
            let rules = ClaimRules {
                chain_id: shared.chain.chain_id(),
                payments: shared.chain.payments(),
                batcher: shared.chain.batcher(),
                systems: &shared.systems,
                max_proofs: shared.intake.max_group_proofs,
                max_bytes: shared.intake.max_group_bytes,
            };
            Claim::read(&authorization, &items, &rules)
        });
        read.await.unwrap_or_else(|error| Err(Fault::internal("claim", &error)))
    }

    /// The group, if it was accepted before and whoever asks has its signature.
    async fn known(&self, claim: &Claim) -> Result<Option<FastGroup>, Fault> {
        let Some(group) = self.database(self.ledger.group(&claim.id.0)).await? else {
            return Ok(None);
        };
        let same = group.signature == *claim.authorization.signature;
        match same || claim.is_of_key {
            true => Ok(Some(group)),
            false => Err(bad_signature(claim)),
        }
    }

    /// What needs neither database nor node.
    fn check_cheap(&self, claim: &Claim, head: &Head) -> Result<(), Fault> {
        let authorization = &claim.authorization;
        let taken = self.taken_systems(head);
        if let Some(index) =
            claim.items.iter().position(|item| !taken.contains(&item.proving_system))
        {
            let detail = "governance disabled this proof system; no proof of it can be verified";
            return Err(Fault::new(Code::UnsupportedSystem, detail).of_item(index));
        }
        let clock = head.timestamp.max(now());
        let earliest = clock.saturating_add(self.intake.min_deadline.as_secs());
        let latest = clock.saturating_add(self.intake.max_deadline.as_secs());
        if !(earliest..=latest).contains(&authorization.deadline) {
            let detail = format!(
                "the deadline is {}; it has to be from {earliest} to {latest}, in seconds since 1970",
                authorization.deadline
            );
            return Err(Fault::new(Code::BadDeadline, detail));
        }
        let gas = self.prices.gas.of_group(!claim.is_of_key, authorization.signature.len());
        let least = self.quote(head).min_max_fee(authorization.proofCount, gas);
        match authorization.maxFee >= least {
            true => Ok(()),
            false => Err(Fault::fee_too_low(least)),
        }
    }

    /// Whether the account can pay for the group, and the nonce is its next. The transaction that accepts looks again.
    async fn check_account(&self, claim: &Claim) -> Result<ChainAccount, Fault> {
        let user = claim.user();
        let account = self.node(self.chain.account(user, None)).await?;
        let authorization = &claim.authorization;
        let unlocks = account.unlocked_from != 0;
        if unlocks && account.unlocked_from <= authorization.deadline {
            let detail = format!(
                "the account can be withdrawn from at {}, before the deadline; lock it, or sign for an earlier one",
                account.unlocked_from
            );
            return Err(Fault::new(Code::Unlocked, detail));
        }
        let bytes = user.into_array();
        let standing = self.ledger.standing(&bytes, on_chain(&account));
        let standing = self.database(standing).await?;
        if authorization.firstNonce != standing.next_nonce {
            return Err(Fault::wrong_nonce(standing.next_nonce));
        }
        if standing.pending >= self.intake.max_pending_groups {
            return Err(self.too_many_pending());
        }
        let needed = standing.reserved.saturating_add(authorization.maxFee);
        match needed <= account.balance {
            true => Ok(account),
            false => {
                let (balance, max_fee) = (account.balance, authorization.maxFee);
                Err(Fault::balance_too_low(balance, standing.reserved, max_fee))
            }
        }
    }

    /// Asks the user's wallet, where no key of the user's signed. It is asked only once the account can pay.
    async fn check_wallet(&self, claim: &Claim) -> Result<(), Fault> {
        if claim.is_of_key {
            return Ok(());
        }
        let user = claim.user();
        let since = OffsetDateTime::now_utc() - self.intake.wallet_ban;
        let bytes = user.into_array();
        let withdrawn = GroupEnd::SignatureWithdrawn.as_str();
        let banned = self.ledger.broke_its_word_since(&bytes, since, withdrawn);
        if self.database(banned).await? {
            let detail = "this wallet did not stand by its signature lately; its signatures are not taken for a while";
            return Err(Fault::new(Code::BadSignature, detail));
        }
        let asked = self.chain.wallet_agrees(user, claim.id, &claim.authorization.signature);
        match self.node(asked).await? {
            true => Ok(()),
            false => Err(bad_signature(claim)),
        }
    }

    /// The files before the group: a group never names what is not there.
    async fn store_files(&self, claim: &Claim, files: &Spooled) -> Result<(), Fault> {
        // Whatever becomes of the group, somebody then knows of them.
        self.database(self.ledger.note_files(&claim.keys())).await?;
        let puts = claim.files.values().map(|part| async move {
            let _turn = self.storing.acquire().await;
            let bytes = Bytes::from(files.read(part).await?);
            self.objects.put(bytes).await?;
            Ok::<(), Fault>(())
        });
        let puts: Vec<_> = puts.collect();
        stream::iter(puts).buffer_unordered(STORE_QUESTIONS).try_collect().await
    }

    async fn admit(
        &self,
        claim: &Claim,
        account: ChainAccount,
        head: u64,
    ) -> Result<Json<GroupAccepted>, Fault> {
        let authorization = &claim.authorization;
        let items = serde_json::to_string(&claim.items)
            .map_err(|error| Fault::internal("items", &error))?;
        let group = NewGroup {
            id: claim.id.0,
            account: claim.user().into_array(),
            proofs_root: authorization.proofsRoot.0,
            proof_count: authorization.proofCount,
            first_nonce: authorization.firstNonce,
            max_fee: authorization.maxFee,
            deadline: authorization.deadline,
            signature: authorization.signature.to_vec(),
            by_wallet: !claim.is_of_key,
            bytes: claim.bytes,
            items,
            files: claim.keys(),
            commitments: claim.commitments.clone(),
            systems: claim.systems(),
            head,
        };
        let most = self.intake.max_pending_groups;
        let admission = self.ledger.admit(&group, on_chain(&account), most);
        match self.database(admission).await? {
            Admission::Accepted(group) => {
                self.metrics.accepted.inc();
                tracing::info!(group = %B256::from(group.id), proofs = group.proof_count, "accepted");
                self.accepted.notify_one();
                self.answer(*group)
            }
            Admission::Known(group) => self.answer_again(*group),
            Admission::WrongNonce { expected } => Err(Fault::wrong_nonce(expected)),
            Admission::TooMany => Err(self.too_many_pending()),
            Admission::BalanceTooLow { reserved } => {
                let max_fee = authorization.maxFee;
                Err(Fault::balance_too_low(account.balance, reserved, max_fee))
            }
        }
    }

    fn too_many_pending(&self) -> Fault {
        let most = self.intake.max_pending_groups;
        let detail = format!(
            "{most} groups of this account wait for a batch; put more proofs into each, or wait"
        );
        Fault::new(Code::RateLimited, detail).retry_after(self.intake.queue_timeout)
    }

    /// The first answer again, as long as the group's course is a good one.
    fn answer_again(&self, group: FastGroup) -> Result<Json<GroupAccepted>, Fault> {
        self.metrics.repeated.inc();
        let Some(code) = group.code else { return self.answer(group) };
        let detail = format!(
            "this authorisation was accepted before and its group is {}: [{code}] {}; sign anew, with another deadline",
            group.status,
            group.reason.unwrap_or_default(),
        );
        Err(Fault::new(Code::AlreadyEnded, detail))
    }

    fn answer(&self, group: FastGroup) -> Result<Json<GroupAccepted>, Fault> {
        Ok(Json(GroupAccepted {
            id: group.id.into(),
            status: crate::groups::status(group.status),
            commitments: group.commitments.iter().copied().map(B256::from).collect(),
            receipt: self.receipt(&group)?,
        }))
    }
}

const fn on_chain(account: &ChainAccount) -> OnChainAccount {
    OnChainAccount { nonce: account.nonce, balance: account.balance }
}

fn bad_signature(claim: &Claim) -> Fault {
    let detail = format!(
        "the signature is not {}'s over this authorisation (EIP-712 digest {}); read chain id, payment service and batcher \
         from the batcher's information, and sign exactly the fields that are sent",
        claim.user(),
        claim.id
    );
    Fault::new(Code::BadSignature, detail)
}
