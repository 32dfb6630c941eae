// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {AlignedLayerServiceManager as Manager} from "../src/AlignedLayerServiceManager.sol";
import {BatcherPaymentService as Payments} from "../src/BatcherPaymentService.sol";
import {BatchTask} from "../src/libraries/BatchTask.sol";
import {Batcher} from "./support/Batcher.sol";
import {Reentrant} from "./support/Payers.sol";
import {Wallet} from "./support/Wallets.sol";

/// Payments for tasks: what the batcher adds, and who has what once the task is decided.
contract BatcherPaymentsForTasksTest is Batcher {
    using BatchTask for BatchTask.Task;

    // --- the batcher's ether

    /// The batcher says how much of the batch it has verified at its own expense.
    function test_createNewTask_chargedTooLittle_reverts() public {
        Payments.Authorization[] memory list = _withWallet(alice);
        vm.prank(BATCHER);
        payments.createNewTask(_root(list), POINTER, LIMIT, PRICE, 3 * PRICE, list);
        Payments.Authorization[] memory again = _withWallet(bob);
        vm.deal(BATCHER, LIMIT);
        vm.expectRevert(abi.encodeWithSelector(Payments.ChargedTooLittle.selector, PRICE, PRICE + 1));
        vm.prank(BATCHER);
        payments.createNewTask{value: LIMIT}(_root(again), POINTER, LIMIT, PRICE, PRICE + 1, again);
        _expectAccount(BATCHER, bob, 1 ether - PRICE, 1);
    }

    /// A wallet that changes its mind in the block of the charge stops nobody: the batcher adds exactly what lacks of the fee limit, has
    /// it back if the task expires, and otherwise pays for the response with it.
    function testFuzz_createNewTask_etherSent_addsWhatLacks(
        bool consents,
        uint256 limit,
        uint256 more,
        bool expires
    ) public {
        limit = bound(limit, 0, 10 * PRICE);
        Payments.Authorization[] memory list = _withWallet(consents ? alice : bob);
        Payments.Charge[] memory charges = _charges(list, PRICE);
        if (!consents) charges[0].fee = 0;
        Payments.Payment memory payment =
            Payments.Payment(BATCHER, charges[0].fee + PRICE, 0, keccak256(abi.encode(charges)));
        if (limit > payment.total) payment.added = limit - payment.total;
        more = bound(more, 0, 1 ether);
        vm.deal(BATCHER, payment.added + more);
        BatchTask.Task memory task = taskOf(_root(list), address(payments), limit);
        vm.expectEmit(address(payments));
        emit Payments.TaskPaid(task.idOf(), BATCHER, PRICE, payment.total, payment.added, charges);
        vm.prank(BATCHER);
        payments.createNewTask{value: payment.added + more}(
            task.batchMerkleRoot, POINTER, limit, PRICE, payment.total, list
        );
        vm.assertEq(BATCHER.balance, more, "the rest comes back");
        vm.assertEq(address(payments).balance, 3 ether + payment.added - limit);

        if (expires) {
            pass(RESPONSE_BLOCKS + 1);
            vm.expectEmit(address(payments));
            emit Payments.TaskRefunded(task.idOf(), BATCHER, payment.total, payment.added);
            payments.refund(task, payment, charges);
            _expectAccount(BATCHER, bob, 1 ether, 1);
            _expectAccount(BATCHER, list[0].user, 1 ether, consents ? 2 : 0);
            vm.assertEq(payments.earnings(BATCHER), payment.added);
            vm.assertEq(address(payments).balance, 3 ether + payment.added);
            return;
        }
        vm.fee(0);
        vm.txGasPrice(1 gwei);
        uint256 before = address(this).balance;
        respond(task, 7);
        uint256 spent = address(this).balance - before;
        payments.settle(task, payment);
        vm.assertEq(payments.earnings(BATCHER), payment.total + payment.added - spent);
        vm.assertEq(address(payments).balance, 3 ether + payment.added - spent);
    }

    /// The rest is paid when all is decided: whoever is paid gains nothing by calling back.
    function test_createNewTask_restReentrant_createsOnce() public {
        Reentrant batcher = new Reentrant(address(payments));
        payments.deposit{value: 1 ether}(address(batcher), alice);
        Payments.Authorization memory a = unsigned(alice, keccak256("proofs"), 2, 0, 2 * PRICE);
        Payments.Authorization[] memory list = _one(signWith(payments, ALICE_KEY, address(batcher), a));
        bytes memory call =
            abi.encodeCall(Payments.createNewTask, (a.proofsRoot, POINTER, LIMIT, PRICE, 0, list));
        batcher.plan(call);
        batcher.plan(abi.encodeCall(Payments.withdrawEarnings, (address(batcher))));
        batcher.act{value: 1 ether}(call);
        vm.assertFalse(batcher.gotThrough());
        vm.assertEq(address(batcher).balance, 1 ether);
        _expectAccount(address(batcher), alice, 1 ether - 2 * PRICE, 2);
        vm.assertEq(address(payments).balance, 3 ether - LIMIT);
    }

    function test_createNewTask_restRefused_reverts() public {
        Payments.Authorization[] memory list = _one(_authorization(ALICE_KEY, 2, 0, 2 * PRICE));
        vm.deal(address(registry), LIMIT);
        vm.expectRevert(abi.encodeWithSelector(Payments.PaymentFailed.selector, address(registry)));
        vm.prank(address(registry));
        payments.createNewTask{value: LIMIT}(list[0].proofsRoot, POINTER, LIMIT - 1, PRICE, 0, list);
    }

    // --- one task, one payment

    /// Two batchers with the same batch in the same block: the second gets an error, and the first one's payment stays.
    function test_createNewTask_sameTaskOfAnotherBatcher_reverts() public {
        Payments.Authorization[] memory list = _one(_authorization(ALICE_KEY, 2, 0, 2 * PRICE));
        BatchTask.Task memory task = _create(list, PRICE, 0);
        vm.expectRevert(abi.encodeWithSelector(Payments.TaskExists.selector, task.idOf()));
        payments.createNewTask(list[0].proofsRoot, POINTER, 0, PRICE, 0, list);
        respond(task, 15);
        payments.settle(task, _payment(list, PRICE));
        vm.assertEq(payments.earnings(BATCHER), 2 * PRICE);
        // Decided in its own block, it is known to the service manager still.
        vm.expectRevert(abi.encodeWithSelector(Manager.TaskExists.selector, task.idOf()));
        payments.createNewTask(list[0].proofsRoot, POINTER, 0, PRICE, 0, list);
    }

    /// Whoever comes second does not pay for the check of the signatures.
    function test_createNewTask_sameTask_costsLittle() public {
        Payments.Authorization[] memory list = new Payments.Authorization[](40);
        for (uint64 i = 0; i < 40; ++i) {
            list[i] = _authorization(ALICE_KEY, 1, i, PRICE);
        }
        _create(list, PRICE, 0);
        bytes memory call = abi.encodeCall(Payments.createNewTask, (_root(list), POINTER, 0, PRICE, 0, list));
        uint256 before = gasleft();
        (bool ok,) = address(payments).call(call);
        vm.assertLe(before - gasleft(), 20_000, "gas of the second");
        vm.assertFalse(ok);
    }

    // --- after the decision

    function testFuzz_settle_verified_paysTheBatcherTheRest(uint256 gasPrice, uint256 limit) public {
        Payments.Authorization[] memory list = _one(_authorization(ALICE_KEY, 5, 0, 5 * PRICE));
        limit = bound(limit, 0, 5 * PRICE);
        BatchTask.Task memory task = _create(list, PRICE, limit);
        vm.fee(0);
        vm.txGasPrice(bound(gasPrice, 0, 100 gwei));
        uint256 before = address(this).balance;
        respond(task, 7);
        uint256 spent = address(this).balance - before;

        Payments.Payment memory payment = _payment(list, PRICE);
        vm.expectEmit(address(payments));
        emit Payments.TaskSettled(task.idOf(), BATCHER, 5 * PRICE - spent);
        payments.settle(task, payment);
        vm.assertEq(payments.earnings(BATCHER), 5 * PRICE - spent);
        vm.assertEq(address(payments).balance, 2 ether - spent);
        vm.assertEq(address(manager).balance, 0);

        vm.expectRevert(abi.encodeWithSelector(Payments.UnknownPayment.selector, task.idOf()));
        payments.settle(task, payment);
        uint256 earned = payments.earnings(BATCHER);
        vm.expectEmit(address(payments));
        emit Payments.EarningsWithdrawn(BATCHER, RECEIVER, earned);
        vm.prank(BATCHER);
        payments.withdrawEarnings(RECEIVER);
        vm.assertEq(RECEIVER.balance, earned);
        _expectAccount(BATCHER, alice, 1 ether - 5 * PRICE, 5);
    }

    function test_refund_expired_givesAllBack() public {
        Payments.Authorization[] memory list = new Payments.Authorization[](3);
        list[0] = _authorization(ALICE_KEY, 5, 0, 5 * PRICE);
        list[1] = _authorization(BOB_KEY, 1, 0, 2 * PRICE);
        list[2] = _authorization(ALICE_KEY, 2, 9, 2 * PRICE);
        BatchTask.Task memory task = _create(list, PRICE, LIMIT);
        Payments.Charge[] memory charges = _charges(list, PRICE);
        // The third did not hold.
        charges[2].fee = 0;
        Payments.Payment memory payment =
            Payments.Payment(BATCHER, 6 * PRICE, 0, keccak256(abi.encode(charges)));
        pass(RESPONSE_BLOCKS + 1);

        vm.expectEmit(address(payments));
        emit Payments.TaskRefunded(task.idOf(), BATCHER, 6 * PRICE, 0);
        payments.refund(task, payment, charges);
        _expectAccount(BATCHER, alice, 1 ether, 5);
        _expectAccount(BATCHER, bob, 1 ether, 1);
        vm.assertEq(payments.earnings(BATCHER), 0);
        vm.assertEq(address(payments).balance, 2 ether);
        vm.expectRevert(abi.encodeWithSelector(Payments.UnknownPayment.selector, task.idOf()));
        payments.refund(task, payment, charges);
    }

    function test_settleAndRefund_wrongTime_revert() public {
        Payments.Authorization[] memory list = _one(_authorization(ALICE_KEY, 5, 0, 5 * PRICE));
        Payments.Payment memory payment = _payment(list, PRICE);
        Payments.Charge[] memory charges = _charges(list, PRICE);
        BatchTask.Task memory task = _create(list, PRICE, LIMIT);
        bytes memory stillOpen = abi.encodeWithSelector(Manager.TaskStillOpen.selector, task.idOf());
        vm.expectRevert(stillOpen);
        payments.settle(task, payment);
        vm.expectRevert(stillOpen);
        payments.refund(task, payment, charges);

        pass(RESPONSE_BLOCKS + 1);
        vm.expectRevert(abi.encodeWithSelector(Payments.TaskNotVerified.selector, task.idOf()));
        payments.settle(task, payment);

        list = _one(_authorization(ALICE_KEY, 5, 5, 5 * PRICE));
        task = _create(list, PRICE, LIMIT);
        respond(task, 15);
        vm.expectRevert(abi.encodeWithSelector(Payments.TaskNotExpired.selector, task.idOf()));
        payments.refund(task, payment, charges);
    }

    /// One field changed at a time: nobody decides over a payment but with all that it was.
    function test_settleAndRefund_otherPayment_revert() public {
        Payments.Authorization[] memory list = _one(_authorization(ALICE_KEY, 5, 0, 5 * PRICE));
        BatchTask.Task memory task = _create(list, PRICE, LIMIT);
        pass(RESPONSE_BLOCKS + 1);
        for (uint256 fault = 0; fault < 8; ++fault) {
            Payments.Payment memory payment = _payment(list, PRICE);
            Payments.Charge[] memory charges = _charges(list, PRICE);
            BatchTask.Task memory other = task;
            if (fault == 0) payment.batcher = address(this);
            if (fault == 1) payment.total += 1;
            if (fault == 2) payment.chargesHash = keccak256("");
            if (fault == 3) charges[0].user = address(this);
            if (fault == 4) charges[0].fee += 1;
            if (fault == 5) charges = new Payments.Charge[](0);
            if (fault == 6) other.taskCreatedBlock += 1;
            if (fault == 7) payment.added += 1;
            vm.expectRevert();
            payments.refund(other, payment, charges);
            if (fault >= 3 && fault < 6) continue;
            vm.expectRevert();
            payments.settle(other, payment);
            if (fault == 6) other.taskCreatedBlock -= 1;
        }
        payments.refund(task, _payment(list, PRICE), _charges(list, PRICE));
    }

    /// Only what was created through here: a direct sender's task has nothing to settle.
    function test_settle_directTask_reverts() public {
        BatchTask.Task memory task = createTask("root", address(this), LIMIT);
        respond(task, 15);
        Payments.Payment memory payment = Payments.Payment(address(this), LIMIT, 0, keccak256(""));
        vm.expectRevert(abi.encodeWithSelector(Payments.UnknownPayment.selector, task.idOf()));
        payments.settle(task, payment);
    }

    function test_withdrawEarnings_nothing_reverts() public {
        vm.expectRevert(Payments.ZeroAmount.selector);
        payments.withdrawEarnings(address(this));
    }

    function test_withdrawEarnings_receiverRefuses_reverts() public {
        Payments.Authorization[] memory list = _one(_authorization(ALICE_KEY, 2, 0, 2 * PRICE));
        BatchTask.Task memory task = _create(list, PRICE, LIMIT);
        respond(task, 15);
        payments.settle(task, _payment(list, PRICE));
        vm.expectRevert(abi.encodeWithSelector(Payments.PaymentFailed.selector, address(registry)));
        vm.prank(BATCHER);
        payments.withdrawEarnings(address(registry));
        vm.expectRevert(Payments.ZeroAddress.selector);
        vm.prank(BATCHER);
        payments.withdrawEarnings(address(0));
    }

    /// Two proofs of a wallet that alice signed for and this signer owns by now, and the next of bob's.
    function _withWallet(address signer) private returns (Payments.Authorization[] memory list) {
        Wallet wallet = new Wallet(alice);
        payments.deposit{value: 1 ether}(BATCHER, address(wallet));
        list = new Payments.Authorization[](2);
        list[0] = unsigned(address(wallet), keccak256(abi.encode(wallet)), 2, 0, 2 * PRICE);
        list[0] = signWith(payments, ALICE_KEY, BATCHER, list[0]);
        _expectRefusal(list[0], BATCHER, PRICE, Payments.Refusal.None);
        wallet.setSigner(signer);
        list[1] = _authorization(BOB_KEY, 1, payments.account(BATCHER, bob).nonce, PRICE);
    }
}
