// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {AlignedProofAggregationService as Service} from "../src/AlignedProofAggregationService.sol";
import {IRiscZeroVerifier} from "../src/interfaces/IRiscZeroVerifier.sol";
import {ISP1Verifier} from "../src/interfaces/ISP1Verifier.sol";
import {RunStatement} from "../src/libraries/RunStatement.sol";
import {Tree} from "./support/Tree.sol";
import {HashVerifier} from "./support/Verifiers.sol";
import {Test} from "./support/Vm.sol";

contract AlignedProofAggregationServiceTest is Test {
    bytes32 private constant PROGRAM = keccak256("program");
    bytes32 private constant IMAGE = keccak256("image");
    ISP1Verifier private constant NONE = ISP1Verifier(address(0));

    HashVerifier private verifier;
    Service private service;

    function setUp() public {
        verifier = new HashVerifier();
        service = new Service(verifier, PROGRAM, verifier, IMAGE, NONE);
    }

    // --- construction

    function test_constructor_verifierWithoutCode_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(Service.VerifierWithoutCode.selector, address(1)));
        new Service(ISP1Verifier(address(1)), PROGRAM, verifier, IMAGE, NONE);
        vm.expectRevert(abi.encodeWithSelector(Service.VerifierWithoutCode.selector, address(2)));
        new Service(verifier, PROGRAM, IRiscZeroVerifier(address(2)), IMAGE, NONE);
        vm.expectRevert(abi.encodeWithSelector(Service.VerifierWithoutCode.selector, address(3)));
        new Service(verifier, PROGRAM, verifier, IMAGE, ISP1Verifier(address(3)));
    }

    function test_constructor_noVerifier_reverts() public {
        vm.expectRevert(Service.NoVerifier.selector);
        new Service(NONE, PROGRAM, IRiscZeroVerifier(address(0)), IMAGE, NONE);
    }

    function test_verifyRisc0_notSupported_reverts() public {
        service = new Service(verifier, PROGRAM, IRiscZeroVerifier(address(0)), 0, NONE);
        bytes memory statement = _statement("root", 1);
        vm.expectRevert(Service.Risc0NotSupported.selector);
        service.verifyRisc0(statement, "");
        _submit(statement);
    }

    function test_verifySP1_notSupported_reverts() public {
        service = new Service(NONE, 0, verifier, IMAGE, NONE);
        bytes memory statement = _statement("root", 1);
        vm.expectRevert(Service.SP1NotSupported.selector);
        service.verifySP1(statement, "");
        service.verifyRisc0(statement, verifier.risc0Seal(IMAGE, statement));
        vm.assertTrue(service.aggregatedProofs("root"));
    }

    // --- registration

    function testFuzz_verifySP1_anyLeafCount_succeeds(bytes32 root, uint256 leafCount, uint64 number) public {
        leafCount = bound(leafCount, 1, RunStatement.MAX_LEAVES);
        vm.roll(number);
        bytes memory statement = _statement(root, leafCount);
        bytes32[] memory blobs = _blobs(leafCount);

        bytes memory proof = verifier.sp1Proof(PROGRAM, statement);
        vm.expectEmit(address(service));
        emit Service.ProofsAggregated(root, leafCount, blobs);
        service.verifySP1(statement, proof);

        vm.assertTrue(service.aggregatedProofs(root));
        Service.Aggregation memory kept = service.aggregation(root);
        vm.assertEq(kept.leafCount, leafCount);
        vm.assertEq(kept.blockNumber, number);
        vm.assertEq(abi.encode(kept.blobHashes), abi.encode(blobs));
    }

    function test_verifyRisc0_validSeal_succeeds() public {
        bytes memory statement = _statement("root", 3969);
        service.verifyRisc0(statement, verifier.risc0Seal(IMAGE, statement));
        vm.assertEq(service.aggregation("root").blobHashes.length, 2);
    }

    function test_verifyRisc0_wrongSeal_reverts() public {
        bytes memory statement = _statement("root", 1);
        bytes memory proof = verifier.sp1Proof(PROGRAM, statement);
        vm.expectRevert(HashVerifier.WrongProof.selector);
        service.verifyRisc0(statement, proof);
        vm.assertFalse(service.aggregatedProofs("root"));
    }

    function test_verifySP1_anyCaller_succeeds() public {
        bytes memory statement = _statement("root", 1);
        bytes memory proof = verifier.sp1Proof(PROGRAM, statement);
        vm.prank(address(0xbeef));
        service.verifySP1(statement, proof);
        vm.assertTrue(service.aggregatedProofs("root"));
    }

    function test_verifySP1_rootTwice_reverts() public {
        bytes memory statement = _statement("root", 1);
        _submit(statement);
        // The same root with another count, thus other blobs, is the same root.
        bytes memory larger = _statement("root", 5000);
        bytes memory proof = verifier.sp1Proof(PROGRAM, larger);
        bytes memory expected = abi.encodeWithSelector(Service.AlreadyAggregated.selector, bytes32("root"));
        vm.expectRevert(expected);
        service.verifySP1(larger, proof);
        bytes memory seal = verifier.risc0Seal(IMAGE, larger);
        vm.expectRevert(expected);
        service.verifyRisc0(larger, seal);
        vm.assertEq(service.aggregation("root").leafCount, 1);
    }

    function test_verifySP1_wrongProof_reverts() public {
        bytes memory statement = _statement("root", 1);
        bytes memory proofOfOtherProgram = verifier.sp1Proof("other", statement);
        vm.expectRevert(HashVerifier.WrongProof.selector);
        service.verifySP1(statement, proofOfOtherProgram);
        vm.expectRevert(HashVerifier.WrongProof.selector);
        service.verifySP1(statement, "");
        vm.assertFalse(service.aggregatedProofs("root"));
        vm.assertEq(service.aggregation("root").blobHashes.length, 0);
    }

    /// One byte of statement or proof changed at a time: whatever is registered was proven.
    function testFuzz_verifySP1_damagedByte_reverts(uint256 position, uint8 change) public {
        vm.assume(change != 0);
        bytes memory statement = _statement("root", 1);
        bytes memory proof = verifier.sp1Proof(PROGRAM, statement);
        position = bound(position, 0, statement.length + proof.length - 1);
        if (position < statement.length) statement[position] ^= bytes1(change);
        else proof[position - statement.length] ^= bytes1(change);
        vm.expectRevert();
        service.verifySP1(statement, proof);
    }

    // --- the statement

    function testFuzz_verifySP1_statementLength_reverts(uint256 length) public {
        length = bound(length, 0, 255);
        vm.assume(length != 128);
        bytes memory statement = _statement("root", 1);
        bytes memory other = new bytes(length);
        for (uint256 i = 0; i < length && i < 128; ++i) {
            other[i] = statement[i];
        }
        _expectRefused(other, abi.encodeWithSelector(RunStatement.InvalidStatementLength.selector, length));
    }

    function testFuzz_verifySP1_statementVersion_reverts(uint256 version) public {
        vm.assume(version != 1);
        _statement("root", 1);
        bytes memory statement = abi.encode(version, bytes32("root"), 1, _blobsHash(_blobs(1)));
        _expectRefused(
            statement, abi.encodeWithSelector(RunStatement.UnsupportedStatementVersion.selector, version)
        );
    }

    function testFuzz_verifySP1_leafCountOutOfRange_reverts(uint256 leafCount) public {
        if (leafCount != 0 && leafCount <= 23_808) leafCount += 23_808;
        _statement("root", 23_808);
        bytes memory statement = abi.encode(1, bytes32("root"), leafCount, _blobsHash(_blobs(23_808)));
        _expectRefused(statement, abi.encodeWithSelector(RunStatement.InvalidLeafCount.selector, leafCount));
    }

    function test_verifySP1_leafCountAtBounds_succeeds() public {
        uint256[4] memory counts = [uint256(1), 3968, 3969, 23_808];
        uint256[4] memory blobs = [uint256(1), 1, 2, 6];
        for (uint256 i = 0; i < 4; ++i) {
            _submit(_statement(bytes32(i + 1), counts[i]));
            vm.assertEq(service.aggregation(bytes32(i + 1)).blobHashes.length, blobs[i]);
        }
    }

    // --- the blobs

    function testFuzz_verifySP1_blobCount_reverts(uint256 leafCount, uint256 carried) public {
        leafCount = bound(leafCount, 1, RunStatement.MAX_LEAVES);
        carried = bound(carried, 0, 9);
        uint256 expected = (leafCount + 3967) / 3968;
        vm.assume(carried != expected);
        bytes32[] memory blobs = new bytes32[](carried);
        for (uint256 i = 0; i < carried; ++i) {
            blobs[i] = _blob(i);
        }
        vm.blobhashes(blobs);
        // Neither the hash of the expected blobs nor that of those carried helps.
        bytes memory refused = abi.encodeWithSelector(RunStatement.WrongBlobCount.selector, carried, expected);
        _expectRefused(abi.encode(1, bytes32("root"), leafCount, _blobsHash(_blobs(leafCount))), refused);
        _expectRefused(abi.encode(1, bytes32("root"), leafCount, _blobsHash(blobs)), refused);
    }

    function testFuzz_verifySP1_otherBlob_reverts(uint256 which, bytes32 other) public {
        bytes memory statement = _statement("root", 23_808);
        bytes32[] memory blobs = _blobs(23_808);
        bytes32 stated = _blobsHash(blobs);
        which = bound(which, 0, 5);
        vm.assume(other != 0 && other != blobs[which]);
        blobs[which] = other;
        vm.blobhashes(blobs);
        _expectRefused(
            statement, abi.encodeWithSelector(RunStatement.BlobsMismatch.selector, _blobsHash(blobs), stated)
        );
    }

    function test_verifySP1_blobsInOtherOrder_reverts() public {
        bytes memory statement = _statement("root", 5000);
        bytes32[] memory blobs = _blobs(5000);
        bytes32 stated = _blobsHash(blobs);
        (blobs[0], blobs[1]) = (blobs[1], blobs[0]);
        vm.blobhashes(blobs);
        _expectRefused(
            statement, abi.encodeWithSelector(RunStatement.BlobsMismatch.selector, _blobsHash(blobs), stated)
        );
    }

    // --- inclusion

    function testFuzz_verifyProofInclusion_everyLeaf_succeeds(uint256 count, uint256 index, bytes32 seed)
        public
    {
        count = bound(count, 1, 40);
        index = bound(index, 0, count - 1);
        bytes32[] memory list = _registerRun(seed, count);
        bytes32[] memory path = Tree.path(list, index);
        (bytes32 programId, bytes memory inputs) = _proof(seed, index);

        vm.assertTrue(service.verifyProofInclusion(path, programId, inputs));
        vm.assertFalse(service.verifyProofInclusion(path, ~programId, inputs), "another program");
        vm.assertFalse(
            service.verifyProofInclusion(path, programId, abi.encodePacked(inputs, uint8(0))), "other inputs"
        );
        if (count > 1) {
            vm.assertFalse(service.verifyProofInclusion(new bytes32[](0), programId, inputs), "no path");
            uint256 other = (index + 1) % count;
            (bytes32 otherId, bytes memory otherInputs) = _proof(seed, other);
            if (path.length != 1) {
                vm.assertFalse(service.verifyProofInclusion(path, otherId, otherInputs), "another leaf");
            }
            path[index % path.length] ^= bytes32(uint256(1));
            vm.assertFalse(service.verifyProofInclusion(path, programId, inputs), "a damaged path");
        }
    }

    function test_verifyProofInclusion_unregisteredRoot_isFalse() public view {
        (bytes32 programId, bytes memory inputs) = _proof("seed", 0);
        vm.assertFalse(service.verifyProofInclusion(new bytes32[](0), programId, inputs));
    }

    function test_verifyProofInclusion_runOfOne_succeeds() public {
        _registerRun("seed", 1);
        (bytes32 programId, bytes memory inputs) = _proof("seed", 0);
        vm.assertTrue(service.verifyProofInclusion(new bytes32[](0), programId, inputs));
        vm.assertFalse(service.verifyProofInclusion(new bytes32[](1), programId, inputs), "no sibling exists");
    }

    /// A root, and any node, is a hash of two words. Given as public inputs and program id those two words have the node as
    /// their commitment, but its leaf is a hash of that once more.
    function test_verifyProofInclusion_nodeAsLeaf_isFalse() public {
        bytes32[] memory list = _registerRun("seed", 2);
        bytes32 a = keccak256(abi.encodePacked(list[0]));
        bytes32 b = keccak256(abi.encodePacked(list[1]));
        (bytes32 low, bytes32 high) = a < b ? (a, b) : (b, a);
        vm.assertEq(keccak256(abi.encodePacked(low, high)), Tree.root(list));
        vm.assertFalse(service.verifyProofInclusion(new bytes32[](0), high, abi.encodePacked(low)));

        list = _registerRun("four", 4);
        bytes32[] memory path = Tree.path(list, 0);
        bytes32[] memory upper = new bytes32[](1);
        upper[0] = path[1];
        bytes32 leaf = keccak256(abi.encodePacked(list[0]));
        (low, high) = leaf < path[0] ? (leaf, path[0]) : (path[0], leaf);
        vm.assertFalse(service.verifyProofInclusion(upper, high, abi.encodePacked(low)));
    }

    function test_verifyProofInclusion_pathOfAnotherRun_isFalse() public {
        bytes32[] memory one = _registerRun("one", 8);
        bytes32[] memory two = _registerRun("two", 8);
        (bytes32 programId, bytes memory inputs) = _proof("one", 3);
        vm.assertTrue(service.verifyProofInclusion(Tree.path(one, 3), programId, inputs));
        vm.assertFalse(service.verifyProofInclusion(Tree.path(two, 3), programId, inputs));
    }

    // --- actors

    function _submit(bytes memory statement) private {
        service.verifySP1(statement, verifier.sp1Proof(PROGRAM, statement));
    }

    function _expectRefused(bytes memory statement, bytes memory refusal) private {
        bytes memory proof = verifier.sp1Proof(PROGRAM, statement);
        vm.expectRevert(refusal);
        service.verifySP1(statement, proof);
    }

    /// A statement, with its blobs put into the transaction.
    function _statement(bytes32 root, uint256 leafCount) private returns (bytes memory) {
        bytes32[] memory blobs = _blobs(leafCount);
        vm.blobhashes(blobs);
        return abi.encode(1, root, leafCount, _blobsHash(blobs));
    }

    function _registerRun(bytes32 seed, uint256 count) private returns (bytes32[] memory list) {
        list = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            (bytes32 programId, bytes memory inputs) = _proof(seed, i);
            list[i] = keccak256(abi.encodePacked(inputs, programId));
        }
        _submit(_statement(Tree.root(list), count));
    }

    function _proof(bytes32 seed, uint256 index)
        private
        pure
        returns (bytes32 programId, bytes memory inputs)
    {
        return (keccak256(abi.encodePacked("id", seed, index)), abi.encodePacked("inputs", seed, index));
    }

    function _blobs(uint256 leafCount) private pure returns (bytes32[] memory blobs) {
        blobs = new bytes32[]((leafCount + 3967) / 3968);
        for (uint256 i = 0; i < blobs.length; ++i) {
            blobs[i] = _blob(i);
        }
    }

    function _blob(uint256 index) private pure returns (bytes32) {
        return (keccak256(abi.encode(index)) >> 8) | bytes32(uint256(1) << 248);
    }

    function _blobsHash(bytes32[] memory blobs) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(blobs));
    }
}
