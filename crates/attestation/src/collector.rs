use std::{collections::BTreeMap, time::Duration};

use alloy::primitives::{Address, B256, U256};
use tokio::{sync::watch, task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    AttestationError, AttestationRequest, CollectionReport, OperatorReport, OperatorState,
    PublicKey, Signature, ask::Asker,
};

/// Share of the stake that must sign, in percent; `QuorumSP1Verifier.QUORUM_BPS`.
pub const QUORUM_PERCENT: u32 = 67;

/// An operator of the registry's epoch and where it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorEndpoint {
    /// Its id in the registry.
    pub id: u32,
    /// Its account.
    pub address: Address,
    /// Its registered key.
    pub public_key: PublicKey,
    /// Its stake in that epoch, in wei.
    pub stake: U256,
    /// Base address of its service, such as `http://127.0.0.1:8100`.
    pub url: String,
}

/// Time limits of a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectorConfig {
    /// For one answer of one operator; verification alone takes up to a second on a busy machine.
    pub request_timeout: Duration,
    /// Pause after an operator's first failed attempt; doubled after each further one.
    pub first_pause: Duration,
    /// The longest pause.
    pub max_pause: Duration,
    /// For the whole collection.
    pub deadline: Duration,
}

impl Default for CollectorConfig {
    fn default() -> Self {
        Self {
            request_timeout: Duration::from_secs(30),
            first_pause: Duration::from_millis(500),
            max_pause: Duration::from_secs(30),
            deadline: Duration::from_secs(600),
        }
    }
}

/// A quorum's signature: everything that `QuorumSP1Verifier` needs beside the epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuorumSignature {
    /// What was signed.
    pub message: B256,
    /// The sum of the signers' signatures.
    pub signature: Signature,
    /// Ids of those that signed, ascending.
    pub signers: Vec<u32>,
    /// Ids of all others of the epoch, ascending: `absent` of the contract.
    pub non_signers: Vec<u32>,
    /// Who did what.
    pub report: CollectionReport,
}

/// Asks all operators of an epoch at once and adds up their signatures until they are a quorum.
///
/// An operator that is down, slow or wrong costs nothing while the others are a quorum; it is asked again with growing
/// pauses. Every signature is verified against the registered key of the operator that sent it before it counts, so
/// one wrong signature cannot spoil the sum.
#[derive(Debug)]
pub struct Collector {
    operators: BTreeMap<u32, OperatorEndpoint>,
    total_stake: U256,
    config: CollectorConfig,
    asker: Asker,
}

impl Collector {
    /// A collector for one epoch's operators.
    ///
    /// # Errors
    /// [`AttestationError::Operators`]: none, an id twice, no stake, or stakes that overflow.
    pub fn new(
        operators: Vec<OperatorEndpoint>,
        config: CollectorConfig,
    ) -> Result<Self, AttestationError> {
        let unusable = |reason: String| AttestationError::Operators { reason };
        let mut total_stake = U256::ZERO;
        let mut by_id = BTreeMap::new();
        for operator in operators {
            total_stake = total_stake
                .checked_add(operator.stake)
                .ok_or_else(|| unusable("their stakes overflow".to_owned()))?;
            if let Some(twice) = by_id.insert(operator.id, operator) {
                return Err(unusable(format!("operator {} is in it twice", twice.id)));
            }
        }
        if total_stake.is_zero() || total_stake.checked_mul(U256::from(100)).is_none() {
            return Err(unusable("their stakes add up to nothing, or to too much".to_owned()));
        }
        let asker = Asker::new(config.request_timeout)?;
        Ok(Self { operators: by_id, total_stake, config, asker })
    }

