//! Everything that talks to Ethereum.
