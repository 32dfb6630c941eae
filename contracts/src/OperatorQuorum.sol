// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {OperatorRegistry} from "./OperatorRegistry.sol";
import {BLS12381} from "./libraries/BLS12381.sol";

/// @title The operators' quorum
/// @notice What it takes for the operators of an epoch to have said something: one signature, the sum of those of operators that
/// hold at least 67 % of the epoch's stake.
abstract contract OperatorQuorum {
    /// @notice Share of an epoch's stake that must have signed, in basis points.
    uint256 public constant QUORUM_BPS = 6_700;
    /// @notice Domain separation tag of the operators' signatures.
    bytes public constant SIGNATURE_DOMAIN = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";

    uint256 private constant BPS = 10_000;

    /// @notice Who the operators are.
    OperatorRegistry public immutable REGISTRY;

    /// @notice The registry's address is not a contract.
    error RegistryWithoutCode(address registry);
    /// @notice The operators present have too little stake, in wei.
    error QuorumNotReached(uint256 presentStake, uint256 totalStake);
    /// @notice The signature is not that of the operators present over this message.
    error InvalidQuorumSignature();

    /// @param registry Who the operators are.
    constructor(OperatorRegistry registry) {
        require(address(registry).code.length != 0, RegistryWithoutCode(address(registry)));
        REGISTRY = registry;
    }

    /// @dev Reverts unless a quorum of the epoch signed. That the epoch is recent enough for its stake to be locked still is
    /// the caller's to check.
    /// @param epoch An epoch that has begun.
    /// @param message The 32 bytes that were signed, which bind chain and contract.
    /// @param signature Sum of the signatures.
    /// @param absent Ids of the epoch's operators that did not sign, strictly ascending.
    function _requireQuorum(
        uint64 epoch,
        bytes32 message,
        BLS12381.G1Point memory signature,
        uint32[] memory absent
    ) internal view {
        (BLS12381.G2Point memory key, uint256 presentStake, uint256 totalStake) =
            REGISTRY.presentOperators(epoch, absent);
        // An epoch without operators has a quorum of nothing.
        require(
            presentStake != 0 && presentStake * BPS >= totalStake * QUORUM_BPS,
            QuorumNotReached(presentStake, totalStake)
        );
        require(BLS12381.verify(key, message, SIGNATURE_DOMAIN, signature), InvalidQuorumSignature());
    }
}
