// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {AlignedLayerServiceManager as Manager} from "../src/AlignedLayerServiceManager.sol";
import {BatcherPaymentService as Payments} from "../src/BatcherPaymentService.sol";
import {BatchStatement} from "../src/libraries/BatchStatement.sol";
import {BatchTask} from "../src/libraries/BatchTask.sol";
import {FastMode} from "./support/FastMode.sol";
import {Metered} from "./support/Metered.sol";

/// What fast mode costs, kept in snapshots/gas.json like the figures of `GasTest`: whole transactions from cold storage, whose users
/// have sent proofs before and keep a balance. Everything that a measured call changes was stored in `setUp`: a slot that is
/// changed twice in one transaction would be too cheap.
contract FastModeGasTest is FastMode, Metered {
    uint128 private constant PRICE = 1e12;
    uint256 private constant FEE_LIMIT = 5e11;
    uint256 private constant FIRST_KEY = 1000;

    Payments private payments;
    /// Two tasks to be answered; two that users paid for, one of which is answered; one of a registry of 16 operators.
    BatchTask.Task private open;
    BatchTask.Task private second;
    BatchTask.Task private paid;
    BatchTask.Task private answered;
    BatchTask.Task private openOf16;
    Manager private managerOf16;

    function setUp() public {
        vm.warp(1_800_000_000);
        vm.deal(address(this), 1000 ether);
        deployFastMode();
        for (uint256 i = 4; i < 16; ++i) {
            register(registry, 2 ** i, 32 ether);
        }
        managerOf16 = manager;

        deployFastMode();
        payments = new Payments(manager, 1 days);
        for (uint256 i = 0; i < 256; ++i) {
            payments.deposit{value: 1 ether}(address(this), vm.addr(FIRST_KEY + i));
        }
        gasOf(address(payments), _creation(256, 1), 0);
        paid = taskOf(_root(256), address(payments), FEE_LIMIT);
        // The batcher has earned before.
        for (uint256 i = 0; i < 2; ++i) {
            pass(1);
            gasOf(address(payments), _creation(1, 1024), 0);
            answered = taskOf(_root(1), address(payments), FEE_LIMIT);
            respond(answered, 7);
            if (i == 0) payments.settle(answered, _payment(1, 1024));
        }
        open = createTask("open", address(this), FEE_LIMIT);
        second = createTask("second", address(this), FEE_LIMIT);
        (manager, managerOf16) = (managerOf16, manager);
        openOf16 = createTask("of 16", address(this), FEE_LIMIT);
        (manager, managerOf16) = (managerOf16, manager);
        // Some of each fee limit is spent, not all.
        vm.txGasPrice(1);
    }

    receive() external payable {}

    function test_createNewTask_users_succeeds() public {
        vm.snapshotValue("gas", "createNewTask through the payment service, 1 user", _create(1, 1));
    }

    function test_createNewTask_32Users_succeeds() public {
        vm.snapshotValue("gas", "createNewTask through the payment service, 32 users", _create(32, 1));
    }

    function test_createNewTask_256Users_succeeds() public {
        vm.snapshotValue("gas", "createNewTask through the payment service, 256 users", _create(256, 1));
    }

    function test_createNewTask_direct_succeeds() public {
        bytes memory call = abi.encodeCall(Manager.createNewTask, ("root", POINTER, FEE_LIMIT));
        // The base price of a transaction contains the transfer of its value.
        vm.snapshotValue("gas", "createNewTask, direct", _used(address(manager), call, FEE_LIMIT) - 6_700);
    }

    function test_respondToTaskV2_oneAbsent_succeeds() public {
        uint256 used = _respond(open, 7, 4);
        vm.snapshotValue("gas", "respondToTaskV2, 4 operators, 1 absent", used);
        vm.assertLe(used, 250_000, "gas of respondToTaskV2");
    }

    function test_respondToTaskV2_everyonePresent_succeeds() public {
        vm.snapshotValue("gas", "respondToTaskV2, 4 operators, 0 absent", _respond(open, 15, 4));
    }

    function test_respondToTaskV2_fiveOf16Absent_succeeds() public {
        manager = managerOf16;
        vm.snapshotValue("gas", "respondToTaskV2, 16 operators, 5 absent", _respond(openOf16, 2047, 16));
    }

    /// The goal is for 1,024 proofs of one sender: task and response together.
    function test_gasPerProof_oneSender1024_succeeds() public {
        uint256 sum = _create(1, 1024) + _respond(open, 7, 4);
        vm.snapshotValue("gas", "each of 1,024 proofs of one sender, task and response", sum / 1024);
        vm.assertLe(sum / 1024, 349, "gas of a proof");
    }

    /// What comes after: the batcher's payment, or the users' refund.
    function test_settle_succeeds() public {
        bytes memory call = abi.encodeCall(Payments.settle, (answered, _payment(1, 1024)));
        vm.snapshotValue("gas", "settle", _used(address(payments), call, 0));
    }

    function test_refund_256Users_succeeds() public {
        pass(RESPONSE_BLOCKS + 1);
        bytes memory call = abi.encodeCall(Payments.refund, (paid, _payment(256, 1), _charges(256, 1)));
        vm.snapshotValue("gas", "refund, 256 users", _used(address(payments), call, 0));
    }

    function test_isVerified_depth10_succeeds() public {
        bytes32[] memory path = new bytes32[](10);
        for (uint256 i = 0; i < 10; ++i) {
            path[i] = keccak256(abi.encode("sibling", i));
        }
        bytes memory inputs = abi.encode("inputs", "of", 96);
        bytes32 node = BatchStatement.commitment(
            "proof", keccak256(inputs), BatchStatement.auxDataCommitment(0, "program"), address(1)
        );
        node = keccak256(abi.encodePacked(node));
        for (uint256 i = 0; i < 10; ++i) {
            node = node < path[i]
                ? keccak256(abi.encodePacked(node, path[i]))
                : keccak256(abi.encodePacked(path[i], node));
        }
        respond(createTask(node, address(this), FEE_LIMIT), 15);

        bytes memory call = abi.encodeCall(
            Manager.isVerified, (0, "program", inputs, "proof", address(1), path, address(this))
        );
        _cool();
        (uint256 used, bytes memory answer) = gasOf(address(manager), call, 0);
        vm.assertTrue(abi.decode(answer, (bool)));
        vm.snapshotValue("gas", "isVerified, depth 10, execution, called by a contract", used);
        vm.assertLe(used, 20_000, "gas of isVerified");
    }

    /// What is paid for a response is what it costs, within 3 %.
    function test_respondToTaskV2_refundsItsGas() public {
        _expectRefund(open, 15, 4);
    }

    function test_respondToTaskV2_oneAbsent_refundsItsGas() public {
        _expectRefund(open, 7, 4);
    }

    function test_respondToTaskV2_fiveOf16Absent_refundsItsGas() public {
        manager = managerOf16;
        _expectRefund(openOf16, 2047, 16);
    }

    /// Two responses share the price of their transaction.
    function test_respondToTaskV2_twoInOneTransaction_refundsItsGas() public {
        bytes memory call = _response(second, 7, 4);
        uint256 before = address(this).balance;
        uint256 used = _respond(open, 7, 4);
        uint256 refundedFirst = address(this).balance - before;
        // What the first one touched is warm.
        (uint256 usedBySecond,) = gasOf(address(manager), call, 0);
        usedBySecond += intrinsicGas(call) - 21_000;
        uint256 refundedSecond = address(this).balance - before - refundedFirst;
        _expectClose(refundedSecond, usedBySecond);
        _expectClose(refundedFirst + refundedSecond, used + usedBySecond);
    }

    function _expectRefund(BatchTask.Task memory task, uint256 signers, uint256 operators) private {
        uint256 before = address(this).balance;
        uint256 used = _respond(task, signers, operators);
        _expectClose(address(this).balance - before, used);
    }

    function _expectClose(uint256 refunded, uint256 used) private pure {
        vm.assertLe(refunded, used * 103 / 100, "not much more than it costs");
        vm.assertLe(used, refunded * 103 / 100, "not much less than it costs");
    }

    function _respond(BatchTask.Task memory task, uint256 signers, uint256 operators)
        private
        returns (uint256)
    {
        return _used(address(manager), _response(task, signers, operators), 0);
    }

    function _response(BatchTask.Task memory task, uint256 signers, uint256 operators)
        private
        view
        returns (bytes memory)
    {
        return abi.encodeCall(
            Manager.respondToTaskV2,
            (task, SYSTEMS, signTask(task, SYSTEMS, signers), absentOf(signers, operators))
        );
    }

    function _create(uint256 users, uint32 proofs) private returns (uint256) {
        // Not the block of the tasks of `setUp`.
        pass(1);
        return _used(address(payments), _creation(users, proofs), 0);
    }

    /// The call for a batch of the first users, with so many proofs each.
    function _creation(uint256 users, uint32 proofs) private view returns (bytes memory) {
        Payments.Authorization[] memory list = new Payments.Authorization[](users);
        for (uint256 i = 0; i < users; ++i) {
            address user = vm.addr(FIRST_KEY + i);
            uint64 nonce = payments.account(address(this), user).nonce;
            uint128 maxFee = PRICE * proofs;
            list[i] = signWith(
                payments,
                FIRST_KEY + i,
                address(this),
                unsigned(user, keccak256(abi.encode(users, i)), proofs, nonce, maxFee)
            );
        }
        uint256 minCharged = uint256(PRICE) * proofs * users;
        return
            abi.encodeCall(
                Payments.createNewTask, (_root(users), POINTER, FEE_LIMIT, PRICE, minCharged, list)
            );
    }

    function _root(uint256 users) private pure returns (bytes32) {
        bytes32[] memory roots = new bytes32[](users);
        for (uint256 i = 0; i < users; ++i) {
            roots[i] = keccak256(abi.encode(users, i));
        }
        return BatchStatement.rootOver(roots);
    }

    function _charges(uint256 users, uint32 proofs) private pure returns (Payments.Charge[] memory charges) {
        charges = new Payments.Charge[](users);
        for (uint256 i = 0; i < users; ++i) {
            charges[i] = Payments.Charge(vm.addr(FIRST_KEY + i), uint256(PRICE) * proofs);
        }
    }

    function _payment(uint256 users, uint32 proofs) private view returns (Payments.Payment memory) {
        return Payments.Payment(
            address(this), uint256(PRICE) * proofs * users, 0, keccak256(abi.encode(_charges(users, proofs)))
        );
    }

    /// Gas of a transaction. Its callee is warm; here its cold access is part of the call.
    function _used(address target, bytes memory call, uint256 value) private returns (uint256 used) {
        _cool();
        (used,) = gasOf(target, call, value);
        used = used - 2_500 + intrinsicGas(call);
    }

    function _cool() private {
        vm.cool(address(payments));
        vm.cool(address(manager));
        vm.cool(address(manager.REGISTRY()));
    }
}
