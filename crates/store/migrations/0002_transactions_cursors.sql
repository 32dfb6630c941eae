-- What the transaction manager and the event followers must remember.

CREATE TABLE transactions (
    key           text PRIMARY KEY CHECK (key <> ''),
    chain_id      bigint NOT NULL CHECK (chain_id > 0),
    account       bytea NOT NULL CHECK (octet_length(account) = 20),
    -- NULL creates a contract.
    recipient     bytea CHECK (octet_length(recipient) = 20),
    input         bytea NOT NULL,
    value_wei     numeric(78, 0) NOT NULL CHECK (value_wei >= 0),
    gas_limit     bigint NOT NULL CHECK (gas_limit >= 0),
    max_cost_wei  numeric(78, 0) NOT NULL CHECK (max_cost_wei >= 0),
    sidecar       bytea,
    status        text NOT NULL CHECK (status IN ('queued', 'sent', 'confirmed', 'reverted', 'rejected')),
    -- JSON. Not of type jsonb, which refuses the NUL that a contract can put into its revert reason.
    outcome       text,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    CHECK ((status IN ('queued', 'sent')) = (outcome IS NULL))
);
CREATE INDEX transactions_pending ON transactions (chain_id, account) WHERE status IN ('queued', 'sent');

CREATE TRIGGER transactions_guard BEFORE INSERT OR UPDATE ON transactions
    FOR EACH ROW EXECUTE FUNCTION guard_status(
    'new>queued', 'queued>sent', 'queued>rejected', 'sent>confirmed', 'sent>reverted', 'sent>rejected',
    -- what was never mined may be asked for again
    'rejected>queued');

-- Every signed form that may have been sent. It is stored before it is sent.
CREATE TABLE tx_attempts (
    tx_key                   text NOT NULL REFERENCES transactions (key),
    position                 int NOT NULL CHECK (position >= 0),
    hash                     bytea NOT NULL CHECK (octet_length(hash) = 32),
    nonce                    bigint NOT NULL CHECK (nonce >= 0),
    max_fee_per_gas          numeric(39, 0) NOT NULL CHECK (max_fee_per_gas >= 0),
    max_priority_fee_per_gas numeric(39, 0) NOT NULL CHECK (max_priority_fee_per_gas >= 0),
    max_fee_per_blob_gas     numeric(39, 0) CHECK (max_fee_per_blob_gas >= 0),
    raw                      bytea NOT NULL,
    signed_at_ms             bigint NOT NULL CHECK (signed_at_ms >= 0),
    PRIMARY KEY (tx_key, position),
    UNIQUE (tx_key, hash)
);

CREATE TABLE cursors (
    name       text PRIMARY KEY CHECK (name <> ''),
    -- JSON, as the follower defines it.
    cursor     text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);
