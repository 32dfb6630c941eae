// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {BatcherPaymentService as Payments} from "../../src/BatcherPaymentService.sol";
import {BatchStatement} from "../../src/libraries/BatchStatement.sol";
import {BatchTask} from "../../src/libraries/BatchTask.sol";
import {FastMode} from "./FastMode.sol";

/// @notice A batcher with two users, who have one ether each.
abstract contract Batcher is FastMode {
    using BatchTask for BatchTask.Task;

    address internal constant BATCHER = address(0xba7c4e4);
    uint64 internal constant DELAY = 1 hours;
    uint64 internal constant START = 1_800_000_000;
    uint128 internal constant PRICE = 0.001 ether;
    uint256 internal constant LIMIT = 0.002 ether;
    uint256 internal constant ALICE_KEY = 0xa11ce;
    uint256 internal constant BOB_KEY = 0xb0b;
    address internal constant RECEIVER = address(0xcafe);

    Payments internal payments;
    address internal alice;
    address internal bob;

    function setUp() public {
        vm.warp(START);
        deployFastMode();
        payments = new Payments(manager, DELAY);
        (alice, bob) = (vm.addr(ALICE_KEY), vm.addr(BOB_KEY));
        payments.deposit{value: 1 ether}(BATCHER, alice);
        payments.deposit{value: 1 ether}(BATCHER, bob);
    }

    receive() external payable {}

    /// An authorisation of proofs named after the user, signed for `BATCHER`.
    function _authorization(uint256 key, uint32 proofCount, uint64 nonce, uint128 maxFee)
        internal
        view
        returns (Payments.Authorization memory)
    {
        address user = vm.addr(key);
        bytes32 root = keccak256(abi.encode(user, nonce));
        return signWith(payments, key, BATCHER, unsigned(user, root, proofCount, nonce, maxFee));
    }

    function _one(Payments.Authorization memory authorization)
        internal
        pure
        returns (Payments.Authorization[] memory list)
    {
        list = new Payments.Authorization[](1);
        list[0] = authorization;
    }

    function _create(Payments.Authorization[] memory list, uint128 price, uint256 limit)
        internal
        returns (BatchTask.Task memory task)
    {
        task = taskOf(_root(list), address(payments), limit);
        vm.prank(BATCHER);
        bytes32 taskId = payments.createNewTask(task.batchMerkleRoot, POINTER, limit, price, 0, list);
        vm.assertEq(taskId, task.idOf());
    }

    function _root(Payments.Authorization[] memory list) internal pure returns (bytes32) {
        bytes32[] memory roots = new bytes32[](list.length);
        for (uint256 i = 0; i < list.length; ++i) {
            roots[i] = list[i].proofsRoot;
        }
        return BatchStatement.rootOver(roots);
    }

    /// What is charged if all authorisations hold.
    function _charges(Payments.Authorization[] memory list, uint128 price)
        internal
        pure
        returns (Payments.Charge[] memory charges)
    {
        charges = new Payments.Charge[](list.length);
        for (uint256 i = 0; i < list.length; ++i) {
            charges[i] = Payments.Charge(list[i].user, uint256(price) * list[i].proofCount);
        }
    }

    function _payment(Payments.Authorization[] memory list, uint128 price)
        internal
        pure
        returns (Payments.Payment memory payment)
    {
        Payments.Charge[] memory charges = _charges(list, price);
        payment = Payments.Payment(BATCHER, 0, 0, keccak256(abi.encode(charges)));
        for (uint256 i = 0; i < charges.length; ++i) {
            payment.total += charges[i].fee;
        }
    }

    function _expectRefusal(
        Payments.Authorization memory a,
        address batcher,
        uint128 price,
        Payments.Refusal expected
    ) internal view {
        vm.assertEq(uint256(payments.refusal(batcher, price, a)), uint256(expected), "refusal");
    }

    function _expectAccount(address batcher, address user, uint256 balance, uint256 nonce) internal view {
        Payments.Account memory account = payments.account(batcher, user);
        vm.assertEq(account.balance, balance, "balance");
        vm.assertEq(account.nonce, nonce, "nonce");
    }
}
