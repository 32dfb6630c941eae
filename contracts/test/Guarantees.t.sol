// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {AlignedProofAggregationService as Service} from "../src/AlignedProofAggregationService.sol";
import {OperatorRegistry} from "../src/OperatorRegistry.sol";
import {QuorumSP1Verifier} from "../src/QuorumSP1Verifier.sol";
import {AggregatedProofs} from "../src/consumer/AggregatedProofs.sol";
import {IProofInclusion} from "../src/interfaces/IProofInclusion.sol";
import {IRiscZeroVerifier} from "../src/interfaces/IRiscZeroVerifier.sol";
import {ISP1Verifier} from "../src/interfaces/ISP1Verifier.sol";
import {RunStatement} from "../src/libraries/RunStatement.sol";
import {Operators} from "./support/Operators.sol";
import {TrapdoorSetup} from "./support/TrapdoorSetup.sol";
import {Tree} from "./support/Tree.sol";
import {HashVerifier, SelectorVerifier} from "./support/Verifiers.sol";

/// Both verifiers on one service: which guarantee a root gets, and what neither of them can take from it.
contract GuaranteesTest is Operators {
    bytes32 private constant PROGRAM = bytes32(uint256(0x1234));
    bytes32 private constant IMAGE = keccak256("image");
    bytes32 private constant ROOT = keccak256("root");
    ISP1Verifier private constant NONE = ISP1Verifier(address(0));

    HashVerifier private quorum;
    SelectorVerifier private sp1;
    Service private service;

    function setUp() public {
        quorum = new HashVerifier();
        sp1 = new SelectorVerifier();
        service = new Service(sp1, PROGRAM, quorum, IMAGE, quorum);
    }

    // --- each guarantee by itself

    function testFuzz_verifySP1_quorum_isSoft(uint256 leafCount, uint64 number) public {
        bytes memory statement = _carried(ROOT, leafCount = bound(leafCount, 1, RunStatement.MAX_LEAVES));
        vm.roll(number);
        _soft(statement);
        _expect(true, 0, leafCount, number);
    }

    function testFuzz_verifySP1_proof_isHard(uint256 leafCount, uint64 number) public {
        bytes memory statement = _carried(ROOT, leafCount = bound(leafCount, 1, RunStatement.MAX_LEAVES));
        vm.roll(number = uint64(bound(number, 1, type(uint64).max)));
        bytes memory proof = sp1.proof(PROGRAM, statement);
        vm.expectEmit(address(service));
        emit Service.ProofsAggregated(ROOT, leafCount, _blobs(leafCount, 0));
        vm.expectEmit(address(service));
        emit Service.RootHardened(ROOT);
        service.verifySP1(statement, proof);
        _expect(true, number, leafCount, number);
    }

    function test_verifyRisc0_seal_isHard() public {
        bytes memory statement = _carried(ROOT, 5000);
        vm.roll(7);
        service.verifyRisc0(statement, quorum.risc0Seal(IMAGE, statement));
        _expect(true, 7, 5000, 7);
    }

    function test_hardSince_unregisteredRoot_isZero() public view {
        _expect(false, 0, 0, 0);
    }

    /// A deployment with one verifier takes every proof for it, whatever it begins with.
    function test_verifySP1_oneVerifier_decidesTheGuarantee() public {
        bytes memory statement = _carried(ROOT, 1);
        service = new Service(sp1, PROGRAM, IRiscZeroVerifier(address(0)), 0, NONE);
        bytes memory word = quorum.sp1Proof(PROGRAM, statement);
        vm.expectRevert(SelectorVerifier.WrongProof.selector);
        service.verifySP1(statement, word);
        _hard(statement);
        _expect(true, uint64(block.number), 1, block.number);

        service = new Service(NONE, PROGRAM, IRiscZeroVerifier(address(0)), 0, quorum);
        bytes memory proof = sp1.proof(PROGRAM, statement);
        vm.expectRevert(HashVerifier.WrongProof.selector);
        service.verifySP1(statement, proof);
        _soft(statement);
        _expect(true, 0, 1, block.number);
    }

    /// The operators' word with a selector before it, a proof with zeros before it, nothing at all: none is a guarantee.
    function testFuzz_verifySP1_wordAsProof_reverts(bytes4 selector, uint256 length) public {
        bytes memory statement = _carried(ROOT, 1);
        bytes memory word = quorum.sp1Proof(PROGRAM, statement);
        bytes memory proof = sp1.proof(PROGRAM, statement);
        for (uint256 i = 0; i < 4; ++i) {
            word[i] = selector[i];
            proof[i] = 0;
        }
        if (selector != 0) {
            vm.expectRevert(SelectorVerifier.WrongProof.selector);
            service.verifySP1(statement, word);
        }
        vm.expectRevert(HashVerifier.WrongProof.selector);
        service.verifySP1(statement, proof);
        bytes memory cut = sp1.proof(PROGRAM, statement);
        length = bound(length, 0, cut.length - 1);
        assembly {
            mstore(cut, length)
        }
        vm.expectRevert();
        service.verifySP1(statement, cut);
        _expect(false, 0, 0, 0);
    }

    // --- soft, then hard

    function testFuzz_verifySP1_proofOfSoftRoot_hardensWithoutBlobs(
        uint256 leafCount,
        uint64 first,
        uint64 later
    ) public {
        leafCount = bound(leafCount, 1, RunStatement.MAX_LEAVES);
        first = uint64(bound(first, 1, type(uint64).max));
        later = uint64(bound(later, first, type(uint64).max));
        bytes memory statement = _carried(ROOT, leafCount);
        vm.roll(first);
        _soft(statement);
        bytes32 kept = keccak256(abi.encode(service.aggregation(ROOT)));

        vm.blobhashes(new bytes32[](0));
        vm.roll(later);
        bytes memory proof = sp1.proof(PROGRAM, statement);
        vm.expectEmit(address(service));
        emit Service.RootHardened(ROOT);
        service.verifySP1(statement, proof);
        _expect(true, later, leafCount, first);
        vm.assertEq(keccak256(abi.encode(service.aggregation(ROOT))), kept, "the blobs stay where they are");
    }

    function test_verifyRisc0_sealOfSoftRoot_hardensWithoutBlobs() public {
        bytes memory statement = _carried(ROOT, 5000);
        _soft(statement);
        vm.blobhashes(new bytes32[](0));
        service.verifyRisc0(statement, quorum.risc0Seal(IMAGE, statement));
        _expect(true, uint64(block.number), 5000, block.number);
    }

    /// Whoever sent blobs because the root was not registered yet is not harmed when somebody registers it first.
    function test_verifySP1_proofOfSoftRootWithBlobs_succeeds() public {
        bytes memory statement = _carried(ROOT, 5000);
        vm.roll(3);
        _soft(statement);
        vm.roll(4);
        _hard(statement);
        _expect(true, 4, 5000, 3);
    }

    function test_verifySP1_badProofOfSoftRoot_changesNothing() public {
        bytes memory statement = _carried(ROOT, 5000);
        _soft(statement);
        bytes32 kept = keccak256(abi.encode(service.aggregation(ROOT)));
        bytes memory proofOfOther = sp1.proof("other", statement);
        vm.expectRevert(SelectorVerifier.WrongProof.selector);
        service.verifySP1(statement, proofOfOther);
        bytes memory sealOfOther = quorum.risc0Seal("other", statement);
        vm.expectRevert(HashVerifier.WrongProof.selector);
        service.verifyRisc0(statement, sealOfOther);
        vm.assertEq(service.hardSince(ROOT), 0);
        vm.assertEq(keccak256(abi.encode(service.aggregation(ROOT))), kept);
    }

    /// Operators who sign for a root beside another leaf count or other blobs cannot keep the proven run from its place.
    function testFuzz_verifySP1_proofOfOtherStatement_takesThePlace(
        uint256 falseCount,
        uint256 trueCount,
        bool sameCount
    ) public {
        falseCount = bound(falseCount, 1, RunStatement.MAX_LEAVES);
        trueCount = sameCount ? falseCount : bound(trueCount, 1, RunStatement.MAX_LEAVES);
        vm.roll(3);
        _soft(_carried(ROOT, falseCount, 1));
        bytes memory truth = _carried(ROOT, trueCount, 2);

        vm.roll(4);
        bytes memory proof = sp1.proof(PROGRAM, truth);
        // Its own blobs have to come with it: those of the false statement do not do.
        vm.blobhashes(new bytes32[](0));
        uint256 count = RunStatement.blobsOf(trueCount);
        vm.expectRevert(abi.encodeWithSelector(RunStatement.WrongBlobCount.selector, 0, count));
        service.verifySP1(truth, proof);
        vm.blobhashes(_blobs(trueCount, 1));
        vm.expectPartialRevert(RunStatement.BlobsMismatch.selector);
        service.verifySP1(truth, proof);

        bytes32[] memory blobs = _blobs(trueCount, 2);
        vm.blobhashes(blobs);
        vm.expectEmit(address(service));
        emit Service.ProofsAggregated(ROOT, trueCount, blobs);
        service.verifySP1(truth, proof);
        _expect(true, 4, trueCount, 4);
        vm.assertEq(abi.encode(service.aggregation(ROOT).blobHashes), abi.encode(blobs));
    }

    // --- hard stays hard

    function testFuzz_verifySP1_afterHard_reverts(uint256 leafCount, uint256 otherCount, uint8 salt) public {
        leafCount = bound(leafCount, 1, RunStatement.MAX_LEAVES);
        otherCount = bound(otherCount, 1, RunStatement.MAX_LEAVES);
        vm.roll(3);
        bytes memory statement = _carried(ROOT, leafCount);
        _hard(statement);
        bytes32 kept = keccak256(abi.encode(service.aggregation(ROOT)));

        vm.roll(4);
        _expectRefusedByAll(statement);
        // Another statement with the same root, whoever vouches for it.
        _expectRefusedByAll(_carried(ROOT, otherCount, salt));
        _expect(true, 3, leafCount, 3);
        vm.assertEq(keccak256(abi.encode(service.aggregation(ROOT))), kept);
    }

    function test_verifySP1_replayed_reverts() public {
        bytes memory statement = _carried(ROOT, 1);
        bytes memory word = quorum.sp1Proof(PROGRAM, statement);
        bytes memory expected = abi.encodeWithSelector(Service.AlreadyAggregated.selector, ROOT);
        service.verifySP1(statement, word);
        vm.expectRevert(expected);
        service.verifySP1(statement, word);
        _hard(statement);
        _expectRefusedByAll(statement);
        // Other roots are not concerned, and proofs are of one root alone.
        bytes memory other = _carried("other", 1);
        bytes memory proof = sp1.proof(PROGRAM, statement);
        vm.expectRevert(SelectorVerifier.WrongProof.selector);
        service.verifySP1(other, proof);
        _soft(other);
        vm.assertEq(service.hardSince("other"), 0);
    }

    // --- what consumers see

    function test_verifyProofInclusionHard_followsTheProof() public {
        bytes32[] memory run = Tree.commitments("run", 5);
        bytes memory inputs = "public inputs";
        run[3] = keccak256(abi.encodePacked(inputs, PROGRAM));
        bytes32[] memory path = Tree.path(run, 3);
        bytes memory statement = _carried(Tree.root(run), 5);
        _expectInclusion(path, inputs, false, false);
        _soft(statement);
        _expectInclusion(path, inputs, true, false);
        _hard(statement);
        _expectInclusion(path, inputs, true, true);

        vm.assertFalse(service.verifyProofInclusionHard(path, ~PROGRAM, inputs), "another program");
        vm.assertFalse(service.verifyProofInclusionHard(path, PROGRAM, "other inputs"));
        path[0] = ~path[0];
        vm.assertFalse(service.verifyProofInclusionHard(path, PROGRAM, inputs), "a damaged path");
    }

    function requireHardIncluded(bytes32[] calldata path, bytes calldata inputs) external view {
        AggregatedProofs.requireHardIncluded(IProofInclusion(address(service)), path, PROGRAM, inputs);
    }

    // --- the real verifiers

    /// Operators with BLS keys and a Groth16 pairing on one service: seconds after the proof, and later.
    function test_verifySP1_realVerifiers_softThenHard() public {
        OperatorRegistry registry = newRegistry();
        QuorumSP1Verifier quorumVerifier = new QuorumSP1Verifier(registry);
        service =
            new Service(TrapdoorSetup.verifier(), PROGRAM, IRiscZeroVerifier(address(0)), 0, quorumVerifier);
        for (uint256 i = 0; i < 4; ++i) {
            register(registry, 2 ** i, 32 ether);
        }
        uint64 epoch = nextEpoch(registry);
        uint256[] memory signers = new uint256[](1);
        signers[0] = 15;

        bytes memory statement = _carried(ROOT, 5000);
        bytes memory word = quorumProof(quorumVerifier, PROGRAM, statement, epoch, signers, new uint32[](0));
        bytes memory proof = TrapdoorSetup.forge(PROGRAM, statement, 7);
        service.verifySP1(statement, word);
        uint64 first = uint64(block.number);
        _expect(true, 0, 5000, first);
        vm.blobhashes(new bytes32[](0));
        vm.roll(first + 1);
        service.verifySP1(statement, proof);
        _expect(true, first + 1, 5000, first);
    }

    // --- actors

    function _soft(bytes memory statement) private {
        service.verifySP1(statement, quorum.sp1Proof(PROGRAM, statement));
    }

    function _hard(bytes memory statement) private {
        service.verifySP1(statement, sp1.proof(PROGRAM, statement));
    }

    function _expectRefusedByAll(bytes memory statement) private {
        bytes memory word = quorum.sp1Proof(PROGRAM, statement);
        bytes memory proof = sp1.proof(PROGRAM, statement);
        bytes memory seal = quorum.risc0Seal(IMAGE, statement);
        bytes memory expected = abi.encodeWithSelector(Service.AlreadyAggregated.selector, ROOT);
        vm.expectRevert(expected);
        service.verifySP1(statement, word);
        vm.expectRevert(expected);
        service.verifySP1(statement, proof);
        vm.expectRevert(expected);
        service.verifyRisc0(statement, seal);
    }

    function _expect(bool registered, uint64 hardSince, uint256 leafCount, uint256 blockNumber) private view {
        vm.assertTrue(service.aggregatedProofs(ROOT) == registered, "registered");
        vm.assertEq(service.hardSince(ROOT), hardSince, "hard since");
        Service.Aggregation memory kept = service.aggregation(ROOT);
        vm.assertEq(kept.leafCount, leafCount, "leaf count");
        vm.assertEq(kept.blockNumber, blockNumber, "block");
        vm.assertEq(kept.blobHashes.length, RunStatement.blobsOf(leafCount), "blobs");
    }

    function _expectInclusion(bytes32[] memory path, bytes memory inputs, bool any, bool hard) private {
        vm.assertTrue(service.verifyProofInclusion(path, PROGRAM, inputs) == any, "soft or hard");
        vm.assertTrue(service.verifyProofInclusionHard(path, PROGRAM, inputs) == hard, "hard");
        if (!hard) vm.expectPartialRevert(AggregatedProofs.ProofNotIncluded.selector);
        this.requireHardIncluded(path, inputs);
    }

    function _carried(bytes32 root, uint256 leafCount) private returns (bytes memory) {
        return _carried(root, leafCount, 0);
    }

    /// A statement, with its blobs put into the transaction.
    function _carried(bytes32 root, uint256 leafCount, uint256 salt) private returns (bytes memory) {
        bytes32[] memory blobs = _blobs(leafCount, salt);
        vm.blobhashes(blobs);
        return abi.encode(1, root, leafCount, keccak256(abi.encodePacked(blobs)));
    }

    function _blobs(uint256 leafCount, uint256 salt) private pure returns (bytes32[] memory blobs) {
        blobs = new bytes32[](RunStatement.blobsOf(leafCount));
        for (uint256 i = 0; i < blobs.length; ++i) {
            blobs[i] = (keccak256(abi.encode(salt, i)) >> 8) | bytes32(uint256(1) << 248);
        }
    }
}
