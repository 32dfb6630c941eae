// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";

/// @title What a batch of fast mode states about each of its proofs
/// @notice The commitment of a proof is 160 bytes hashed: commitment of the proof, of the public inputs, of the auxiliary data,
/// the generator's address (12 zero bytes, 20 bytes), and `DOMAIN`. The tree over commitments is that of `Inclusion`.
///
/// The domain comes last, where a commitment of aggregation mode, `keccak256(public inputs ‖ program id)`, has the program id.
/// Public inputs are anybody's choice, so a domain in front could be imitated; a program whose id is `DOMAIN` cannot be found.
library BatchStatement {
    /// @notice Last word of what a commitment hashes.
    bytes32 internal constant DOMAIN = keccak256("Collimate.FastMode.v1");

    /// @notice A tree needs at least one node.
    error EmptyTree();

    /// @notice Which program was proven with which proof system.
    /// @param provingSystem Id of the proof system.
    /// @param programId SP1: the verifying key's `bytes32()`. RISC Zero: the image id. Circuits: keccak256 of the verification key.
    function auxDataCommitment(uint16 provingSystem, bytes32 programId) internal pure returns (bytes32) {
        return keccak256(abi.encode(provingSystem, programId));
    }

    /// @notice What stands for a proof in a batch.
    /// @param proofCommitment keccak256 of the proof's bytes.
    /// @param pubInputCommitment keccak256 of the public inputs' bytes.
    /// @param provingSystemAuxDataCommitment See `auxDataCommitment`.
    /// @param proofGenerator Who is named as the proof's maker; zero if nobody is.
    function commitment(
        bytes32 proofCommitment,
        bytes32 pubInputCommitment,
        bytes32 provingSystemAuxDataCommitment,
        address proofGenerator
    ) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                proofCommitment, pubInputCommitment, provingSystemAuxDataCommitment, proofGenerator, DOMAIN
            )
        );
    }

    /// @notice Root of the tree over nodes, by the rule of `Inclusion`: level by level, an odd last node moves up unchanged.
    /// @dev Overwrites `nodes`.
    function rootOver(bytes32[] memory nodes) internal pure returns (bytes32) {
        uint256 length = nodes.length;
        require(length != 0, EmptyTree());
        for (; length > 1; length = (length + 1) / 2) {
            for (uint256 i = 0; i < length / 2; ++i) {
                nodes[i] = Hashes.commutativeKeccak256(nodes[2 * i], nodes[2 * i + 1]);
            }
            if (length % 2 == 1) nodes[length / 2] = nodes[length - 1];
        }
        return nodes[0];
    }
}
