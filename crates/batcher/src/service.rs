//! The service: what it is made of, how it starts and stops.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{get, post},
};
use collimate_api::{
    fast::{self, BatcherProblemCode},
    paths,
};
use collimate_batch::{
    Pointer,
    limits::{MAX_BATCH_BYTES, MAX_PROOFS},
};
use collimate_chain::tx::MAX_TRANSACTION_GAS;
use collimate_http::{
    Bounded, Door, EventStreams, PerClient, RateLimit, Server, ServerLimits, respond,
};
use collimate_objects::Key;
use collimate_store::BatcherKey;
use tokio::{
    sync::{Notify, Semaphore, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use crate::{
    BatcherConfig, BatcherError, BatcherParts,
    chain::{Chain, SeenHead, watch_head},
    driver::Driver,
    events,
    fault::Fault,
    groups, info,
    limits::{REMEMBERED_TREES, STORE_QUESTIONS},
    metrics::Metrics,
    shared::Shared,
    spool::Spool,
    submit,
    verify::Verifiers,
};

/// Takes groups and makes batches until `shutdown`.
///
/// # Errors
/// The settings, the contract, or the address cannot be used; or what time does not heal, while it runs.
pub async fn run(
    config: BatcherConfig,
    parts: BatcherParts,
    shutdown: CancellationToken,
) -> Result<(), BatcherError> {
    Batcher::bind(config, parts).await?.run(shutdown).await
}

/// A batcher whose port is open, but which does not answer yet.
#[derive(Debug)]
pub struct Batcher {
    server: Server,
    router: Router,
    shared: Arc<Shared>,
    driver: Arc<Driver>,
    seen: watch::Sender<SeenHead>,
    config: BatcherConfig,
}

impl Batcher {
    /// Checks settings and contracts, and opens the port.
    ///
    /// # Errors
    /// [`BatcherError::Config`], [`BatcherError::TwoAccounts`], [`BatcherError::NoPaymentService`], [`BatcherError::Spool`],
    /// [`BatcherError::Metrics`], [`BatcherError::Listen`]; or node or database do not answer.
    pub async fn bind(
        mut config: BatcherConfig,
        parts: BatcherParts,
    ) -> Result<Self, BatcherError> {
        check(&config, &parts)?;
        let batcher = parts.signer.address();
        let provider = parts.provider.clone();
        let chain = Arc::new(Chain::open(provider, config.payment_service, batcher).await?);
        config.prices.response_tip = config.prices.response_tip.min(chain.max_priority_fee());
        let key = BatcherKey {
            chain_id: chain.chain_id(),
            contract: chain.payments().into_array(),
            address: batcher.into_array(),
        };
        let ledger = parts.store.batcher_ledger(key).await?;
        // The store is named before it has anything. Without a name it is not the store, such as the place of a disk that is not
        // mounted, and nothing is concluded from what it lacks.
        if ledger.groups_after(0, 1).await?.is_empty() {
            parts.objects.name().await?;
        }
        let head = chain.head().await?;
        let (seen, head) = watch::channel(Some((head, Instant::now())));
        let metrics = Metrics::new(parts.registry.clone())?;
        let intake = &config.intake;
        let spool = Spool::new(intake.spool_bytes, intake.spool_dir.clone(), intake.queue_timeout);
        spool.check().map_err(|source| {
            let folder = intake.spool_dir.display().to_string();
            BatcherError::Spool { folder, source }
        })?;
        let address = config.listen;
        let server = Server::bind(address, server_limits(&config)).await;
        let server = server.map_err(|source| BatcherError::Listen { address, source })?;
        let server = server.counted_by(metrics.connections.clone());
        let accepted = Arc::new(Notify::new());
        let driver = Arc::new(Driver {
            store: parts.store.clone(),
            ledger: ledger.clone(),
            objects: parts.objects.clone(),
            chain: Arc::clone(&chain),
            head: head.clone(),
            transactions: parts.transactions,
            closing: config.closing,
            prices: config.prices,
            mirrors: config.mirrors.clone(),
            poll_interval: config.poll_interval,
            follow: config.follow,
            settle_after: config.settle_after,
            retention: config.retention,
            metrics: metrics.clone(),
            accepted: Arc::clone(&accepted),
            changed: Arc::default(),
        });
        let shutdown = CancellationToken::new();
        let shared = Arc::new(Shared {
            store: parts.store,
            ledger,
            objects: parts.objects,
            chain,
            head,
            signer: parts.signer,
            systems: parts.systems,
            verifiers: Verifiers::new(
                parts.verifiers,
                intake.verifications.get(),
                intake.queue_timeout,
                intake.verification_timeout,
            ),
            spool,
            intake: config.intake.clone(),
            prices: config.prices,
            uploads: Arc::new(Semaphore::new(intake.uploads.get())),
            uploads_of_clients: PerClient::default(),
            storing: Semaphore::new(STORE_QUESTIONS),
            account_rate: RateLimit::new(intake.account_rate),
            door: Door {
                trusted_proxies: intake.trusted_proxies,
                client_rate: RateLimit::new(intake.client_rate),
                metrics: metrics.requests.clone(),
            },
            streams: EventStreams::new(
                intake.max_event_streams.get(),
                intake.max_event_streams_per_client.get(),
                intake.event_interval,
                metrics.streams.clone(),
                shutdown.clone(),
            ),
            trees: Mutex::new(Bounded::new(REMEMBERED_TREES)),
            metrics,
            accepted,
            shutdown,
        });
        let router = router(&shared);
        Ok(Self { server, router, shared, driver, seen, config })
    }

    /// The address that it listens on.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.server.local_addr()
    }

    /// Works until `shutdown`: then it takes nothing new, finishes the requests in work, but waits for no client longer than the
    /// configured limit, and lets go of its batches, which the next start takes up. Afterwards the port is free.
    ///
    /// # Errors
    /// What time does not heal, such as a reorganisation deeper than is remembered. Then it has stopped, too.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), BatcherError> {
        let Self { server, router, shared, driver, seen, config } = self;
        let local_addr = server.local_addr();
        tracing::info!(address = %local_addr, batcher = %shared.chain.batcher(), "batcher listens");
        let stopped = shared.shutdown.clone();
        // Ends streams of events and the watch whatever happens here.
        let _stop = stopped.clone().drop_guard();
        let chain = Arc::clone(&shared.chain);
        tokio::spawn(watch_head(chain, config.poll_interval, seen, stopped.clone()));
        let driving = CancellationToken::new();
        // Its caller's token is not its to cancel.
        let shutdown = shutdown.child_token();
        let drive = async {
            let ended = driver.run(driving.clone()).await;
            // Without a driver nothing that is accepted would get anywhere.
            shutdown.cancel();
            ended
        };
        let serve = async {
            let until = async {
                shutdown.cancelled().await;
                stopped.cancel();
            };
            tokio::join!(server.run(router, shutdown.clone()), until);
            driving.cancel();
        };
        let (ended, ()) = tokio::join!(drive, serve);
        tracing::info!(address = %local_addr, "batcher stopped");
        ended
    }
}

