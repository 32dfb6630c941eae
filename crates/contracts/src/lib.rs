//! Typed bindings and deployment of the contracts.
