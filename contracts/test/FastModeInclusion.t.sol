// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {AlignedLayerServiceManager as Manager} from "../src/AlignedLayerServiceManager.sol";
import {ScoreBoard} from "../src/examples/ScoreBoard.sol";
import {BatchStatement} from "../src/libraries/BatchStatement.sol";
import {FastMode} from "./support/FastMode.sol";
import {Tree} from "./support/Tree.sol";

/// What contracts ask of a verified batch, and the example of one that asks.
contract FastModeInclusionTest is FastMode {
    address private constant SENDER = address(0x5e4d);
    address private constant GENERATOR = address(0x6e4);
    bytes32 private constant PROGRAM = keccak256("program");
    uint16 private constant SYSTEM = 2;

    function setUp() public {
        deployFastMode();
    }

    receive() external payable {}

    /// Any proof of a batch of any size, and no other proof on its path.
    function testFuzz_isVerified_anyProof_succeeds(uint256 count, uint256 index, uint256 other) public {
        count = bound(count, 1, 40);
        index %= count;
        bytes32[] memory list = _batch(count);
        bytes32 root = Tree.root(list);
        vm.assertFalse(_isVerified(list, index), "before the response");
        respond(createTask(root, SENDER, 0), 15);
        vm.assertTrue(_isVerified(list, index));
        bytes32[] memory path = Tree.path(list, index);
        bool included = manager.verifyBatchInclusion(
            keccak256(_proof(index)),
            keccak256(_inputs(index)),
            BatchStatement.auxDataCommitment(SYSTEM, PROGRAM),
            GENERATOR,
            root,
            path,
            // Says nothing: see the function.
            other,
            SENDER
        );
        vm.assertTrue(included);
        other = other % 1e9 == index ? index + 1 : other % 1e9;
        bytes32 proof = keccak256(_proof(other));
        vm.assertFalse(manager.isVerified(SYSTEM, PROGRAM, _inputs(other), proof, GENERATOR, path, SENDER));
    }

    /// One argument wrong at a time.
    function test_isVerified_otherArgument_answersFalse() public {
        bytes32[] memory list = _batch(5);
        respond(createTask(Tree.root(list), SENDER, 0), 15);
        // Another sender's task for the same batch waits.
        createTask(Tree.root(list), address(0xb0b), 0);
        for (uint256 fault = 0; fault < 9; ++fault) {
            bytes32[] memory path = Tree.path(list, 3);
            if (fault == 6) path[1] = ~path[1];
            if (fault == 7) path = new bytes32[](0);
            if (fault == 8) (path[0], path[1]) = (path[1], path[0]);
            bool answer = manager.isVerified(
                fault == 1 ? SYSTEM + 1 : SYSTEM,
                fault == 2 ? ~PROGRAM : PROGRAM,
                fault == 3 ? _inputs(2) : _inputs(3),
                keccak256(_proof(fault == 4 ? 2 : 3)),
                fault == 5 ? address(0) : GENERATOR,
                path,
                SENDER
            );
            vm.assertTrue(answer == (fault == 0));
        }
        vm.assertFalse(
            manager.isVerified(
                SYSTEM,
                PROGRAM,
                _inputs(3),
                keccak256(_proof(3)),
                GENERATOR,
                Tree.path(list, 3),
                address(0xb0b)
            )
        );
    }

    function test_verifyBatchInclusion_otherArgument_answersFalse() public {
        bytes32[] memory list = _batch(5);
        bytes32 root = Tree.root(list);
        respond(createTask(root, SENDER, 0), 15);
        for (uint256 fault = 0; fault < 7; ++fault) {
            bytes32[] memory path = Tree.path(list, 3);
            if (fault == 6) path[0] = ~path[0];
            bool answer = manager.verifyBatchInclusion(
                keccak256(_proof(fault == 1 ? 2 : 3)),
                keccak256(_inputs(fault == 2 ? 2 : 3)),
                BatchStatement.auxDataCommitment(fault == 3 ? SYSTEM + 1 : SYSTEM, PROGRAM),
                GENERATOR,
                fault == 4 ? ~root : root,
                path,
                3,
                fault == 5 ? address(0xb0b) : SENDER
            );
            vm.assertTrue(answer == (fault == 0));
        }
    }

    /// A node of the tree is no leaf: hashes of 64 bytes are no commitments.
    function test_isVerified_innerNode_answersFalse() public {
        bytes32[] memory list = _batch(4);
        respond(createTask(Tree.root(list), SENDER, 0), 15);
        bytes32[] memory upper = new bytes32[](1);
        upper[0] = Tree.path(list, 0)[1];
        for (uint256 i = 0; i < 2; ++i) {
            vm.assertFalse(
                manager.verifyBatchInclusion(
                    keccak256(_proof(i)),
                    keccak256(_inputs(i)),
                    BatchStatement.auxDataCommitment(SYSTEM, PROGRAM),
                    GENERATOR,
                    Tree.root(list),
                    upper,
                    0,
                    SENDER
                )
            );
        }
    }

    // --- the example

    function test_scoreBoard_report_succeeds() public {
        ScoreBoard board = new ScoreBoard(manager, SYSTEM, PROGRAM);
        bytes32[] memory list = _batch(6);
        ScoreBoard.Receipt memory receipt = _receipt(list, 4);
        vm.expectRevert(ScoreBoard.NotVerified.selector);
        board.report(address(4), 104, receipt);

        respond(createTask(Tree.root(list), SENDER, 0), 15);
        vm.expectEmit(address(board));
        emit ScoreBoard.NewBest(address(4), 104);
        board.report(address(4), 104, receipt);
        vm.assertEq(board.best(address(4)), 104);

        vm.expectRevert(abi.encodeWithSelector(ScoreBoard.NotBetter.selector, 104, 104));
        board.report(address(4), 104, receipt);
        vm.expectRevert(ScoreBoard.NotVerified.selector);
        board.report(address(4), 105, receipt);
        vm.expectRevert(ScoreBoard.NotVerified.selector);
        board.report(address(5), 104, receipt);
    }

    /// A verified proof of another program, or of another system, says nothing.
    function test_scoreBoard_otherProgram_reverts() public {
        ScoreBoard[2] memory boards =
            [new ScoreBoard(manager, SYSTEM, ~PROGRAM), new ScoreBoard(manager, SYSTEM + 1, PROGRAM)];
        bytes32[] memory list = _batch(6);
        respond(createTask(Tree.root(list), SENDER, 0), 15);
        ScoreBoard.Receipt memory receipt = _receipt(list, 4);
        for (uint256 i = 0; i < 2; ++i) {
            vm.expectRevert(ScoreBoard.NotVerified.selector);
            boards[i].report(address(4), 104, receipt);
        }
    }

    function _receipt(bytes32[] memory list, uint256 i) private pure returns (ScoreBoard.Receipt memory) {
        return ScoreBoard.Receipt(keccak256(_proof(i)), GENERATOR, SENDER, Tree.path(list, i));
    }

    function _isVerified(bytes32[] memory list, uint256 i) private view returns (bool) {
        bytes32 proof = keccak256(_proof(i));
        return manager.isVerified(SYSTEM, PROGRAM, _inputs(i), proof, GENERATOR, Tree.path(list, i), SENDER);
    }

    function _batch(uint256 count) private pure returns (bytes32[] memory list) {
        list = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            list[i] = BatchStatement.commitment(
                keccak256(_proof(i)),
                keccak256(_inputs(i)),
                BatchStatement.auxDataCommitment(SYSTEM, PROGRAM),
                GENERATOR
            );
        }
    }

    function _proof(uint256 i) private pure returns (bytes memory) {
        return abi.encode("proof", i);
    }

    /// Player i has 100 + i points.
    function _inputs(uint256 i) private pure returns (bytes memory) {
        return abi.encode(address(uint160(i)), 100 + i);
    }
}
