// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity >=0.8.20;

/// @title What an app asks of `AlignedProofAggregationService`
interface IProofInclusion {
    /// @notice Whether a registered run covers a proof of this program with these public inputs: soft, on the word of operators
    /// that hold a quorum of the stake, or hard.
    /// @param path Siblings from the leaf to the root; empty in a run of one proof.
    /// @param programId SP1: the verifying key's `bytes32()`. RISC Zero: the image id.
    /// @param publicInputs SP1: the public values. RISC Zero: the journal.
    function verifyProofInclusion(bytes32[] calldata path, bytes32 programId, bytes calldata publicInputs)
        external
        view
        returns (bool);

    /// @notice The same, of runs whose proof itself was verified by the service. Later than the soft answer, and worth more.
    function verifyProofInclusionHard(bytes32[] calldata path, bytes32 programId, bytes calldata publicInputs)
        external
        view
        returns (bool);
}
