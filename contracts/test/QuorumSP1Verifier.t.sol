// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {OperatorQuorum} from "../src/OperatorQuorum.sol";
import {OperatorRegistry} from "../src/OperatorRegistry.sol";
import {QuorumSP1Verifier as Verifier} from "../src/QuorumSP1Verifier.sol";
import {BLS12381} from "../src/libraries/BLS12381.sol";
import {Bls} from "./support/Bls.sol";
import {Operators} from "./support/Operators.sol";

contract QuorumSP1VerifierTest is Operators {
    bytes32 private constant PROGRAM = keccak256("program");
    bytes private constant VALUES = "public values";

    OperatorRegistry private registry;
    Verifier private verifier;
    uint64 private epoch;

    /// Four operators with a quarter of the stake each; their secret keys are 1, 2, 4 and 8.
    function setUp() public {
        registry = newRegistry();
        verifier = new Verifier(registry);
        for (uint256 i = 0; i < 4; ++i) {
            register(registry, 2 ** i, 32 ether);
        }
        epoch = nextEpoch(registry);
    }

    function test_constructor_registryWithoutCode_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(OperatorQuorum.RegistryWithoutCode.selector, address(1)));
        new Verifier(OperatorRegistry(address(1)));
    }

    function test_verifyProof_everyonePresent_succeeds() public view {
        verifier.verifyProof(PROGRAM, VALUES, _proof(15, epoch));
    }

    function test_verifyProof_oneAbsent_succeeds() public view {
        for (uint256 absent = 0; absent < 4; ++absent) {
            verifier.verifyProof(PROGRAM, VALUES, _proof(15 - 2 ** absent, epoch));
        }
    }

    function test_verifyProof_belowQuorum_reverts() public {
        bytes memory proof = _proof(3, epoch);
        vm.expectRevert(abi.encodeWithSelector(OperatorQuorum.QuorumNotReached.selector, 64 ether, 128 ether));
        verifier.verifyProof(PROGRAM, VALUES, proof);
    }

    function test_verifyProof_nobodyPresent_reverts() public {
        bytes memory proof = _proof(0, epoch);
        vm.expectRevert(abi.encodeWithSelector(OperatorQuorum.QuorumNotReached.selector, 0, 128 ether));
        verifier.verifyProof(PROGRAM, VALUES, proof);
    }

    /// An epoch without operators has a quorum of nothing, which the signature at infinity would satisfy.
    function test_verifyProof_epochWithoutOperators_reverts() public {
        BLS12381.G1Point memory infinity;
        bytes memory proof = abi.encode(uint64(0), infinity, new uint32[](0));
        vm.expectRevert(abi.encodeWithSelector(OperatorQuorum.QuorumNotReached.selector, 0, 0));
        verifier.verifyProof(PROGRAM, VALUES, proof);
    }

    /// Exactly 67 % is enough, one wei less is not.
    function test_verifyProof_quorumBoundary_succeeds() public {
        registry = newRegistry();
        verifier = new Verifier(registry);
        register(registry, 1, 67 ether);
        register(registry, 2, 33 ether);
        epoch = nextEpoch(registry);
        verifier.verifyProof(PROGRAM, VALUES, _proof(1, epoch));

        vm.deal(accountOf(2), 1);
        vm.prank(accountOf(2));
        registry.increaseStake{value: 1}();
        uint64 next = nextEpoch(registry);
        bytes memory proof = _proof(1, next);
        vm.expectRevert(
            abi.encodeWithSelector(OperatorQuorum.QuorumNotReached.selector, 67 ether, 100 ether + 1)
        );
        verifier.verifyProof(PROGRAM, VALUES, proof);
        verifier.verifyProof(PROGRAM, VALUES, _proof(1, epoch));
    }

    function testFuzz_verifyProof_anySigners_followsStake(uint256 signers, uint256 seed) public {
        signers = bound(signers, 0, 15);
        uint256 present = 0;
        uint256 total = 0;
        for (uint256 i = 0; i < 4; ++i) {
            uint256 added = bound(uint256(keccak256(abi.encode(seed, i))), 1, 300 ether);
            address account = accountOf(2 ** i);
            vm.deal(account, added);
            vm.prank(account);
            registry.increaseStake{value: added}();
            total += 32 ether + added;
            if (signers >> i & 1 == 1) present += 32 ether + added;
        }
        bytes memory proof = _proof(signers, nextEpoch(registry));
        if (present * 100 < total * 67) {
            vm.expectRevert(abi.encodeWithSelector(OperatorQuorum.QuorumNotReached.selector, present, total));
        }
        verifier.verifyProof(PROGRAM, VALUES, proof);
    }

    function test_verifyProof_previousEpoch_succeeds() public {
        bytes memory proof = _proof(7, epoch);
        nextEpoch(registry);
        verifier.verifyProof(PROGRAM, VALUES, proof);
    }

    function test_verifyProof_olderEpoch_reverts() public {
        bytes memory proof = _proof(7, epoch);
        nextEpoch(registry);
        uint64 current = nextEpoch(registry);
        vm.expectRevert(abi.encodeWithSelector(Verifier.EpochNotAccepted.selector, epoch, current));
        verifier.verifyProof(PROGRAM, VALUES, proof);
    }

    function test_verifyProof_futureEpoch_reverts() public {
        bytes memory proof = _proof(7, epoch + 1);
        vm.expectRevert(abi.encodeWithSelector(Verifier.EpochNotAccepted.selector, epoch + 1, epoch));
        verifier.verifyProof(PROGRAM, VALUES, proof);
    }

    /// An operator that left still stands behind what it signed in its last epoch, and behind nothing later.
    function test_verifyProof_operatorThatLeft_countsInItsEpochs() public {
        vm.prank(accountOf(8));
        registry.deregister();
        bytes memory proof = _proof(14, epoch);
        verifier.verifyProof(PROGRAM, VALUES, proof);
        uint64 next = nextEpoch(registry);
        verifier.verifyProof(PROGRAM, VALUES, proof);
        // The three that stay are everyone now.
        verifier.verifyProof(PROGRAM, VALUES, _proof(7, next, new uint32[](0)));
    }

    function test_verifyProof_wrongSigner_reverts() public {
        uint32[] memory absent = new uint32[](1);
        // Signed by 1, 2 and 4, claimed for 2, 4 and 8.
        _expectInvalid(_proof(7, epoch, absent));
        // Signed by three, claimed for all.
        _expectInvalid(_proof(7, epoch, new uint32[](0)));
        // Signed by all, claimed for three.
        _expectInvalid(_proof(15, epoch, absent));
    }

    function test_verifyProof_otherStatement_reverts() public {
        bytes memory proof = _proof(15, epoch);
        vm.expectRevert(OperatorQuorum.InvalidQuorumSignature.selector);
        verifier.verifyProof(~PROGRAM, VALUES, proof);
        vm.expectRevert(OperatorQuorum.InvalidQuorumSignature.selector);
        verifier.verifyProof(PROGRAM, "other values", proof);
    }

    /// A signature is for one verifier on one chain.
    function test_verifyProof_otherVerifier_reverts() public {
        bytes memory proof = _proof(15, epoch);
        Verifier other = new Verifier(registry);
        vm.expectRevert(OperatorQuorum.InvalidQuorumSignature.selector);
        other.verifyProof(PROGRAM, VALUES, proof);
    }

    function test_verifyProof_infinitySignature_reverts() public {
        BLS12381.G1Point memory infinity;
        _expectInvalid(abi.encode(epoch, infinity, new uint32[](0)));
    }

    /// One byte changed at a time, at every position: none is accepted.
    function test_verifyProof_damagedByte_reverts() public {
        bytes memory proof = _proof(7, epoch);
        // Epoch, offset, count and ids, every byte; the signature has its own damage test.
        for (uint256 i = 0; i < proof.length; ++i) {
            if (i >= 32 && i < 160 && i % 7 != 0) continue;
            proof[i] ^= 0x40;
            vm.expectRevert();
            verifier.verifyProof(PROGRAM, VALUES, proof);
            proof[i] ^= 0x40;
        }
        verifier.verifyProof(PROGRAM, VALUES, proof);
    }

    function testFuzz_verifyProof_damagedBit_reverts(uint256 bit) public {
        bytes memory proof = _proof(7, epoch);
        bit = bound(bit, 0, proof.length * 8 - 1);
        proof[bit / 8] ^= bytes1(uint8(2 ** (bit % 8)));
        // The previous epoch had no operators, so not even that bit is free.
        vm.expectRevert();
        verifier.verifyProof(PROGRAM, VALUES, proof);
    }

    function testFuzz_verifyProof_garbage_reverts(bytes calldata garbage) public {
        vm.expectRevert();
        verifier.verifyProof(PROGRAM, VALUES, garbage);
    }

    function test_verifyProof_malformed_reverts() public {
        bytes memory proof = _proof(7, epoch);
        _expectMalformed("");
        _expectMalformed(new bytes(224 - 32));
        _expectMalformed(abi.encodePacked(proof, bytes32(0)));
        _expectMalformed(abi.encodePacked(proof, uint8(0)));
        (BLS12381.G1Point memory signature, uint32[] memory ids) =
            (Bls.sign(1, PROGRAM, "domain"), new uint32[](0));
        _expectMalformed(abi.encode(type(uint64).max, signature, ids));
        _expectMalformed(abi.encode(uint256(1) << 64, signature, ids));
        uint256[] memory wide = new uint256[](1);
        wide[0] = 1 << 32;
        _expectMalformed(abi.encode(epoch, signature, wide));
        _expectMalformed(abi.encodePacked(abi.encode(epoch, signature), uint256(224), uint256(0)));
        _expectMalformed(abi.encodePacked(abi.encode(epoch, signature), uint256(192), type(uint256).max));
    }

    function _expectMalformed(bytes memory proof) private {
        vm.expectRevert(Verifier.MalformedProof.selector);
        verifier.verifyProof(PROGRAM, VALUES, proof);
    }

    function _expectInvalid(bytes memory proof) private {
        vm.expectRevert(OperatorQuorum.InvalidQuorumSignature.selector);
        verifier.verifyProof(PROGRAM, VALUES, proof);
    }

    /// The proof of those operators whose bit is set; ids count from zero, and secret keys are the bits themselves.
    function _proof(uint256 signers, uint64 epoch_) private view returns (bytes memory) {
        uint256 operators = registry.operatorCount();
        uint32[] memory absent = new uint32[](operators);
        uint256 count = 0;
        for (uint32 id = 0; id < operators; ++id) {
            if (signers >> id & 1 == 0) absent[count++] = id;
        }
        assembly {
            mstore(absent, count)
        }
        return _proof(signers, epoch_, absent);
    }

    function _proof(uint256 signers, uint64 epoch_, uint32[] memory absent)
        private
        view
        returns (bytes memory)
    {
        uint256[] memory sum = new uint256[](1);
        sum[0] = signers;
        return quorumProof(verifier, PROGRAM, VALUES, epoch_, sum, absent);
    }
}
