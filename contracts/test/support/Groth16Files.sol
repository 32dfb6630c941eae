// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {SP1Groth16Verifier} from "../../src/SP1Groth16Verifier.sol";
import {BN254} from "../../src/libraries/BN254.sol";
import {Test} from "./Vm.sol";

/// A proof that somebody made, as `proofBytes` on chain.
struct RealProof {
    bytes32 programId;
    bytes publicValues;
    bytes proof;
}

/// @notice Reads keys, as `bin/groth16-key` prints them, and folders with `vkey.hex`, `public_values.bin` and `proof.bin`.
abstract contract Groth16Files is Test {
    function readProof(string memory folder) internal view returns (RealProof memory) {
        return RealProof({
            programId: vm.parseBytes32(vm.readFile(string.concat(folder, "/vkey.hex"))),
            publicValues: vm.readFileBinary(string.concat(folder, "/public_values.bin")),
            proof: vm.readFileBinary(string.concat(folder, "/proof.bin"))
        });
    }

    function publishedKey() internal view returns (string memory json) {
        return vm.readFile(string.concat(vm.projectRoot(), "/test/data/sp1-groth16-v6.1.0.json"));
    }

    function verifierHashOf(string memory json) internal pure returns (bytes32) {
        return vm.parseJsonBytes32(json, ".verifierHash");
    }

    function vkRootOf(string memory json) internal pure returns (bytes32) {
        return vm.parseJsonBytes32(json, ".vkRoot");
    }

    function verifierOf(string memory json) internal returns (SP1Groth16Verifier) {
        return new SP1Groth16Verifier(pointsOf(json), verifierHashOf(json), vkRootOf(json));
    }

    function pointsOf(string memory json)
        internal
        pure
        returns (SP1Groth16Verifier.VerificationKey memory key)
    {
        key.alpha = _g1(json, ".alpha");
        key.beta = _g2(json, ".beta");
        key.gamma = _g2(json, ".gamma");
        key.delta = _g2(json, ".delta");
        for (uint256 i = 0; i < 6; ++i) {
            key.ic[i] = _g1(json, string.concat(".ic[", vm.toString(i), "]"));
        }
    }

    function _g1(string memory json, string memory point) private pure returns (BN254.G1Point memory) {
        return BN254.G1Point(_word(json, point, ".x"), _word(json, point, ".y"));
    }

    function _g2(string memory json, string memory point) private pure returns (BN254.G2Point memory) {
        return BN254.G2Point(
            _word(json, point, ".x1"),
            _word(json, point, ".x0"),
            _word(json, point, ".y1"),
            _word(json, point, ".y0")
        );
    }

    function _word(string memory json, string memory point, string memory field)
        private
        pure
        returns (uint256)
    {
        return uint256(vm.parseJsonBytes32(json, string.concat(point, field)));
    }
}
