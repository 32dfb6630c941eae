// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {AlignedProofAggregationService as Service} from "../src/AlignedProofAggregationService.sol";
import {SP1Groth16Verifier as Verifier} from "../src/SP1Groth16Verifier.sol";
import {IRiscZeroVerifier} from "../src/interfaces/IRiscZeroVerifier.sol";
import {ISP1Verifier} from "../src/interfaces/ISP1Verifier.sol";
import {BN254} from "../src/libraries/BN254.sol";
import {Groth16Files, RealProof} from "./support/Groth16Files.sol";
import {TrapdoorSetup} from "./support/TrapdoorSetup.sol";

/// What must hold of any real proof under the key of its set-up: it is accepted as it is, and in no other form.
abstract contract SP1Groth16ProofTest is Groth16Files {
    string internal folder;
    Verifier internal verifier;
    bool internal present;

    /// Where the proof is, under which key it was made, and what to say if it is not there.
    function _files() internal view virtual returns (string memory folder_, string memory keyFile);
    function _absent() internal pure virtual returns (string memory);

    function setUp() public virtual {
        string memory keyFile;
        (folder, keyFile) = _files();
        present = vm.exists(string.concat(folder, "/proof.bin")) && vm.exists(keyFile);
        if (present) verifier = verifierOf(vm.readFile(keyFile));
    }

    modifier ifPresent() {
        vm.skip(!present, _absent());
        _;
    }

    function test_verifyProof_realProof_succeeds() public ifPresent {
        RealProof memory real = readProof(folder);
        uint256 before = gasleft();
        _verify(verifier, real);
        vm.assertLe(before - gasleft(), 260_000, "gas of a Groth16 verification");
    }

    /// One byte of the proof changed at a time, each of its 356.
    function test_verifyProof_damagedByte_reverts() public ifPresent {
        RealProof memory real = readProof(folder);
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

    /// Each of A, B, C and the nonce replaced by something well formed: the equation is what refuses, not the parser.
    function test_verifyProof_otherWellFormedField_reverts() public ifPresent {
        bytes memory other = TrapdoorSetup.forge("program", "values", 7);
        // Selector and two words are the key's; nonce, A, B and C have 32, 64, 128 and 64 bytes.
        uint256[5] memory starts = [uint256(68), 100, 164, 292, 356];
        for (uint256 part = 0; part < 4; ++part) {
            RealProof memory real = readProof(folder);
            for (uint256 i = starts[part]; i < starts[part + 1]; ++i) {
                real.proof[i] = other[i];
            }
            _expectRefused(verifier, real, abi.encodeWithSelector(Verifier.InvalidProof.selector));
        }
    }

    function test_verifyProof_otherLength_reverts() public ifPresent {
        RealProof memory real = readProof(folder);
        bytes memory whole = real.proof;
        real.proof = abi.encodePacked(whole, uint8(0));
        _expectRefused(verifier, real, abi.encodeWithSelector(Verifier.InvalidProofLength.selector, 357));
        real.proof = new bytes(355);
        for (uint256 i = 0; i < 355; ++i) {
            real.proof[i] = whole[i];
        }
        _expectRefused(verifier, real, abi.encodeWithSelector(Verifier.InvalidProofLength.selector, 355));
    }

    function testFuzz_verifyProof_otherProgramOrValues_reverts(bytes32 programId, bytes calldata publicValues)
        public
        ifPresent
    {
        RealProof memory real = readProof(folder);
        vm.assume(programId != real.programId && keccak256(publicValues) != keccak256(real.publicValues));
        vm.expectRevert();
        verifier.verifyProof(programId, real.publicValues, real.proof);
        vm.expectRevert(Verifier.InvalidProof.selector);
        verifier.verifyProof(real.programId, publicValues, real.proof);
    }

    /// One byte of program id and public values changed at a time.
    function test_verifyProof_damagedStatement_reverts() public ifPresent {
        RealProof memory real = readProof(folder);
        for (uint256 i = 0; i < 32; ++i) {
            bytes32 flip = bytes32(uint256(1) << (8 * i));
            real.programId ^= flip;
            _expectRefused(verifier, real, abi.encodeWithSelector(Verifier.InvalidProof.selector));
            real.programId ^= flip;
        }
        for (uint256 i = 0; i < real.publicValues.length; ++i) {
            real.publicValues[i] ^= 0x01;
            _expectRefused(verifier, real, abi.encodeWithSelector(Verifier.InvalidProof.selector));
            real.publicValues[i] ^= 0x01;
        }
        _verify(verifier, real);
    }

    /// A program id or a nonce plus the field's order would be the same public input.
    function test_verifyProof_inputNotInField_reverts() public ifPresent {
        RealProof memory real = readProof(folder);
        uint256 alias_ = uint256(real.programId) + BN254.SCALAR_ORDER;
        real.programId = bytes32(alias_);
        _expectRefused(verifier, real, abi.encodeWithSelector(Verifier.InputNotInField.selector, alias_));

        real = readProof(folder);
        uint256 nonce = BN254.SCALAR_ORDER;
        for (uint256 i = 0; i < 32; ++i) {
            nonce += uint256(uint8(real.proof[68 + i])) << (8 * (31 - i));
        }
        for (uint256 i = 0; i < 32; ++i) {
            real.proof[68 + i] = bytes32(nonce)[i];
        }
        _expectRefused(verifier, real, abi.encodeWithSelector(Verifier.InputNotInField.selector, nonce));
    }

    /// Another key: of another set-up, and this one with two of its points exchanged.
    function test_verifyProof_anotherKey_reverts() public ifPresent {
        RealProof memory real = readProof(folder);
        (, string memory keyFile) = _files();
        string memory json = vm.readFile(keyFile);
        _expectRefused(
            TrapdoorSetup.verifier(),
            real,
            abi.encodeWithSelector(
                Verifier.WrongVerifierSelector.selector,
                bytes4(real.proof),
                bytes4(TrapdoorSetup.VERIFIER_HASH)
            )
        );
        // Even under this one's names.
        Verifier posing = new Verifier(TrapdoorSetup.key(), verifierHashOf(json), vkRootOf(json));
        _expectRefused(posing, real, abi.encodeWithSelector(Verifier.InvalidProof.selector));

        for (uint256 i = 0; i < 5; ++i) {
            Verifier.VerificationKey memory key = pointsOf(json);
            (key.ic[i], key.ic[i + 1]) = (key.ic[i + 1], key.ic[i]);
            posing = new Verifier(key, verifierHashOf(json), vkRootOf(json));
            _expectRefused(posing, real, abi.encodeWithSelector(Verifier.InvalidProof.selector));
        }
        _verify(verifier, real);
    }

    function test_verifyProof_malformedPoint_burnsNoMoreThanItsLimit() public ifPresent {
        RealProof memory real = readProof(folder);
        real.proof[355] ^= 0x01;
        uint256 before = gasleft();
        _expectRefused(verifier, real, abi.encodeWithSelector(Verifier.InvalidProof.selector));
        vm.assertLe(before - gasleft(), 500_000, "gas");
    }

    function _verify(ISP1Verifier verifier_, RealProof memory real) internal view {
        verifier_.verifyProof(real.programId, real.publicValues, real.proof);
    }

    function _expectRefused(ISP1Verifier verifier_, RealProof memory real, bytes memory refusal) internal {
        vm.expectRevert(refusal);
        _verify(verifier_, real);
    }
}

/// Proofs that others made with SP1's published circuit artifacts. They lie outside the project, at $COLLIMATE_FIXTURES.
contract SP1Groth16PublishedSetupTest is SP1Groth16ProofTest {
    function _files() internal view override returns (string memory, string memory) {
        string memory fixtures =
            vm.envOr("COLLIMATE_FIXTURES", string.concat(vm.projectRoot(), "/../../shared/fixtures"));
        return (
            string.concat(fixtures, "/sp1/groth16-v6.1.0-zkaleido"),
            string.concat(vm.projectRoot(), "/test/data/sp1-groth16-v6.1.0.json")
        );
    }

    function _absent() internal pure override returns (string memory) {
        return "SKIPPED: no real SP1 proofs found; set COLLIMATE_FIXTURES to the folder that holds sp1/groth16-v6.1.0-zkaleido";
    }

    function test_verifyProof_otherRealProofs_succeeds() public ifPresent {
        _verify(verifier, _other("groth16-v6.1.0-ibc-memberships"));
        _verify(verifier, _other("groth16-v6.1.0-ibc-update_client"));
    }

    /// A proof of one program with another's public values, and so on through every field.
    function test_verifyProof_fieldsOfAnotherProof_reverts() public ifPresent {
        RealProof memory other = _other("groth16-v6.1.0-ibc-memberships");
        RealProof memory real = readProof(folder);
        real.programId = other.programId;
        _expectRefused(verifier, real, abi.encodeWithSelector(Verifier.InvalidProof.selector));
        real = readProof(folder);
        real.publicValues = other.publicValues;
        _expectRefused(verifier, real, abi.encodeWithSelector(Verifier.InvalidProof.selector));
        // Selector and three words are equal; A, B and C are 64, 128 and 64 bytes.
        uint256[4] memory starts = [uint256(100), 164, 292, 356];
        for (uint256 part = 0; part < 3; ++part) {
            real = readProof(folder);
            for (uint256 i = starts[part]; i < starts[part + 1]; ++i) {
                real.proof[i] = other.proof[i];
            }
            _expectRefused(verifier, real, abi.encodeWithSelector(Verifier.InvalidProof.selector));
        }
    }

    function test_verifyProof_otherVersions_reverts() public ifPresent {
        RealProof memory older = _other("groth16-v6.0.0-template");
        _expectRefused(
            verifier,
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

        RealProof memory oldest = _other("groth16-v5.0.0-zkaleido");
        _expectRefused(verifier, oldest, abi.encodeWithSelector(Verifier.InvalidProofLength.selector, 260));
        RealProof memory plonk = _other("plonk-v6.1.0-ibc-memberships");
        _expectRefused(verifier, plonk, abi.encodeWithSelector(Verifier.InvalidProofLength.selector, 964));
    }

    /// With SP1's own proof system the service takes a real proof through the interface of SP1's deployed gateway. The
    /// statement of that proof is not a run's, so it stops at the statement, and the proof itself is verified.
    function test_verifySP1_throughInterface_reverts() public ifPresent {
        RealProof memory real = readProof(folder);
        Service service =
            new Service(verifier, real.programId, IRiscZeroVerifier(address(0)), 0, ISP1Verifier(address(0)));
        bytes32[] memory blobs = new bytes32[](1);
        blobs[0] = bytes32(uint256(1));
        vm.blobhashes(blobs);
        bytes memory statement = abi.encode(1, bytes32("root"), 1, keccak256(abi.encodePacked(blobs)));
        vm.expectRevert(Verifier.InvalidProof.selector);
        service.verifySP1(statement, real.proof);
        _verify(service.SP1_VERIFIER(), real);
    }

    function _other(string memory name) private view returns (RealProof memory) {
        return readProof(string.concat(folder, "/../", name));
    }
}

/// The committed Groth16 proof of a run of ours, wrapped with circuit artifacts of a development set-up whose key is committed beside it.
contract SP1Groth16OwnRunTest is SP1Groth16ProofTest {
    function _files() internal view override returns (string memory folder_, string memory keyFile) {
        folder_ = string.concat(vm.projectRoot(), "/test/data/run-groth16");
        keyFile = string.concat(folder_, "/key.json");
    }

    function _absent() internal pure override returns (string memory) {
        return "no wrapped run below contracts/test/data/run-groth16; see docs/decisions/15-hard-finality.md";
    }

    /// It is ours and committed, so that its absence is an error.
    function setUp() public override {
        super.setUp();
        vm.assertTrue(present, _absent());
    }

    function test_key_isForDevelopmentAlone_succeeds() public view {
        vm.assertTrue(verifier.IS_DEVELOPMENT_KEY());
    }

    /// The whole of it: a real run, with its real proof and blobs, becomes a hard root within the limit of gas.
    function test_verifySP1_realRun_succeeds() public {
        RealProof memory real = readProof(folder);
        Service service =
            new Service(verifier, real.programId, IRiscZeroVerifier(address(0)), 0, ISP1Verifier(address(0)));
        bytes memory packed = vm.readFileBinary(string.concat(folder, "/blob_hashes.bin"));
        bytes32[] memory blobs = new bytes32[](packed.length / 32);
        for (uint256 i = 0; i < packed.length; ++i) {
            blobs[i / 32] |= bytes32(packed[i]) >> (8 * (i % 32));
        }
        vm.blobhashes(blobs);
        service.verifySP1(real.publicValues, real.proof);
        (, bytes32 root,,) = abi.decode(real.publicValues, (uint256, bytes32, uint256, bytes32));
        vm.assertEq(service.hardSince(root), block.number);
    }
}
