//! `GET /v1/batcher/groups/{id}/events`: a group's changes of status as they happen, as server-sent events.
//! The history is what the database's trigger writes.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    extract::{ConnectInfo, State},
    http::HeaderMap,
    response::Response,
};
use collimate_api::fast::GroupEvent;
use collimate_http::Change;
use collimate_store::GroupChange;

use crate::{
    ask::OfGroup,
    fault::Fault,
    shared::{Shared, seconds},
};

pub(crate) async fn events(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    OfGroup(id): OfGroup,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let place = shared.streams.enter(shared.door.client(peer, &headers))?;
    let known = shared.database(shared.ledger.group(&id.0)).await?;
    known.ok_or_else(|| Fault::not_found("group"))?;
    let reader = Arc::clone(&shared);
    let read = move |last: i64| {
        let shared = Arc::clone(&reader);
        async move {
            // A database that is away is waited for: the stream lives on what is stored.
            let changes = shared.database(shared.ledger.group_changes_after(&id.0, last)).await;
            changes.unwrap_or_default().into_iter().map(change).collect::<Vec<_>>()
        }
    };
    Ok(shared.streams.answer(place, &headers, read))
}

fn change(change: GroupChange) -> Change<GroupEvent> {
    let body = GroupEvent {
        sequence: change.sequence,
        status: crate::groups::status(change.status),
        code: change.code,
        reason: change.reason,
        batch_id: change.batch_id,
        at: seconds(change.at),
    };
    // A reorganisation takes ends back.
    Change { sequence: change.sequence, is_end: change.status.is_end(), body }
}
