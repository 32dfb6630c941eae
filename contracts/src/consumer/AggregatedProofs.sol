// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity >=0.8.26;

import {IProofInclusion} from "../interfaces/IProofInclusion.sol";

/// @title Acting on proofs that a run of Collimate covers
/// @notice For contracts that do something only if a proof of a certain program with certain public values was verified.
///
/// Inclusion alone says that the statement is true; it does not say that it is meant for this contract, for this caller, or
/// for the first time. Everything that decides about the action has to be in the public values and be compared there. Three
/// rules for whoever uses this library:
///
/// 1. The program id and the service are fixed by the app (constants or immutables), never taken from the caller.
/// 2. Every parameter of the action comes from the public values: whatever else the caller passes can be chosen by
///    whoever sees the transaction in the mempool, since paths and public values are public.
/// 3. One statement is one action: `consume` remembers it. The key is what must not happen twice: a nullifier from the public
///    values, or `statementId` where each statement is unique. Never the path or the root: the same statement may be
///    covered by several runs, and has another path in each.
/// @dev Internal functions only, so nothing has to be linked or deployed.
library AggregatedProofs {
    /// @notice Statements that were acted upon, by their key.
    struct Consumed {
        mapping(bytes32 key => bool) keys;
    }

    /// @notice No registered run covers the proof under this path.
    error ProofNotIncluded(bytes32 programId, bytes32 statement);
    /// @notice The statement was acted upon before.
    error AlreadyConsumed(bytes32 key);
    /// @notice The public values are not as long as the program's are.
    error InvalidPublicValuesLength(uint256 length, uint256 expected);

    /// @notice Reverts unless the service says that a run, soft or hard, covers this proof.
    /// @param service Fixed by the app.
    /// @param path From the inclusion bundle, as `collimate inclusion` prints it.
    /// @param programId Fixed by the app.
    /// @param publicValues What the proof shows; the caller decodes and compares it.
    function requireIncluded(
        IProofInclusion service,
        bytes32[] calldata path,
        bytes32 programId,
        bytes calldata publicValues
    ) internal view {
        require(
            service.verifyProofInclusion(path, programId, publicValues),
            ProofNotIncluded(programId, statementId(programId, publicValues))
        );
    }

    /// @notice Reverts unless the service says that a run covers this proof whose own proof it verified. For apps to which the
    /// operators' word is not enough; parameters are those of `requireIncluded`.
    function requireHardIncluded(
        IProofInclusion service,
        bytes32[] calldata path,
        bytes32 programId,
        bytes calldata publicValues
    ) internal view {
        require(
            service.verifyProofInclusionHard(path, programId, publicValues),
            ProofNotIncluded(programId, statementId(programId, publicValues))
        );
    }

    /// @notice Marks a key as acted upon; reverts if it was before. Call it before anything that calls out.
    function consume(Consumed storage self, bytes32 key) internal {
        require(!self.keys[key], AlreadyConsumed(key));
        self.keys[key] = true;
    }

    /// @notice Whether a key was acted upon.
    function isConsumed(Consumed storage self, bytes32 key) internal view returns (bool) {
        return self.keys[key];
    }

    /// @notice What stands for a statement in the run's blobs, whichever run covers it: keccak256(public values ‖ program id).
    function statementId(bytes32 programId, bytes calldata publicValues) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(publicValues, programId));
    }

    /// @notice Reverts unless the public values have the length of the program's. `abi.decode` ignores what follows the values
    /// that it reads, so without this one statement could come in several forms.
    function requireLength(bytes calldata publicValues, uint256 expected) internal pure {
        require(publicValues.length == expected, InvalidPublicValuesLength(publicValues.length, expected));
    }
}
