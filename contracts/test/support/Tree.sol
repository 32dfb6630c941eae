// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @notice The tree of a run, built level by level.
library Tree {
    function commitments(bytes32 seed, uint256 count) internal pure returns (bytes32[] memory list) {
        list = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            list[i] = keccak256(abi.encodePacked(seed, uint64(i)));
        }
    }

    function root(bytes32[] memory commitments_) internal pure returns (bytes32) {
        bytes32[] memory level = _leaves(commitments_);
        while (level.length > 1) level = _parents(level);
        return level[0];
    }

    /// @notice Siblings from the leaf to the root, without those levels on which the node moves up unchanged.
    function path(bytes32[] memory commitments_, uint256 index) internal pure returns (bytes32[] memory) {
        bytes32[] memory level = _leaves(commitments_);
        bytes32[] memory siblings = new bytes32[](32);
        uint256 length = 0;
        while (level.length > 1) {
            uint256 sibling = index ^ 1;
            if (sibling < level.length) siblings[length++] = level[sibling];
            level = _parents(level);
            index /= 2;
        }
        assembly {
            mstore(siblings, length)
        }
        return siblings;
    }

    function _leaves(bytes32[] memory commitments_) private pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](commitments_.length);
        for (uint256 i = 0; i < leaves.length; ++i) {
            leaves[i] = keccak256(abi.encodePacked(commitments_[i]));
        }
    }

    function _parents(bytes32[] memory level) private pure returns (bytes32[] memory parents) {
        parents = new bytes32[]((level.length + 1) / 2);
        for (uint256 i = 0; i < parents.length; ++i) {
            if (2 * i + 1 == level.length) {
                parents[i] = level[2 * i];
            } else {
                (bytes32 a, bytes32 b) = (level[2 * i], level[2 * i + 1]);
                parents[i] = a < b ? keccak256(abi.encodePacked(a, b)) : keccak256(abi.encodePacked(b, a));
            }
        }
    }
}
