// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {AlignedLayerServiceManager} from "../AlignedLayerServiceManager.sol";

/// @title Example: a contract that relies on fast mode
/// @notice Keeps the best score that each player has proven. A program that plays a recorded game to its end commits
/// `abi.encode(player, score)`; whoever holds the proof's verification data reports it here.
/// @dev What every consumer must check, and what happens otherwise:
///
/// - **the program id**: without it, a proof of any program counts, and anyone writes a program that commits a high score;
/// - **the proof system**: ids of programs are unique within one system only;
/// - **the public inputs**, by building or decoding them here: they are the statement, and belong to this call;
/// - **that a statement counts once**, where that matters: proofs can be reported by anybody and as often as they like. Here only a
///   better score changes anything, so it does not matter.
///
/// Who made the proof and who created the task are no matter of trust: the operators verified both batch and proof.
contract ScoreBoard {
    /// @notice Where a proof is in a verified batch: the user's verification data.
    struct Receipt {
        bytes32 proofCommitment;
        address proofGenerator;
        address senderAddress;
        bytes32[] merkleProof;
    }

    /// @notice Answers whether a proof is verified.
    AlignedLayerServiceManager public immutable SERVICE_MANAGER;
    /// @notice Proof system of the game.
    uint16 public immutable PROVING_SYSTEM;
    /// @notice Id of the program that plays the game.
    bytes32 public immutable PROGRAM_ID;

    /// @notice Best score of a player.
    mapping(address player => uint256) public best;

    /// @notice A player has a new best score.
    event NewBest(address indexed player, uint256 score);

    /// @notice No verified batch has a proof of this program with these public inputs.
    error NotVerified();
    /// @notice The score is not better than the player's best.
    error NotBetter(uint256 score, uint256 best);

    /// @param serviceManager Answers whether a proof is verified.
    /// @param provingSystem Proof system of the game.
    /// @param programId Id of the program that plays the game.
    constructor(AlignedLayerServiceManager serviceManager, uint16 provingSystem, bytes32 programId) {
        SERVICE_MANAGER = serviceManager;
        PROVING_SYSTEM = provingSystem;
        PROGRAM_ID = programId;
    }

    /// @notice Takes a proven score.
    function report(address player, uint256 score, Receipt calldata receipt) external {
        require(score > best[player], NotBetter(score, best[player]));
        bool verified = SERVICE_MANAGER.isVerified(
            PROVING_SYSTEM,
            PROGRAM_ID,
            abi.encode(player, score),
            receipt.proofCommitment,
            receipt.proofGenerator,
            receipt.merkleProof,
            receipt.senderAddress
        );
        require(verified, NotVerified());
        best[player] = score;
        emit NewBest(player, score);
    }
}
