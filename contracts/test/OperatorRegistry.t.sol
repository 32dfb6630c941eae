// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {OperatorRegistry as Registry} from "../src/OperatorRegistry.sol";
import {BLS12381} from "../src/libraries/BLS12381.sol";
import {Bls} from "./support/Bls.sol";
import {Operators} from "./support/Operators.sol";

contract OperatorRegistryTest is Operators {
    Registry private registry;

    function setUp() public {
        vm.roll(1000);
        registry = newRegistry();
    }

    receive() external payable {
        revert("takes nothing");
    }

    // --- construction

    function test_constructor_invalidConfiguration_reverts() public {
        vm.expectRevert(Registry.InvalidConfiguration.selector);
        new Registry(address(0), 1, 2, 1);
        vm.expectRevert(Registry.InvalidConfiguration.selector);
        new Registry(OWNER, 0, 2, 1);
        vm.expectRevert(Registry.InvalidConfiguration.selector);
        new Registry(OWNER, 1, 1, 1);
        vm.expectRevert(Registry.InvalidConfiguration.selector);
        new Registry(OWNER, 1, 2, 0);
    }

    // --- registration

    function test_register_countsFromNextEpoch_succeeds() public {
        vm.assertEq(register(registry, 7, 5 ether), 0);
        _assertEpoch(0, 0, 0, new uint256[](0));
        vm.assertEq(registry.stakeOf(0, 0), 0);
        vm.expectRevert(abi.encodeWithSelector(Registry.EpochNotBegun.selector, 1, 0));
        registry.epochTotals(1);

        nextEpoch(registry);
        uint256[] memory keys = new uint256[](1);
        keys[0] = 7;
        _assertEpoch(0, 0, 0, new uint256[](0));
        _assertEpoch(1, 1, 5 ether, keys);
        Registry.EpochOperator[] memory operators = registry.operatorsOf(1);
        vm.assertEq(operators.length, 1);
        vm.assertEq(operators[0].account, accountOf(7));
        vm.assertEq(operators[0].stake, 5 ether);
        vm.assertEq(abi.encode(operators[0].publicKey), abi.encode(Bls.publicKey(7)));
        vm.assertEq(abi.encode(registry.publicKeyOf(0)), abi.encode(Bls.publicKey(7)));
        vm.assertEq(registry.activeId(accountOf(7)), 0);
    }

    function test_register_stakeBelowMinimum_reverts() public {
        BLS12381.G1Point memory possession = possessionOf(registry, 7, address(this));
        BLS12381.G2Point memory key = Bls.publicKey(7);
        vm.expectRevert(abi.encodeWithSelector(Registry.StakeTooLow.selector, MIN_STAKE - 1, MIN_STAKE));
        registry.register{value: MIN_STAKE - 1}(key, possession);
    }

    function test_register_secondOperatorOfAccount_reverts() public {
        register(registry, 7, MIN_STAKE);
        BLS12381.G1Point memory possession = possessionOf(registry, 8, accountOf(7));
        BLS12381.G2Point memory key = Bls.publicKey(8);
        vm.deal(accountOf(7), MIN_STAKE);
        vm.expectRevert(abi.encodeWithSelector(Registry.AlreadyRegistered.selector, accountOf(7)));
        vm.prank(accountOf(7));
        registry.register{value: MIN_STAKE}(key, possession);
    }

    function test_register_duplicateKey_reverts() public {
        register(registry, 7, MIN_STAKE);
        _expectRefused(
            Bls.publicKey(7),
            possessionOf(registry, 7, address(this)),
            abi.encodeWithSelector(Registry.KeyAlreadyUsed.selector, keccak256(abi.encode(Bls.publicKey(7))))
        );
    }

    function test_register_keyOfOperatorThatLeft_reverts() public {
        register(registry, 7, MIN_STAKE);
        vm.prank(accountOf(7));
        registry.deregister();
        _expectRefused(
            Bls.publicKey(7),
            possessionOf(registry, 7, address(this)),
            abi.encodeWithSelector(Registry.KeyAlreadyUsed.selector, keccak256(abi.encode(Bls.publicKey(7))))
        );
    }

    function test_register_possessionOfAnotherAccount_reverts() public {
        _expectRefusedPossession(Bls.publicKey(7), possessionOf(registry, 7, accountOf(7)));
    }

    function test_register_possessionForAnotherRegistry_reverts() public {
        _expectRefusedPossession(Bls.publicKey(7), possessionOf(newRegistry(), 7, address(this)));
    }

    /// A quorum signature is no proof of possession: the domains differ.
    function test_register_possessionUnderOtherDomain_reverts() public {
        bytes32 message = registry.proofOfPossessionMessage(address(this), Bls.publicKey(7));
        _expectRefusedPossession(
            Bls.publicKey(7), Bls.sign(7, message, "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_")
        );
    }

    /// A key made up to cancel an honest one: its maker cannot sign for it.
    function test_register_rogueKey_reverts() public {
        register(registry, 7, MIN_STAKE);
        BLS12381.G2Point memory rogue = BLS12381.addG2(Bls.publicKey(8), BLS12381.negate(Bls.publicKey(7)));
        bytes32 message = registry.proofOfPossessionMessage(address(this), rogue);
        _expectRefusedPossession(rogue, Bls.sign(8, message, registry.POP_DOMAIN()));
    }

    function test_register_infinityKey_reverts() public {
        BLS12381.G2Point memory key;
        BLS12381.G1Point memory possession;
        _expectRefusedPossession(key, possession);
    }

    function test_register_keyOutsideSubgroup_reverts() public {
        BLS12381.G2Point memory outside = Bls.outsideSubgroup();
        bytes32 message = registry.proofOfPossessionMessage(address(this), outside);
        _expectRefusedPossession(outside, Bls.sign(7, message, registry.POP_DOMAIN()));
        // Adding one to a good key keeps it on the curve, outside the subgroup.
        outside = BLS12381.addG2(outside, Bls.publicKey(7));
        message = registry.proofOfPossessionMessage(address(this), outside);
        _expectRefusedPossession(outside, Bls.sign(7, message, registry.POP_DOMAIN()));
    }

    /// One word of key or proof of possession changed at a time.
    function testFuzz_register_damagedWord_reverts(uint256 position, uint256 change) public {
        vm.assume(change != 0);
        BLS12381.G1Point memory possession = possessionOf(registry, 7, address(this));
        BLS12381.G2Point memory key = Bls.publicKey(7);
        position = bound(position, 0, 11);
        assembly {
            let word := add(key, mul(position, 0x20))
            if gt(position, 7) { word := add(possession, mul(sub(position, 8), 0x20)) }
            mstore(word, xor(mload(word), change))
        }
        _expectRefusedPossession(key, possession);
    }

    function test_register_moreThanMaximum_reverts() public {
        for (uint256 secret = 1; secret <= registry.MAX_OPERATORS(); ++secret) {
            register(registry, secret, MIN_STAKE);
        }
        _expectRefused(
            Bls.publicKey(1000),
            possessionOf(registry, 1000, address(this)),
            abi.encodeWithSelector(Registry.TooManyOperators.selector)
        );
        // One leaves: there is room again.
        vm.prank(accountOf(5));
        registry.deregister();
        vm.assertEq(register(registry, 1000, MIN_STAKE), 256);
        nextEpoch(registry);
        vm.assertEq(registry.operatorsOf(1).length, 256);
    }

    function test_register_againAfterLeaving_succeeds() public {
        register(registry, 7, MIN_STAKE);
        vm.prank(accountOf(7));
        registry.deregister();
        BLS12381.G1Point memory possession = possessionOf(registry, 8, accountOf(7));
        BLS12381.G2Point memory key = Bls.publicKey(8);
        vm.deal(accountOf(7), MIN_STAKE);
        vm.prank(accountOf(7));
        vm.assertEq(registry.register{value: MIN_STAKE}(key, possession), 1);
        // What the former operator has unbonding is still its account's.
        vm.roll(block.number + 5 * EPOCH_BLOCKS);
        vm.prank(accountOf(7));
        registry.withdraw(0);
        vm.assertEq(accountOf(7).balance, MIN_STAKE);
    }

    // --- stake

    function test_increaseStake_countsFromNextEpoch_succeeds() public {
        register(registry, 7, 5 ether);
        nextEpoch(registry);
        vm.deal(accountOf(7), 2 ether);
        vm.prank(accountOf(7));
        registry.increaseStake{value: 2 ether}();
        vm.assertEq(registry.stakeOf(0, 1), 5 ether);
        nextEpoch(registry);
        vm.assertEq(registry.stakeOf(0, 1), 5 ether);
        vm.assertEq(registry.stakeOf(0, 2), 7 ether);
        (, uint256 total,) = registry.epochTotals(2);
        vm.assertEq(total, 7 ether);
    }

    function test_increaseStake_notRegisteredOrZero_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(Registry.NotRegistered.selector, address(this)));
        registry.increaseStake{value: 1}();
        register(registry, 7, MIN_STAKE);
        vm.expectRevert(Registry.ZeroAmount.selector);
        vm.prank(accountOf(7));
        registry.increaseStake();
    }

    function test_decreaseStake_unbondsAndCountsFromNextEpoch_succeeds() public {
        register(registry, 7, 5 ether);
        nextEpoch(registry);
        vm.prank(accountOf(7));
        registry.decreaseStake(2 ether);
        vm.assertEq(registry.stakeOf(0, 1), 5 ether);
        vm.assertEq(registry.operator(0).unbonding, 2 ether);
        nextEpoch(registry);
        vm.assertEq(registry.stakeOf(0, 2), 3 ether);
    }

    function test_decreaseStake_belowMinimum_reverts() public {
        register(registry, 7, 5 ether);
        for (uint128 left = 0; left < 2; ++left) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    Registry.StakeTooLow.selector, left == 0 ? 0 : MIN_STAKE - 1, MIN_STAKE
                )
            );
            vm.prank(accountOf(7));
            registry.decreaseStake(left == 0 ? 6 ether : 4 ether + 1);
        }
        vm.expectRevert(Registry.ZeroAmount.selector);
        vm.prank(accountOf(7));
        registry.decreaseStake(0);
        vm.expectRevert(abi.encodeWithSelector(Registry.NotRegistered.selector, address(this)));
        registry.decreaseStake(1);
    }

    // --- leaving

    function test_deregister_countsUntilNextEpoch_succeeds() public {
        register(registry, 7, 5 ether);
        register(registry, 8, 6 ether);
        nextEpoch(registry);
        vm.prank(accountOf(7));
        registry.deregister();
        uint256[] memory both = new uint256[](2);
        (both[0], both[1]) = (7, 8);
        _assertEpoch(1, 2, 11 ether, both);
        nextEpoch(registry);
        uint256[] memory one = new uint256[](1);
        one[0] = 8;
        _assertEpoch(1, 2, 11 ether, both);
        _assertEpoch(2, 1, 6 ether, one);
        vm.assertEq(registry.operatorsOf(2)[0].id, 1);
        vm.expectRevert(abi.encodeWithSelector(Registry.NotRegistered.selector, accountOf(7)));
        vm.prank(accountOf(7));
        registry.deregister();
    }

    function test_deregister_inEpochOfRegistration_succeeds() public {
        register(registry, 7, 5 ether);
        vm.prank(accountOf(7));
        registry.deregister();
        nextEpoch(registry);
        _assertEpoch(1, 0, 0, new uint256[](0));
    }

    function test_withdraw_beforeRelease_reverts() public {
        register(registry, 7, 5 ether);
        nextEpoch(registry);
        vm.prank(accountOf(7));
        registry.deregister();
        // Ceases to count with epoch 2; locked for three epochs from there.
        vm.roll(registry.FIRST_BLOCK() + 5 * EPOCH_BLOCKS - 1);
        vm.expectRevert(abi.encodeWithSelector(Registry.StillUnbonding.selector, 5, 4));
        vm.prank(accountOf(7));
        registry.withdraw(0);

        vm.roll(registry.FIRST_BLOCK() + 5 * EPOCH_BLOCKS);
        vm.prank(accountOf(7));
        registry.withdraw(0);
        vm.assertEq(accountOf(7).balance, 5 ether);
        vm.assertEq(address(registry).balance, 0);
        vm.expectRevert(abi.encodeWithSelector(Registry.NothingToWithdraw.selector, 0));
        vm.prank(accountOf(7));
        registry.withdraw(0);
    }

    function test_withdraw_otherAccount_reverts() public {
        register(registry, 7, 5 ether);
        vm.prank(accountOf(7));
        registry.decreaseStake(1 ether);
        vm.roll(block.number + 10 * EPOCH_BLOCKS);
        vm.expectRevert(abi.encodeWithSelector(Registry.NotOperatorAccount.selector, 0, address(this)));
        registry.withdraw(0);
        vm.expectRevert(abi.encodeWithSelector(Registry.UnknownOperator.selector, 1));
        registry.withdraw(1);
    }

    function test_withdraw_receiverRefuses_reverts() public {
        registry.register{value: MIN_STAKE}(Bls.publicKey(7), possessionOf(registry, 7, address(this)));
        registry.deregister();
        vm.roll(block.number + 10 * EPOCH_BLOCKS);
        vm.expectRevert(abi.encodeWithSelector(Registry.PaymentFailed.selector, address(this)));
        registry.withdraw(0);
        vm.assertEq(registry.operator(0).unbonding, MIN_STAKE);
    }

    function test_decreaseStake_whileUnbonding_locksAllAgain_succeeds() public {
        register(registry, 7, 5 ether);
        vm.prank(accountOf(7));
        registry.decreaseStake(1 ether);
        nextEpoch(registry);
        vm.prank(accountOf(7));
        registry.decreaseStake(1 ether);
        vm.assertEq(registry.operator(0).unbonding, 2 ether);
        vm.assertEq(registry.operator(0).releaseEpoch, 5);
    }

    // --- slashing

    function test_setSlasher_once_succeeds() public {
        vm.expectRevert(abi.encodeWithSelector(Registry.NotOwner.selector, address(this)));
        registry.setSlasher(SLASHER);
        vm.expectRevert(Registry.InvalidConfiguration.selector);
        vm.prank(OWNER);
        registry.setSlasher(address(0));
        vm.prank(OWNER);
        registry.setSlasher(SLASHER);
        vm.expectRevert(abi.encodeWithSelector(Registry.SlasherAlreadySet.selector, SLASHER));
        vm.prank(OWNER);
        registry.setSlasher(address(1));
    }

    function test_slash_otherCaller_reverts() public {
        register(registry, 7, 5 ether);
        vm.expectRevert(abi.encodeWithSelector(Registry.NotSlasher.selector, OWNER));
        vm.prank(OWNER);
        registry.slash(0, 1 ether);
        // While nobody is the slasher, the zero address is not it either.
        vm.expectRevert();
        registry.slash(0, 1 ether);
    }

    function test_slash_partOfStake_succeeds() public {
        register(registry, 7, 5 ether);
        nextEpoch(registry);
        vm.assertEq(_slash(0, 2 ether), 2 ether);
        vm.assertEq(registry.stakeOf(0, 1), 5 ether);
        nextEpoch(registry);
        vm.assertEq(registry.stakeOf(0, 2), 3 ether);
        vm.assertEq(registry.BURN_ADDRESS().balance, 2 ether);
        vm.assertEq(address(registry).balance, 3 ether);
    }

    function test_slash_belowMinimum_ejects_succeeds() public {
        register(registry, 7, 5 ether);
        register(registry, 8, 5 ether);
        nextEpoch(registry);
        vm.assertEq(_slash(0, 4.5 ether), 4.5 ether);
        nextEpoch(registry);
        uint256[] memory rest = new uint256[](1);
        rest[0] = 8;
        _assertEpoch(2, 1, 5 ether, rest);
        Registry.Operator memory slashed = registry.operator(0);
        vm.assertFalse(slashed.active);
        vm.assertEq(slashed.unbonding, 0.5 ether);
        vm.assertEq(slashed.releaseEpoch, 5);
    }

    function test_slash_reachesUnbondingStake_succeeds() public {
        register(registry, 7, 5 ether);
        nextEpoch(registry);
        vm.prank(accountOf(7));
        registry.deregister();
        vm.assertEq(_slash(0, 2 ether), 2 ether);
        vm.assertEq(registry.operator(0).unbonding, 3 ether);
        // More than there is burns what there is; then nothing is left.
        vm.assertEq(_slash(0, 100 ether), 3 ether);
        vm.assertEq(address(registry).balance, 0);
        vm.expectRevert(Registry.ZeroAmount.selector);
        vm.prank(SLASHER);
        registry.slash(0, 1);
        vm.expectRevert(abi.encodeWithSelector(Registry.UnknownOperator.selector, 1));
        vm.prank(SLASHER);
        registry.slash(1, 1);
    }

    function test_slash_stakeThenUnbonding_succeeds() public {
        register(registry, 7, 5 ether);
        vm.prank(accountOf(7));
        registry.decreaseStake(2 ether);
        vm.assertEq(_slash(0, 4 ether), 4 ether);
        vm.assertEq(registry.operator(0).stake, 0);
        vm.assertEq(registry.operator(0).unbonding, 1 ether);
        nextEpoch(registry);
        _assertEpoch(1, 0, 0, new uint256[](0));
    }

    // --- who is present

    function test_presentOperators_withoutSome_succeeds() public {
        for (uint256 secret = 1; secret <= 4; ++secret) {
            register(registry, secret, secret * 1 ether);
        }
        uint64 epoch = nextEpoch(registry);
        uint32[] memory absent = new uint32[](2);
        (absent[0], absent[1]) = (0, 2);
        (BLS12381.G2Point memory key, uint256 present, uint256 total) =
            registry.presentOperators(epoch, absent);
        vm.assertEq(abi.encode(key), abi.encode(Bls.publicKey(2 + 4)));
        vm.assertEq(present, 6 ether);
        vm.assertEq(total, 10 ether);
    }

    function test_presentOperators_unorderedOrTwice_reverts() public {
        register(registry, 1, MIN_STAKE);
        register(registry, 2, MIN_STAKE);
        uint64 epoch = nextEpoch(registry);
        uint32[] memory absent = new uint32[](2);
        vm.expectRevert(abi.encodeWithSelector(Registry.UnorderedIds.selector, 0, 0));
        registry.presentOperators(epoch, absent);
        absent[0] = 1;
        vm.expectRevert(abi.encodeWithSelector(Registry.UnorderedIds.selector, 1, 0));
        registry.presentOperators(epoch, absent);
    }

    /// Whoever left, or has yet to count, cannot be subtracted: it is not in the sum.
    function test_presentOperators_operatorNotInEpoch_reverts() public {
        register(registry, 1, MIN_STAKE);
        register(registry, 2, MIN_STAKE);
        vm.prank(accountOf(1));
        registry.deregister();
        uint64 epoch = nextEpoch(registry);
        register(registry, 3, MIN_STAKE);
        uint32[] memory absent = new uint32[](1);
        for (uint32 i = 0; i < 3; ++i) {
            absent[0] = [uint32(0), 2, 3][i];
            vm.expectRevert(abi.encodeWithSelector(Registry.OperatorNotInEpoch.selector, absent[0], epoch));
            registry.presentOperators(epoch, absent);
        }
    }

    // --- actors

    function _slash(uint32 id, uint128 amount) private returns (uint128) {
        if (registry.slasher() == address(0)) {
            vm.prank(OWNER);
            registry.setSlasher(SLASHER);
        }
        vm.prank(SLASHER);
        return registry.slash(id, amount);
    }

    function _expectRefusedPossession(BLS12381.G2Point memory key, BLS12381.G1Point memory possession)
        private
    {
        _expectRefused(key, possession, abi.encodeWithSelector(Registry.InvalidProofOfPossession.selector));
    }

    function _expectRefused(
        BLS12381.G2Point memory key,
        BLS12381.G1Point memory possession,
        bytes memory refusal
    ) private {
        vm.expectRevert(refusal);
        registry.register{value: MIN_STAKE}(key, possession);
    }

    function _assertEpoch(uint64 epoch, uint256 operators, uint256 stake, uint256[] memory secrets)
        private
        view
    {
        (uint32 count, uint256 total, BLS12381.G2Point memory key) = registry.epochTotals(epoch);
        vm.assertEq(count, operators);
        vm.assertEq(total, stake);
        uint256 sum = 0;
        for (uint256 i = 0; i < secrets.length; ++i) {
            sum += secrets[i];
        }
        vm.assertEq(abi.encode(key), abi.encode(Bls.publicKey(sum)));
    }
}
