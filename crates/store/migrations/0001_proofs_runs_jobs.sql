-- Proofs, the runs that aggregate them, and the jobs that prove a run.
--
-- Statuses are text with a CHECK, and every change passes guard_status(): what the table of a trigger does not
-- list cannot happen, whoever writes. The same tables are in src/status.rs, and a test compares them pair by pair.

-- Refuses a change of status that the trigger's arguments ('from>to', 'new>first') do not list.
CREATE FUNCTION guard_status() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    change text := CASE TG_OP WHEN 'INSERT' THEN 'new' ELSE OLD.status END || '>' || NEW.status;
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.status = NEW.status THEN
        RETURN NEW;
    END IF;
    IF NOT change = ANY (TG_ARGV) THEN
        RAISE EXCEPTION '% refuses the change %', TG_TABLE_NAME, change USING ERRCODE = 'CO001';
    END IF;
    RETURN NEW;
END $$;

CREATE TABLE proofs (
    id            uuid PRIMARY KEY,
    proof_hash    bytea NOT NULL CHECK (octet_length(proof_hash) = 32),
    proof_system  text NOT NULL CHECK (proof_system IN ('sp1')),
    program_id    bytea NOT NULL CHECK (octet_length(program_id) = 32),
    vk            bytea NOT NULL CHECK (octet_length(vk) <= 65536),
    public_values bytea NOT NULL,
    commitment    bytea NOT NULL CHECK (octet_length(commitment) = 32),
    status        text NOT NULL CHECK (status IN ('received', 'verified', 'queued', 'proving',
                      'aggregated', 'submitted', 'final', 'rejected', 'failed')),
    code          text,
    reason        text,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    -- Submitting the same proof again finds the first one.
    UNIQUE (proof_hash, program_id),
    -- An end without a named reason is limbo.
    CHECK ((status IN ('rejected', 'failed')) = (code IS NOT NULL)),
    CHECK ((code IS NULL) = (reason IS NULL))
);
CREATE INDEX proofs_by_status ON proofs (status, id);

CREATE TRIGGER proofs_guard BEFORE INSERT OR UPDATE ON proofs FOR EACH ROW EXECUTE FUNCTION guard_status(
    'new>received', 'received>verified', 'received>rejected', 'verified>queued', 'verified>rejected',
    'queued>proving', 'proving>aggregated', 'aggregated>submitted', 'submitted>final',
    -- a run that is given up hands its proofs back, or ends them; a bad proof is quarantined
    'proving>queued', 'proving>failed', 'aggregated>queued', 'aggregated>failed',
    -- a run whose final proof was lost proves again
    'aggregated>proving',
    -- a reorg took the transaction back
    'submitted>aggregated', 'final>aggregated');

CREATE TABLE runs (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    chain_id         bigint NOT NULL CHECK (chain_id > 0),
    contract         bytea NOT NULL CHECK (octet_length(contract) = 20),
    status           text NOT NULL CHECK (status IN ('proving', 'attesting', 'submitting',
                         'confirming', 'final', 'failed')),
    leaf_count       int NOT NULL CHECK (leaf_count BETWEEN 0 AND 23808),
    root             bytea CHECK (octet_length(root) = 32),
    statement        bytea,
    blobs_hash       bytea CHECK (octet_length(blobs_hash) = 32),
    versioned_hashes bytea[] NOT NULL DEFAULT '{}',
    final_job        bytea CHECK (octet_length(final_job) = 32),
    seal             bytea,
    tx_hash          bytea CHECK (octet_length(tx_hash) = 32),
    block_number     bigint CHECK (block_number >= 0),
    attempts         int NOT NULL DEFAULT 1 CHECK (attempts > 0),
    code             text,
    reason           text,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    finished_at      timestamptz,
    CHECK (status IN ('proving', 'failed') OR (leaf_count > 0 AND root IS NOT NULL AND statement IS NOT NULL
        AND blobs_hash IS NOT NULL AND final_job IS NOT NULL AND cardinality(versioned_hashes) > 0)),
    CHECK (status IN ('proving', 'attesting', 'failed') OR seal IS NOT NULL),
    CHECK (status <> 'final' OR block_number IS NOT NULL),
    CHECK ((status IN ('final', 'failed')) = (finished_at IS NOT NULL)),
    CHECK ((status = 'failed') = (code IS NOT NULL)),
    CHECK ((code IS NULL) = (reason IS NULL))
);
CREATE INDEX runs_unfinished ON runs (chain_id, contract, id) WHERE status NOT IN ('final', 'failed');

