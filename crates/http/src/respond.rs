//! What every request gets: an id, a span in the log, the rate limit, metrics, a body for its problem, and an answer that
//! arrives.

use std::{net::SocketAddr, panic::AssertUnwindSafe, sync::Arc, time::Instant};

use axum::{
    extract::{ConnectInfo, MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header::RETRY_AFTER},
    middleware::Next,
    response::{IntoResponse, Response},
};
use collimate_api::paths;
use futures::FutureExt;
use tracing::{Instrument, field::Empty};

use crate::{
    client::ClientKey,
    fault::{Failure, Refused},
    metrics::RequestMetrics,
    rate::RateLimit,
    rest::Rest,
};

/// A service whose requests go through [`respond()`], as the state of its router.
pub trait Service: Send + Sync + 'static {
    /// How its requests fail.
    type Fault: Failure;

    /// What its requests are held to.
    fn door(&self) -> &Door;
}

/// What all requests to a service pass first.
#[derive(Debug)]
pub struct Door {
    /// Proxies in front that append to `X-Forwarded-For`.
    pub trusted_proxies: usize,
    /// What each client may do.
    pub client_rate: RateLimit<ClientKey>,
    /// Counts what comes and goes.
    pub metrics: RequestMetrics,
}

impl Door {
    /// Who asks.
    #[must_use]
    pub fn client(&self, peer: SocketAddr, headers: &HeaderMap) -> ClientKey {
        ClientKey::of_request(peer, headers, self.trusted_proxies)
    }

    /// Health, readiness and metrics are asked by the operator's own machines, and must answer under load.
    fn refuses(&self, client: ClientKey, route: &str) -> Option<Refused> {
        if [paths::HEALTH, paths::READY, paths::METRICS].contains(&route) {
            return None;
        }
        self.client_rate.take(client).err().map(|wait| {
            let detail = "this address sends too many requests; send them slower".to_owned();
            Refused::RateLimited { detail, wait }
        })
    }
}

/// The outermost layer of a service's router (`middleware::from_fn_with_state`).
pub async fn respond<S: Service>(
    State(service): State<Arc<S>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let door = service.door();
    let id = request_id(request.headers());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    // The pattern, not the path: ids would make a metric of their own each.
    let route =
        request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
    let span =
        tracing::info_span!("request", id, %method, route, otel.kind = "server", status = Empty);

    let client = door.client(peer, request.headers());
    let (request, rest) = Rest::of(request);
    let mut response = match door.refuses(client, &route) {
        Some(refused) => S::Fault::from(refused).into_response(),
        None => {
            let answered =
                AssertUnwindSafe(next.run(request)).catch_unwind().instrument(span.clone());
            answered.await.unwrap_or_else(|_| {
                span.in_scope(|| S::Fault::from(Refused::Panicked)).into_response()
            })
        }
    };
    let status = response.status();
    if let Some(fault) = response.extensions_mut().remove::<S::Fault>() {
        let (code, detail) = fault.code_and_detail();
        door.metrics.problems.with_label_values(&[code]).inc();
        span.in_scope(|| tracing::info!(code, detail, "refused"));
        let wait = fault.wait_seconds();
        response = fault.body(id.clone(), &path);
        *response.status_mut() = status;
        if let Some(seconds) = wait {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
    }
    // What was answered before all of it was read arrives only so. Who was too slow is not waited for again.
    if status != StatusCode::REQUEST_TIMEOUT {
        rest.discard().await;
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(paths::REQUEST_ID, id);
    }
    let seconds = started.elapsed().as_secs_f64();
    let labels = [route.as_str(), method_label(&method), status.as_str()];
    door.metrics.requests.with_label_values(&labels).inc();
    door.metrics.duration.with_label_values(&[&route]).observe(seconds);
    span.record("status", status.as_u16());
    span.in_scope(|| tracing::debug!(seconds, "answered"));
    response
}

/// A client's own id if it is a short word, otherwise a new one.
fn request_id(headers: &HeaderMap) -> String {
    let is_word = |id: &&str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        (1..=64).contains(&id.len()) && id.bytes().all(plain)
    };
    let own = headers.get(paths::REQUEST_ID).and_then(|id| id.to_str().ok()).filter(is_word);
    own.map_or_else(|| uuid::Uuid::now_v7().to_string(), str::to_owned)
}

/// Methods are words that clients choose: only known ones become labels.
fn method_label(method: &Method) -> &str {
    match method.as_str() {
        known @ ("GET" | "POST" | "HEAD" | "PUT" | "DELETE" | "OPTIONS" | "PATCH") => known,
        _ => "other",
    }
}
