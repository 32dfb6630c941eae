//! What every request gets: an id, a span in the log, the rate limit, metrics, a body for its problem, and an answer that
//! arrives.

use std::{net::SocketAddr, panic::AssertUnwindSafe, sync::Arc, time::Instant};

use axum::{
    extract::{ConnectInfo, MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use collimate_api::{
    fast::{BatcherProblem, BatcherProblemCode},
    paths, problem,
};
use collimate_http::ClientKey;
use futures::FutureExt;
use tracing::{Instrument, field::Empty};

use crate::{fault::Fault, rest::Rest, shared::Shared};

pub(crate) async fn respond(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers());
    let method = request.method().clone();
    // The pattern, not the path: ids would make a metric of their own each.
    let route =
        request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
    let span =
        tracing::info_span!("request", id, %method, route, otel.kind = "server", status = Empty);

    let client = ClientKey::of_request(peer, request.headers(), shared.intake.trusted_proxies);
    let (request, rest) = Rest::of(request);
    let mut response = match rate_limited(&shared, client, &route) {
        Some(fault) => fault.into_response(),
        None => {
            let answered =
                AssertUnwindSafe(next.run(request)).catch_unwind().instrument(span.clone());
            answered.await.unwrap_or_else(|_| {
                let error = std::io::Error::other("a handler panicked");
                span.in_scope(|| Fault::internal("panic", &error)).into_response()
            })
        }
    };
    if let Some(Fault(mut problem)) = response.extensions_mut().remove::<Fault>() {
        problem.request_id = Some(id.clone());
        let code = problem.code.as_str();
        shared.metrics.problems.with_label_values(&[code]).inc();
        span.in_scope(|| tracing::info!(code, detail = problem.detail, "refused"));
        response = render(&problem);
    }
    // A group that is known is answered before its files were read. Who was too slow is not waited for again.
    if response.status() != StatusCode::REQUEST_TIMEOUT {
        rest.discard().await;
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(paths::REQUEST_ID, id);
    }
    let status = response.status();
    let seconds = started.elapsed().as_secs_f64();
    let labels = [route.as_str(), method_label(&method), status.as_str()];
    shared.metrics.requests.with_label_values(&labels).inc();
    shared.metrics.duration.with_label_values(&[&route]).observe(seconds);
    span.record("status", status.as_u16());
    span.in_scope(|| tracing::debug!(seconds, "answered"));
    response
}

/// Health, readiness and metrics are asked by the operator's own machines, and must answer under load.
fn rate_limited(shared: &Shared, client: ClientKey, route: &str) -> Option<Fault> {
    if [paths::HEALTH, paths::READY, paths::METRICS].contains(&route) {
        return None;
    }
    shared.client_rate.take(client).err().map(|wait| {
        let detail = "this address sends too many requests; send them slower";
        Fault::new(BatcherProblemCode::RateLimited, detail).retry_after(wait)
    })
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
fn method_label(method: &axum::http::Method) -> &str {
    match method.as_str() {
        known @ ("GET" | "POST" | "HEAD" | "PUT" | "DELETE" | "OPTIONS" | "PATCH") => known,
        _ => "other",
    }
}

fn render(problem: &BatcherProblem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = [(header::CONTENT_TYPE, problem::CONTENT_TYPE)];
    let body = serde_json::to_vec(problem).unwrap_or_default();
    let mut response = (status, kind, body).into_response();
    if let Some(seconds) = problem.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
