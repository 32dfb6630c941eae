//! Groups whose nonces another group of their account has: they can never be charged, and must not wait as if they could.
//!
//! A group that its batch did not charge (a wallet took its word back in the very block) gives its nonces back, so another group may have
//! them already when a reorganisation takes that block away. Both are then on their way, and the contract charges whichever comes first.
//! The other one ends here as soon as the ledger knows which that is: when the first one's charge is seen, or when it would have to wait
//! again beside one that waits.

use sqlx::PgConnection;

use crate::StoreError;
use crate::store::short;

/// Drops the groups of a batch that is given up whose nonces are held by one that waits or was charged. Returns them.
pub(super) async fn drop_overtaken_of(
    db: &mut PgConnection,
    batch: i64,
    (code, reason): (&str, &str),
) -> Result<Vec<[u8; 32]>, StoreError> {
    Ok(sqlx::query_scalar(
        "UPDATE fast_groups g SET status = 'rejected', batch_id = NULL, code = $2, reason = $3, updated_at = now() \
         WHERE g.batch_id = $1 AND g.status = 'batched' AND EXISTS (SELECT FROM fast_groups o \
             WHERE o.batcher_id = g.batcher_id AND o.account = g.account AND o.id <> g.id \
                 AND (o.status = 'accepted' OR o.charged_wei > 0) \
                 AND o.first_nonce < g.first_nonce + g.proof_count AND g.first_nonce < o.first_nonce + o.proof_count) \
         RETURNING g.id",
    )
    .bind(batch)
    .bind(code)
    .bind(short(reason))
    .fetch_all(db)
    .await?)
}

/// Drops the groups that wait with a nonce before the end of one that this batch charged. `charges` are wei, in the batch's order.
pub(super) async fn drop_overtaken_by(
    db: &mut PgConnection,
    batch: i64,
    charges: &[String],
    (code, reason): (&str, &str),
) -> Result<(), StoreError> {
    // The batch's own groups can be waiting, too, if it was given up and mined all the same.
    let dropped: Vec<[u8; 32]> = sqlx::query_scalar(
        "UPDATE fast_groups w SET status = 'rejected', code = $3, reason = $4, updated_at = now() \
         FROM fast_batch_groups m \
         JOIN unnest($2::text[]) WITH ORDINALITY AS c (fee, place) ON c.place = m.position + 1 \
         JOIN fast_groups g ON g.id = m.group_id \
         WHERE m.batch_id = $1 AND c.fee::numeric > 0 AND w.batcher_id = g.batcher_id AND w.account = g.account \
             AND w.status = 'accepted' AND w.first_nonce < g.first_nonce + g.proof_count \
             AND NOT EXISTS (SELECT FROM fast_batch_groups o WHERE o.batch_id = $1 AND o.group_id = w.id) \
         RETURNING w.id",
    )
    .bind(batch)
    .bind(charges)
    .bind(code)
    .bind(short(reason))
    .fetch_all(db)
    .await?;
    if !dropped.is_empty() {
        tracing::warn!(
            batch,
            groups = dropped.len(),
            "groups whose nonces another one was charged for are dropped"
        );
    }
    Ok(())
}
