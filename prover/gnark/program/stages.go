package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark/backend/groth16"
	"github.com/consensys/gnark/backend/witness"
	"github.com/consensys/gnark/constraint"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/frontend/cs/r1cs"
	"github.com/succinctlabs/sp1-recursion-gnark/sp1"
	"github.com/succinctlabs/sp1-recursion-gnark/sp1/koalabear"
)

var field = ecc.BN254.ScalarField()

// prepareCircuit says to the circuit's code, which reads the environment, where its constraints are and that they are for
// Groth16: range checks by bits, since a commitment would cost the contract another pairing.
func prepareCircuit(constraints string) error {
	if err := os.Setenv("CONSTRAINTS_JSON", constraints); err != nil {
		return err
	}
	return os.Setenv("GROTH16", "1")
}

func compile(p paths) (int, error) {
	if err := prepareCircuit(p.constraints); err != nil {
		return 0, err
	}
	input, err := readWitness(p.witness)
	if err != nil {
		return 0, err
	}
	circuit := sp1.NewCircuit(input)
	say("compiling the circuit")
	compiled, err := frontend.Compile(field, r1cs.NewBuilder, &circuit)
	if err != nil {
		return 0, err
	}
	say("writing %d constraints", compiled.GetNbConstraints())
	return compiled.GetNbConstraints(), write(p.circuit, func(w io.Writer) error {
		_, err := compiled.WriteTo(w)
		return err
	})
}

func setup(p paths) (int, error) {
	compiled, err := readCircuit(p.circuit)
	if err != nil {
		return 0, err
	}
	constraints := compiled.GetNbConstraints()
	say("setting up keys for %d constraints", constraints)
	provingKey, verifyingKey, err := groth16.Setup(compiled)
	if err != nil {
		return 0, err
	}
	say("writing the keys")
	if err := write(p.provingKey, provingKey.WriteDump); err != nil {
		return 0, err
	}
	return constraints, write(p.verifyingKey, func(w io.Writer) error {
		_, err := verifyingKey.WriteTo(w)
		return err
	})
}

func prove(p paths) (int, error) {
	verifyingKey, err := readVerifyingKey(p.verifyingKey)
	if err != nil {
		return 0, err
	}
	input, err := readWitness(p.witness)
	if err != nil {
		return 0, err
	}
	assignment := sp1.NewCircuit(input)
	full, err := frontend.NewWitness(&assignment, field)
	if err != nil {
		return 0, err
	}
	compiled, err := readCircuit(p.circuit)
	if err != nil {
		return 0, err
	}
	say("reading the proving key")
	provingKey := groth16.NewProvingKey(ecc.BN254)
	if err := read(p.provingKey, provingKey.ReadDump); err != nil {
		return 0, err
	}
	say("proving %d constraints", compiled.GetNbConstraints())
	proof, err := groth16.Prove(compiled, provingKey, full)
	if err != nil {
		return 0, err
	}
	public, err := full.Public()
	if err != nil {
		return 0, err
	}
	if err := groth16.Verify(proof, verifyingKey, public); err != nil {
		return 0, fmt.Errorf("the proof does not verify; proving key and verification key are not of one set-up, or damaged: %w", err)
	}
	return compiled.GetNbConstraints(), writeJSON(p.proof, sp1.NewSP1Groth16Proof(&proof, input))
}

func verify(p paths) (int, error) {
	verifyingKey, err := readVerifyingKey(p.verifyingKey)
	if err != nil {
		return 0, err
	}
	var stored sp1.Proof
	if err := readJSON(p.proof, &stored); err != nil {
		return 0, err
	}
	raw, err := hex.DecodeString(stored.RawProof)
	if err != nil {
		return 0, fmt.Errorf("raw_proof: %w", err)
	}
	proof := groth16.NewProof(ecc.BN254)
	if _, err := proof.ReadFrom(bytes.NewReader(raw)); err != nil {
		return 0, fmt.Errorf("raw_proof: %w", err)
	}
	public, err := publicWitness(stored.PublicInputs)
	if err != nil {
		return 0, err
	}
	return 0, groth16.Verify(proof, verifyingKey, public)
}

func publicWitness(inputs [5]string) (witness.Witness, error) {
	circuit := sp1.Circuit{
		VkeyHash:              inputs[0],
		CommittedValuesDigest: inputs[1],
		ExitCode:              inputs[2],
		VkRoot:                inputs[3],
		ProofNonce:            inputs[4],
		Vars:                  []frontend.Variable{},
		Felts:                 []koalabear.Variable{},
		Exts:                  []koalabear.ExtensionVariable{},
	}
	return frontend.NewWitness(&circuit, field, frontend.PublicOnly())
}

func readWitness(path string) (input sp1.WitnessInput, err error) {
	if err = readJSON(path, &input); err != nil {
		return input, err
	}
	for _, value := range []string{
		input.VkeyHash, input.CommittedValuesDigest, input.ExitCode, input.VkRoot, input.ProofNonce,
	} {
		if value == "" {
			return input, fmt.Errorf("%s lacks a public input", path)
		}
	}
	for i, value := range input.Exts {
		if len(value) != 4 {
			return input, fmt.Errorf("%s: element %d of the extension has %d coefficients", path, i, len(value))
		}
	}
	return input, nil
}

func readCircuit(path string) (constraint.ConstraintSystem, error) {
	say("reading the circuit")
	compiled := groth16.NewCS(ecc.BN254)
	err := read(path, func(r io.Reader) error {
		_, err := compiled.ReadFrom(r)
		return err
	})
	return compiled, err
}

func readVerifyingKey(path string) (groth16.VerifyingKey, error) {
	key := groth16.NewVerifyingKey(ecc.BN254)
	err := read(path, func(r io.Reader) error {
		if _, err := key.ReadFrom(r); err != nil {
			return err
		}
		if _, err := r.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			return errors.New("more follows the key")
		}
		return nil
	})
	return key, err
}

func say(format string, values ...any) {
	fmt.Fprintln(os.Stderr, strings.TrimSpace(fmt.Sprintf(format, values...)))
}
