-- Whether a final run's root is hard: the contract verified its proof itself. Until then it rests on the operators' word.
ALTER TABLE runs
    -- The block since which it is hard.
    ADD COLUMN hard_since    bigint CHECK (hard_since >= 0),
    -- Our transaction that brought the proof. NULL when somebody else did.
    ADD COLUMN hard_tx_hash  bytea CHECK (octet_length(hard_tx_hash) = 32),
    -- How often the proof was, or is being, brought; 1 without reorgs and refusals.
    ADD COLUMN hard_attempts int NOT NULL DEFAULT 1 CHECK (hard_attempts > 0),
    -- A level above final: what takes a run's root back takes this with it.
    ADD CONSTRAINT runs_hard_are_final CHECK (status = 'final' OR hard_since IS NULL),
    ADD CONSTRAINT runs_hard_tx_is_of_hard CHECK (hard_since IS NOT NULL OR hard_tx_hash IS NULL);

-- Those whose proof is still to be brought.
CREATE INDEX runs_soft ON runs (chain_id, contract, id) WHERE status = 'final' AND hard_since IS NULL;
