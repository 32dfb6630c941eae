//! The transaction manager: who owns the nonces, and who waits for what.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use alloy::{
    primitives::{Address, U256},
    providers::DynProvider,
};
use tokio::sync::{Mutex as TurnLock, OwnedMutexGuard, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    error::ChainError,
    signer::Signer,
    tx::{
        RevertDecoder, TxConfig, TxRequest, TxStore,
        delivery::Delivery,
        nonces::Nonces,
        record::{ConfirmedReceipt, TransactionRecord, TransactionStatus, TxOutcome},
    },
};

type Answer = Result<ConfirmedReceipt, ChainError>;

/// A transaction is on its way at prices that do not compete, and the budget allows no higher ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// The cost, in wei, of the cheapest replacement that would compete now.
    pub needed: U256,
    /// The cost, in wei, that is allowed.
    pub budget: U256,
}

/// Sends transactions of one account so that they land: the only owner of the account's nonces.
///
/// Cheap to clone; all clones are the same manager.
#[derive(Clone)]
pub struct TxManager(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) provider: DynProvider,
    pub(crate) signer: Signer,
    pub(crate) store: Arc<dyn TxStore>,
    pub(crate) config: TxConfig,
    pub(crate) decoder: RevertDecoder,
    pub(crate) nonces: Mutex<Nonces>,
    /// Held from the choice of a nonce until a node took or refused the transaction.
    pub(crate) turn: Arc<TurnLock<()>>,
    /// Ends the tasks that run now; those that are started after a stop get another one.
    stop: Mutex<CancellationToken>,
    tasks: TaskTracker,
    /// How many transactions were resumed, once they were.
    resumed: TurnLock<Option<usize>>,
    running: Mutex<HashMap<String, watch::Receiver<Option<Answer>>>>,
    shortages: watch::Sender<BTreeMap<String, Shortage>>,
}

impl TxManager {
    /// A manager. It asks nothing and sends nothing until [`resume`](Self::resume) or [`send`](Self::send).
    pub fn new(
        provider: DynProvider,
        signer: Signer,
        store: Arc<dyn TxStore>,
        config: TxConfig,
        decoder: RevertDecoder,
    ) -> Self {
        Self(Arc::new(Inner {
            provider,
            signer,
            store,
            config,
            decoder,
            nonces: Mutex::default(),
            turn: Arc::default(),
            stop: Mutex::default(),
            tasks: TaskTracker::new(),
            resumed: TurnLock::default(),
            running: Mutex::default(),
            shortages: watch::Sender::default(),
        }))
    }

    /// The account.
    pub fn address(&self) -> Address {
        self.0.signer.address()
    }

    /// Goes on with every transaction that was on its way when the program stopped, and returns their number. Calling it
    /// again changes nothing; the first [`send`](Self::send) does it too.
    ///
    /// # Errors
    /// [`ChainError::Store`]. The node may be down: sending waits for it.
    pub async fn resume(&self) -> Result<usize, ChainError> {
        let mut resumed = self.0.resumed.lock().await;
        let count = match *resumed {
            Some(count) => count,
            None => self.resume_stored().await?,
        };
        *resumed = Some(count);
        Ok(count)
    }

    /// Sends the transaction and waits until it is confirmed. A key is sent at most once: asking again, also after a restart
    /// and from several tasks, waits for the same transaction and gives the same answer. Dropping the future stops the
    /// waiting, not the transaction.
    ///
    /// Faults of the node or the store cost time only; this returns when the transaction is final or was refused.
    ///
    /// # Errors
    /// Before anything is sent: [`ChainError::Malformed`], [`ChainError::TooMuchGas`], [`ChainError::WouldRevert`],
    /// [`ChainError::BudgetExceeded`], [`ChainError::InsufficientFunds`], [`ChainError::StoredMismatch`]. Later:
    /// [`ChainError::Reverted`], [`ChainError::Rejected`], [`ChainError::Stopped`].
    pub async fn send(&self, request: TxRequest) -> Answer {
        request.validate()?;
        self.resume().await?;
        let key = request.key.clone();
        let inner = Arc::clone(&self.0);
        let task = async move {
            let record = inner.find_or_prepare(&request).await?;
            if let Some(answer) = answer_of(&record) {
                return answer;
            }
            Delivery::new(inner, record)?.run(None).await
        };
        self.0.join_or_start(&key, task).wait(&key).await
    }

    /// The transactions, by key, that wait for lower prices or a larger budget.
    pub fn shortages(&self) -> watch::Receiver<BTreeMap<String, Shortage>> {
        self.0.shortages.subscribe()
    }

    /// Stops all work and waits for it to end. What was on its way stays stored; whoever waits gets
    /// [`ChainError::Stopped`]. A later [`resume`](Self::resume) or [`send`](Self::send) begins with what is stored then: another
    /// program may have gone on with it meanwhile.
    pub async fn stop(&self) {
        let inner = &self.0;
        let mut resumed = inner.resumed.lock().await;
        inner.stop_token().cancel();
        inner.tasks.close();
        inner.tasks.wait().await;
        inner.tasks.reopen();
        *inner.nonces() = Nonces::default();
        *inner.stop.lock().unwrap_or_else(PoisonError::into_inner) = CancellationToken::new();
        *resumed = None;
    }

