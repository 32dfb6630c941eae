// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title RISC Zero's verifier interface
/// @notice The interface of RISC Zero's deployed verifiers and of their router.
interface IRiscZeroVerifier {
    /// @notice Reverts unless the seal shows that the guest with this image id committed the journal.
    /// @param seal The proof in the verifier's own form.
    /// @param imageId Names the guest.
    /// @param journalDigest SHA-256 of the journal.
    function verify(bytes calldata seal, bytes32 imageId, bytes32 journalDigest) external view;
}
