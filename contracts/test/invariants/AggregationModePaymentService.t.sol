// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {AggregationModePaymentService as Payments} from "../../src/AggregationModePaymentService.sol";
import {Test} from "../support/Vm.sol";

/// @notice Buyers, an owner who tries to get everything, and time that passes. What should happen is computed here, from the
/// announcements alone, and compared with what does.
contract PaymentActors is Test {
    uint64 private constant DELAY = 2 days;

    Payments public immutable payments;

    /// Sums over what was observed.
    uint256 public paidIn;
    uint256 public forcedIn;
    uint256 public changeOut;
    uint256 public withdrawn;
    uint256 public creditsBought;
    uint256 public priceOfBought;
    mapping(address payer => uint256) public changeOf;
    mapping(uint256 day => uint256) public boughtOn;

    /// The terms as announced: from when each holds, for those that were not cancelled.
    uint64 public termsCount = 1;
    mapping(uint256 id => uint64) private holdsFrom;

    uint256 private announced;
    uint256 private announcedAt;

    constructor() {
        vm.warp(1_800_000_000);
        payments = new Payments(address(this), DELAY, _terms(1e12));
        holdsFrom[1] = uint64(block.timestamp);
    }

    function buy(uint256 who, uint256 amount, uint256 termsId, bool package) external {
        address payer = _payer(who);
        termsId = bound(termsId, 1, termsCount);
        // Half of them name the right terms.
        if (amount % 2 == 0) termsId = _current();
        Payments.Terms memory terms = payments.terms(termsId);
        amount = bound(amount, 0, uint256(terms.price) * 120);
        uint256 credits = package ? 10 : amount / terms.price;
        uint256 price = package ? terms.packages[0].price : credits * terms.price;
        uint256 day = block.timestamp / 1 days;
        bool valid = termsId == _current() && credits != 0 && amount >= price
            && boughtOn[day] + credits <= terms.dailyCap;

        vm.deal(payer, amount);
        vm.prank(payer);
        bytes memory call = package
            ? abi.encodeCall(Payments.depositPackage, (address(1), termsId, 0))
            : abi.encodeCall(Payments.deposit, (address(1), termsId));
        (bool ok, bytes memory answer) = address(payments).call{value: amount}(call);
        vm.assertTrue(ok == valid, "bought exactly if it was for sale");
        if (!ok) return;
        (uint64 bought, uint64 expiresAt) = abi.decode(answer, (uint64, uint64));
        vm.assertEq(bought, credits, "credits");
        vm.assertEq(expiresAt, block.timestamp + terms.validity, "expiry");
        paidIn += amount;
        creditsBought += credits;
        priceOfBought += price;
        boughtOn[day] += credits;
        changeOf[payer] += amount - price;
    }

    function takeChange(uint256 who) external {
        address payer = _payer(who);
        vm.prank(payer);
        try payments.takeChange(address(0xdead)) returns (uint256 amount) {
            vm.assertEq(amount, changeOf[payer], "one's own change");
            changeOut += amount;
            changeOf[payer] = 0;
        } catch {
            vm.assertEq(changeOf[payer], 0, "only nothing is refused");
        }
    }

    function announceTerms(uint256 price) external {
        uint128 price_ = uint128(bound(price, 1, 1e15));
        uint64 current = _current();
        uint64 id = payments.announceTerms(_terms(price_));
        vm.assertEq(id, termsCount + 1, "ids are never used again");
        if (termsCount != current) holdsFrom[termsCount] = 0;
        termsCount = id;
        holdsFrom[id] = uint64(block.timestamp) + DELAY;
    }

    function cancelTerms() external {
        bool any = holdsFrom[termsCount] > block.timestamp;
        try payments.cancelTerms() {
            vm.assertTrue(any, "only what does not hold yet");
            holdsFrom[termsCount] = 0;
        } catch {
            vm.assertFalse(any);
        }
    }

    function announceWithdrawal(uint256 amount) external {
        uint256 revenue = priceOfBought - withdrawn;
        amount = bound(amount, 1, address(payments).balance * 2 + 1);
        // Often all that there is.
        if (amount % 3 == 0 && revenue != 0) amount = revenue;
        try payments.announceWithdrawal(address(0xbeef), amount) {
            vm.assertTrue(amount <= revenue, "never more than revenue");
            announced = amount;
            announcedAt = block.timestamp;
        } catch {
            vm.assertTrue(amount > revenue);
        }
    }

    function withdraw() external {
        bool due = announced != 0 && block.timestamp >= announcedAt + DELAY;
        try payments.withdraw() {
            vm.assertTrue(due, "only after the delay");
            withdrawn += announced;
            announced = 0;
        } catch {
            vm.assertFalse(due);
        }
    }

    function force(uint256 amount) external {
        amount %= 1 ether;
        vm.deal(address(payments), address(payments).balance + amount);
        forcedIn += amount;
    }

    function pass(uint256 time) external {
        vm.warp(block.timestamp + bound(time, 1, 1 days + 1));
    }

    /// The newest terms that hold, by what was announced.
    function _current() public view returns (uint64 id) {
        id = termsCount;
        while (holdsFrom[id] == 0 || holdsFrom[id] > block.timestamp) --id;
    }

    function _payer(uint256 who) public pure returns (address) {
        return address(uint160(0xa000 + who % 4));
    }

    function _terms(uint128 price) private pure returns (Payments.Terms memory) {
        Payments.Package[] memory packages = new Payments.Package[](1);
        packages[0] = Payments.Package(10, uint128(uint256(price) * 7 + 3));
        return Payments.Terms(price, 30 days + uint64(price % 1000), 250, packages);
    }
}

