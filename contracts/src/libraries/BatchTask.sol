// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title A task of fast mode
/// @notice The fields of the event `NewBatchV3`, with the pointer by its hash. Whoever saw the event can name the task; the chain
/// keeps one word for it.
library BatchTask {
    /// @notice Everything that a task is.
    struct Task {
        /// Root of the batch's tree.
        bytes32 batchMerkleRoot;
        /// Who created the task, and paid for its response.
        address senderAddress;
        /// Block that it was created in, whose epoch's operators answer.
        uint32 taskCreatedBlock;
        /// keccak256 of `batchDataPointer`.
        bytes32 batchDataPointerHash;
        /// Most, in wei, that the response may cost.
        uint256 respondToTaskFeeLimit;
    }

    /// @notice Names a task: keccak256 of its five words. Tasks that differ in anything have different ids.
    function idOf(Task memory task) internal pure returns (bytes32) {
        return keccak256(abi.encode(task));
    }
}
