// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IRiscZeroVerifier} from "../../src/interfaces/IRiscZeroVerifier.sol";
import {ISP1Verifier} from "../../src/interfaces/ISP1Verifier.sol";

/// @notice Accepts one proof for each statement: its hash together with the program's id. For tests of the service alone.
contract HashVerifier is ISP1Verifier, IRiscZeroVerifier {
    error WrongProof();

    function verifyProof(bytes32 programVKey, bytes calldata publicValues, bytes calldata proofBytes)
        external
        pure
    {
        require(keccak256(proofBytes) == keccak256(sp1Proof(programVKey, publicValues)), WrongProof());
    }

    function verify(bytes calldata seal, bytes32 imageId, bytes32 journalDigest) external pure {
        require(keccak256(seal) == keccak256(abi.encode("risc0", imageId, journalDigest)), WrongProof());
    }

    function sp1Proof(bytes32 programVKey, bytes calldata publicValues) public pure returns (bytes memory) {
        return abi.encode("sp1", programVKey, keccak256(publicValues));
    }

    function risc0Seal(bytes32 imageId, bytes calldata journal) public pure returns (bytes memory) {
        return abi.encode("risc0", imageId, sha256(journal));
    }
}

/// @notice The same with a selector before it, as SP1's verifiers have: a proof of its own for each statement.
contract SelectorVerifier is ISP1Verifier {
    error WrongProof();

    function verifyProof(bytes32 programVKey, bytes calldata publicValues, bytes calldata proofBytes)
        external
        pure
    {
        require(keccak256(proofBytes) == keccak256(proof(programVKey, publicValues)), WrongProof());
    }

    function proof(bytes32 programVKey, bytes calldata publicValues) public pure returns (bytes memory) {
        return abi.encodePacked(bytes4(0x4388a21c), programVKey, keccak256(publicValues));
    }
}
