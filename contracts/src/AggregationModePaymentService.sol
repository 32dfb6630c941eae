// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";

/// @title Payments of aggregation mode
/// @notice Sells credits for ether: one credit pays for the aggregation of one proof, until it expires.
///
/// The terms of sale (price, packages, validity, daily cap) have an id, never change under it, and are named by every buyer:
/// whoever signed under other terms than those that hold when the transaction is mined pays nothing and gets nothing. New terms
/// hold `DELAY` seconds after the owner announced them, and change nothing about what was bought: no function here touches
/// a purchase after it was made.
///
/// Ether is in one of two sums. `revenue` was paid for credits; the owner withdraws from it what was there when the withdrawal
/// was announced, at least `DELAY` seconds before. `totalRefundable` is what buyers sent beyond the price; each
/// takes back their own, at any time, and nobody else can. Ether that is sent here by force belongs to nobody and stays; a
/// plain transfer is refused.
/// @dev Credits are spent outside of this contract, so it cannot know which are left, and refunds none.
/// State is changed before ether is sent, always, so a receiver that calls back finds nothing to take twice.
contract AggregationModePaymentService is Ownable2Step {
    /// @notice Credits sold together at a price of their own.
    struct Package {
        uint64 credits;
        /// Price, in wei, of the whole package.
        uint128 price;
    }

    /// @notice Terms of sale.
    struct Terms {
        /// Price of one credit, in wei.
        uint128 price;
        /// Seconds from purchase to expiry.
        uint64 validity;
        /// Credits sold on one day (86,400 seconds of the chain's clock), to all buyers together: what the service can carry.
        uint64 dailyCap;
        Package[] packages;
    }

    /// @notice Packages in one set of terms.
    uint256 public constant MAX_PACKAGES = 16;
    /// @notice Longest validity, in seconds: ten years.
    uint64 public constant MAX_VALIDITY = 3650 days;
    /// @notice Longest delay, in seconds: a typing error must not lock the owner out.
    uint64 public constant MAX_DELAY = 90 days;

    /// @notice Seconds between an announcement of the owner's and its effect.
    uint64 public immutable DELAY;

    /// @notice Wei paid for credits and not withdrawn.
    uint256 public revenue;
    /// @notice Wei that buyers can take back, all together.
    uint256 public totalRefundable;
    /// @notice Wei that a buyer can take back.
    mapping(address payer => uint256) public refundable;
    /// @notice Purchases made so far, which is the id of the latest.
    uint256 public purchases;
    /// @notice Credits sold on a day, counted from the epoch of the chain's clock.
    mapping(uint256 day => uint256) public soldOn;

    /// @dev Terms that held last or hold, and those that follow them at `_nextFrom`; zero if none are announced.
    uint64 private _termsId;
    uint64 private _nextTermsId;
    uint64 private _nextFrom;
    /// @dev The id given last.
    uint64 private _lastTermsId;
    mapping(uint256 id => Terms) private _terms;

    /// @notice The withdrawal that is announced: amount in wei, zero if there is none.
    uint256 public announcedAmount;
    /// @notice Where the announced withdrawal goes.
    address public announcedReceiver;
    /// @notice When the announced withdrawal can be made.
    uint64 public announcedFrom;

    /// @notice Credits were bought.
    /// @param id Number of the purchase: 1, 2, 3, ...; one that is missing was overlooked.
    /// @param payer Who paid.
    /// @param account Who may spend the credits.
    /// @param amount Wei paid, without what is refundable.
    /// @param credits Proofs that this pays for.
    /// @param expiresAt First second of the chain's clock in which they are worth nothing.
    /// @param termsId Terms that they were bought under.
    event CreditsPurchased(
        uint256 indexed id,
        address indexed payer,
        address indexed account,
        uint256 amount,
        uint64 credits,
        uint64 expiresAt,
        uint64 termsId
    );
    /// @notice A buyer sent more than the price; the rest is kept for them.
    event ChangeKept(address indexed payer, uint256 amount);
    /// @notice A buyer took change back.
    event ChangeReturned(address indexed payer, address indexed receiver, uint256 amount);
    /// @notice New terms will hold from a time on.
    event TermsAnnounced(uint64 indexed id, uint64 from, Terms terms);
    /// @notice Announced terms will not hold.
    event TermsCancelled(uint64 indexed id);
    /// @notice The owner can withdraw from a time on.
    event WithdrawalAnnounced(address indexed receiver, uint256 amount, uint64 from);
    /// @notice An announced withdrawal will not be made.
    event WithdrawalCancelled(address indexed receiver, uint256 amount);
    /// @notice The owner withdrew.
    event RevenueWithdrawn(address indexed receiver, uint256 amount);

    /// @notice The delay is zero or too long.
    error InvalidDelay(uint64 delay);
    /// @notice The terms sell for nothing, sell nothing, or exceed a limit.
    error InvalidTerms();
    /// @notice The buyer's terms do not hold: they are superseded, or announced for later.
    error TermsNotCurrent(uint256 termsId, uint256 current);
    /// @notice The terms have no such package.
    error UnknownPackage(uint256 termsId, uint256 index);
    /// @notice The ether sent is less than the price, in wei.
    error PaymentTooLow(uint256 sent, uint256 price);
    /// @notice So many credits are not left today.
    error DailyCapReached(uint256 wanted, uint256 left);
    /// @notice The zero address can neither spend credits nor receive ether.
    error ZeroAddress();
    /// @notice An amount of zero changes nothing.
    error ZeroAmount();
    /// @notice Nothing is announced.
    error NothingAnnounced();
    /// @notice The announcement is too young.
    error TooEarly(uint64 from);
    /// @notice More than the revenue, in wei.
    error ExceedsRevenue(uint256 amount, uint256 revenue);
    /// @notice The payment was refused by its receiver.
    error PaymentFailed(address receiver);
    /// @notice The owner can be replaced, not removed: revenue would be locked.
    error OwnerRequired();

    /// @param owner Announces terms and withdrawals.
    /// @param delay Seconds between an announcement and its effect.
    /// @param firstTerms Terms that hold at once, with id 1.
    constructor(address owner, uint64 delay, Terms memory firstTerms) Ownable(owner) {
        require(delay != 0 && delay <= MAX_DELAY, InvalidDelay(delay));
        DELAY = delay;
        _termsId = _storeTerms(firstTerms, uint64(block.timestamp));
    }

    // --- buying

    /// @notice Buys as many credits at the price of one as the ether sent pays for. What is left is refundable to the caller;
    /// whoever pays through a contract that others share should send the exact price.
    /// @param account Who may spend the credits; it need not be the caller.
    /// @param termsId The terms that the buyer agreed to, which must be those that hold.
    /// @return credits Credits bought, at least one.
    /// @return expiresAt When they expire.
    function deposit(address account, uint256 termsId)
        external
        payable
        returns (uint64 credits, uint64 expiresAt)
    {
        Terms storage terms_ = _agreed(termsId);
        uint256 price = terms_.price;
        uint256 wanted = msg.value / price;
        require(wanted != 0, PaymentTooLow(msg.value, price));
        return _sell(account, terms_, wanted, wanted * price);
    }

    /// @notice Buys one package. What was sent beyond its price is refundable to the caller.
    /// @param account Who may spend the credits; it need not be the caller.
    /// @param termsId The terms that the buyer agreed to, which must be those that hold.
    /// @param index Which package of these terms.
    /// @return credits Credits bought.
    /// @return expiresAt When they expire.
    function depositPackage(address account, uint256 termsId, uint256 index)
        external
        payable
        returns (uint64 credits, uint64 expiresAt)
    {
        Terms storage terms_ = _agreed(termsId);
        require(index < terms_.packages.length, UnknownPackage(termsId, index));
        Package memory package = terms_.packages[index];
        require(msg.value >= package.price, PaymentTooLow(msg.value, package.price));
        return _sell(account, terms_, package.credits, package.price);
    }

    /// @notice Pays out all that the caller can take back.
    /// @return amount Wei paid out.
    function takeChange(address receiver) external returns (uint256 amount) {
        amount = refundable[msg.sender];
        require(amount != 0, ZeroAmount());
        refundable[msg.sender] = 0;
        totalRefundable -= amount;
        emit ChangeReturned(msg.sender, receiver, amount);
        _pay(receiver, amount);
    }

    // --- reading

    /// @notice The terms that hold now.
    function currentTerms() external view returns (uint64 id, Terms memory terms_) {
        id = currentTermsId();
        terms_ = _terms[id];
    }

    /// @notice Id of the terms that hold now.
    function currentTermsId() public view returns (uint64) {
        return _nextTermsId != 0 && block.timestamp >= _nextFrom ? _nextTermsId : _termsId;
    }

    /// @notice The terms that are announced and do not hold yet; zero if there are none.
    function announcedTerms() external view returns (uint64 id, uint64 from) {
        if (_nextTermsId != 0 && block.timestamp < _nextFrom) return (_nextTermsId, _nextFrom);
    }

    /// @notice Terms that hold, held, are announced or were cancelled; all zero if there never were any of this id.
    function terms(uint256 id) external view returns (Terms memory) {
        return _terms[id];
    }

    /// @notice Credits that can still be bought today.
    function leftToday() external view returns (uint256) {
        return _left(_terms[currentTermsId()]);
    }

    // --- the owner

    /// @notice Announces terms, which hold from `DELAY` seconds on without further action. Replaces terms that were announced
    /// and do not hold yet.
    /// @return id Their id.
    function announceTerms(Terms calldata newTerms) external onlyOwner returns (uint64 id) {
        _settleTerms();
        if (_nextTermsId != 0) emit TermsCancelled(_nextTermsId);
        uint64 from = uint64(block.timestamp) + DELAY;
        id = _storeTerms(newTerms, from);
        _nextTermsId = id;
        _nextFrom = from;
    }

    /// @notice Takes back terms that were announced and do not hold yet.
    function cancelTerms() external onlyOwner {
        _settleTerms();
        uint64 id = _nextTermsId;
        require(id != 0, NothingAnnounced());
        _nextTermsId = 0;
        emit TermsCancelled(id);
    }

    /// @notice Announces a withdrawal of revenue that is here already. Replaces the one announced before.
    function announceWithdrawal(address receiver, uint256 amount) external onlyOwner {
        require(receiver != address(0), ZeroAddress());
        require(amount != 0, ZeroAmount());
        require(amount <= revenue, ExceedsRevenue(amount, revenue));
        if (announcedAmount != 0) emit WithdrawalCancelled(announcedReceiver, announcedAmount);
        announcedAmount = amount;
        announcedReceiver = receiver;
        announcedFrom = uint64(block.timestamp) + DELAY;
        emit WithdrawalAnnounced(receiver, amount, announcedFrom);
    }

    /// @notice Takes back the announcement of a withdrawal.
    function cancelWithdrawal() external onlyOwner {
        require(announcedAmount != 0, NothingAnnounced());
        emit WithdrawalCancelled(announcedReceiver, announcedAmount);
        announcedAmount = 0;
    }

    /// @notice Makes the announced withdrawal, once its time has come.
    function withdraw() external onlyOwner {
        (address receiver, uint256 amount) = (announcedReceiver, announcedAmount);
        require(amount != 0, NothingAnnounced());
        require(block.timestamp >= announcedFrom, TooEarly(announcedFrom));
        announcedAmount = 0;
        revenue -= amount;
        emit RevenueWithdrawn(receiver, amount);
        _pay(receiver, amount);
    }

    /// @notice Refused: see `OwnerRequired`.
    function renounceOwnership() public pure override {
        revert OwnerRequired();
    }

    // --- within

    /// @dev The terms that hold, if they are those that the buyer agreed to.
    function _agreed(uint256 termsId) private view returns (Terms storage) {
        uint64 current = currentTermsId();
        require(termsId == current, TermsNotCurrent(termsId, current));
        return _terms[current];
    }

    /// @dev Sells credits for `amount`, which is at most what was sent.
    function _sell(address account, Terms storage terms_, uint256 wanted, uint256 amount)
        private
        returns (uint64 credits, uint64 expiresAt)
    {
        require(account != address(0), ZeroAddress());
        uint256 left = _left(terms_);
        require(wanted <= left, DailyCapReached(wanted, left));
        soldOn[block.timestamp / 1 days] += wanted;
        // The cap fits in 64 bits, so what is within it does.
        credits = uint64(wanted);
        expiresAt = uint64(block.timestamp) + terms_.validity;
        revenue += amount;
        emit CreditsPurchased(++purchases, msg.sender, account, amount, credits, expiresAt, currentTermsId());
        uint256 change = msg.value - amount;
        if (change != 0) {
            refundable[msg.sender] += change;
            totalRefundable += change;
            emit ChangeKept(msg.sender, change);
        }
    }

    /// @dev What is left of today's cap. New terms may have lowered it below what is sold.
    function _left(Terms storage terms_) private view returns (uint256) {
        uint256 sold = soldOn[block.timestamp / 1 days];
        uint256 cap = terms_.dailyCap;
        return sold < cap ? cap - sold : 0;
    }

    /// @dev Announced terms whose time has come are the current ones.
    function _settleTerms() private {
        uint64 current = currentTermsId();
        if (current == _termsId) return;
        _termsId = current;
        _nextTermsId = 0;
    }

    function _storeTerms(Terms memory newTerms, uint64 from) private returns (uint64 id) {
        require(
            newTerms.price != 0 && newTerms.validity != 0 && newTerms.validity <= MAX_VALIDITY
                && newTerms.dailyCap != 0 && newTerms.packages.length <= MAX_PACKAGES,
            InvalidTerms()
        );
        id = ++_lastTermsId;
        Terms storage stored = _terms[id];
        stored.price = newTerms.price;
        stored.validity = newTerms.validity;
        stored.dailyCap = newTerms.dailyCap;
        for (uint256 i = 0; i < newTerms.packages.length; ++i) {
            Package memory package = newTerms.packages[i];
            require(
                package.price != 0 && package.credits != 0 && package.credits <= newTerms.dailyCap,
                InvalidTerms()
            );
            stored.packages.push(package);
        }
        emit TermsAnnounced(id, from, newTerms);
    }

    function _pay(address receiver, uint256 amount) private {
        require(receiver != address(0), ZeroAddress());
        (bool ok,) = receiver.call{value: amount}("");
        require(ok, PaymentFailed(receiver));
    }
}