    /// Collects until there is a quorum.
    ///
    /// `progress` gets a new report after every answer; it says what is missing.
    ///
    /// # Errors
    /// [`AttestationError::Deadline`] and [`AttestationError::Refused`] with the last report;
    /// [`AttestationError::Stopped`] after `shutdown`.
    pub async fn collect(
        &self,
        request: AttestationRequest,
        progress: Option<&watch::Sender<Option<CollectionReport>>>,
        shutdown: CancellationToken,
    ) -> Result<QuorumSignature, AttestationError> {
        let message = request.message();
        let body = self.asker.encode(request)?;
        let mut report = self.first_report();
        let mut signatures = BTreeMap::new();
        let deadline = Instant::now() + self.config.deadline;
        // Dropped at the end, which ends every task in it.
        let mut asking = JoinSet::new();
        let (answers, mut answered) = tokio::sync::mpsc::channel(self.operators.len().max(1));
        for operator in self.operators.values() {
            asking.spawn(ask_until_signed(
                self.asker.clone(),
                operator.clone(),
                body.clone(),
                message,
                self.config.clone(),
                answers.clone(),
            ));
        }
        drop(answers);
        loop {
            if let Some(progress) = progress {
                progress.send_replace(Some(report.clone()));
            }
            if report.has_quorum() {
                return quorum(message, &signatures, report);
            }
            if !report.can_have_quorum() {
                return Err(AttestationError::Refused(Box::new(report)));
            }
            let answer = tokio::select! {
                () = shutdown.cancelled() => return Err(AttestationError::Stopped),
                () = tokio::time::sleep_until(deadline) => None,
                answer = answered.recv() => answer,
            };
            let Some(Answer { id, state, signature }) = answer else {
                return Err(AttestationError::Deadline(Box::new(report)));
            };
            let Some(operator) = report.operators.iter_mut().find(|operator| operator.id == id)
            else {
                continue;
            };
            tracing::debug!(id, %state, "operator answered");
            operator.attempts = operator.attempts.saturating_add(1);
            operator.state = state;
            if let Some(signature) = signature
                && signatures.insert(id, signature).is_none()
            {
                report.signed_stake = report.signed_stake.saturating_add(operator.stake);
            }
        }
    }

    fn first_report(&self) -> CollectionReport {
        let operators = self.operators.values().map(|operator| OperatorReport {
            id: operator.id,
            address: operator.address,
            stake: operator.stake,
            attempts: 0,
            state: OperatorState::Waiting,
        });
        // Cannot overflow: `new` checked a larger product.
        let needed = self.total_stake.saturating_mul(U256::from(QUORUM_PERCENT));
        CollectionReport {
            operators: operators.collect(),
            signed_stake: U256::ZERO,
            needed_stake: needed.div_ceil(U256::from(100)),
            total_stake: self.total_stake,
        }
    }
}

struct Answer {
    id: u32,
    state: OperatorState,
    signature: Option<Signature>,
}

/// Asks one operator until it signs, refuses for good, or nobody listens any more.
async fn ask_until_signed(
    asker: Asker,
    operator: OperatorEndpoint,
    body: bytes::Bytes,
    message: B256,
    config: CollectorConfig,
    answers: tokio::sync::mpsc::Sender<Answer>,
) {
    let mut pause = config.first_pause;
    loop {
        let (state, signature) = match asker.ask(&operator.url, body.clone()).await {
            Ok(signature) if signature.verify(message, &operator.public_key) => {
                (OperatorState::Signed, Some(signature))
            }
            Ok(_) => (OperatorState::BadSignature, None),
            Err(state) => (state, None),
        };
        let done = signature.is_some() || state.is_final_refusal();
        if answers.send(Answer { id: operator.id, state, signature }).await.is_err() {
            return;
        }
        if done {
            // The channel stays open until every operator is done, so that a report is never cut short.
            return;
        }
        tokio::time::sleep(pause).await;
        pause = pause.saturating_mul(2).min(config.max_pause);
    }
}

fn quorum(
    message: B256,
    signatures: &BTreeMap<u32, Signature>,
    report: CollectionReport,
) -> Result<QuorumSignature, AttestationError> {
    let all: Vec<_> = signatures.values().copied().collect();
    // Signatures of operators with proofs of possession do not cancel out; if they did, nothing would verify.
    let signature = Signature::aggregate(&all).ok_or_else(|| AttestationError::Operators {
        reason: "their signatures cancel out".to_owned(),
    })?;
    let ids = report.operators.iter().map(|operator| operator.id);
    let (signers, non_signers) = ids.partition(|id| signatures.contains_key(id));
    Ok(QuorumSignature { message, signature, signers, non_signers, report })
}
