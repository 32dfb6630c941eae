//! What the tests of fast mode's services share: a node with the contracts and four operators, services that can be killed, real
//! proofs, and verifiers that fail.
#![allow(dead_code, reason = "each test binary uses its own part")]

pub(crate) mod network;
pub(crate) mod running;
pub(crate) mod samples;
pub(crate) mod verifiers;
