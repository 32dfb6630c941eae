//! Operators that verify a final proof and sign it, and the collector of their signatures.
