// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IProofInclusion} from "../../interfaces/IProofInclusion.sol";
import {AggregatedProofs} from "../AggregatedProofs.sol";

/// @title Example: a petition that members of a group sign anonymously, each once
/// @notice Counts a signature only with an aggregated proof of the program `merkle_membership` (in `programs/`): its prover knows the
/// secret of one member of the group. Who signed stays unknown; that nobody signed twice does not.
///
/// The program's public values are `(bytes32 groupRoot, bytes32 topic, bytes32 nullifier)`, where the nullifier is the same whenever
/// the same member proves for the same topic. They decide everything: anybody may bring a proof here, and changes
/// nothing about whose signature it is.
contract Petition {
    using AggregatedProofs for AggregatedProofs.Consumed;

    /// @notice Says which proofs were verified. Fixed: an app that lets its caller name the service accepts anything.
    IProofInclusion public immutable SERVICE;
    /// @notice Program id of `merkle_membership`. Fixed, for the same reason.
    bytes32 public immutable PROGRAM_ID;
    /// @notice Merkle root of the group whose members may sign.
    bytes32 public immutable GROUP_ROOT;
    /// @notice What is signed: names this petition and no other, so that a signature is none to another petition. A hash of
    /// the chain id, the text and a salt will do.
    bytes32 public immutable TOPIC;

    /// @notice Members who signed.
    uint256 public signatures;
    AggregatedProofs.Consumed private _signed;

    /// @notice A member signed.
    event Signed(bytes32 indexed nullifier, uint256 signatures);

    /// @notice The proof is about members of another group.
    error OtherGroup(bytes32 groupRoot);
    /// @notice The proof is a signature of something else.
    error OtherTopic(bytes32 topic);

    constructor(IProofInclusion service, bytes32 programId, bytes32 groupRoot, bytes32 topic) {
        SERVICE = service;
        PROGRAM_ID = programId;
        GROUP_ROOT = groupRoot;
        TOPIC = topic;
    }

    /// @notice Counts a signature.
    /// @param path Siblings from the proof's leaf to the root of the run that covers it.
    /// @param publicValues What the proof shows.
    function sign(bytes32[] calldata path, bytes calldata publicValues) external {
        AggregatedProofs.requireLength(publicValues, 96);
        (bytes32 groupRoot, bytes32 topic, bytes32 nullifier) =
            abi.decode(publicValues, (bytes32, bytes32, bytes32));
        require(groupRoot == GROUP_ROOT, OtherGroup(groupRoot));
        require(topic == TOPIC, OtherTopic(topic));
        _signed.consume(nullifier);
        AggregatedProofs.requireIncluded(SERVICE, path, PROGRAM_ID, publicValues);
        emit Signed(nullifier, ++signatures);
    }

    /// @notice Whether the member with this nullifier signed.
    function hasSigned(bytes32 nullifier) external view returns (bool) {
        return _signed.isConsumed(nullifier);
    }
}
