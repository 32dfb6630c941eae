-- Who submitted what, what the service promised for it, and the keys of programs that were proven before.

-- Who paid; none for what the operator put in. Beside the proof, not only in spendings, so that pages of one account's
-- proofs, also of one status, are read from one index.
ALTER TABLE proofs ADD COLUMN account_id bigint REFERENCES accounts (id);
UPDATE proofs p SET account_id = s.account_id FROM spendings s WHERE s.proof_id = p.id;
CREATE INDEX proofs_by_account ON proofs (account_id, id) WHERE account_id IS NOT NULL;
CREATE INDEX proofs_by_account_status ON proofs (account_id, status, id) WHERE account_id IS NOT NULL;

-- What a receipt says beyond the proof itself. Its signature is computed from this each time, and is always the same.
CREATE TABLE receipts (
    proof_id uuid PRIMARY KEY REFERENCES proofs (id),
    -- Rises with the order of acceptance; numbers can be missing.
    position bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    -- Seconds since 1970.
    deadline bigint NOT NULL CHECK (deadline > 0),
    at       timestamptz NOT NULL DEFAULT now()
);

-- Proving takes the verifying key; a submitter may name it by the program's id once it is here.
CREATE TABLE programs (
    proof_system text NOT NULL,
    program_id   bytea NOT NULL CHECK (octet_length(program_id) = 32),
    vk           bytea NOT NULL CHECK (octet_length(vk) BETWEEN 1 AND 65536),
    at           timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (proof_system, program_id)
);
INSERT INTO programs (proof_system, program_id, vk)
SELECT DISTINCT ON (proof_system, program_id) proof_system, program_id, vk FROM proofs
WHERE octet_length(vk) > 0 AND status NOT IN ('received', 'rejected') ORDER BY proof_system, program_id, id;
