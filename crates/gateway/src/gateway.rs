//! The service: what it is made of, how it starts and stops.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use alloy::{primitives::Address, providers::DynProvider};
use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{get, post},
};
use collimate_api::{ProblemCode, paths};
use collimate_chain::{ChainError, provider::check_chain, signer::Signer};
use collimate_http::{Bounded, Door, EventStreams, RateLimit, Server, ServerLimits, respond};
use collimate_objects::Objects;
use collimate_store::{ProofSystem, Store};
use collimate_verifiers::VerifierPool;
use prometheus::Registry;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use utoipa::OpenApi;
use utoipa_swagger_ui::SwaggerUi;

use crate::{
    GatewayConfig, GatewayError, accounts, aligned,
    authorise::Signatures,
    events,
    fault::Fault,
    inclusion::{self, Chain},
    metrics::Metrics,
    openapi::Document,
    proofs, service,
    shared::Shared,
    spool::Spool,
    submit_v1, sweep,
    upload::{Field, FormRules},
    verify::Verifiers,
};

/// Where the rendered OpenAPI document is.
const DOCS: &str = "/docs";

/// Contracts that the gateway works for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GatewayDeployment {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// The `AggregationModePaymentService`: credits, nonces, and the domain of signatures.
    pub payment_service: Address,
    /// The `AlignedProofAggregationService`: inclusion.
    pub aggregation_service: Address,
}

/// What a gateway is made of.
#[derive(Debug)]
pub struct GatewayParts {
    /// Accounts, proofs, runs. Several gateways may share one.
    pub store: Store,
    /// Proof files; the same for all gateways, aggregators and provers.
    pub objects: Objects,
    /// Verifying threads.
    pub verifiers: VerifierPool,
    /// A connection to the node: wallets' signatures and inclusion need it, nothing else.
    pub provider: DynProvider,
    /// Signs receipts. The same key for all gateways; it needs no ether.
    pub receipt_signer: Signer,
    /// The contracts.
    pub deployment: GatewayDeployment,
    /// Where metrics are registered; `/metrics` shows all of it, also what others registered.
    pub registry: Registry,
}

/// A gateway whose port is open, but which does not answer yet.
#[derive(Debug)]
pub struct Gateway {
    server: Server,
    router: Router,
    shared: Arc<Shared>,
    config: GatewayConfig,
}

impl Gateway {
    /// Opens the port and checks what can be checked. A node that is away is no obstacle, one of another chain is.
    ///
    /// # Errors
    /// [`GatewayError::Listen`], [`GatewayError::WrongChain`], [`GatewayError::Spool`], [`GatewayError::Metrics`].
    pub async fn bind(config: GatewayConfig, parts: GatewayParts) -> Result<Self, GatewayError> {
        check_node(&config, &parts).await?;
        let metrics = Metrics::new(parts.registry.clone())?;
        let spool = Spool::new(
            config.uploads_in_memory.get(),
            config.spool_dir.clone(),
            config.queue_timeout,
        );
        spool.check().map_err(|source| {
            let folder = config.spool_dir.display().to_string();
            GatewayError::Spool { folder, source }
        })?;
        let address = config.listen;
        let failed = |source| GatewayError::Listen { address, source };
        let limits = ServerLimits {
            max_connections: config.max_connections.get(),
            // Behind a proxy all connections come from it, and limiting clients by connections is its business.
            max_per_client: match config.trusted_proxies {
                0 => config.max_connections_per_client.get(),
                _ => config.max_connections.get(),
            },
            header_timeout: config.header_timeout,
            request_timeout: None,
            // Streams of events have no end.
            connection_time: None,
            stop_timeout: config.stop_timeout,
        };
        let server = Server::bind(address, limits).await.map_err(failed)?;
        let server = server.counted_by(metrics.connections.clone());
        let shared = Arc::new(share(&config, parts, spool, metrics));
        let router = router(&shared);
        Ok(Self { server, router, shared, config })
    }

    /// The address that it listens on.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.server.local_addr()
    }

    /// Answers until `shutdown`, then finishes the requests in work, but waits for no client longer than the configured limit.
    /// Afterwards the port is free. What a crash before left unfinished is taken up meanwhile.
    ///
    /// # Errors
    /// None today: a connection's error ends that connection only.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), GatewayError> {
        let Self { server, router, shared, config } = self;
        let local_addr = server.local_addr();
        tracing::info!(address = %local_addr, "gateway listens");
        let sweeping = tokio::spawn(sweep::run(Arc::clone(&shared), config.sweep_interval));
        let stopped = shared.shutdown.clone();
        // Streams of events end with this token; without it they would hold up the stop.
        let _stop_streams = stopped.clone().drop_guard();
        let until = async {
            shutdown.cancelled().await;
            stopped.cancel();
        };
        tokio::join!(server.run(router, shutdown.clone()), until);
        if let Err(error) = sweeping.await {
            tracing::error!(%error, "the sweep ended early");
        }
        tracing::info!(address = %local_addr, "gateway stopped");
        Ok(())
    }
}

