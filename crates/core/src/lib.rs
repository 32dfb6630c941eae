//! Statements that host, guests and contracts share: program ids, commitments, tree, blobs, public values.
