use std::{net::SocketAddr, num::NonZeroUsize, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Request, State, rejection::BytesRejection},
    http::StatusCode,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use collimate_verifiers::VerifierPool;
use tokio::{net::TcpListener, sync::Semaphore, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    AttestationError, Operator, OperatorConfig, SecretKey,
    wire::{
        ATTEST_PATH, AttestAnswer, AttestBody, HEALTH_PATH, Health, MAX_REQUEST_BYTES, Refusal,
    },
};

/// An operator and its HTTP service.
#[derive(Debug, Clone)]
pub struct ServiceConfig {
    /// Where to listen; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Who the operator is and what it signs.
    pub operator: OperatorConfig,
    /// Threads that verify.
    pub verifier_threads: NonZeroUsize,
    /// Requests in work at once, each up to 9 MB of body; one more is answered with 503.
    pub max_requests: NonZeroUsize,
    /// A request that takes longer, reading its body included, is dropped.
    pub request_timeout: Duration,
}

impl ServiceConfig {
    /// With one verifying thread, eight requests at once and a minute for each.
    pub fn new(listen: SocketAddr, operator: OperatorConfig) -> Self {
        Self {
            listen,
            operator,
            verifier_threads: NonZeroUsize::MIN,
            max_requests: NonZeroUsize::MIN.saturating_add(7),
            request_timeout: Duration::from_secs(60),
        }
    }
}

/// Serves an operator until `shutdown`, then finishes the requests in work.
///
/// # Errors
/// The journal or the address cannot be used.
pub async fn run(
    config: ServiceConfig,
    key: SecretKey,
    shutdown: CancellationToken,
) -> Result<(), AttestationError> {
    OperatorService::bind(config, key).await?.run(shutdown).await
}

/// An operator whose port is open and whose journal is locked, but which does not answer yet.
#[derive(Debug)]
pub struct OperatorService {
    listener: TcpListener,
    local_addr: SocketAddr,
    router: Router,
    operator: Operator,
    stop_timeout: Duration,
}

#[derive(Debug, Clone)]
struct Shared {
    operator: Operator,
    permits: Arc<Semaphore>,
    request_timeout: Duration,
}

impl OperatorService {
    /// Opens journal and port.
    ///
    /// # Errors
    /// [`AttestationError::Listen`] if the port is taken, or the journal's errors.
    pub async fn bind(config: ServiceConfig, key: SecretKey) -> Result<Self, AttestationError> {
        let address = config.listen;
        let failed = |source| AttestationError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let local_addr = listener.local_addr().map_err(failed)?;
        // Every request in work may wait for a verifier, so the queue is never the bottleneck.
        let pool = VerifierPool::new(config.verifier_threads, config.max_requests.get())
            .map_err(failed)?;
        let shared = Shared {
            operator: Operator::new(config.operator, key, pool)?,
            permits: Arc::new(Semaphore::new(config.max_requests.get())),
            request_timeout: config.request_timeout,
        };
        let operator = shared.operator.clone();
        let router = Router::new()
            .route(ATTEST_PATH, post(attest))
            .route_layer(middleware::from_fn_with_state(shared.clone(), bounded))
            .layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES))
            .route(HEALTH_PATH, get(health))
            .with_state(shared);
        Ok(Self { listener, local_addr, router, operator, stop_timeout: config.request_timeout })
    }

    /// The address that it listens on.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Answers until `shutdown`, then finishes the requests in work, but waits for no client longer than the request
    /// timeout. Afterwards the port is free and the journal unlocked.
    ///
    /// # Errors
    /// [`AttestationError::Listen`] if the listener fails.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), AttestationError> {
        let Self { listener, local_addr, router, operator, stop_timeout } = self;
        tracing::info!(address = %local_addr, "operator listens");
        let serving = axum::serve(listener, router)
            .with_graceful_shutdown(shutdown.clone().cancelled_owned())
            .into_future();
        let served = tokio::select! {
            served = serving => served,
            () = async {
                shutdown.cancelled().await;
                tokio::time::sleep(stop_timeout).await;
            } => Ok(()),
        };
        operator.stop();
        served.map_err(|source| AttestationError::Listen { address: local_addr, source })
    }
}

/// Takes a permit before the body is read, so that bodies cost a bounded amount of memory.
async fn bounded(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let Ok(_permit) = shared.permits.try_acquire() else {
        return refuse(&AttestationError::Busy);
    };
    match timeout(shared.request_timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => refuse(&AttestationError::Busy),
    }
}

async fn attest(State(shared): State<Shared>, body: Result<Bytes, BytesRejection>) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return refuse_request(rejection.status(), rejection.body_text()),
    };
    let request = match serde_json::from_slice::<AttestBody>(&body) {
        Ok(request) => request,
        Err(error) => return refuse_request(StatusCode::BAD_REQUEST, error.to_string()),
    };
    drop(body);
    match shared.operator.attest(request.into()).await {
        Ok(signature) => {
            let signature = signature.to_bytes().into();
            Json(AttestAnswer { signature }).into_response()
        }
        Err(error) => refuse(&error),
    }
}

async fn health(State(shared): State<Shared>) -> Json<Health> {
    let config = shared.operator.config();
    Json(Health {
        address: config.address,
        public_key: shared.operator.public_key().to_bytes().into(),
        context: config.context,
        program_id: config.program.id().0.into(),
    })
}

fn refuse_request(status: StatusCode, reason: String) -> Response {
    answer(status, &AttestationError::Request { reason })
}

/// Faults of the request are 4xx; faults of this operator are logged here and said without their details.
fn refuse(error: &AttestationError) -> Response {
    match error {
        AttestationError::Journal { .. } | AttestationError::JournalDamaged { .. } => {
            tracing::error!(%error, "cannot sign");
            let message = "the operator cannot use its journal".to_owned();
            let refusal = Refusal { code: error.code().to_owned(), message, retryable: true };
            (StatusCode::INTERNAL_SERVER_ERROR, Json(refusal)).into_response()
        }
        error if error.is_retryable() => answer(StatusCode::SERVICE_UNAVAILABLE, error),
        AttestationError::Conflict { .. } => {
            tracing::warn!(%error, "refused");
            answer(StatusCode::CONFLICT, error)
        }
        error => {
            tracing::info!(%error, "refused");
            answer(StatusCode::UNPROCESSABLE_ENTITY, error)
        }
    }
}

fn answer(status: StatusCode, error: &AttestationError) -> Response {
    let refusal = Refusal {
        code: error.code().to_owned(),
        message: error.to_string(),
        retryable: error.is_retryable(),
    };
    (status, Json(refusal)).into_response()
}
