// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @dev Blobs that one transaction may carry (EIP-7594).
uint256 constant MAX_BLOBS = 6;

/// @title What the aggregation program proves about one run
/// @notice The run statement: ABI words `(uint256 version, bytes32 root, uint256 leafCount, bytes32 blobsHash)`, where
/// `blobsHash = keccak256(versionedHash_0 ‖ … ‖ versionedHash_n-1)`.
library RunStatement {
    /// @notice The only version that is understood.
    uint256 internal constant VERSION = 1;
    /// @notice Bytes of the encoded statement.
    uint256 internal constant LENGTH = 128;
    /// @notice Commitments a blob holds: 31 bytes in each of 4,096 field elements, 32 bytes a commitment.
    uint256 internal constant LEAVES_PER_BLOB = 3968;
    /// @notice Commitments that one run may hold.
    uint256 internal constant MAX_LEAVES = LEAVES_PER_BLOB * MAX_BLOBS;

    /// @notice The public values are not exactly one statement long.
    error InvalidStatementLength(uint256 length);
    /// @notice The statement is of a version that this contract does not know.
    error UnsupportedStatementVersion(uint256 version);
    /// @notice A run has between one and `MAX_LEAVES` leaves.
    error InvalidLeafCount(uint256 leafCount);
    /// @notice The transaction carries another number of blobs than the leaves fill.
    error WrongBlobCount(uint256 carried, uint256 expected);
    /// @notice The transaction's blobs are not those of the statement.
    error BlobsMismatch(bytes32 carried, bytes32 stated);

    /// @notice Decodes a statement, accepting one encoding only.
    function decode(bytes calldata publicValues)
        internal
        pure
        returns (bytes32 root, uint256 leafCount, bytes32 blobsHash)
    {
        require(publicValues.length == LENGTH, InvalidStatementLength(publicValues.length));
        uint256 version;
        (version, root, leafCount, blobsHash) = abi.decode(publicValues, (uint256, bytes32, uint256, bytes32));
        require(version == VERSION, UnsupportedStatementVersion(version));
        require(leafCount != 0 && leafCount <= MAX_LEAVES, InvalidLeafCount(leafCount));
    }

    /// @notice Blobs that so many leaves fill.
    function blobsOf(uint256 leafCount) internal pure returns (uint256) {
        return (leafCount + LEAVES_PER_BLOB - 1) / LEAVES_PER_BLOB;
    }

    /// @notice The versioned hashes of the transaction's blobs, which must be those of the statement and no others.
    function carriedBlobs(uint256 leafCount, bytes32 blobsHash)
        internal
        view
        returns (bytes32[] memory hashes)
    {
        uint256 expected = blobsOf(leafCount);
        uint256 carried = 0;
        while (blobhash(carried) != 0) ++carried;
        require(carried == expected, WrongBlobCount(carried, expected));

        hashes = new bytes32[](expected);
        for (uint256 i = 0; i < expected; ++i) {
            hashes[i] = blobhash(i);
        }
        bytes32 carriedHash = keccak256(abi.encodePacked(hashes));
        require(carriedHash == blobsHash, BlobsMismatch(carriedHash, blobsHash));
    }
}
