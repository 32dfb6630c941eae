//! What reaches the S3 library, and what does not.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Body,
    extract::{Request, State},
    http::{
        Method, StatusCode,
        header::{AUTHORIZATION, HeaderValue},
    },
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use collimate_objects::Objects;
use s3s::{
    S3Error, S3Result,
    config::{S3Config, StaticConfigProvider},
    s3_error,
    service::{S3Service, S3ServiceBuilder},
};
use serde_json::json;
use tokio::time::timeout;
use tracing::{instrument::WithSubscriber, subscriber::NoSubscriber};

use crate::{
    UploadKey,
    bucket::{Access, Bucket, Keys},
    limits::{HEALTH_TIMEOUT, LIBRARY_BODY_BYTES},
    metrics::Metrics,
};

/// Answers requests.
///
/// The S3 library has many operations and two signatures; one bucket of objects that never change needs three operations and the
/// newer signature, so everything else is turned away before it gets there. The library logs every client's mistake as an error:
/// it is called without a log, and what is this side's fault is logged here.
pub(crate) struct Front {
    s3: S3Service,
    objects: Objects,
    metrics: Metrics,
}

impl Front {
    pub(crate) fn new(
        bucket: Bucket,
        key: Option<UploadKey>,
        objects: Objects,
        metrics: Metrics,
    ) -> Self {
        let mut config = S3Config::default();
        config.xml_max_body_size = LIBRARY_BODY_BYTES;
        let mut builder = S3ServiceBuilder::new(bucket);
        // Access is checked only where there are keys, so there are always some, if only none that fits.
        builder.set_auth(Keys(key));
        builder.set_access(Access);
        builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
        Self { s3: builder.build(), objects, metrics }
    }

    pub(crate) fn router(self) -> Router {
        let front = Arc::new(self);
        Router::new()
            .route("/healthz", get(health))
            .route("/metrics", get(metrics))
            .fallback(object)
            .layer(middleware::from_fn_with_state(Arc::clone(&front), count))
            .with_state(front)
    }
}

async fn object(State(front): State<Arc<Front>>, request: Request) -> Response {
    if let Err(error) = admit(&request) {
        return refuse(error);
    }
    let answering = front.s3.call(request.map(s3s::Body::http_body_unsync));
    match answering.with_subscriber(NoSubscriber::default()).await {
        Ok(response) => response.map(Body::new),
        Err(error) => {
            tracing::error!(?error, "a request failed");
            refuse(s3_error!(InternalError))
        }
    }
}

async fn health(State(front): State<Arc<Front>>) -> Response {
    let reason = match timeout(HEALTH_TIMEOUT, front.objects.check_identity()).await {
        Ok(Ok(())) => return Json(json!({ "status": "ok" })).into_response(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "it does not answer".to_owned(),
    };
    tracing::warn!(reason, "the data service's folder is away");
    let body = Json(json!({ "status": "the folder is away" }));
    (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
}

async fn metrics(State(front): State<Arc<Front>>) -> Response {
    front.metrics.family.page()
}

async fn count(State(front): State<Arc<Front>>, request: Request, next: Next) -> Response {
    let method = match *request.method() {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::PUT => "PUT",
        _ => "other",
    };
    let response = next.run(request).await;
    let status = response.status();
    front.metrics.requests.with_label_values(&[method, status.as_str()]).inc();
    response
}

fn admit(request: &Request) -> S3Result<()> {
    if !matches!(*request.method(), Method::GET | Method::HEAD | Method::PUT) {
        return Err(s3_error!(MethodNotAllowed, "use GET, HEAD or PUT"));
    }
    // Queries choose other operations, and carry signatures that somebody may have passed on. Some clients name the operation.
    if request.uri().query().is_some_and(|query| !is_name_of_operation(query)) {
        return Err(s3_error!(NotImplemented, "this bucket takes no queries"));
    }
    let signature = request.headers().get(AUTHORIZATION).map(HeaderValue::as_bytes);
    if signature.is_some_and(|text| !text.starts_with(b"AWS4-HMAC-SHA256 ")) {
        return Err(s3_error!(AccessDenied, "sign with AWS signature version 4"));
    }
    Ok(())
}

fn is_name_of_operation(query: &str) -> bool {
    ["", "x-id=GetObject", "x-id=HeadObject", "x-id=PutObject"].contains(&query)
}

fn refuse(error: S3Error) -> Response {
    let refused = error.to_http_response().map(|response| response.map(Body::new));
    refused.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}
