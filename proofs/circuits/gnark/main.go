// Makes the sample proofs of gnark: `go run . FOLDER` writes NAME.proof, NAME.vk and NAME.pub for each of [samples].
//
// The setups are for samples alone: one process knows their secrets, so whoever ran it could prove anything under these keys.
package main

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark/backend/witness"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/logger"
)

// What is proven, and with which proof system.
type sample struct {
	name       string
	curve      ecc.ID
	prove      func(statement) (artifacts, error)
	circuit    frontend.Circuit
	assignment frontend.Circuit
}

// A circuit over the curve's scalar field, and the values that fulfil it.
type statement struct {
	curve   ecc.ID
	circuit frontend.Circuit
	witness witness.Witness
}

// What a verifier takes; each is written by gnark's WriteTo, points compressed.
type artifacts struct{ proof, key io.WriterTo }

var samples = []sample{
	{"mimc_preimage", ecc.BN254, groth16Proof, &preimage{}, knownPreimage()},
	{"of_age", ecc.BN254, groth16Proof, &ofAge{}, knownAdult()},
	{"card_shuffles", ecc.BN254, groth16Proof, &shuffles{}, knownShuffles()},
	{"membership", ecc.BN254, plonkProof, &membership{}, knownMember()},
	{"eddsa_signature", ecc.BLS12_381, plonkProof, &signed{}, signedMessage()},
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: go run . FOLDER")
	}
	logger.Disable()
	for _, sample := range samples {
		if err := sample.write(os.Args[1]); err != nil {
			log.Fatalf("%s: %v", sample.name, err)
		}
	}
}

func (s sample) write(folder string) error {
	full, err := frontend.NewWitness(s.assignment, s.curve.ScalarField())
	if err != nil {
		return err
	}
	made, err := s.prove(statement{s.curve, s.circuit, full})
	if err != nil {
		return err
	}
	inputs, err := publicInputs(full)
	if err != nil {
		return err
	}
	for extension, content := range map[string]io.WriterTo{
		"proof": made.proof, "vk": made.key, "pub": bytes.NewReader(inputs),
	} {
		var encoded bytes.Buffer
		if _, err := content.WriteTo(&encoded); err != nil {
			return err
		}
		path := filepath.Join(folder, s.name+"."+extension)
		if err := os.WriteFile(path, encoded.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// The words of the public inputs: gnark's file of a public witness without the three counts at its beginning.
func publicInputs(full witness.Witness) ([]byte, error) {
	const countsBytes = 12
	public, err := full.Public()
	if err != nil {
		return nil, err
	}
	encoded, err := public.MarshalBinary()
	if err != nil {
		return nil, err
	}
	if len(encoded)%32 != countsBytes {
		return nil, fmt.Errorf("a public witness of %d bytes is no counts and words", len(encoded))
	}
	return encoded[countsBytes:], nil
}
