-- Fast mode's batchers: groups of proofs that users authorised, and the batches in which they go on chain.
--
-- Everything is kept by batcher: several of them may share a database, and have nothing else in common.

CREATE TABLE batchers (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    chain_id bigint NOT NULL CHECK (chain_id > 0),
    -- The BatcherPaymentService, with which the accounts' nonces and balances count.
    contract bytea NOT NULL CHECK (octet_length(contract) = 20),
    -- Who charges.
    address  bytea NOT NULL CHECK (octet_length(address) = 20),
    UNIQUE (chain_id, contract, address)
);

-- What happened to a batch on chain are facts with their blocks, which a reorganisation takes back one by one. Its status follows
-- from them, and before there are any from what the batcher did.
CREATE TABLE fast_batches (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    batcher_id        bigint NOT NULL REFERENCES batchers (id),
    root              bytea NOT NULL CHECK (octet_length(root) = 32),
    pointer           text NOT NULL CHECK (pointer <> ''),
    group_count       int NOT NULL CHECK (group_count > 0),
    proof_count       int NOT NULL CHECK (proof_count >= group_count),
    bytes             bigint NOT NULL CHECK (bytes >= 0),
    fee_per_proof_wei numeric(39, 0) NOT NULL CHECK (fee_per_proof_wei > 0),
    fee_limit_wei     numeric(39, 0) NOT NULL CHECK (fee_limit_wei >= 0),
    -- The least that users must pay, and what is sent along in case that they pay less than the fee limit.
    min_charged_wei   numeric(39, 0) NOT NULL CHECK (min_charged_wei >= 0),
    value_wei         numeric(39, 0) NOT NULL CHECK (value_wei >= 0),
    -- How often its task was asked for: each is a transaction of its own.
    attempts          int NOT NULL DEFAULT 1 CHECK (attempts > 0),
    phase             text NOT NULL CHECK (phase IN ('closed', 'sent', 'dissolved')),
    task_id           bytea CHECK (octet_length(task_id) = 32),
    task_block        bigint CHECK (task_block >= 0),
    -- The last block in which the task can be answered.
    last_block        bigint CHECK (last_block >= task_block),
    tx_hash           bytea CHECK (octet_length(tx_hash) = 32),
    -- What the users paid together, and what the batcher added to it.
    total_wei         numeric(39, 0) CHECK (total_wei >= 0),
    added_wei         numeric(39, 0) CHECK (added_wei >= 0),
    verified_block    bigint CHECK (verified_block >= task_block),
    settled_block     bigint CHECK (settled_block >= verified_block),
    refunded_block    bigint CHECK (refunded_block > last_block),
    expired           boolean NOT NULL DEFAULT false,
    status            text GENERATED ALWAYS AS (CASE
                          WHEN task_id IS NULL THEN phase
                          WHEN refunded_block IS NOT NULL THEN 'refunded'
                          WHEN settled_block IS NOT NULL THEN 'settled'
                          WHEN verified_block IS NOT NULL THEN 'verified'
                          WHEN expired THEN 'expired'
                          ELSE 'open' END) STORED,
    -- Why it was dissolved.
    code              text,
    reason            text,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    CHECK (task_id IS NULL OR phase = 'sent'),
    CHECK ((task_id IS NULL) = (task_block IS NULL) AND (task_id IS NULL) = (last_block IS NULL)
        AND (task_id IS NULL) = (tx_hash IS NULL) AND (task_id IS NULL) = (total_wei IS NULL)
        AND (task_id IS NULL) = (added_wei IS NULL)),
    CHECK (task_id IS NOT NULL OR (verified_block IS NULL AND settled_block IS NULL AND refunded_block IS NULL
        AND NOT expired)),
    CHECK (settled_block IS NULL OR verified_block IS NOT NULL),
    CHECK (refunded_block IS NULL OR verified_block IS NULL),
    CHECK ((phase = 'dissolved') = (code IS NOT NULL)),
    CHECK ((code IS NULL) = (reason IS NULL))
);
CREATE UNIQUE INDEX fast_batches_task ON fast_batches (task_id) WHERE task_id IS NOT NULL;
-- What there is still to do for.
CREATE INDEX fast_batches_unfinished ON fast_batches (batcher_id, id)
    WHERE status IN ('closed', 'sent', 'open', 'verified', 'expired');
CREATE INDEX fast_batches_of_batcher ON fast_batches (batcher_id, id);
CREATE INDEX fast_batches_by_root ON fast_batches (batcher_id, root, id);
-- What a reorganisation reaches: whatever happened to a batch happened after its task.
CREATE INDEX fast_batches_by_block ON fast_batches (batcher_id, greatest(task_block, verified_block, settled_block,
    refunded_block, last_block)) WHERE task_id IS NOT NULL;

