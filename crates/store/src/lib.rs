//! PostgreSQL: proofs, runs, jobs, transactions, cursors.