async fn check_node(config: &GatewayConfig, parts: &GatewayParts) -> Result<(), GatewayError> {
    let expected = Some(parts.deployment.chain_id);
    match timeout(config.node_timeout, check_chain(&parts.provider, expected)).await {
        Ok(Err(error @ ChainError::WrongChain { .. })) => Err(GatewayError::WrongChain(error)),
        Ok(Err(error)) => {
            tracing::warn!(%error, "the node is away; wallets' signatures and inclusion wait for it");
            Ok(())
        }
        Err(_) => {
            tracing::warn!(
                "the node does not answer; wallets' signatures and inclusion wait for it"
            );
            Ok(())
        }
        Ok(Ok(_)) => Ok(()),
    }
}

fn share(config: &GatewayConfig, parts: GatewayParts, spool: Spool, metrics: Metrics) -> Shared {
    let verifiers =
        Verifiers::new(parts.verifiers, config.verifications.get(), config.queue_timeout);
    let max_bytes = verifiers.of(ProofSystem::Sp1).max_proof_bytes();
    let shutdown = CancellationToken::new();
    let rules = |others| FormRules {
        proof: Field { name: paths::field::PROOF, max_bytes },
        others,
        upload_timeout: config.upload_timeout,
        idle_timeout: config.idle_timeout,
    };
    Shared {
        signatures: Signatures::new(parts.provider.clone(), config.node_timeout),
        chain: Chain::new(parts.provider, parts.deployment, config.node_timeout),
        store: parts.store,
        objects: parts.objects,
        verifiers,
        receipt_signer: parts.receipt_signer,
        deployment: parts.deployment,
        trees: Mutex::new(Bounded::new(inclusion::REMEMBERED)),
        spool,
        form: rules(submit_v1::FIELDS),
        aligned_form: config.aligned_form.then(|| rules(aligned::FIELDS)),
        account_rate: RateLimit::new(config.account_rate),
        inclusion_time: config.inclusion_time,
        database_timeout: config.database_timeout,
        door: Door {
            trusted_proxies: config.trusted_proxies,
            client_rate: RateLimit::new(config.client_rate),
            metrics: metrics.requests.clone(),
        },
        streams: EventStreams::new(
            config.max_event_streams.get(),
            config.max_event_streams_per_client.get(),
            config.event_interval,
            metrics.streams.clone(),
            shutdown.clone(),
        ),
        metrics,
        shutdown,
    }
}

fn router(shared: &Arc<Shared>) -> Router {
    let mut router = Router::new()
        .route(paths::PROOFS, post(submit_v1::submit).get(proofs::page))
        .route("/v1/proofs/{id}", get(proofs::one))
        .route("/v1/proofs/{id}/events", get(events::events))
        .route("/v1/proofs/{id}/inclusion", get(inclusion::inclusion))
        .route("/v1/accounts/{address}", get(accounts::account))
        .route("/v1/nonce/{address}", get(accounts::nonce))
        .route("/v1/quotas/{address}", get(accounts::quota))
        .route(paths::RECEIPTS, get(accounts::receipts))
        .route(paths::RUNS, get(service::runs))
        .route(paths::INFO, get(service::info))
        .route(paths::HEALTH, get(service::health))
        .route(paths::READY, get(service::ready))
        .route(paths::METRICS, get(service::metrics));
    if shared.aligned_form.is_some() {
        router = router
            .route(paths::ALIGNED_SP1, post(aligned::submit))
            .route("/nonce/{address}", get(aligned::nonce))
            .route("/quotas/{address}", get(aligned::quota))
            .route("/receipts", get(aligned::receipts));
    }
    router
        .merge(SwaggerUi::new(DOCS).url(paths::OPENAPI, Document::openapi()))
        .fallback(async || Fault::not_found("path"))
        .method_not_allowed_fallback(async || {
            Fault::new(
                ProblemCode::WrongMethod,
                "this path does not take this method; see /openapi.json",
            )
        })
        .layer(DefaultBodyLimit::max(shared.form.max_bytes()))
        .layer(middleware::from_fn_with_state(Arc::clone(shared), respond::<Shared>))
        .with_state(Arc::clone(shared))
}
