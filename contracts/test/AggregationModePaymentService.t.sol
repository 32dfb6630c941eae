// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {AggregationModePaymentService as Payments} from "../src/AggregationModePaymentService.sol";
import {Batch, Reentrant} from "./support/Payers.sol";
import {Test} from "./support/Vm.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

contract AggregationModePaymentServiceTest is Test {
    address private constant OWNER = address(0xacce55);
    address private constant ALICE = address(0xa11ce);
    address private constant BOB = address(0xb0b);
    uint64 private constant DELAY = 2 days;
    uint64 private constant VALIDITY = 30 days;
    uint64 private constant CAP = 1_000;
    uint128 private constant PRICE = 0.001 ether;
    uint64 private constant START = 1_800_000_000;

    Payments private payments;

    function setUp() public {
        vm.warp(START);
        payments = new Payments(OWNER, DELAY, _terms(PRICE));
        vm.deal(ALICE, 1e9 ether);
    }

    // --- construction

    function test_constructor_firstTerms_holdAtOnce() public view {
        (uint64 id, Payments.Terms memory terms) = payments.currentTerms();
        vm.assertEq(id, 1);
        vm.assertEq(abi.encode(terms), abi.encode(_terms(PRICE)));
        vm.assertEq(payments.leftToday(), CAP);
        vm.assertEq(payments.owner(), OWNER);
    }

    function test_constructor_delayOutOfRange_reverts() public {
        Payments.Terms memory terms = _terms(PRICE);
        vm.expectRevert(abi.encodeWithSelector(Payments.InvalidDelay.selector, 0));
        new Payments(OWNER, 0, terms);
        vm.expectRevert(abi.encodeWithSelector(Payments.InvalidDelay.selector, 90 days + 1));
        new Payments(OWNER, 90 days + 1, terms);
        new Payments(OWNER, 90 days, terms);
    }

    function test_constructor_withoutOwner_reverts() public {
        Payments.Terms memory terms = _terms(PRICE);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableInvalidOwner.selector, address(0)));
        new Payments(address(0), DELAY, terms);
    }

    /// One field wrong at a time.
    function test_announceTerms_invalid_reverts() public {
        for (uint256 fault = 0; fault < 10; ++fault) {
            Payments.Terms memory terms = _terms(PRICE);
            if (fault == 1) terms.price = 0;
            if (fault == 2) terms.validity = 0;
            if (fault == 3) terms.validity = payments.MAX_VALIDITY() + 1;
            if (fault == 4) terms.dailyCap = 0;
            if (fault == 5) terms.packages = new Payments.Package[](17);
            if (fault == 6) terms.packages[1].price = 0;
            if (fault == 7) terms.packages[0].credits = 0;
            if (fault == 8) terms.packages[1].credits = CAP + 1;
            if (fault == 9) terms.dailyCap = 99;
            if (fault != 0) vm.expectRevert(Payments.InvalidTerms.selector);
            vm.prank(OWNER);
            payments.announceTerms(terms);
        }
    }

    // --- buying

    function testFuzz_deposit_anyAmount_sellsWholeCreditsAndKeepsChange(uint256 amount, uint128 price)
        public
    {
        if (price == 0) price = 1;
        payments = new Payments(OWNER, DELAY, _terms(price));
        amount = bound(amount, price, uint256(price) * (CAP + 1) - 1);
        vm.deal(ALICE, amount);
        uint256 expected = amount / price;

        vm.expectEmit(address(payments));
        emit Payments.CreditsPurchased(1, ALICE, BOB, expected * price, uint64(expected), START + VALIDITY, 1);
        vm.prank(ALICE);
        (uint64 credits, uint64 expiresAt) = payments.deposit{value: amount}(BOB, 1);

        vm.assertEq(credits, expected);
        vm.assertEq(expiresAt, START + VALIDITY);
        vm.assertEq(payments.revenue(), expected * price);
        vm.assertEq(payments.refundable(ALICE), amount - expected * price);
        vm.assertEq(payments.totalRefundable() + payments.revenue(), amount, "each wei is in one of both");
        vm.assertTrue(payments.totalRefundable() < price, "the change buys nothing");
        vm.assertEq(payments.refundable(BOB), 0);
        vm.assertEq(payments.leftToday(), CAP - expected);
    }

    function testFuzz_deposit_belowPrice_reverts(uint256 amount) public {
        amount %= PRICE;
        vm.expectRevert(abi.encodeWithSelector(Payments.PaymentTooLow.selector, amount, PRICE));
        vm.prank(ALICE);
        payments.deposit{value: amount}(ALICE, 1);
        vm.assertEq(address(payments).balance, 0);
    }

    function testFuzz_deposit_aboveCap_reverts(uint256 amount) public {
        amount = bound(amount, uint256(PRICE) * (CAP + 1), type(uint256).max);
        vm.deal(ALICE, amount);
        vm.expectRevert(abi.encodeWithSelector(Payments.DailyCapReached.selector, amount / PRICE, CAP));
        vm.prank(ALICE);
        payments.deposit{value: amount}(ALICE, 1);
    }

    function testFuzz_deposit_otherTerms_reverts(uint256 termsId) public {
        vm.assume(termsId != 1);
        vm.expectRevert(abi.encodeWithSelector(Payments.TermsNotCurrent.selector, termsId, 1));
        vm.prank(ALICE);
        payments.deposit{value: PRICE}(ALICE, termsId);
        vm.expectRevert(abi.encodeWithSelector(Payments.TermsNotCurrent.selector, termsId, 1));
        vm.prank(ALICE);
        payments.depositPackage{value: PRICE}(ALICE, termsId, 0);
    }

    function test_deposit_zeroAccount_reverts() public {
        vm.prank(ALICE);
        vm.expectRevert(Payments.ZeroAddress.selector);
        payments.deposit{value: PRICE}(address(0), 1);
        vm.prank(ALICE);
        vm.expectRevert(Payments.ZeroAddress.selector);
        payments.depositPackage{value: 1 ether}(address(0), 1, 0);
    }

    function test_deposit_plainTransfer_reverts() public {
        vm.prank(ALICE);
        (bool ok,) = address(payments).call{value: 1 ether}("");
        vm.assertFalse(ok);
        vm.prank(ALICE);
        (ok,) = address(payments).call{value: 1 ether}(hex"deadbeef");
        vm.assertFalse(ok);
    }

    function test_deposit_severalInOneTransaction_eachCounts() public {
        Batch batch = new Batch();
        address[] memory accounts = new address[](3);
        (accounts[0], accounts[1], accounts[2]) = (ALICE, BOB, ALICE);
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectEmit(address(payments));
            emit Payments.CreditsPurchased(
                i + 1, address(batch), accounts[i], 2 * PRICE, 2, START + VALIDITY, 1
            );
        }
        vm.prank(ALICE);
        batch.deposit{value: 6 * PRICE}(payments, 1, accounts);
        vm.assertEq(payments.purchases(), 3);
        vm.assertEq(payments.revenue(), 6 * PRICE);
    }

    function testFuzz_depositPackage_anyAmountFromItsPrice_succeeds(uint256 amount, bool second) public {
        (uint256 index, uint256 price, uint64 credits) =
            second ? (1, 0.5 ether, uint64(1_000)) : (0, 0.08 ether, 100);
        amount = bound(amount, price, type(uint128).max);
        vm.deal(ALICE, amount);
        vm.expectEmit(address(payments));
        emit Payments.CreditsPurchased(1, ALICE, BOB, price, credits, START + VALIDITY, 1);
        vm.prank(ALICE);
        payments.depositPackage{value: amount}(BOB, 1, index);
        vm.assertEq(payments.revenue(), price);
        vm.assertEq(payments.refundable(ALICE), amount - price);
    }

    function testFuzz_depositPackage_belowPrice_reverts(uint256 amount) public {
        amount %= 0.08 ether;
        vm.expectRevert(abi.encodeWithSelector(Payments.PaymentTooLow.selector, amount, 0.08 ether));
        vm.prank(ALICE);
        payments.depositPackage{value: amount}(BOB, 1, 0);
    }

    function testFuzz_depositPackage_unknown_reverts(uint256 index) public {
        vm.assume(index > 1);
        vm.expectRevert(abi.encodeWithSelector(Payments.UnknownPackage.selector, 1, index));
        vm.prank(ALICE);
        payments.depositPackage{value: 1 ether}(BOB, 1, index);
    }

    function test_depositPackage_ofSupersededTerms_reverts() public {
        Payments.Terms memory dearer = _terms(PRICE);
        dearer.packages[0].price = 0.09 ether;
        vm.prank(OWNER);
        payments.announceTerms(dearer);
        vm.warp(START + DELAY);
        vm.expectRevert(abi.encodeWithSelector(Payments.TermsNotCurrent.selector, 1, 2));
        vm.prank(ALICE);
        payments.depositPackage{value: 1 ether}(ALICE, 1, 0);
    }

    // --- the cap

    function test_dailyCap_isOfAllBuyersAndEndsWithTheDay() public {
        vm.deal(BOB, 1 ether);
        vm.prank(ALICE);
        payments.deposit{value: uint256(PRICE) * (CAP - 1)}(ALICE, 1);
        vm.prank(BOB);
        vm.expectRevert(abi.encodeWithSelector(Payments.DailyCapReached.selector, 100, 1));
        payments.depositPackage{value: 0.08 ether}(BOB, 1, 0);
        vm.prank(BOB);
        payments.deposit{value: PRICE}(BOB, 1);
        vm.assertEq(payments.leftToday(), 0);
        vm.prank(BOB);
        vm.expectRevert(abi.encodeWithSelector(Payments.DailyCapReached.selector, 1, 0));
        payments.deposit{value: PRICE}(BOB, 1);
        vm.warp((START / 1 days + 1) * 1 days - 1);
        vm.assertEq(payments.leftToday(), 0);
        vm.warp((START / 1 days + 1) * 1 days);
        vm.assertEq(payments.leftToday(), CAP);
        vm.prank(BOB);
        payments.deposit{value: PRICE}(BOB, 1);
    }

    function test_dailyCap_loweredBelowWhatIsSold_leavesNothing() public {
        Payments.Terms memory smaller = _terms(PRICE);
        smaller.dailyCap = 100;
        smaller.packages = new Payments.Package[](0);
        vm.prank(OWNER);
        payments.announceTerms(smaller);
        vm.warp(START + DELAY - 1);
        vm.prank(ALICE);
        payments.deposit{value: uint256(PRICE) * 500}(ALICE, 1);
        vm.warp(START + DELAY);
        vm.assertEq(payments.leftToday(), 0);
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(Payments.DailyCapReached.selector, 1, 0));
        payments.deposit{value: PRICE}(ALICE, 2);
    }

    // --- change

    function test_takeChange_byItsOwnerOnly_once() public {
        vm.prank(ALICE);
        payments.deposit{value: uint256(PRICE) + 7}(BOB, 1);
        vm.prank(BOB);
        vm.expectRevert(Payments.ZeroAmount.selector);
        payments.takeChange(BOB);
        vm.prank(OWNER);
        vm.expectRevert(Payments.ZeroAmount.selector);
        payments.takeChange(OWNER);

        vm.expectEmit(address(payments));
        emit Payments.ChangeReturned(ALICE, address(0x7), 7);
        vm.prank(ALICE);
        payments.takeChange(address(0x7));
        vm.assertEq(address(0x7).balance, 7);
        vm.assertEq(payments.totalRefundable(), 0);
        vm.prank(ALICE);
        vm.expectRevert(Payments.ZeroAmount.selector);
        payments.takeChange(ALICE);
        vm.assertEq(address(payments).balance, PRICE);
    }

    function test_takeChange_receiverRefuses_keepsIt() public {
        vm.prank(ALICE);
        payments.deposit{value: uint256(PRICE) + 7}(ALICE, 1);
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(Payments.PaymentFailed.selector, address(payments)));
        payments.takeChange(address(payments));
        vm.prank(ALICE);
        vm.expectRevert(Payments.ZeroAddress.selector);
        payments.takeChange(address(0));
        vm.assertEq(payments.refundable(ALICE), 7);
    }

    function test_takeChange_reentered_paysOnce() public {
        vm.prank(ALICE);
        payments.deposit{value: 2 * uint256(PRICE) - 1}(ALICE, 1);
        Reentrant attacker = new Reentrant(address(payments));
        attacker.plan(abi.encodeCall(Payments.takeChange, (address(attacker))));
        attacker.act{value: uint256(PRICE) + 5}(abi.encodeCall(Payments.deposit, (address(attacker), 1)));
        attacker.act(abi.encodeCall(Payments.takeChange, (address(attacker))));
        vm.assertFalse(attacker.gotThrough());
        vm.assertEq(address(attacker).balance, 5);
        vm.assertEq(payments.totalRefundable(), PRICE - 1, "the others' change");
        vm.assertEq(address(payments).balance, payments.revenue() + payments.totalRefundable());
    }

    // --- the owner: terms

    function test_announceTerms_holdAfterTheDelay_notBefore() public {
        Payments.Terms memory next = _terms(2 * PRICE);
        vm.expectEmit(address(payments));
        emit Payments.TermsAnnounced(2, START + DELAY, next);
        vm.prank(OWNER);
        payments.announceTerms(next);
        _announced(2, START + DELAY);

        vm.warp(START + DELAY - 1);
        vm.assertEq(payments.currentTermsId(), 1);
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(Payments.TermsNotCurrent.selector, 2, 1));
        payments.deposit{value: 1 ether}(ALICE, 2);
        vm.prank(ALICE);
        (uint64 credits, uint64 expiresAt) = payments.deposit{value: PRICE}(ALICE, 1);
        vm.assertEq(credits, 1);
        vm.assertEq(expiresAt, START + DELAY - 1 + VALIDITY);

        vm.warp(START + DELAY);
        vm.assertEq(payments.currentTermsId(), 2);
        _announced(0, 0);
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(Payments.TermsNotCurrent.selector, 1, 2));
        payments.deposit{value: 1 ether}(ALICE, 1);
        vm.prank(ALICE);
        (credits,) = payments.deposit{value: 2 * PRICE}(ALICE, 2);
        vm.assertEq(credits, 1);
        vm.assertEq(abi.encode(payments.terms(1)), abi.encode(_terms(PRICE)), "old terms stay readable");
    }

    function test_announceTerms_again_replacesAndRestartsTheDelay() public {
        vm.prank(OWNER);
        payments.announceTerms(_terms(5));
        vm.warp(START + DELAY - 1);
        vm.expectEmit(address(payments));
        emit Payments.TermsCancelled(2);
        vm.prank(OWNER);
        payments.announceTerms(_terms(6));
        vm.warp(START + 2 * DELAY - 2);
        vm.assertEq(payments.currentTermsId(), 1);
        vm.warp(START + 2 * DELAY - 1);
        vm.assertEq(payments.currentTermsId(), 3);
    }

    function test_announceTerms_afterOthersTookEffect_leavesThoseInForce() public {
        vm.prank(OWNER);
        payments.announceTerms(_terms(5));
        vm.warp(START + DELAY);
        vm.prank(OWNER);
        payments.announceTerms(_terms(6));
        vm.assertEq(payments.currentTermsId(), 2);
        _announced(3, START + 2 * DELAY);
        vm.prank(OWNER);
        payments.cancelTerms();
        vm.warp(START + 9 * DELAY);
        vm.assertEq(payments.currentTermsId(), 2);
    }

    function test_cancelTerms_beforeTheyHold_succeeds_afterwards_reverts() public {
        vm.prank(OWNER);
        vm.expectRevert(Payments.NothingAnnounced.selector);
        payments.cancelTerms();
        vm.prank(OWNER);
        payments.announceTerms(_terms(5));
        vm.prank(OWNER);
        payments.cancelTerms();
        vm.warp(START + DELAY);
        vm.assertEq(payments.currentTermsId(), 1);
        vm.prank(OWNER);
        payments.announceTerms(_terms(5));
        vm.warp(START + 2 * DELAY);
        vm.prank(OWNER);
        vm.expectRevert(Payments.NothingAnnounced.selector);
        payments.cancelTerms();
        vm.assertEq(payments.currentTermsId(), 3);
    }

    // --- the owner: withdrawals

    function test_withdraw_afterTheDelay_paysWhatWasAnnounced() public {
        vm.prank(ALICE);
        payments.deposit{value: 10 * PRICE + 7}(ALICE, 1);
        vm.prank(OWNER);
        payments.announceWithdrawal(BOB, 10 * PRICE);
        vm.warp(START + DELAY - 1);
        vm.prank(OWNER);
        vm.expectRevert(abi.encodeWithSelector(Payments.TooEarly.selector, START + DELAY));
        payments.withdraw();
        vm.warp(START + DELAY);
        vm.expectEmit(address(payments));
        emit Payments.RevenueWithdrawn(BOB, 10 * PRICE);
        vm.prank(OWNER);
        payments.withdraw();
        vm.assertEq(BOB.balance, 10 * PRICE);
        vm.assertEq(payments.revenue(), 0);
        vm.assertEq(address(payments).balance, 7, "the change");
        vm.prank(OWNER);
        vm.expectRevert(Payments.NothingAnnounced.selector);
        payments.withdraw();
    }

    /// Otherwise an announcement made early would take later revenue without notice.
    function testFuzz_announceWithdrawal_aboveRevenue_reverts(uint256 amount, uint256 forced) public {
        vm.prank(ALICE);
        payments.deposit{value: uint256(PRICE) + 7}(ALICE, 1);
        vm.deal(address(payments), address(payments).balance + bound(forced, 0, 100 ether));
        amount = bound(amount, uint256(PRICE) + 1, type(uint256).max);
        vm.prank(OWNER);
        vm.expectRevert(abi.encodeWithSelector(Payments.ExceedsRevenue.selector, amount, PRICE));
        payments.announceWithdrawal(OWNER, amount);
    }

    function test_announceWithdrawal_nothingOrToNobody_reverts() public {
        vm.prank(OWNER);
        vm.expectRevert(Payments.ZeroAmount.selector);
        payments.announceWithdrawal(OWNER, 0);
        vm.prank(OWNER);
        vm.expectRevert(Payments.ZeroAddress.selector);
        payments.announceWithdrawal(address(0), 1);
    }

    function test_announceWithdrawal_again_restartsTheDelay() public {
        vm.prank(ALICE);
        payments.deposit{value: PRICE}(ALICE, 1);
        vm.prank(OWNER);
        payments.announceWithdrawal(OWNER, 5);
        vm.warp(START + DELAY - 1);
        vm.expectEmit(address(payments));
        emit Payments.WithdrawalCancelled(OWNER, 5);
        vm.prank(OWNER);
        payments.announceWithdrawal(BOB, 6);
        vm.warp(START + DELAY);
        vm.prank(OWNER);
        vm.expectRevert(abi.encodeWithSelector(Payments.TooEarly.selector, START + 2 * DELAY - 1));
        payments.withdraw();
    }

    function test_cancelWithdrawal_endsIt() public {
        vm.prank(OWNER);
        vm.expectRevert(Payments.NothingAnnounced.selector);
        payments.cancelWithdrawal();
        vm.prank(ALICE);
        payments.deposit{value: PRICE}(ALICE, 1);
        vm.prank(OWNER);
        payments.announceWithdrawal(OWNER, PRICE);
        vm.prank(OWNER);
        payments.cancelWithdrawal();
        vm.warp(START + DELAY);
        vm.prank(OWNER);
        vm.expectRevert(Payments.NothingAnnounced.selector);
        payments.withdraw();
    }

    function test_withdraw_reentered_paysOnce() public {
        Reentrant attacker = new Reentrant(address(payments));
        vm.prank(OWNER);
        payments.transferOwnership(address(attacker));
        attacker.act(abi.encodeCall(payments.acceptOwnership, ()));
        vm.prank(ALICE);
        payments.deposit{value: 10 * uint256(PRICE) + 9}(ALICE, 1);
        attacker.act(abi.encodeCall(Payments.announceWithdrawal, (address(attacker), 3 * PRICE)));
        attacker.plan(abi.encodeCall(Payments.withdraw, ()));
        attacker.plan(abi.encodeCall(Payments.takeChange, (address(attacker))));
        vm.warp(START + DELAY);
        attacker.act(abi.encodeCall(Payments.withdraw, ()));
        vm.assertFalse(attacker.gotThrough());
        vm.assertEq(address(attacker).balance, 3 * PRICE);
        vm.assertEq(payments.revenue(), 7 * PRICE);
        vm.assertEq(payments.refundable(ALICE), 9);
    }

    function test_withdraw_refusedByItsReceiver_staysAnnounced() public {
        vm.prank(ALICE);
        payments.deposit{value: PRICE}(ALICE, 1);
        vm.prank(OWNER);
        payments.announceWithdrawal(address(payments), PRICE);
        vm.warp(START + DELAY);
        vm.prank(OWNER);
        vm.expectRevert(abi.encodeWithSelector(Payments.PaymentFailed.selector, address(payments)));
        payments.withdraw();
        vm.assertEq(payments.revenue(), PRICE);
        vm.assertEq(payments.announcedAmount(), PRICE);
    }

    // --- the owner: who it is

    function testFuzz_ownersFunctions_byOthers_revert(address caller) public {
        vm.assume(caller != OWNER);
        bytes[] memory calls = new bytes[](6);
        calls[0] = abi.encodeCall(Payments.announceTerms, (_terms(1)));
        calls[1] = abi.encodeCall(Payments.cancelTerms, ());
        calls[2] = abi.encodeCall(Payments.announceWithdrawal, (caller, 1));
        calls[3] = abi.encodeCall(Payments.cancelWithdrawal, ());
        calls[4] = abi.encodeCall(Payments.withdraw, ());
        calls[5] = abi.encodeCall(payments.transferOwnership, (caller));
        for (uint256 i = 0; i < calls.length; ++i) {
            vm.prank(caller);
            (bool ok, bytes memory answer) = address(payments).call(calls[i]);
            vm.assertFalse(ok);
            vm.assertEq(answer, abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, caller));
        }
    }

    function test_renounceOwnership_reverts() public {
        vm.prank(OWNER);
        vm.expectRevert(Payments.OwnerRequired.selector);
        payments.renounceOwnership();
    }

    function _announced(uint64 expectedId, uint64 expectedFrom) private view {
        (uint64 id, uint64 from) = payments.announcedTerms();
        vm.assertEq(id, expectedId);
        vm.assertEq(from, expectedFrom);
    }

    function _terms(uint128 price) private pure returns (Payments.Terms memory) {
        Payments.Package[] memory packages = new Payments.Package[](2);
        packages[0] = Payments.Package(100, 0.08 ether);
        packages[1] = Payments.Package(1_000, 0.5 ether);
        return Payments.Terms(price, VALIDITY, CAP, packages);
    }
}
