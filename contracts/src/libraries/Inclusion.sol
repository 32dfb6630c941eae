// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

/// @title The tree of a run
/// @notice Leaf = keccak256(commitment); node = keccak256(min ‖ max); an odd last node moves up unchanged. A leaf is a hash of
/// 32 bytes and a node one of 64, so no node passes for a leaf.
library Inclusion {
    /// @notice What stands for a proof: keccak256(public inputs ‖ program id).
    function commitment(bytes32 programId, bytes calldata publicInputs) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(publicInputs, programId));
    }

    /// @notice The root of the tree in which a path leads from a commitment to the top.
    function rootOf(bytes32[] calldata path, bytes32 commitment_) internal pure returns (bytes32) {
        return MerkleProof.processProofCalldata(path, keccak256(abi.encodePacked(commitment_)));
    }
}
