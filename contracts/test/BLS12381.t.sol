// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {BLS12381} from "../src/libraries/BLS12381.sol";
import {Bls} from "./support/Bls.sol";
import {Test} from "./support/Vm.sol";

contract BLS12381Test is Test {
    bytes private constant DOMAIN = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";

    /// RFC 9380, J.9.1.
    function test_hashToG1_rfc9380Vectors_succeeds() public view {
        bytes memory domain = "QUUX-V01-CS02-with-BLS12381G1_XMD:SHA-256_SSWU_RO_";
        _assertPoint(
            BLS12381.hashToG1("", domain),
            hex"052926add2207b76ca4fa57a8734416c8dc95e24501772c814278700eed6d1e4e8cf62d9c09db0fac349612b759e79a1",
            hex"08ba738453bfed09cb546dbb0783dbb3a5f1f566ed67bb6be0e8c67e2e81a4cc68ee29813bb7994998f3eae0c9c6a265"
        );
        _assertPoint(
            BLS12381.hashToG1("abc", domain),
            hex"03567bc5ef9c690c2ab2ecdf6a96ef1c139cc0b2f284dca0a9a7943388a49a3aee664ba5379a7655d3c68900be2f6903",
            hex"0b9c15f3fe6e5cf4211f346271d7b01c8f3b28be689c8429c85b67af215533311f0b8dfaaa154fa6b88176c229f2885d"
        );
    }

    function test_verify_ownSignature_succeeds() public view {
        vm.assertTrue(_verify(Bls.publicKey(7), "m", Bls.sign(7, "m", DOMAIN)));
    }

    function test_verify_sumOfKeysAndSignatures_succeeds() public view {
        BLS12381.G2Point memory keys = BLS12381.addG2(Bls.publicKey(7), Bls.publicKey(11));
        BLS12381.G1Point memory signatures =
            BLS12381.addG1(Bls.sign(7, "m", DOMAIN), Bls.sign(11, "m", DOMAIN));
        vm.assertTrue(_verify(keys, "m", signatures));
        vm.assertFalse(_verify(keys, "m", Bls.sign(7, "m", DOMAIN)));
    }

    function testFuzz_verify_anyKeyAndMessage_succeeds(uint256 secret, bytes32 message) public view {
        secret = bound(secret, 1, Bls.ORDER - 1);
        BLS12381.G2Point memory key = Bls.publicKey(secret);
        BLS12381.G1Point memory signature = Bls.sign(secret, message, DOMAIN);
        vm.assertTrue(_verify(key, message, signature));
        vm.assertFalse(_verify(key, ~message, signature));
    }

    function test_verify_otherDomain_isFalse() public view {
        bytes memory other = "BLS_POP_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
        vm.assertFalse(_verify(Bls.publicKey(7), "m", Bls.sign(7, "m", other)));
    }

    function test_verify_infinity_isFalse() public view {
        BLS12381.G2Point memory key;
        BLS12381.G1Point memory signature;
        vm.assertFalse(_verify(key, "m", signature), "infinity signs nothing for itself");
        vm.assertFalse(_verify(Bls.publicKey(7), "m", signature), "nor for another key");
    }

    function test_verify_keyOutsideSubgroup_isFalse() public view {
        BLS12381.G2Point memory outside = Bls.outsideSubgroup();
        // It is on the curve: the addition takes it.
        BLS12381.addG2(outside, outside);
        vm.assertFalse(_verify(outside, "m", Bls.sign(7, "m", DOMAIN)));
        vm.assertFalse(_verify(BLS12381.addG2(outside, Bls.publicKey(7)), "m", Bls.sign(7, "m", DOMAIN)));
    }

    /// One field of key or signature changed at a time.
    function testFuzz_verify_damagedWord_isFalse(uint256 position, uint256 change) public view {
        vm.assume(change != 0);
        BLS12381.G2Point memory key = Bls.publicKey(7);
        BLS12381.G1Point memory signature = Bls.sign(7, "m", DOMAIN);
        position = bound(position, 0, 11);
        assembly {
            let word := add(key, mul(position, 0x20))
            if gt(position, 7) { word := add(signature, mul(sub(position, 8), 0x20)) }
            mstore(word, xor(mload(word), change))
        }
        vm.assertFalse(_verify(key, "m", signature));
    }

    function test_verify_coordinateAboveModulus_isFalse() public view {
        // The same point with p added to a coordinate would be a second encoding of one key.
        BLS12381.G2Point memory key = Bls.publicKey(7);
        unchecked {
            uint256 lo = key.x0Lo + BLS12381.P_LO;
            key.x0Hi += BLS12381.P_HI + (lo < key.x0Lo ? 1 : 0);
            key.x0Lo = lo;
        }
        vm.assertFalse(_verify(key, "m", Bls.sign(7, "m", DOMAIN)));
    }

    function testFuzz_negate_plusItself_isInfinity(uint256 secret) public view {
        BLS12381.G2Point memory point = Bls.publicKey(bound(secret, 1, Bls.ORDER - 1));
        vm.assertTrue(BLS12381.isInfinity(BLS12381.addG2(point, BLS12381.negate(point))));
    }

    function test_negate_infinity_isInfinity() public pure {
        BLS12381.G2Point memory point;
        vm.assertTrue(BLS12381.isInfinity(BLS12381.negate(point)));
    }

    function test_verify_malformedPoint_burnsNoMoreThanItsLimit() public view {
        BLS12381.G2Point memory key = Bls.publicKey(7);
        key.x0Lo ^= 1;
        uint256 before = gasleft();
        vm.assertFalse(_verify(key, "m", Bls.sign(7, "m", DOMAIN)));
        vm.assertLe(before - gasleft(), 400_000, "gas");
    }

    function test_addG2_malformedPoint_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(BLS12381.PrecompileFailed.selector, 0x0d));
        this.addMalformed();
    }

    function addMalformed() external view {
        BLS12381.G2Point memory point = Bls.publicKey(7);
        point.y0Lo ^= 1;
        BLS12381.addG2(point, point);
    }

    function _verify(BLS12381.G2Point memory key, bytes32 message, BLS12381.G1Point memory signature)
        private
        view
        returns (bool)
    {
        return BLS12381.verify(key, message, DOMAIN, signature);
    }

    function _assertPoint(BLS12381.G1Point memory point, bytes memory x, bytes memory y) private pure {
        bytes16 zero;
        vm.assertEq(abi.encode(point), abi.encodePacked(zero, x, zero, y));
    }
}
