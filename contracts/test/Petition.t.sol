// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {AlignedProofAggregationService as Service} from "../src/AlignedProofAggregationService.sol";
import {AggregatedProofs} from "../src/consumer/AggregatedProofs.sol";
import {Petition} from "../src/consumer/examples/Petition.sol";
import {IProofInclusion} from "../src/interfaces/IProofInclusion.sol";
import {IRiscZeroVerifier} from "../src/interfaces/IRiscZeroVerifier.sol";
import {ISP1Verifier} from "../src/interfaces/ISP1Verifier.sol";
import {Tree} from "./support/Tree.sol";
import {HashVerifier} from "./support/Verifiers.sol";
import {Test} from "./support/Vm.sol";

/// The consumer library and its example, on the real service: what an attacker who sees every path and all public values can do.
contract PetitionTest is Test {
    bytes32 private constant AGGREGATION_PROGRAM = keccak256("aggregation");
    bytes32 private constant PROGRAM = keccak256("merkle_membership");
    bytes32 private constant OTHER_PROGRAM = keccak256("a program that its author lets prove anything");
    bytes32 private constant GROUP = keccak256("group");
    bytes32 private constant TOPIC = keccak256("topic");

    HashVerifier private verifier;
    Service private service;
    Petition private petition;

    function setUp() public {
        verifier = new HashVerifier();
        service = new Service(
            ISP1Verifier(address(0)), AGGREGATION_PROGRAM, IRiscZeroVerifier(address(0)), 0, verifier
        );
        petition = new Petition(IProofInclusion(address(service)), PROGRAM, GROUP, TOPIC);
    }

    function testFuzz_sign_everyMemberOnce_succeeds(uint256 count, bytes32 seed) public {
        count = bound(count, 1, 12);
        bytes[] memory statements = new bytes[](count);
        for (uint256 i = 0; i < count; ++i) {
            statements[i] = _signature(_nullifier(seed, i));
        }
        bytes32[] memory run = _register(statements, PROGRAM);
        for (uint256 i = 0; i < count; ++i) {
            vm.expectEmit(address(petition));
            emit Petition.Signed(_nullifier(seed, i), i + 1);
            // Whoever brings it.
            vm.prank(address(uint160(i + 1)));
            petition.sign(Tree.path(run, i), statements[i]);
            vm.assertTrue(petition.hasSigned(_nullifier(seed, i)));
        }
        vm.assertEq(petition.signatures(), count);
    }

    function test_sign_twice_reverts() public {
        bytes memory statement = _signature("nullifier");
        bytes32[] memory path = _registerBeside(statement, PROGRAM, "first run");
        petition.sign(path, statement);
        _expectConsumed("nullifier");
        petition.sign(path, statement);
    }

    /// The same statement, covered by a second run: another root and another path, and no second signature.
    function test_sign_againFromAnotherRun_reverts() public {
        bytes memory statement = _signature("nullifier");
        petition.sign(_registerBeside(statement, PROGRAM, "first run"), statement);
        bytes32[] memory path = _registerBeside(statement, PROGRAM, "second run");
        vm.assertTrue(service.verifyProofInclusion(path, PROGRAM, statement), "the second run covers it too");
        _expectConsumed("nullifier");
        petition.sign(path, statement);
        vm.assertEq(petition.signatures(), 1);
    }

    function test_sign_notIncluded_reverts() public {
        bytes memory statement = _signature("nullifier");
        _expectNotIncluded(statement);
        petition.sign(new bytes32[](0), statement);
        // What failed did not use the nullifier up.
        vm.assertFalse(petition.hasSigned("nullifier"));
        petition.sign(_registerBeside(statement, PROGRAM, "run"), statement);
    }

    /// Aggregation takes proofs of every program, so an attacker's own program can "show" any public values.
    function test_sign_sameValuesOfAnotherProgram_reverts() public {
        bytes memory statement = _signature("nullifier");
        bytes32[] memory path = _registerBeside(statement, OTHER_PROGRAM, "run");
        vm.assertTrue(service.verifyProofInclusion(path, OTHER_PROGRAM, statement), "it is covered");
        _expectNotIncluded(statement);
        petition.sign(path, statement);
    }

    function testFuzz_sign_otherGroup_reverts(bytes32 group) public {
        vm.assume(group != GROUP);
        bytes memory statement = abi.encode(group, TOPIC, bytes32("nullifier"));
        bytes32[] memory path = _registerBeside(statement, PROGRAM, "run");
        vm.expectRevert(abi.encodeWithSelector(Petition.OtherGroup.selector, group));
        petition.sign(path, statement);
    }

    function testFuzz_sign_otherTopic_reverts(bytes32 topic) public {
        vm.assume(topic != TOPIC);
        bytes memory statement = abi.encode(GROUP, topic, bytes32("nullifier"));
        bytes32[] memory path = _registerBeside(statement, PROGRAM, "run");
        vm.expectRevert(abi.encodeWithSelector(Petition.OtherTopic.selector, topic));
        petition.sign(path, statement);
    }

    /// Even if a run covered such a statement, one nullifier has one form.
    function testFuzz_sign_otherLength_reverts(uint256 length) public {
        length = bound(length, 0, 200);
        vm.assume(length != 96);
        bytes memory statement = new bytes(length);
        bytes memory right = _signature("nullifier");
        for (uint256 i = 0; i < length && i < 96; ++i) {
            statement[i] = right[i];
        }
        bytes32[] memory path = _registerBeside(statement, PROGRAM, "run");
        vm.expectRevert(
            abi.encodeWithSelector(AggregatedProofs.InvalidPublicValuesLength.selector, length, 96)
        );
        petition.sign(path, statement);
    }

    /// One bit of path or statement changed at a time: nothing is counted.
    function testFuzz_sign_damagedBit_reverts(uint256 position, uint8 bit) public {
        bytes memory statement = _signature("nullifier");
        bytes32[] memory path = _registerBeside(statement, PROGRAM, "run");
        bytes1 flip = bytes1(uint8(1) << (bit % 8));
        position = bound(position, 0, 96 + 32 * path.length - 1);
        if (position < 96) {
            statement[position] ^= flip;
        } else {
            uint256 offset = position - 96;
            path[offset / 32] ^= bytes32(flip) >> (8 * (offset % 32));
        }
        vm.expectRevert();
        petition.sign(path, statement);
        vm.assertEq(petition.signatures(), 0);
    }

    function test_sign_serviceWithoutCode_reverts() public {
        petition = new Petition(IProofInclusion(address(0xdead)), PROGRAM, GROUP, TOPIC);
        vm.expectRevert();
        petition.sign(new bytes32[](0), _signature("nullifier"));
    }

    // --- actors

    function _signature(bytes32 nullifier) private pure returns (bytes memory) {
        return abi.encode(GROUP, TOPIC, nullifier);
    }

    function _nullifier(bytes32 seed, uint256 index) private pure returns (bytes32) {
        return keccak256(abi.encode(seed, index));
    }

    /// Registers a run of these statements, all of one program.
    function _register(bytes[] memory statements, bytes32 programId) private returns (bytes32[] memory run) {
        run = new bytes32[](statements.length);
        for (uint256 i = 0; i < run.length; ++i) {
            run[i] = keccak256(abi.encodePacked(statements[i], programId));
        }
        _submit(run);
    }

    /// Registers a run of a statement and three others', and returns its path.
    function _registerBeside(bytes memory statement, bytes32 programId, bytes32 seed)
        private
        returns (bytes32[] memory)
    {
        bytes32[] memory run = Tree.commitments(seed, 4);
        run[2] = keccak256(abi.encodePacked(statement, programId));
        _submit(run);
        return Tree.path(run, 2);
    }

    function _submit(bytes32[] memory run) private {
        bytes32[] memory blobs = new bytes32[](1);
        blobs[0] = (keccak256("blob") >> 8) | bytes32(uint256(1) << 248);
        vm.blobhashes(blobs);
        bytes memory statement = abi.encode(1, Tree.root(run), run.length, keccak256(abi.encodePacked(blobs)));
        service.verifySP1(statement, verifier.sp1Proof(AGGREGATION_PROGRAM, statement));
    }

    function _expectConsumed(bytes32 key) private {
        vm.expectRevert(abi.encodeWithSelector(AggregatedProofs.AlreadyConsumed.selector, key));
    }

    function _expectNotIncluded(bytes memory statement) private {
        bytes32 id = keccak256(abi.encodePacked(statement, PROGRAM));
        vm.expectRevert(abi.encodeWithSelector(AggregatedProofs.ProofNotIncluded.selector, PROGRAM, id));
    }
}
