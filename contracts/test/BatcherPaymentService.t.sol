// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {AlignedLayerServiceManager as Manager} from "../src/AlignedLayerServiceManager.sol";
import {BatcherPaymentService as Payments} from "../src/BatcherPaymentService.sol";
import {BatchStatement} from "../src/libraries/BatchStatement.sol";
import {BatchTask} from "../src/libraries/BatchTask.sol";
import {Batcher} from "./support/Batcher.sol";
import {Reentrant} from "./support/Payers.sol";
import {HostileWallet, Wallet} from "./support/Wallets.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

contract BatcherPaymentServiceTest is Batcher {
    using BatchTask for BatchTask.Task;

    // --- construction

    function test_constructor_invalid_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(Payments.ServiceManagerWithoutCode.selector, address(1)));
        new Payments(Manager(address(1)), DELAY);
        vm.expectRevert(abi.encodeWithSelector(Payments.InvalidDelay.selector, 0));
        new Payments(manager, 0);
        vm.expectRevert(abi.encodeWithSelector(Payments.InvalidDelay.selector, 30 days + 1));
        new Payments(manager, 30 days + 1);
        new Payments(manager, 30 days);
    }

    // --- accounts

    function testFuzz_deposit_any_succeeds(address batcher, address user, address payer, uint128 amount)
        public
    {
        vm.assume(batcher != address(0) && user != address(0) && batcher != BATCHER && amount != 0);
        vm.assume(payer != address(payments));
        vm.deal(payer, amount);
        vm.expectEmit(address(payments));
        emit Payments.Deposited(batcher, user, payer, amount);
        vm.prank(payer);
        payments.deposit{value: amount}(batcher, user);
        _expectAccount(batcher, user, amount, 0);
    }

    function test_deposit_invalid_reverts() public {
        vm.expectRevert(Payments.ZeroAddress.selector);
        payments.deposit{value: 1}(address(0), alice);
        vm.expectRevert(Payments.ZeroAddress.selector);
        payments.deposit{value: 1}(BATCHER, address(0));
        vm.expectRevert(Payments.ZeroAmount.selector);
        payments.deposit(BATCHER, alice);
        vm.expectRevert(abi.encodeWithSelector(Payments.NotServiceManager.selector, address(this)));
        (bool ok,) = address(payments).call{value: 1}("");
        ok;
    }

    function test_withdraw_locked_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(Payments.StillLocked.selector, 0));
        vm.prank(alice);
        payments.withdraw(BATCHER, alice, 1);

        vm.prank(alice);
        payments.unlock(BATCHER);
        vm.warp(START + DELAY - 1);
        vm.expectRevert(abi.encodeWithSelector(Payments.StillLocked.selector, START + DELAY));
        vm.prank(alice);
        payments.withdraw(BATCHER, alice, 1);
    }

    function testFuzz_withdraw_unlocked_succeeds(uint128 amount, uint256 later) public {
        amount = uint128(bound(amount, 1, 1 ether));
        vm.expectEmit(address(payments));
        emit Payments.UnlockAnnounced(BATCHER, alice, START + DELAY);
        vm.prank(alice);
        payments.unlock(BATCHER);
        vm.warp(bound(later, START + DELAY, START + 1e9));
        vm.expectEmit(address(payments));
        emit Payments.Withdrawn(BATCHER, alice, RECEIVER, amount);
        vm.prank(alice);
        payments.withdraw(BATCHER, RECEIVER, amount);
        vm.assertEq(RECEIVER.balance, amount);
        _expectAccount(BATCHER, alice, 1 ether - amount, 0);
        _expectAccount(BATCHER, bob, 1 ether, 0);
    }

    function test_withdraw_moreThanBalance_reverts() public {
        vm.prank(alice);
        payments.unlock(BATCHER);
        vm.warp(START + DELAY);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(Payments.ExceedsBalance.selector, 1 ether + 1, 1 ether));
        payments.withdraw(BATCHER, alice, 1 ether + 1);
        vm.prank(alice);
        vm.expectRevert(Payments.ZeroAmount.selector);
        payments.withdraw(BATCHER, alice, 0);
        // What others have, or what one has with another batcher, is not one's own.
        vm.expectRevert(abi.encodeWithSelector(Payments.StillLocked.selector, 0));
        payments.withdraw(BATCHER, alice, 1);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(Payments.StillLocked.selector, 0));
        payments.withdraw(address(this), alice, 1);
    }

    /// The registry takes no plain transfers: a wallet like that is not locked in.
    function test_withdraw_receiver_takesTheEther() public {
        address wallet = address(registry);
        payments.deposit{value: 1 ether}(BATCHER, wallet);
        vm.prank(wallet);
        payments.unlock(BATCHER);
        vm.warp(START + DELAY);
        vm.expectRevert(abi.encodeWithSelector(Payments.PaymentFailed.selector, wallet));
        vm.prank(wallet);
        payments.withdraw(BATCHER, wallet, 1 ether);
        vm.expectRevert(Payments.ZeroAddress.selector);
        vm.prank(wallet);
        payments.withdraw(BATCHER, address(0), 1 ether);
        vm.prank(wallet);
        payments.withdraw(BATCHER, RECEIVER, 1 ether);
        vm.assertEq(RECEIVER.balance, 1 ether);
    }

    function test_withdraw_reentrant_paysOnce() public {
        Reentrant user = new Reentrant(address(payments));
        payments.deposit{value: 1 ether}(BATCHER, address(user));
        user.act(abi.encodeCall(Payments.unlock, (BATCHER)));
        vm.warp(START + DELAY);
        user.plan(abi.encodeCall(Payments.withdraw, (BATCHER, address(user), 1 ether)));
        user.act(abi.encodeCall(Payments.withdraw, (BATCHER, address(user), 1 ether)));
        vm.assertFalse(user.gotThrough());
        vm.assertEq(address(user).balance, 1 ether);
        vm.assertEq(address(payments).balance, 2 ether);
    }

    function test_lock_takesTheAnnouncementBack() public {
        vm.prank(alice);
        vm.expectRevert(Payments.AlreadyLocked.selector);
        payments.lock(BATCHER);
        vm.prank(alice);
        payments.unlock(BATCHER);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(Payments.UnlockAlreadyAnnounced.selector, START + DELAY));
        payments.unlock(BATCHER);
        vm.expectEmit(address(payments));
        emit Payments.Locked(BATCHER, alice);
        vm.prank(alice);
        payments.lock(BATCHER);
        vm.warp(START + 10 * DELAY);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(Payments.StillLocked.selector, 0));
        payments.withdraw(BATCHER, alice, 1);
    }

    /// At each second an account can be charged or withdrawn from, never both, and never neither.
    function testFuzz_unlock_neverRacesACharge(uint256 time) public {
        vm.prank(alice);
        payments.unlock(BATCHER);
        vm.warp(bound(time, START, START + 2 * DELAY));
        vm.prank(alice);
        (bool withdrawn,) = address(payments).call(abi.encodeCall(Payments.withdraw, (BATCHER, alice, 1)));
        Payments.Authorization[] memory list = _one(_authorization(ALICE_KEY, 1, 0, PRICE));
        bool charged = payments.refusal(BATCHER, PRICE, list[0]) == Payments.Refusal.None;
        vm.assertTrue(charged != withdrawn);
        vm.assertTrue(charged == (block.timestamp < START + DELAY));
        _create(list, PRICE, 0);
        uint256 left = 1 ether - (charged ? PRICE : 0) - (withdrawn ? 1 : 0);
        _expectAccount(BATCHER, alice, left, charged ? 1 : 0);
    }

    // --- charging

    function test_createNewTask_severalUsers_chargesEachOnce() public {
        Payments.Authorization[] memory list = new Payments.Authorization[](3);
        list[0] = _authorization(ALICE_KEY, 5, 0, 5 * PRICE);
        list[1] = _authorization(BOB_KEY, 1, 0, 2 * PRICE);
        list[2] = _authorization(ALICE_KEY, 2, 5, 2 * PRICE);
        Payments.Charge[] memory charges = _charges(list, PRICE);
        BatchTask.Task memory task = taskOf(_root(list), address(payments), LIMIT);
        vm.expectEmit(address(payments));
        emit Payments.TaskPaid(task.idOf(), BATCHER, PRICE, 8 * PRICE, 0, charges);
        vm.expectEmit(address(manager));
        emit Manager.NewBatchV3(_root(list), address(payments), uint32(block.number), POINTER, LIMIT);
        _create(list, PRICE, LIMIT);
        _expectAccount(BATCHER, alice, 1 ether - 7 * PRICE, 7);
        _expectAccount(BATCHER, bob, 1 ether - PRICE, 1);
        vm.assertEq(address(payments).balance, 2 ether - LIMIT);
        vm.assertEq(address(manager).balance, LIMIT);
        vm.assertEq(payments.earnings(BATCHER), 0);
    }

    /// The batch's root is that of the users' proofs: the batcher cannot charge for other proofs than those signed for.
    function test_createNewTask_otherRoot_reverts() public {
        Payments.Authorization[] memory list = _one(_authorization(ALICE_KEY, 5, 0, 5 * PRICE));
        vm.expectRevert(
            abi.encodeWithSelector(
                Payments.WrongBatchRoot.selector, list[0].proofsRoot, keccak256("other proofs")
            )
        );
        vm.prank(BATCHER);
        payments.createNewTask(keccak256("other proofs"), POINTER, LIMIT, PRICE, 0, list);
        // Nor can it change what was signed.
        list[0].proofsRoot = keccak256("other proofs");
        _expectRefusal(list[0], BATCHER, PRICE, Payments.Refusal.InvalidSignature);
    }

    function test_createNewTask_noUsers_reverts() public {
        vm.expectRevert(BatchStatement.EmptyTree.selector);
        vm.prank(BATCHER);
        payments.createNewTask(0, POINTER, 0, PRICE, 0, new Payments.Authorization[](0));
    }

    function test_createNewTask_feeLimitNotCovered_reverts() public {
        Payments.Authorization[] memory list = _one(_authorization(ALICE_KEY, 2, 0, 2 * PRICE));
        vm.expectRevert(
            abi.encodeWithSelector(Payments.FeeLimitNotCovered.selector, 2 * PRICE, 1 gwei, 3 * PRICE)
        );
        vm.deal(BATCHER, 1 gwei);
        vm.prank(BATCHER);
        payments.createNewTask{value: 1 gwei}(list[0].proofsRoot, POINTER, 3 * PRICE, PRICE, 0, list);
    }

    function test_createNewTask_paused_reverts() public {
        vm.prank(OWNER);
        manager.pause();
        Payments.Authorization[] memory list = _one(_authorization(ALICE_KEY, 2, 0, 2 * PRICE));
        vm.expectRevert(Pausable.EnforcedPause.selector);
        vm.prank(BATCHER);
        payments.createNewTask(list[0].proofsRoot, POINTER, LIMIT, PRICE, 0, list);
        _expectAccount(BATCHER, alice, 1 ether, 0);
    }

    /// Never more than was signed, whatever the batcher asks for.
    function testFuzz_createNewTask_fee_isAtMostTheSignedOne(uint128 price, uint32 proofCount, uint128 maxFee)
        public
    {
        price = uint128(bound(price, 0, 1e19));
        maxFee = uint128(bound(maxFee, 0, 2 ether));
        uint256 fee = uint256(price) * proofCount;
        bool holds = proofCount != 0 && fee <= maxFee && fee <= 1 ether;
        Payments.Authorization[] memory list = _one(_authorization(ALICE_KEY, proofCount, 0, maxFee));
        _create(list, price, 0);
        _expectAccount(BATCHER, alice, 1 ether - (holds ? fee : 0), holds ? proofCount : 0);
    }

    /// One thing wrong at a time: nothing is taken, and the others of the batch are not harmed.
    function test_createNewTask_authorizationDoesNotHold_isNotCharged() public {
        for (uint256 fault = 1; fault < 16; ++fault) {
            payments = new Payments(manager, DELAY);
            payments.deposit{value: 10 * PRICE}(BATCHER, alice);
            payments.deposit{value: 1 ether}(BATCHER, bob);
            uint128 maxFee = fault == 1 ? 3 * PRICE - 1 : 20 * PRICE;
            uint64 nonce = fault == 2 ? 1 : 0;
            Payments.Authorization memory a = _authorization(ALICE_KEY, 3, nonce, maxFee);
            Payments.Refusal expected = Payments.Refusal.InvalidSignature;
            if (fault == 1) expected = Payments.Refusal.FeeTooHigh;
            if (fault == 2) expected = Payments.Refusal.WrongNonce;
            if (fault == 3) a = _authorization(BOB_KEY, 3, 0, maxFee);
            if (fault == 3) a.user = alice;
            if (fault == 4) a.proofCount -= 1;
            if (fault == 5) a.maxFee += 1;
            if (fault == 6) a.deadline += 1;
            if (fault == 7) a.signature[40] ^= 0x01;
            if (fault == 8) a.signature = "";
            if (fault == 9) a.signature = abi.encodePacked(a.signature, uint8(0));
            if (fault == 10) a = signWith(payments, ALICE_KEY, address(0xbad), a);
            if (fault == 11) {
                (a, expected) = (_authorization(ALICE_KEY, 11, 0, maxFee), Payments.Refusal.BalanceTooLow);
            }
            if (fault == 12) {
                a = unsigned(alice, keccak256("alice"), 3, 0, maxFee);
                a.deadline = uint64(block.timestamp) - 1;
                (a, expected) = (signWith(payments, ALICE_KEY, BATCHER, a), Payments.Refusal.DeadlinePassed);
            }
            if (fault == 13) {
                vm.chainId(999);
                a = _authorization(ALICE_KEY, 3, 0, maxFee);
                vm.chainId(31_337);
            }
            if (fault == 14) {
                a = signWith(new Payments(manager, DELAY), ALICE_KEY, BATCHER, a);
            }
            if (fault == 15) {
                (a, expected) = (_authorization(ALICE_KEY, 0, 0, maxFee), Payments.Refusal.NoProofs);
            }
            Payments.Authorization[] memory list = new Payments.Authorization[](2);
            list[0] = a;
            list[1] = _authorization(BOB_KEY, 2, 0, 2 * PRICE);
            vm.expectEmit(address(payments));
            emit Payments.NotCharged(BATCHER, alice, a.firstNonce, expected);
            _create(list, PRICE, LIMIT);
            _expectAccount(BATCHER, alice, 10 * PRICE, 0);
            _expectAccount(BATCHER, bob, 1 ether - 2 * PRICE, 2);
        }
    }

    /// An authorisation is for one batcher, and spent once.
    function test_createNewTask_replayed_isNotCharged() public {
        Payments.Authorization[] memory list = _one(_authorization(ALICE_KEY, 2, 0, 10 * PRICE));
        payments.deposit{value: 1 ether}(address(this), alice);
        payments.createNewTask(list[0].proofsRoot, POINTER, 0, PRICE, 0, list);
        _expectAccount(address(this), alice, 1 ether, 0);
        _create(list, PRICE, LIMIT);
        pass(1);
        _create(list, PRICE, 0);
        _expectAccount(BATCHER, alice, 1 ether - 2 * PRICE, 2);
        _expectAccount(address(this), alice, 1 ether, 0);
    }

    function test_createNewTask_malleableSignature_isNotCharged() public view {
        Payments.Authorization memory a = _authorization(ALICE_KEY, 1, 0, PRICE);
        uint256 order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(ALICE_KEY, payments.authorizationDigest(BATCHER, a));
        a.signature = abi.encodePacked(r, bytes32(order - uint256(s)), v ^ 7);
        _expectRefusal(a, BATCHER, PRICE, Payments.Refusal.InvalidSignature);
    }

    /// A signature that recovers to nobody is not nobody's.
    function test_createNewTask_zeroUser_isNotCharged() public view {
        Payments.Authorization memory a = unsigned(address(0), keccak256("nobody"), 1, 0, PRICE);
        a.signature = new bytes(65);
        _expectRefusal(a, BATCHER, 0, Payments.Refusal.InvalidSignature);
    }

    /// The digest is EIP-712's, computed here from the text of the standard.
    function testFuzz_authorizationDigest_isThatOfTheStandard(
        address batcher,
        Payments.Authorization memory a
    ) public view {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("Collimate.BatcherPaymentService"),
                keccak256("1"),
                block.chainid,
                address(payments)
            )
        );
        bytes32 kind = keccak256(
            "ProofAuthorization(address user,address batcher,bytes32 proofsRoot,uint32 proofCount,uint64 firstNonce,uint128 maxFee,uint64 deadline)"
        );
        bytes32 data = keccak256(
            abi.encode(kind, a.user, batcher, a.proofsRoot, a.proofCount, a.firstNonce, a.maxFee, a.deadline)
        );
        vm.assertEq(
            payments.authorizationDigest(batcher, a), keccak256(abi.encodePacked(hex"1901", domain, data))
        );
    }

    // --- contract wallets

    function test_createNewTask_wallet_isCharged() public {
        Wallet wallet = new Wallet(alice);
        payments.deposit{value: 1 ether}(BATCHER, address(wallet));
        Payments.Authorization memory a = unsigned(address(wallet), keccak256("wallet"), 2, 0, 2 * PRICE);
        Payments.Authorization[] memory list = _one(signWith(payments, ALICE_KEY, BATCHER, a));
        _create(list, PRICE, LIMIT);
        _expectAccount(BATCHER, address(wallet), 1 ether - 2 * PRICE, 2);
        _expectAccount(BATCHER, alice, 1 ether, 0);

        // The owner's signature for one wallet is none for another of theirs.
        Wallet second = new Wallet(alice);
        list[0].user = address(second);
        _expectRefusal(list[0], BATCHER, 0, Payments.Refusal.InvalidSignature);
        // A wallet whose owner changed harms nobody.
        wallet.setSigner(bob);
        a = unsigned(address(wallet), keccak256("wallet"), 2, 2, 2 * PRICE);
        _expectRefusal(
            signWith(payments, ALICE_KEY, BATCHER, a), BATCHER, PRICE, Payments.Refusal.InvalidSignature
        );
    }

    function test_createNewTask_hostileWallet_harmsNobody() public {
        for (uint256 i = 0; i <= uint256(type(HostileWallet.Way).max); ++i) {
            HostileWallet.Way way = HostileWallet.Way(i);
            HostileWallet wallet = new HostileWallet(way);
            payments.deposit{value: 1 ether}(BATCHER, address(wallet));
            Payments.Authorization[] memory list = new Payments.Authorization[](2);
            list[0] = unsigned(address(wallet), keccak256(abi.encode("wallet", i)), 1, 0, PRICE);
            uint64 nonce = payments.account(BATCHER, bob).nonce;
            list[1] = _authorization(BOB_KEY, 2, nonce, 2 * PRICE);
            uint256 before = gasleft();
            _create(list, PRICE, LIMIT);
            vm.assertLe(before - gasleft(), 400_000, "its gas is bounded");
            bool charged = way == HostileWallet.Way.ReturnMegabytes;
            _expectAccount(BATCHER, address(wallet), charged ? 1 ether - PRICE : 1 ether, charged ? 1 : 0);
            vm.assertEq(payments.account(BATCHER, bob).nonce, nonce + 2);
        }
    }
}
