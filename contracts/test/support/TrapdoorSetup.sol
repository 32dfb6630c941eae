// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {SP1Groth16Verifier} from "../../src/SP1Groth16Verifier.sol";
import {BN254} from "../../src/libraries/BN254.sol";

/// @notice A Groth16 key whose maker kept the trapdoor, and the proofs of anything at all that follow from it. What an attacker who
/// ran a development set-up can do, and, for tests, real pairings over statements that nobody proved.
/// @dev With one point for beta, gamma, delta and B, the equation e(A, B) = e(alpha, beta) · e(inputs, gamma) · e(C, delta) is
/// A = alpha + inputs + C.
library TrapdoorSetup {
    bytes32 internal constant VERIFIER_HASH = keccak256("a set-up whose trapdoor was kept");
    bytes32 internal constant VK_ROOT = bytes32(uint256(0x2f85));

    function key() internal view returns (SP1Groth16Verifier.VerificationKey memory made) {
        made.alpha = _point(1);
        (made.beta, made.gamma, made.delta) = (_generator2(), _generator2(), _generator2());
        for (uint256 i = 0; i < 6; ++i) {
            made.ic[i] = _point(2 + i);
        }
    }

    function verifier() internal returns (SP1Groth16Verifier) {
        return new SP1Groth16Verifier(key(), VERIFIER_HASH, VK_ROOT);
    }

    /// @notice A proof that this program committed these values, for the key above.
    function forge(bytes32 programId, bytes memory publicValues, uint256 nonce)
        internal
        view
        returns (bytes memory)
    {
        SP1Groth16Verifier.VerificationKey memory made = key();
        BN254.G1Point memory c = _point(nonce);
        BN254.G1Point memory a = BN254.add(BN254.add(made.alpha, made.ic[0]), c);
        a = BN254.add(a, BN254.multiply(made.ic[1], uint256(programId)));
        a = BN254.add(a, BN254.multiply(made.ic[2], uint256(sha256(publicValues)) & ((1 << 253) - 1)));
        a = BN254.add(a, BN254.multiply(made.ic[4], uint256(VK_ROOT)));
        a = BN254.add(a, BN254.multiply(made.ic[5], nonce));
        return
            abi.encodePacked(
                bytes4(VERIFIER_HASH), abi.encode(uint256(0), VK_ROOT, nonce, a, _generator2(), c)
            );
    }

    /// @dev Some point that is none of the others.
    function _point(uint256 which) private view returns (BN254.G1Point memory) {
        return BN254.multiply(
            BN254.G1Point(1, 2), uint256(keccak256(abi.encode("point", which))) % BN254.SCALAR_ORDER
        );
    }

    function _generator2() private pure returns (BN254.G2Point memory) {
        return BN254.G2Point({
            x1: 0x198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2,
            x0: 0x1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed,
            y1: 0x090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b,
            y0: 0x12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa
        });
    }
}
