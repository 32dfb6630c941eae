//! Native verification of proofs.
