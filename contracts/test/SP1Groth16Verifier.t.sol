// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {SP1Groth16Verifier as Verifier} from "../src/SP1Groth16Verifier.sol";
import {BN254} from "../src/libraries/BN254.sol";
import {Groth16Files} from "./support/Groth16Files.sol";
import {TrapdoorSetup} from "./support/TrapdoorSetup.sol";

/// Keys: which are refused where, and what a development key is worth. `SP1Groth16Proof.t.sol` has the proofs.
contract SP1Groth16VerifierTest is Groth16Files {
    string private json;
    bytes private arguments;
    Verifier private published;
    Verifier private development;

    function setUp() public {
        json = publishedKey();
        arguments = abi.encode(pointsOf(json), verifierHashOf(json), vkRootOf(json));
        published = verifierOf(json);
        development = TrapdoorSetup.verifier();
    }

    // --- the published key

    function test_constructor_publishedKeyOnAnyChain_succeeds() public {
        uint256[6] memory chains = [uint256(1), 11_155_111, 560_048, 10, 31_337, 1337];
        for (uint256 i = 0; i < chains.length; ++i) {
            vm.chainId(chains[i]);
            vm.assertFalse(verifierOf(json).IS_DEVELOPMENT_KEY());
        }
    }

    /// One bit of the published key changed, in each of its 28 words: another key, and nobody knows whose.
    function testFuzz_constructor_damagedPublishedKey_reverts(uint256 word, uint8 bit) public {
        bytes memory encoded = arguments;
        vm.assertEq(encoded.length, 28 * 32);
        vm.assertEq(keccak256(encoded), published.PUBLISHED_KEY());
        uint256 position = 32 * bound(word, 0, 27) + bit / 8;
        encoded[position] ^= bytes1(uint8(1) << (bit % 8));
        (Verifier.VerificationKey memory key, bytes32 verifierHash, bytes32 vkRoot) =
            abi.decode(encoded, (Verifier.VerificationKey, bytes32, bytes32));
        vm.chainId(1);
        vm.expectRevert(abi.encodeWithSelector(Verifier.DevelopmentKeyRefused.selector, 1));
        new Verifier(key, verifierHash, vkRoot);
    }

    function test_constructor_malformedKey_reverts() public {
        Verifier.VerificationKey memory key = pointsOf(json);
        key.ic[4].x = uint256(key.ic[4].x) ^ 1;
        vm.expectRevert(abi.encodeWithSelector(BN254.PrecompileFailed.selector, 0x07));
        new Verifier(key, 0, bytes32(uint256(1)));
        vm.expectRevert(abi.encodeWithSelector(Verifier.InputNotInField.selector, type(uint256).max));
        new Verifier(key, 0, bytes32(type(uint256).max));
    }

    // --- a development key

    function testFuzz_constructor_developmentKeyOnOtherChain_reverts(uint64 chainId) public {
        vm.assume(chainId != 0 && chainId != 31_337 && chainId != 1337);
        Verifier.VerificationKey memory key = TrapdoorSetup.key();
        vm.chainId(chainId);
        vm.expectRevert(abi.encodeWithSelector(Verifier.DevelopmentKeyRefused.selector, chainId));
        new Verifier(key, TrapdoorSetup.VERIFIER_HASH, TrapdoorSetup.VK_ROOT);
    }

    function test_constructor_developmentKeyUnderPublishedNames_reverts() public {
        Verifier.VerificationKey memory key = TrapdoorSetup.key();
        vm.chainId(1);
        vm.expectRevert(abi.encodeWithSelector(Verifier.DevelopmentKeyRefused.selector, 1));
        new Verifier(key, verifierHashOf(json), vkRootOf(json));
    }

    function test_constructor_developmentKeyOnLocalChain_succeeds() public {
        uint256[2] memory chains = [uint256(31_337), 1337];
        for (uint256 i = 0; i < chains.length; ++i) {
            vm.chainId(chains[i]);
            vm.assertTrue(TrapdoorSetup.verifier().IS_DEVELOPMENT_KEY());
        }
    }

    /// Why such keys are refused: whoever ran the set-up needs no proof to have one.
    /// A pairing takes a millisecond and more here, so this has fewer runs than other fuzz tests.
    /// forge-config: ci.fuzz.runs = 1000
    function testFuzz_verifyProof_forgedWithTrapdoor_succeeds(
        uint256 programId,
        bytes calldata values,
        uint256 nonce
    ) public {
        programId = bound(programId, 1, BN254.SCALAR_ORDER - 1);
        nonce = bound(nonce, 0, BN254.SCALAR_ORDER - 1);
        bytes memory forged = TrapdoorSetup.forge(bytes32(programId), values, nonce);
        development.verifyProof(bytes32(programId), values, forged);
        vm.expectRevert(Verifier.InvalidProof.selector);
        development.verifyProof(bytes32(programId - 1), values, forged);
    }

    /// Such a proof is none under SP1's key, whatever names it is given.
    function test_verifyProof_forgedForPublishedKey_reverts() public {
        bytes memory forged = TrapdoorSetup.forge(bytes32(uint256(5)), "values", 7);
        vm.expectPartialRevert(Verifier.WrongVerifierSelector.selector);
        published.verifyProof(bytes32(uint256(5)), "values", forged);
        bytes32 hash = verifierHashOf(json);
        bytes32 root = vkRootOf(json);
        for (uint256 i = 0; i < 32; ++i) {
            if (i < 4) forged[i] = hash[i];
            forged[36 + i] = root[i];
        }
        vm.expectRevert(Verifier.InvalidProof.selector);
        published.verifyProof(bytes32(uint256(5)), "values", forged);
    }

    function testFuzz_verifyProof_garbage_reverts(bytes calldata garbage) public {
        vm.expectRevert();
        published.verifyProof(0, "", garbage);
    }
}
