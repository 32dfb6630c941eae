// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {OperatorQuorum} from "./OperatorQuorum.sol";
import {OperatorRegistry} from "./OperatorRegistry.sol";
import {ISP1Verifier} from "./interfaces/ISP1Verifier.sol";
import {BLS12381} from "./libraries/BLS12381.sol";

/// @title SP1 verification by operators' quorum
/// @notice An `ISP1Verifier` whose proof is the signature of operators that each verified a compressed proof natively. It is
/// worth the stake behind it, not the mathematics of the proof: 67 % of the stake could sign for a proof that does not exist.
/// @dev `proofBytes` is `abi.encode(uint64 epoch, BLS12381.G1Point signature, uint32[] absent)` in its one canonical form:
/// epoch, four words of signature, offset 0xc0, the number of absent operators and their ids, ascending.
contract QuorumSP1Verifier is ISP1Verifier, OperatorQuorum {
    /// @notice First word of what operators sign.
    bytes32 public constant MESSAGE_TYPE = keccak256("Collimate.QuorumSP1Verifier.v1");

    /// @dev Bytes of `proofBytes` without ids.
    uint256 private constant FIXED_LENGTH = 7 * 32;
    uint256 private constant IDS_OFFSET = 6 * 32;

    /// @notice The proof is not the canonical encoding of its three fields.
    error MalformedProof();
    /// @notice The signature is of an epoch that is neither the current nor the previous one.
    error EpochNotAccepted(uint64 epoch, uint64 currentEpoch);

    /// @param registry Who the operators are.
    constructor(OperatorRegistry registry) OperatorQuorum(registry) {}

    /// @inheritdoc ISP1Verifier
    function verifyProof(bytes32 programVKey, bytes calldata publicValues, bytes calldata proofBytes)
        external
        view
    {
        (uint64 epoch, BLS12381.G1Point memory signature, uint32[] memory absent) = _decode(proofBytes);
        uint64 current = REGISTRY.currentEpoch();
        require(epoch == current || epoch + 1 == current, EpochNotAccepted(epoch, current));
        _requireQuorum(epoch, signingMessage(programVKey, publicValues), signature, absent);
    }

    /// @notice What operators sign, under `SIGNATURE_DOMAIN`, once they verified a proof.
    function signingMessage(bytes32 programVKey, bytes calldata publicValues) public view returns (bytes32) {
        return keccak256(
            abi.encode(MESSAGE_TYPE, block.chainid, address(this), programVKey, keccak256(publicValues))
        );
    }

    /// @dev Accepts the canonical encoding only, and gives malformed ones a named error.
    function _decode(bytes calldata proofBytes)
        private
        pure
        returns (uint64 epoch, BLS12381.G1Point memory signature, uint32[] memory absent)
    {
        uint256 length = proofBytes.length;
        require(length >= FIXED_LENGTH && length % 32 == 0, MalformedProof());
        require(uint256(bytes32(proofBytes[IDS_OFFSET - 32:])) == IDS_OFFSET, MalformedProof());
        uint256 count = (length - FIXED_LENGTH) / 32;
        require(uint256(bytes32(proofBytes[IDS_OFFSET:])) == count, MalformedProof());
        require(uint256(bytes32(proofBytes)) < type(uint64).max, MalformedProof());
        for (uint256 i = 0; i < count; ++i) {
            require(
                uint256(bytes32(proofBytes[FIXED_LENGTH + 32 * i:])) <= type(uint32).max, MalformedProof()
            );
        }
        return abi.decode(proofBytes, (uint64, BLS12381.G1Point, uint32[]));
    }
}
