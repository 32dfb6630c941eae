// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Inclusion} from "../src/libraries/Inclusion.sol";
import {Tree} from "./support/Tree.sol";
import {Test} from "./support/Vm.sol";

/// The statements of vectors/statements.json, which Rust and the guests are held to as well.
contract VectorsTest is Test {
    string private json;

    function setUp() public {
        json = vm.readFile(string.concat(vm.projectRoot(), "/../vectors/statements.json"));
    }

    function test_commitment_vectors_succeeds() public view {
        uint256 checked = 0;
        for (; vm.keyExistsJson(json, _at(".commitments", checked, "")); ++checked) {
            bytes memory publicInputs =
                vm.parseJsonBytes(json, _at(".commitments", checked, ".public_inputs"));
            bytes32 programId = vm.parseJsonBytes32(json, _at(".commitments", checked, ".program_id"));
            bytes32 expected = vm.parseJsonBytes32(json, _at(".commitments", checked, ".commitment"));
            vm.assertEq(this.commitment(programId, publicInputs), expected);
        }
        vm.assertEq(checked, 7);
    }

    function test_rootOf_vectors_succeeds() public view {
        uint256 trees = 0;
        uint256 paths = 0;
        for (; vm.keyExistsJson(json, _at(".trees", trees, "")); ++trees) {
            bytes32 seed = vm.parseJsonBytes32(json, _at(".trees", trees, ".seed"));
            bytes32 root = vm.parseJsonBytes32(json, _at(".trees", trees, ".root"));
            bytes32[] memory list =
                Tree.commitments(seed, vm.parseJsonUint(json, _at(".trees", trees, ".count")));
            vm.assertEq(Tree.root(list), root);

            for (uint256 i = 0; vm.keyExistsJson(json, _path(trees, i, "")); ++i) {
                uint256 index = vm.parseJsonUint(json, _path(trees, i, ".index"));
                vm.assertEq(vm.parseJsonBytes32(json, _path(trees, i, ".commitment")), list[index]);
                bytes32[] memory path = vm.parseJsonBytes32Array(json, _path(trees, i, ".path"));
                vm.assertEq(this.rootOf(path, list[index]), root);
                vm.assertEq(abi.encode(Tree.path(list, index)), abi.encode(path));
                ++paths;
            }
        }
        vm.assertEq(trees, 10);
        vm.assertTrue(paths >= trees, "every tree has a path");
    }

    function commitment(bytes32 programId, bytes calldata publicInputs) external pure returns (bytes32) {
        return Inclusion.commitment(programId, publicInputs);
    }

    function rootOf(bytes32[] calldata path, bytes32 commitment_) external pure returns (bytes32) {
        return Inclusion.rootOf(path, commitment_);
    }

    function _at(string memory list, uint256 index, string memory field)
        private
        pure
        returns (string memory)
    {
        return string.concat(list, "[", vm.toString(index), "]", field);
    }

    function _path(uint256 tree, uint256 index, string memory field) private pure returns (string memory) {
        return _at(_at(".trees", tree, ".paths"), index, field);
    }
}
