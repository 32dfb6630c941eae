// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {BLS12381} from "../../src/libraries/BLS12381.sol";

/// @notice Keys and signatures, made with the scalar multiplications of EIP-2537.
library Bls {
    /// @notice Order of the groups.
    uint256 internal constant ORDER = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001;

    function publicKey(uint256 secret) internal view returns (BLS12381.G2Point memory) {
        return multiply(BLS12381.negate(BLS12381.negatedGenerator()), secret);
    }

    function sign(uint256 secret, bytes32 message, bytes memory domain)
        internal
        view
        returns (BLS12381.G1Point memory)
    {
        return multiply(BLS12381.hashToG1(abi.encodePacked(message), domain), secret);
    }

    function multiply(BLS12381.G1Point memory point, uint256 scalar)
        internal
        view
        returns (BLS12381.G1Point memory)
    {
        (bool ok, bytes memory product) = address(0x0c).staticcall(abi.encode(point, scalar));
        require(ok, "G1MSM");
        return abi.decode(product, (BLS12381.G1Point));
    }

    function multiply(BLS12381.G2Point memory point, uint256 scalar)
        internal
        view
        returns (BLS12381.G2Point memory)
    {
        (bool ok, bytes memory product) = address(0x0e).staticcall(abi.encode(point, scalar));
        require(ok, "G2MSM");
        return abi.decode(product, (BLS12381.G2Point));
    }

    /// @notice A point of the curve that holds G2, outside the subgroup: x = 1 + u.
    function outsideSubgroup() internal pure returns (BLS12381.G2Point memory) {
        return BLS12381.G2Point({
            x0Hi: 0,
            x0Lo: 1,
            x1Hi: 0,
            x1Lo: 1,
            y0Hi: 0x17faa6201231304f270b858dad946208,
            y0Lo: 0x9f2a5b83388e4b10773abc1eef6d193b9fce4e8ea2d9d28e3c3a315aa7de14ca,
            y1Hi: 0x00cc12449be6ac4e7f367e7242250427,
            y1Lo: 0xc4fb4c39325d3164ad397c1837a90f0ea1a534757df374dd6569345eb41ed76e
        });
    }
}