/// | property | checked by |
/// |---|---|
/// | credits issued match the ether received: every sale is at its terms' price | PaymentActors.buy, _creditsMatchEther |
/// | each wei is revenue, refundable, or was forced in | _etherIsAccounted |
/// | the owner takes only revenue, announced `DELAY` before | PaymentActors.withdraw, announceWithdrawal, _etherIsAccounted |
/// | everyone can take their change, always | _changeIsOwed, afterInvariant |
/// | terms change only `DELAY` after their announcement | _termsChangeAfterTheDelay |
contract AggregationModePaymentServiceInvariants is Test {
    PaymentActors private actors;
    Payments private payments;

    function setUp() public {
        actors = new PaymentActors();
        payments = actors.payments();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(actors);
    }

    function invariant_payments_hold() external view {
        _creditsMatchEther();
        _etherIsAccounted();
        _changeIsOwed();
        vm.assertEq(payments.currentTermsId(), actors._current(), "terms change only after the delay");
    }

    /// At the end of each run all take what is theirs.
    function afterInvariant() external {
        for (uint256 i = 0; i < 4; ++i) {
            actors.takeChange(i);
        }
        vm.assertEq(payments.totalRefundable(), 0);
        vm.assertEq(address(payments).balance, payments.revenue() + actors.forcedIn());
    }

    function _creditsMatchEther() private view {
        vm.assertEq(payments.revenue() + actors.withdrawn(), actors.priceOfBought(), "price of what was sold");
        uint256 day = block.timestamp / 1 days;
        vm.assertEq(payments.soldOn(day), actors.boughtOn(day), "credits sold");
        vm.assertLe(payments.soldOn(day), 250, "cap");
    }

    function _etherIsAccounted() private view {
        uint256 held = payments.revenue() + payments.totalRefundable();
        vm.assertEq(address(payments).balance, held + actors.forcedIn(), "each wei is somebody's");
        vm.assertEq(
            held + actors.withdrawn() + actors.changeOut(), actors.paidIn(), "none appears or vanishes"
        );
    }

    function _changeIsOwed() private view {
        uint256 sum = 0;
        for (uint256 i = 0; i < 4; ++i) {
            address payer = actors._payer(i);
            vm.assertEq(payments.refundable(payer), actors.changeOf(payer), "change");
            sum += actors.changeOf(payer);
        }
        vm.assertEq(payments.totalRefundable(), sum, "sum of change");
    }
}
