-- Who paid for what, and what it was spent on.
--
-- A payment is an event of the payment service. It gives credits once it has its confirmations:
--   seen ── credited ── revoked
-- A reorganisation takes an unconfirmed payment out of the table, as if it had never been seen: reading the chain again
-- from the beginning gives the same rows. One that is deeper than the confirmations makes payments `revoked`: what was spent of
-- them stays on record and is the service's loss, the rest is worth nothing. Mined again, it is another payment.

CREATE TABLE accounts (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    chain_id   bigint NOT NULL CHECK (chain_id > 0),
    -- The payment service, with which the account's nonces and credits count.
    contract   bytea NOT NULL CHECK (octet_length(contract) = 20),
    address    bytea NOT NULL CHECK (octet_length(address) = 20),
    -- The nonce that the account's next request must have: as many as it has spent.
    nonce      bigint NOT NULL DEFAULT 0 CHECK (nonce >= 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (chain_id, contract, address)
);

CREATE TABLE payments (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    chain_id     bigint NOT NULL CHECK (chain_id > 0),
    tx_hash      bytea NOT NULL CHECK (octet_length(tx_hash) = 32),
    log_index    bigint NOT NULL CHECK (log_index >= 0),
    contract     bytea NOT NULL CHECK (octet_length(contract) = 20),
    block_number bigint NOT NULL CHECK (block_number >= 0),
    block_hash   bytea NOT NULL CHECK (octet_length(block_hash) = 32),
    -- The contract's number of the purchase.
    purchase_id  bigint NOT NULL CHECK (purchase_id > 0),
    payer        bytea NOT NULL CHECK (octet_length(payer) = 20),
    account_id   bigint NOT NULL REFERENCES accounts (id),
    amount_wei   numeric(78, 0) NOT NULL CHECK (amount_wei > 0),
    terms_id     bigint NOT NULL CHECK (terms_id > 0),
    credits      bigint NOT NULL CHECK (credits > 0),
    spent        bigint NOT NULL DEFAULT 0 CHECK (spent BETWEEN 0 AND credits),
    -- Seconds since 1970: the first in which the credits are worth nothing.
    expires_at   bigint NOT NULL CHECK (expires_at > 0),
    status       text NOT NULL CHECK (status IN ('seen', 'credited', 'revoked')),
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now()
);
-- Each event counts once, several in one transaction count each. A log's index can change when its transaction is mined again.
CREATE UNIQUE INDEX payments_key ON payments (chain_id, tx_hash, log_index) WHERE status <> 'revoked';
-- The credits that an account can spend, those that expire first first.
CREATE INDEX payments_spendable ON payments (account_id, expires_at, id) WHERE status = 'credited' AND spent < credits;
CREATE INDEX payments_of_account ON payments (account_id, id);
-- What waits for confirmations, and what a reorganisation reaches.
CREATE INDEX payments_by_block ON payments (chain_id, contract, block_number);
CREATE INDEX payments_seen ON payments (chain_id, contract, block_number) WHERE status = 'seen';

CREATE TRIGGER payments_guard BEFORE INSERT OR UPDATE ON payments FOR EACH ROW EXECUTE FUNCTION guard_status(
    'new>seen', 'seen>credited',
    -- a reorg deeper than the confirmations
    'credited>revoked');

-- What was bought never changes; what was spent never comes back; only credited payments are spent from, and only a
-- payment without confirmations leaves.
CREATE FUNCTION guard_payment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.status <> 'seen' OR OLD.spent > 0 THEN
            RAISE EXCEPTION 'a payment that was credited stays on record' USING ERRCODE = 'CO001';
        END IF;
        RETURN OLD;
    END IF;
    IF (OLD.chain_id, OLD.tx_hash, OLD.log_index, OLD.contract, OLD.account_id, OLD.amount_wei, OLD.credits, OLD.terms_id)
        IS DISTINCT FROM
       (NEW.chain_id, NEW.tx_hash, NEW.log_index, NEW.contract, NEW.account_id, NEW.amount_wei, NEW.credits, NEW.terms_id)
    THEN
        RAISE EXCEPTION 'what was bought does not change' USING ERRCODE = 'CO001';
    END IF;
    IF NEW.spent < OLD.spent OR (NEW.spent > OLD.spent AND (OLD.status, NEW.status) <> ('credited', 'credited')) THEN
        RAISE EXCEPTION 'credits are spent from what is credited, and do not come back' USING ERRCODE = 'CO001';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payments_keep BEFORE UPDATE OR DELETE ON payments FOR EACH ROW EXECUTE FUNCTION guard_payment();

-- One row for each credit spent. NOT NULL makes spending one decision: the statement that takes nonce, credit and
-- proof inserts here last, and fails as a whole when one of them was not to be had.
CREATE TABLE spendings (
    account_id bigint NOT NULL REFERENCES accounts (id),
    nonce      bigint NOT NULL CHECK (nonce >= 0),
    payment_id bigint NOT NULL REFERENCES payments (id),
    proof_id   uuid NOT NULL UNIQUE REFERENCES proofs (id),
    at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, nonce)
);
CREATE INDEX spendings_by_payment ON spendings (payment_id);
