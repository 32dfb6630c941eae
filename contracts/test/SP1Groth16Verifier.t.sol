// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {AlignedProofAggregationService} from "../src/AlignedProofAggregationService.sol";
import {SP1Groth16Verifier as Verifier} from "../src/SP1Groth16Verifier.sol";
import {IRiscZeroVerifier} from "../src/interfaces/IRiscZeroVerifier.sol";
import {ISP1Verifier} from "../src/interfaces/ISP1Verifier.sol";
import {BN254} from "../src/libraries/BN254.sol";
import {Test} from "./support/Vm.sol";

/// Real proofs of SP1, made by others, through SP1's own interface. They lie outside the project, at $COLLIMATE_FIXTURES.
contract SP1Groth16VerifierTest is Test {
    struct RealProof {
        bytes32 programId;
        bytes publicValues;
        bytes proof;
    }

    string private constant ABSENT =
        "SKIPPED: no real SP1 proofs found; set COLLIMATE_FIXTURES to the folder that holds sp1/groth16-v6.1.0-zkaleido";

    string private fixtures;
    bool private present;
    Verifier private verifier;

    function setUp() public {
        fixtures = vm.envOr("COLLIMATE_FIXTURES", string.concat(vm.projectRoot(), "/../../shared/fixtures"));
        present = vm.exists(string.concat(fixtures, "/sp1/groth16-v6.1.0-zkaleido/proof.bin"));
        string memory json =
            vm.readFile(string.concat(vm.projectRoot(), "/test/data/sp1-groth16-v6.1.0.json"));
        verifier = new Verifier(
            _key(json), vm.parseJsonBytes32(json, ".verifierHash"), vm.parseJsonBytes32(json, ".vkRoot")
        );
    }

    function test_verifyProof_realProofs_succeeds() public {
        vm.skip(!present, ABSENT);
        string[3] memory names = ["zkaleido", "ibc-memberships", "ibc-update_client"];
        for (uint256 i = 0; i < names.length; ++i) {
            RealProof memory real = _read(string.concat("groth16-v6.1.0-", names[i]));
            uint256 before = gasleft();
            _verify(verifier, real);
            vm.assertLe(before - gasleft(), 260_000, "gas of a Groth16 verification");
        }
    }

    /// A proof of one program with another's public values, and so on through every field.
    function test_verifyProof_fieldsOfAnotherProof_reverts() public {
        vm.skip(!present, ABSENT);
        RealProof memory other = _read("groth16-v6.1.0-ibc-memberships");
        RealProof memory real = _read("groth16-v6.1.0-zkaleido");
        real.programId = other.programId;
        _expectRefused(real, abi.encodeWithSelector(Verifier.InvalidProof.selector));
        real = _read("groth16-v6.1.0-zkaleido");
        real.publicValues = other.publicValues;
        _expectRefused(real, abi.encodeWithSelector(Verifier.InvalidProof.selector));
        // Selector and three words are equal; A, B and C are 64, 128 and 64 bytes.
        uint256[4] memory starts = [uint256(100), 164, 292, 356];
        for (uint256 part = 0; part < 3; ++part) {
            real = _read("groth16-v6.1.0-zkaleido");
            for (uint256 i = starts[part]; i < starts[part + 1]; ++i) {
                real.proof[i] = other.proof[i];
            }
            _expectRefused(real, abi.encodeWithSelector(Verifier.InvalidProof.selector));
        }
    }

    /// One byte of the proof changed at a time, each of its 356.
    function test_verifyProof_damagedByte_reverts() public {
        vm.skip(!present, ABSENT);
        RealProof memory real = _read("groth16-v6.1.0-zkaleido");
        for (uint256 i = 0; i < real.proof.length; ++i) {
            bytes1 original = real.proof[i];
            real.proof[i] = original ^ 0x01;
            bytes4 refusal = i < 4
                ? Verifier.WrongVerifierSelector.selector
                : i < 36
                    ? Verifier.ExitCodeNotZero.selector
                    : i < 68 ? Verifier.WrongVkRoot.selector : bytes4(0);
            if (refusal == 0) vm.expectRevert();
            else vm.expectPartialRevert(refusal);
            _verify(verifier, real);
            real.proof[i] = original;
        }
        _verify(verifier, real);
    }

    function testFuzz_verifyProof_damagedInput_reverts(bytes32 programId, bytes calldata publicValues)
        public
    {
        vm.skip(!present, ABSENT);
        RealProof memory real = _read("groth16-v6.1.0-zkaleido");
        vm.assume(programId != real.programId && keccak256(publicValues) != keccak256(real.publicValues));
        vm.expectRevert();
        verifier.verifyProof(programId, real.publicValues, real.proof);
        vm.expectRevert();
        verifier.verifyProof(real.programId, publicValues, real.proof);
    }

    /// A program id or a nonce plus the field's order would be the same public input.
    function test_verifyProof_inputNotInField_reverts() public {
        vm.skip(!present, ABSENT);
        RealProof memory real = _read("groth16-v6.1.0-zkaleido");
        uint256 alias_ = uint256(real.programId) + BN254.SCALAR_ORDER;
        real.programId = bytes32(alias_);
        _expectRefused(real, abi.encodeWithSelector(Verifier.InputNotInField.selector, alias_));

        real = _read("groth16-v6.1.0-zkaleido");
        uint256 nonce = BN254.SCALAR_ORDER;
        for (uint256 i = 0; i < 32; ++i) {
            nonce += uint256(uint8(real.proof[68 + i])) << (8 * (31 - i));
        }
        for (uint256 i = 0; i < 32; ++i) {
            real.proof[68 + i] = bytes32(nonce)[i];
        }
        _expectRefused(real, abi.encodeWithSelector(Verifier.InputNotInField.selector, nonce));
    }

    function test_verifyProof_otherVersions_reverts() public {
        vm.skip(!present, ABSENT);
        RealProof memory older = _read("groth16-v6.0.0-template");
        _expectRefused(
            older,
            abi.encodeWithSelector(
                Verifier.WrongVerifierSelector.selector, bytes4(0x0e78f4db), bytes4(0x4388a21c)
            )
        );
        // Under today's selector it is still another circuit's proof, with another root.
        for (uint256 i = 0; i < 4; ++i) {
            older.proof[i] = verifier.VERIFIER_HASH()[i];
        }
        vm.expectPartialRevert(Verifier.WrongVkRoot.selector);
        _verify(verifier, older);

        RealProof memory oldest = _read("groth16-v5.0.0-zkaleido");
        _expectRefused(oldest, abi.encodeWithSelector(Verifier.InvalidProofLength.selector, 260));
        RealProof memory plonk = _read("plonk-v6.1.0-ibc-memberships");
        _expectRefused(plonk, abi.encodeWithSelector(Verifier.InvalidProofLength.selector, 964));
    }

    function test_verifyProof_malformedPoint_burnsNoMoreThanItsLimit() public {
        vm.skip(!present, ABSENT);
        RealProof memory real = _read("groth16-v6.1.0-zkaleido");
        real.proof[355] ^= 0x01;
        uint256 before = gasleft();
        _expectRefused(real, abi.encodeWithSelector(Verifier.InvalidProof.selector));
        vm.assertLe(before - gasleft(), 500_000, "gas");
    }

    function testFuzz_verifyProof_garbage_reverts(bytes calldata garbage) public {
        vm.expectRevert();
        verifier.verifyProof(0, "", garbage);
    }

    /// With SP1's own proof system the service takes a real proof through the interface of SP1's deployed gateway. The
    /// statement of that proof is not a run's, so it stops at the statement, and the proof itself is verified.
    function test_verifySP1_throughInterface_reverts() public {
        vm.skip(!present, ABSENT);
        RealProof memory real = _read("groth16-v6.1.0-zkaleido");
        AlignedProofAggregationService service = new AlignedProofAggregationService(
            ISP1Verifier(address(verifier)), real.programId, IRiscZeroVerifier(address(0)), 0
        );
        bytes32[] memory blobs = new bytes32[](1);
        blobs[0] = bytes32(uint256(1));
        vm.blobhashes(blobs);
        bytes memory statement = abi.encode(1, bytes32("root"), 1, keccak256(abi.encodePacked(blobs)));
        vm.expectRevert(Verifier.InvalidProof.selector);
        service.verifySP1(statement, real.proof);
        _verify(service.SP1_VERIFIER(), real);
    }

    function test_constructor_malformedKey_reverts() public {
        string memory json =
            vm.readFile(string.concat(vm.projectRoot(), "/test/data/sp1-groth16-v6.1.0.json"));
        Verifier.VerificationKey memory key = _key(json);
        key.ic[4].x = uint256(key.ic[4].x) ^ 1;
        vm.expectRevert(abi.encodeWithSelector(BN254.PrecompileFailed.selector, 0x07));
        new Verifier(key, 0, bytes32(uint256(1)));
        vm.expectRevert(abi.encodeWithSelector(Verifier.InputNotInField.selector, type(uint256).max));
        new Verifier(key, 0, bytes32(type(uint256).max));
    }

    function _verify(ISP1Verifier verifier_, RealProof memory real) private view {
        verifier_.verifyProof(real.programId, real.publicValues, real.proof);
    }

    function _expectRefused(RealProof memory real, bytes memory refusal) private {
        vm.expectRevert(refusal);
        _verify(verifier, real);
    }

    function _read(string memory name) private view returns (RealProof memory) {
        string memory folder = string.concat(fixtures, "/sp1/", name);
        return RealProof({
            programId: vm.parseBytes32(vm.readFile(string.concat(folder, "/vkey.hex"))),
            publicValues: vm.readFileBinary(string.concat(folder, "/public_values.bin")),
            proof: vm.readFileBinary(string.concat(folder, "/proof.bin"))
        });
    }

    function _key(string memory json) private pure returns (Verifier.VerificationKey memory key) {
        key.alpha = _g1(json, ".alpha");
        key.beta = _g2(json, ".beta");
        key.gamma = _g2(json, ".gamma");
        key.delta = _g2(json, ".delta");
        for (uint256 i = 0; i < 6; ++i) {
            key.ic[i] = _g1(json, string.concat(".ic[", vm.toString(i), "]"));
        }
    }

    function _g1(string memory json, string memory at) private pure returns (BN254.G1Point memory) {
        return BN254.G1Point(_word(json, at, ".x"), _word(json, at, ".y"));
    }

    function _g2(string memory json, string memory at) private pure returns (BN254.G2Point memory) {
        return BN254.G2Point(
            _word(json, at, ".x1"), _word(json, at, ".x0"), _word(json, at, ".y1"), _word(json, at, ".y0")
        );
    }

    function _word(string memory json, string memory at, string memory field) private pure returns (uint256) {
        return uint256(vm.parseJsonBytes32(json, string.concat(at, field)));
    }
}
