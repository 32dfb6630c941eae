//! The rules of fast mode's batchers.

use super::Rule;

pub(super) const RULES: [Rule; 13] = [
    (
        "a group has the status of the batch that holds it",
        "SELECT encode(g.id, 'hex') FROM fast_groups g JOIN fast_batches b ON b.id = g.batch_id
         WHERE g.status <> CASE b.status WHEN 'closed' THEN 'batched' WHEN 'sent' THEN 'batched' WHEN 'open' THEN 'open'
             WHEN 'expired' THEN 'open' WHEN 'verified' THEN 'verified' WHEN 'settled' THEN 'verified'
             WHEN 'refunded' THEN 'failed' ELSE 'held by none' END",
    ),
    (
        "a group is held by a batch of its batcher that names it",
        "SELECT encode(g.id, 'hex') FROM fast_groups g JOIN fast_batches b ON b.id = g.batch_id
         WHERE b.batcher_id <> g.batcher_id
             OR NOT EXISTS (SELECT FROM fast_batch_groups m WHERE m.batch_id = b.id AND m.group_id = g.id)",
    ),
    (
        "a live batch holds the groups that it names",
        "SELECT b.id::text FROM fast_batches b JOIN fast_batch_groups m ON m.batch_id = b.id
         JOIN fast_groups g ON g.id = m.group_id
         WHERE b.status <> 'dissolved' GROUP BY b.id HAVING bool_or(g.batch_id IS DISTINCT FROM b.id)",
    ),
    (
        "a batch has as many groups as it says, at positions without gaps",
        "SELECT b.id::text FROM fast_batches b LEFT JOIN fast_batch_groups m ON m.batch_id = b.id
         GROUP BY b.id HAVING count(m.*) <> b.group_count OR max(m.position) <> b.group_count - 1",
    ),
    (
        "a batch has as many proofs as its groups",
        "SELECT b.id::text FROM fast_batches b JOIN fast_batch_groups m ON m.batch_id = b.id
         JOIN fast_groups g ON g.id = m.group_id GROUP BY b.id HAVING sum(g.proof_count) <> b.proof_count",
    ),
    (
        // Files that several groups have count once.
        "a batch has the bytes of its groups",
        "SELECT b.id::text FROM fast_batches b JOIN fast_batch_groups m ON m.batch_id = b.id
         JOIN fast_groups g ON g.id = m.group_id
         GROUP BY b.id HAVING b.bytes > sum(g.bytes) OR b.bytes < max(g.bytes)",
    ),
    (
        "what the users of a batch paid is the sum of their charges",
        "SELECT b.id::text FROM fast_batches b JOIN fast_batch_groups m ON m.batch_id = b.id
         JOIN fast_groups g ON g.id = m.group_id AND g.batch_id = b.id WHERE b.task_id IS NOT NULL
         GROUP BY b.id HAVING coalesce(sum(g.charged_wei), 0) <> b.total_wei",
    ),
    (
        "the users of a batch paid what they had to, and its batcher added the rest of the fee limit",
        "SELECT id::text FROM fast_batches WHERE task_id IS NOT NULL
             AND (total_wei < min_charged_wei OR added_wei <> greatest(fee_limit_wei - total_wei, 0))",
    ),
    (
        "a charge is the price of the group's proofs, or nothing, and no more than was signed",
        "SELECT encode(g.id, 'hex') FROM fast_groups g JOIN fast_batches b ON b.id = g.batch_id
         WHERE g.charged_wei > 0
             AND (g.charged_wei <> b.fee_per_proof_wei * g.proof_count OR g.charged_wei > g.max_fee_wei)",
    ),
    (
        "the nonces that an account was charged for follow each other",
        "SELECT encode(id, 'hex') FROM (SELECT id, first_nonce, lag(first_nonce + proof_count)
             OVER (PARTITION BY batcher_id, account ORDER BY first_nonce) AS next
             FROM fast_groups WHERE charged_wei > 0) taken
         WHERE first_nonce <> next",
    ),
    (
        "a nonce is held by one group that waits or was charged",
        "SELECT encode(id, 'hex') FROM (SELECT id, first_nonce, max(first_nonce + proof_count)
             OVER (PARTITION BY batcher_id, account ORDER BY first_nonce, id
                 ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS next
             FROM fast_groups WHERE status = 'accepted' OR charged_wei > 0) held
         WHERE first_nonce < next",
    ),
    (
        "a group that ended says why in a batcher's words",
        "SELECT encode(id, 'hex') FROM fast_groups
         WHERE status IN ('rejected', 'failed') AND (code NOT LIKE 'BTC-0__' OR reason = '')",
    ),
    (
        "a group's last recorded status is the one it has",
        "SELECT encode(g.id, 'hex') FROM fast_groups g LEFT JOIN LATERAL (SELECT status FROM fast_group_events e
             WHERE e.group_id = g.id ORDER BY e.id DESC LIMIT 1) last ON true
         WHERE last.status IS DISTINCT FROM g.status",
    ),
];
