// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title SP1's verifier interface
/// @notice The interface of Succinct's deployed verifiers and of their gateway.
interface ISP1Verifier {
    /// @notice Reverts unless the proof shows that a program committed the public values.
    /// @param programVKey Program id: the verifying key's `bytes32()`.
    /// @param publicValues What the program committed.
    /// @param proofBytes The proof in the verifier's own form.
    function verifyProof(bytes32 programVKey, bytes calldata publicValues, bytes calldata proofBytes)
        external
        view;
}
