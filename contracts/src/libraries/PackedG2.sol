// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {BLS12381} from "./BLS12381.sol";

/// @title Points of G2 in storage
/// @notice Six words instead of eight: the upper parts of coordinates have 16 bytes each, so two share a word.
library PackedG2 {
    /// @notice A point in storage.
    struct Point {
        uint256 x0Lo;
        uint256 x1Lo;
        uint256 y0Lo;
        uint256 y1Lo;
        uint128 x0Hi;
        uint128 x1Hi;
        uint128 y0Hi;
        uint128 y1Hi;
    }

    /// @notice Stores a point that a precompile accepted, whose coordinates are therefore below the modulus.
    function store(Point storage self, BLS12381.G2Point memory point) internal {
        self.x0Lo = point.x0Lo;
        self.x1Lo = point.x1Lo;
        self.y0Lo = point.y0Lo;
        self.y1Lo = point.y1Lo;
        self.x0Hi = uint128(point.x0Hi);
        self.x1Hi = uint128(point.x1Hi);
        self.y0Hi = uint128(point.y0Hi);
        self.y1Hi = uint128(point.y1Hi);
    }

    /// @notice Loads a point.
    function load(Point storage self) internal view returns (BLS12381.G2Point memory) {
        return BLS12381.G2Point({
            x0Hi: self.x0Hi,
            x0Lo: self.x0Lo,
            x1Hi: self.x1Hi,
            x1Lo: self.x1Lo,
            y0Hi: self.y0Hi,
            y0Lo: self.y0Lo,
            y1Hi: self.y1Hi,
            y1Lo: self.y1Lo
        });
    }
}