    async fn resume_stored(&self) -> Result<usize, ChainError> {
        let inner = &self.0;
        let records = inner
            .store
            .pending(inner.config.chain_id, inner.signer.address())
            .await
            .map_err(ChainError::Store)?;
        let count = records.len();
        // They get their turn in the order of their nonces, before anything new.
        let mut turn = Some(Arc::clone(&inner.turn).lock_owned().await);
        for record in &records {
            if let Some(nonce) = record.nonce() {
                inner.nonces().retake(nonce);
            }
        }
        let mut before = None;
        for record in records {
            tracing::info!(key = %record.key, attempts = record.attempts.len(), "resuming a transaction");
            let (key, shared) = (record.key.clone(), Arc::clone(inner));
            let (pass, next) = tokio::sync::oneshot::channel::<OwnedMutexGuard<()>>();
            let mine = match before.replace(next) {
                None => Turn::Held(turn.take()),
                Some(predecessor) => Turn::From(predecessor),
            };
            let task = async move { Delivery::new(shared, record)?.run(Some((mine, pass))).await };
            drop(inner.join_or_start(&key, task));
        }
        Ok(count)
    }
}

/// How a resumed transaction comes to its turn.
pub(crate) enum Turn {
    /// It is the first.
    Held(Option<OwnedMutexGuard<()>>),
    /// From the one before it.
    From(tokio::sync::oneshot::Receiver<OwnedMutexGuard<()>>),
}

impl Inner {
    pub(crate) fn nonces(&self) -> std::sync::MutexGuard<'_, Nonces> {
        self.nonces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop_token(&self) -> CancellationToken {
        self.stop.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells that a transaction waits for lower prices, or (`None`) does not.
    pub(crate) fn tell_shortage(&self, key: &str, shortage: Option<Shortage>) {
        self.shortages.send_if_modified(|all| match shortage {
            None => all.remove(key).is_some(),
            Some(now) => {
                let before = all.insert(key.to_owned(), now);
                if before.is_none() {
                    let Shortage { needed, budget } = now;
                    tracing::warn!(key, needed_wei = %needed, budget_wei = %budget, "a transaction waits for lower prices, or a larger budget");
                }
                before != Some(now)
            }
        });
    }

    /// Joins the task that works on `key`, or starts this one.
    fn join_or_start(
        self: &Arc<Self>,
        key: &str,
        task: impl Future<Output = Answer> + Send + 'static,
    ) -> Waiter {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = running.get(key) {
            return Waiter(answer.clone());
        }
        let (sender, receiver) = watch::channel(None);
        running.insert(key.to_owned(), receiver.clone());
        let (inner, key, stop) = (Arc::clone(self), key.to_owned(), self.stop_token());
        self.tasks.spawn(async move {
            let unregister = Unregister { inner: Arc::clone(&inner), key: key.clone() };
            let answer = tokio::select! {
                biased;
                () = stop.cancelled() => Err(ChainError::Stopped { key }),
                answer = task => answer,
            };
            if let Err(error) = &answer {
                tracing::warn!(code = error.code(), %error, "a transaction did not go through");
            }
            // Before the answer: whoever asks again after an answer that can change must not get the old one.
            drop(unregister);
            sender.send_replace(Some(answer));
        });
        Waiter(receiver)
    }

    /// The stored transaction of this key, or a new one that was tried and stored.
    async fn find_or_prepare(&self, request: &TxRequest) -> Result<TransactionRecord, ChainError> {
        loop {
            let stored = self.persist("find", || self.store.find(&request.key)).await;
            match stored {
                Some(record) if record.status != TransactionStatus::Rejected => {
                    request.check_same(&record)?;
                    return Ok(record);
                }
                _ => {}
            }
            let record = self.retrying(|| self.prepare(request)).await?;
            if self.persist("save_transaction", || self.store.save_transaction(&record)).await {
                return Ok(record);
            }
        }
    }
}

/// The answer that a final record gives.
fn answer_of(record: &TransactionRecord) -> Option<Answer> {
    let key = record.key.clone();
    match record.outcome.clone()? {
        TxOutcome::Confirmed(receipt) => Some(Ok(receipt)),
        TxOutcome::Reverted { receipt, reason } => {
            Some(Err(ChainError::Reverted { key, hash: receipt.transaction_hash, reason }))
        }
        TxOutcome::Rejected { reason } => Some(Err(ChainError::Rejected { key, reason })),
    }
}

/// Waits for the answer of a task.
struct Waiter(watch::Receiver<Option<Answer>>);

impl Waiter {
    async fn wait(mut self, key: &str) -> Answer {
        match self.0.wait_for(Option::is_some).await {
            Ok(answer) => answer.clone().unwrap_or_else(|| lost(key)),
            Err(_) => lost(key),
        }
    }
}

fn lost(key: &str) -> Answer {
    Err(ChainError::Internal(format!("the task of transaction {key} ended without an answer")))
}

/// Forgets a task when it ends, also by a panic: the next call finds the stored record.
struct Unregister {
    inner: Arc<Inner>,
    key: String,
}

impl Drop for Unregister {
    fn drop(&mut self) {
        self.inner.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
        self.inner.tell_shortage(&self.key, None);
    }
}

impl fmt::Debug for TxManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TxManager")
            .field("account", &self.address())
            .field("config", &self.0.config)
            .finish_non_exhaustive()
    }
}