CREATE TRIGGER runs_guard BEFORE INSERT OR UPDATE ON runs FOR EACH ROW EXECUTE FUNCTION guard_status(
    'new>proving', 'proving>attesting', 'attesting>submitting', 'submitting>confirming', 'confirming>final',
    'proving>failed', 'attesting>failed', 'submitting>failed',
    -- the seal is stale: the operators are asked again
    'submitting>attesting',
    -- the final proof was lost
    'attesting>proving', 'submitting>proving',
    -- a reorg took the transaction back
    'confirming>submitting', 'final>submitting');

CREATE TABLE run_proofs (
    run_id   bigint NOT NULL REFERENCES runs (id),
    position int NOT NULL CHECK (position >= 0),
    proof_id uuid NOT NULL REFERENCES proofs (id),
    -- False once the run failed and gave the proof back; the row stays as history.
    live     boolean NOT NULL DEFAULT true,
    -- Deferrable, so that one statement can close the gap of a quarantined proof.
    PRIMARY KEY (run_id, position) DEFERRABLE INITIALLY IMMEDIATE,
    UNIQUE (run_id, proof_id)
);
-- A proof is in at most one live run.
CREATE UNIQUE INDEX run_proofs_live ON run_proofs (proof_id) WHERE live;

-- History. Written by triggers, so that no change can forget it.
CREATE TABLE proof_events (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    proof_id uuid NOT NULL REFERENCES proofs (id),
    status   text NOT NULL,
    code     text,
    reason   text,
    run_id   bigint REFERENCES runs (id),
    at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX proof_events_by_proof ON proof_events (proof_id, id);

CREATE FUNCTION record_proof_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' OR OLD.status <> NEW.status THEN
        INSERT INTO proof_events (proof_id, status, code, reason, run_id)
        VALUES (NEW.id, NEW.status, NEW.code, NEW.reason,
                (SELECT run_id FROM run_proofs WHERE proof_id = NEW.id AND live));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER proofs_history AFTER INSERT OR UPDATE ON proofs
    FOR EACH ROW EXECUTE FUNCTION record_proof_event();

CREATE TABLE run_events (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id bigint NOT NULL REFERENCES runs (id),
    status text NOT NULL,
    code   text,
    reason text,
    at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX run_events_by_run ON run_events (run_id, id);

CREATE FUNCTION record_run_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' OR OLD.status <> NEW.status THEN
        INSERT INTO run_events (run_id, status, code, reason)
        VALUES (NEW.id, NEW.status, NEW.code, NEW.reason);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER runs_history AFTER INSERT OR UPDATE ON runs
    FOR EACH ROW EXECUTE FUNCTION record_run_event();

CREATE TABLE jobs (
    id          bytea PRIMARY KEY CHECK (octet_length(id) = 32),
    run_id      bigint NOT NULL REFERENCES runs (id),
    program     text NOT NULL CHECK (program <> ''),
    inputs      int NOT NULL CHECK (inputs > 0),
    status      text NOT NULL CHECK (status IN ('wanted', 'proving', 'done', 'failed')),
    attempts    int NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    code        text,
    reason      text,
    wanted_at   timestamptz NOT NULL DEFAULT now(),
    started_at  timestamptz,
    finished_at timestamptz,
    duration_ms bigint CHECK (duration_ms >= 0),
    CHECK ((status = 'failed') = (code IS NOT NULL)),
    CHECK ((code IS NULL) = (reason IS NULL)),
    CHECK ((status = 'done') = (duration_ms IS NOT NULL))
);
CREATE INDEX jobs_by_run ON jobs (run_id, wanted_at, id);

CREATE TRIGGER jobs_guard BEFORE INSERT OR UPDATE ON jobs FOR EACH ROW EXECUTE FUNCTION guard_status(
    'new>wanted', 'wanted>proving', 'proving>done', 'proving>failed', 'failed>proving',
    -- the output was found in the object store: a crash came between storing it and saying so
    'wanted>done', 'failed>done',
    -- the output can no longer be read
    'done>wanted');
