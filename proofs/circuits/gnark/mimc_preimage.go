package main

import (
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	native "github.com/consensys/gnark-crypto/ecc/bn254/fr/mimc"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/std/hash/mimc"
)

// Somebody knows the password with this hash, and does not say it.
type preimage struct {
	Hash     frontend.Variable `gnark:",public"`
	Password frontend.Variable
}

func (c *preimage) Define(api frontend.API) error {
	hasher, err := mimc.NewMiMC(api)
	if err != nil {
		return err
	}
	api.AssertIsEqual(hashOf(&hasher, c.Password), c.Hash)
	return nil
}

func hashOf(hasher *mimc.MiMC, inputs ...frontend.Variable) frontend.Variable {
	hasher.Reset()
	hasher.Write(inputs...)
	return hasher.Sum()
}

func knownPreimage() *preimage {
	// A secret in real life. At most 31 bytes, so that it is one number of the field.
	password := fieldElement([]byte("correct horse battery staple"))
	return &preimage{Hash: nativeHash(password), Password: password}
}

func fieldElement(text []byte) fr.Element {
	var element fr.Element
	element.SetBytes(text)
	return element
}

func nativeHash(inputs ...fr.Element) fr.Element {
	hasher := native.NewMiMC()
	for _, input := range inputs {
		word := input.Bytes()
		hasher.Write(word[:])
	}
	return fieldElement(hasher.Sum(nil))
}