CREATE TABLE fast_groups (
    -- EIP-712 digest of the authorisation.
    id           bytea PRIMARY KEY CHECK (octet_length(id) = 32),
    batcher_id   bigint NOT NULL REFERENCES batchers (id),
    -- Rises with the order of acceptance.
    sequence     bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    account      bytea NOT NULL CHECK (octet_length(account) = 20),
    proofs_root  bytea NOT NULL CHECK (octet_length(proofs_root) = 32),
    proof_count  int NOT NULL CHECK (proof_count > 0),
    first_nonce  bigint NOT NULL CHECK (first_nonce >= 0),
    max_fee_wei  numeric(39, 0) NOT NULL CHECK (max_fee_wei >= 0),
    -- Last second since 1970 in which it may be charged.
    deadline     bigint NOT NULL CHECK (deadline > 0),
    signature    bytea NOT NULL CHECK (octet_length(signature) <= 4096),
    -- The signature is a wallet's (EIP-1271), which can withdraw it.
    by_wallet    boolean NOT NULL,
    -- Bytes of its files, each distinct one once.
    bytes        bigint NOT NULL CHECK (bytes >= 0),
    -- The list of items, JSON.
    items        text NOT NULL,
    commitments  bytea NOT NULL CHECK (octet_length(commitments) = 32 * proof_count),
    -- Ids of the proof systems in it.
    systems      smallint[] NOT NULL CHECK (cardinality(systems) > 0),
    -- The chain's newest block when it was accepted.
    head         bigint NOT NULL CHECK (head >= 0),
    status       text NOT NULL CHECK (status IN ('accepted', 'batched', 'open', 'verified', 'rejected', 'failed')),
    batch_id     bigint REFERENCES fast_batches (id),
    -- What its user was charged, while its task is on chain; zero if the authorisation did not hold.
    charged_wei  numeric(39, 0) CHECK (charged_wei >= 0),
    code         text,
    reason       text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CHECK ((status IN ('accepted', 'rejected')) = (batch_id IS NULL)),
    CHECK ((status IN ('open', 'verified', 'failed')) = (charged_wei IS NOT NULL)),
    -- An end without a named reason is limbo.
    CHECK ((status IN ('rejected', 'failed')) = (code IS NOT NULL)),
    CHECK ((code IS NULL) = (reason IS NULL))
);
-- A nonce is held by one group that waits or was charged. Not by one in a batch: if it was not charged its nonce is free again, and a
-- reorganisation can take that block back after another group has it. The contract then charges whichever comes first.
CREATE UNIQUE INDEX fast_groups_nonces ON fast_groups (batcher_id, account, first_nonce)
    WHERE status = 'accepted' OR charged_wei > 0;
CREATE INDEX fast_groups_batched ON fast_groups (batcher_id, account, first_nonce) WHERE status = 'batched';
CREATE INDEX fast_groups_waiting ON fast_groups (batcher_id, sequence) WHERE status = 'accepted';
CREATE INDEX fast_groups_of_batch ON fast_groups (batch_id) WHERE batch_id IS NOT NULL;
-- Wallets that did not stand by their signature.
CREATE INDEX fast_groups_unreliable ON fast_groups (batcher_id, account, updated_at)
    WHERE charged_wei = 0 OR (by_wallet AND status = 'rejected');

CREATE TRIGGER fast_groups_guard BEFORE INSERT OR UPDATE ON fast_groups FOR EACH ROW EXECUTE FUNCTION guard_status(
    'new>accepted', 'accepted>batched', 'accepted>rejected', 'batched>open', 'open>verified', 'open>failed',
    -- who was away sees several changes at once
    'batched>verified', 'batched>failed',
    -- the batch could not be sent; and its nonce went to another group meanwhile
    'batched>accepted', 'batched>rejected',
    -- a reorg took the end, or the task
    'verified>open', 'failed>open', 'open>batched', 'verified>batched', 'failed>batched',
    -- a task that was given up was mined all the same
    'accepted>open', 'accepted>verified', 'accepted>failed');

-- Which groups a batch has, in the order of its tree. Kept when it is dissolved.
CREATE TABLE fast_batch_groups (
    batch_id bigint NOT NULL REFERENCES fast_batches (id),
    position int NOT NULL CHECK (position >= 0),
    group_id bytea NOT NULL REFERENCES fast_groups (id),
    PRIMARY KEY (batch_id, position),
    UNIQUE (batch_id, group_id)
);

-- Which files each group has: SHA-256, their names in the object store.
CREATE TABLE fast_group_files (
    group_id bytea NOT NULL REFERENCES fast_groups (id),
    key      bytea NOT NULL CHECK (octet_length(key) = 32),
    PRIMARY KEY (group_id, key)
);
CREATE INDEX fast_group_files_by_key ON fast_group_files (key);

-- Files of which it is not settled yet whether they stay: noted before they are stored, until a group with them got on chain, or they are
-- taken away again because no group has them. A file that was never here is not the batcher's.
CREATE TABLE fast_files (
    batcher_id bigint NOT NULL REFERENCES batchers (id),
    key        bytea NOT NULL CHECK (octet_length(key) = 32),
    -- When it was noted last.
    seen_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (batcher_id, key)
);
CREATE INDEX fast_files_by_age ON fast_files (batcher_id, seen_at);
CREATE INDEX fast_files_by_key ON fast_files (key);

-- History. Written by a trigger, so that no change can forget it.
CREATE TABLE fast_group_events (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    group_id bytea NOT NULL REFERENCES fast_groups (id),
    status   text NOT NULL,
    code     text,
    reason   text,
    batch_id bigint REFERENCES fast_batches (id),
    at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX fast_group_events_by_group ON fast_group_events (group_id, id);

CREATE FUNCTION record_fast_group_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' OR OLD.status <> NEW.status THEN
        INSERT INTO fast_group_events (group_id, status, code, reason, batch_id)
        VALUES (NEW.id, NEW.status, NEW.code, NEW.reason, NEW.batch_id);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER fast_groups_history AFTER INSERT OR UPDATE ON fast_groups
    FOR EACH ROW EXECUTE FUNCTION record_fast_group_event();
