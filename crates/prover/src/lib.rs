//! Proving jobs and the light client for the proving process.
