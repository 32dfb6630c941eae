//! What is asked about the service itself and about accounts: contracts and limits, prices, nonces, health, metrics.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use collimate_api::{
    fast::{
        BatcherAccount, BatcherInfo, BatcherLimits, BatcherReadiness, FeesAnswer, PaidPrice, Wei,
    },
    service::Health,
};
use collimate_store::{BatchStatus, OnChainAccount};
use tokio::time::timeout;

use crate::{
    ask::OfAccount,
    fault::Fault,
    limits::{LAST_PRICES, READY_LIMIT},
    shared::{Shared, seconds},
};

pub(crate) async fn info(State(shared): State<Arc<Shared>>) -> Result<Json<BatcherInfo>, Fault> {
    let (intake, chain) = (&shared.intake, &shared.chain);
    let head = shared.head()?;
    Ok(Json(BatcherInfo {
        chain_id: chain.chain_id(),
        payment_service: chain.payments(),
        service_manager: chain.manager().address(),
        batcher: chain.batcher(),
        proving_systems: shared.taken_systems(&head),
        limits: BatcherLimits {
            max_proofs: intake.max_group_proofs,
            max_group_bytes: intake.max_group_bytes,
            upload_seconds: intake.upload_timeout.as_secs(),
            min_deadline_seconds: intake.min_deadline.as_secs(),
            max_deadline_seconds: intake.max_deadline.as_secs(),
            max_pending_groups: intake.max_pending_groups,
        },
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }))
}

pub(crate) async fn fees(State(shared): State<Arc<Shared>>) -> Result<Json<FeesAnswer>, Fault> {
    let quote = shared.quote(&shared.head()?);
    let last = shared.database(shared.ledger.last_prices(LAST_PRICES)).await?;
    let last = last.into_iter().map(|price| PaidPrice {
        batch_id: price.batch_id,
        proof_count: price.proof_count,
        fee_per_proof: Wei(price.fee_per_proof),
        at: seconds(price.at),
    });
    Ok(Json(FeesAnswer {
        min_fee_per_proof: Wei(quote.min_fee_per_proof()),
        instant_fee: Wei(quote.instant()),
        last: last.collect(),
    }))
}

pub(crate) async fn account(
    State(shared): State<Arc<Shared>>,
    OfAccount(address): OfAccount,
) -> Result<Json<BatcherAccount>, Fault> {
    let account = shared.node(shared.chain.account(address, None)).await?;
    let on_chain = OnChainAccount { nonce: account.nonce, balance: account.balance };
    let user = address.into_array();
    let standing = shared.database(shared.ledger.standing(&user, on_chain)).await?;
    Ok(Json(BatcherAccount {
        address,
        next_nonce: standing.next_nonce,
        chain_nonce: account.nonce,
        balance: Wei(account.balance),
        reserved: Wei(standing.reserved),
        pending_groups: standing.pending,
        unlocked_from: Some(account.unlocked_from).filter(|from| *from != 0),
    }))
}

pub(crate) async fn health() -> Json<Health> {
    Json(Health { status: "ok".to_owned() })
}

pub(crate) async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    let (database, objects) = tokio::join!(
        timeout(READY_LIMIT, shared.store.ping()),
        timeout(READY_LIMIT, shared.objects.check_identity()),
    );
    let (database, objects) = (matches!(database, Ok(Ok(()))), matches!(objects, Ok(Ok(()))));
    let node = shared.head().is_ok();
    let ready = database && objects && node && !shared.shutdown.is_cancelled();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(BatcherReadiness { ready, database, objects, node })).into_response()
}

pub(crate) async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    // Without the database the rest is still worth reading.
    let most = shared.intake.max_waiting_groups;
    if let Ok(Ok(waiting)) = timeout(READY_LIMIT, shared.ledger.count_waiting(most)).await {
        shared.metrics.waiting.set(waiting.into());
    }
    if let Ok(Ok(batches)) = timeout(READY_LIMIT, shared.ledger.unfinished_batches()).await {
        for status in BatchStatus::ALL {
            let of_status = batches.iter().filter(|batch| batch.status == *status);
            let groups = of_status.map(|batch| i64::from(batch.group_count)).sum();
            shared.metrics.batched.with_label_values(&[status.as_str()]).set(groups);
        }
    }
    shared.metrics.family.page()
}
