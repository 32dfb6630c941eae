-- An operator's wish that a run opens now. One is enough for a contract: the run that opens next fulfils it.
CREATE TABLE run_requests (
    chain_id     bigint NOT NULL CHECK (chain_id > 0),
    contract     bytea NOT NULL CHECK (octet_length(contract) = 20),
    requested_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (chain_id, contract)
);
