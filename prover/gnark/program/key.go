package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	groth16_bn254 "github.com/consensys/gnark/backend/groth16/bn254"
)

// contractKey is a verification key as the arguments of SP1Groth16Verifier: the form that contracts/bin/groth16-key writes.
type contractKey struct {
	VerifierHash string    `json:"verifierHash"`
	VkRoot       string    `json:"vkRoot"`
	Alpha        g1Point   `json:"alpha"`
	Beta         g2Point   `json:"beta"`
	Gamma        g2Point   `json:"gamma"`
	Delta        g2Point   `json:"delta"`
	IC           []g1Point `json:"ic"`
}

type g1Point struct {
	X string `json:"x"`
	Y string `json:"y"`
}

// The imaginary part is first, as EIP-197 has it.
type g2Point struct {
	X1 string `json:"x1"`
	X0 string `json:"x0"`
	Y1 string `json:"y1"`
	Y0 string `json:"y0"`
}

func exportKey(p paths, stdout io.Writer) error {
	root, err := hex.DecodeString(strings.TrimPrefix(p.vkRoot, "0x"))
	if err != nil || len(root) != 32 {
		return errors.New("key needs --vk-root: 32 bytes in hex")
	}
	stored, err := os.ReadFile(p.verifyingKey)
	if err != nil {
		return err
	}
	decoded, err := readVerifyingKey(p.verifyingKey)
	if err != nil {
		return err
	}
	key, ok := decoded.(*groth16_bn254.VerifyingKey)
	if !ok || len(key.CommitmentKeys) != 0 || len(key.G1.K) != 6 {
		return errors.New("this is no key for five public inputs without commitments")
	}
	hash := sha256.Sum256(stored)
	exported := contractKey{
		VerifierHash: fmt.Sprintf("0x%x", hash),
		VkRoot:       fmt.Sprintf("0x%x", root),
		Alpha:        g1(&key.G1.Alpha),
		Beta:         g2(&key.G2.Beta),
		Gamma:        g2(&key.G2.Gamma),
		Delta:        g2(&key.G2.Delta),
	}
	for i := range key.G1.K {
		exported.IC = append(exported.IC, g1(&key.G1.K[i]))
	}
	encoder := json.NewEncoder(stdout)
	encoder.SetIndent("", " ")
	return encoder.Encode(exported)
}

func g1(point *bn254.G1Affine) g1Point {
	return g1Point{word(&point.X), word(&point.Y)}
}

func g2(point *bn254.G2Affine) g2Point {
	return g2Point{word(&point.X.A1), word(&point.X.A0), word(&point.Y.A1), word(&point.Y.A0)}
}

func word(element *fp.Element) string {
	bytes := element.Bytes()
	return fmt.Sprintf("0x%x", bytes)
}
