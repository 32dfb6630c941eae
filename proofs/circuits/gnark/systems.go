package main

import (
	"github.com/consensys/gnark/backend/groth16"
	"github.com/consensys/gnark/backend/plonk"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/frontend/cs/r1cs"
	"github.com/consensys/gnark/frontend/cs/scs"
	"github.com/consensys/gnark/test/unsafekzg"
)

func groth16Proof(s statement) (artifacts, error) {
	var none artifacts
	constraints, err := frontend.Compile(s.curve.ScalarField(), r1cs.NewBuilder, s.circuit)
	if err != nil {
		return none, err
	}
	proving, verifying, err := groth16.Setup(constraints)
	if err != nil {
		return none, err
	}
	proof, err := groth16.Prove(constraints, proving, s.witness)
	if err != nil {
		return none, err
	}
	public, err := s.witness.Public()
	if err != nil {
		return none, err
	}
	return artifacts{proof, verifying}, groth16.Verify(proof, verifying, public)
}

// The seed of the commitments' setup. Being known to everybody it makes every proof under these keys worthless, and the keys,
// and so the program ids, the same each time.
var plonkSeed = []byte("collimate sample proofs: not for use")

func plonkProof(s statement) (artifacts, error) {
	var none artifacts
	constraints, err := frontend.Compile(s.curve.ScalarField(), scs.NewBuilder, s.circuit)
	if err != nil {
		return none, err
	}
	canonical, lagrange, err := unsafekzg.NewSRS(constraints, unsafekzg.WithToxicSeed(plonkSeed))
	if err != nil {
		return none, err
	}
	proving, verifying, err := plonk.Setup(constraints, canonical, lagrange)
	if err != nil {
		return none, err
	}
	proof, err := plonk.Prove(constraints, proving, s.witness)
	if err != nil {
		return none, err
	}
	public, err := s.witness.Public()
	if err != nil {
		return none, err
	}
	return artifacts{proof, verifying}, plonk.Verify(proof, verifying, public)
}