fn check(config: &BatcherConfig, parts: &BatcherParts) -> Result<(), BatcherError> {
    let (signer, sender) = (parts.signer.address(), parts.transactions.address());
    if signer != sender {
        return Err(BatcherError::TwoAccounts { signer, sender });
    }
    Pointer::new(Key([0; 32]), config.mirrors.clone())?;
    let (intake, closing) = (&config.intake, &config.closing);
    let too_soon = intake.min_deadline <= closing.deadline_margin;
    let reason = match () {
        () if parts.systems.is_empty() => "it takes no proof system",
        () if config.follow.lag != 0 => "the follower's lag has to be 0",
        () if closing.max_bytes > MAX_BATCH_BYTES => "a batch has at most 256 MiB",
        () if closing.max_proofs > MAX_PROOFS as u64 => "a batch has at most 4,096 proofs",
        () if closing.max_gas > MAX_TRANSACTION_GAS => "a transaction has at most 16,777,216 gas",
        () if intake.max_group_bytes > closing.max_bytes => "a group can be larger than a batch",
        () if u64::from(intake.max_group_proofs) > closing.max_proofs => {
            "a group can have more proofs than a batch"
        }
        () if intake.spool_bytes < intake.max_group_bytes => "the spool has no room for a group",
        () if too_soon => "the least deadline has to be further away than the margin of closing",
        () => return Ok(()),
    };
    Err(BatcherError::Config { reason: reason.to_owned() })
}

fn server_limits(config: &BatcherConfig) -> ServerLimits {
    let intake = &config.intake;
    ServerLimits {
        max_connections: intake.max_connections.get(),
        // Behind a proxy all connections come from it, and limiting clients by connections is its business.
        max_per_client: match intake.trusted_proxies {
            0 => intake.max_connections_per_client.get(),
            _ => intake.max_connections.get(),
        },
        header_timeout: intake.header_timeout,
        // Uploads and streams have limits of their own.
        request_timeout: None,
        connection_time: None,
        stop_timeout: intake.stop_timeout,
    }
}

fn router(shared: &Arc<Shared>) -> Router {
    Router::new()
        .route(fast::GROUPS, post(submit::submit))
        .route("/v1/batcher/groups/{id}", get(groups::one))
        .route("/v1/batcher/groups/{id}/events", get(events::events))
        .route("/v1/batcher/accounts/{address}", get(info::account))
        .route(fast::BATCHES, get(groups::batches))
        .route(fast::FEES, get(info::fees))
        .route(fast::INFO, get(info::info))
        .route(paths::HEALTH, get(info::health))
        .route(paths::READY, get(info::ready))
        .route(paths::METRICS, get(info::metrics))
        .merge(crate::openapi::pages())
        .fallback(async || Fault::not_found("path"))
        .method_not_allowed_fallback(async || {
            Fault::new(BatcherProblemCode::WrongMethod, "this path does not take this method")
        })
        .layer(DefaultBodyLimit::max(shared.max_form_bytes()))
        .layer(middleware::from_fn_with_state(Arc::clone(shared), respond::<Shared>))
        .with_state(Arc::clone(shared))
}
