package main

import (
	"bytes"
	"log"

	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
	nativemimc "github.com/consensys/gnark-crypto/ecc/bls12-381/fr/mimc"
	native "github.com/consensys/gnark-crypto/ecc/bls12-381/twistededwards/eddsa"
	curves "github.com/consensys/gnark-crypto/ecc/twistededwards"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/std/algebra/native/twistededwards"
	"github.com/consensys/gnark/std/hash/mimc"
	"github.com/consensys/gnark/std/signature/eddsa"
)

// The owner of a key signed a message; the signature is not shown. EdDSA over Jubjub with MiMC.
type signed struct {
	Signer    eddsa.PublicKey   `gnark:",public"`
	Message   frontend.Variable `gnark:",public"`
	Signature eddsa.Signature
}

func (c *signed) Define(api frontend.API) error {
	jubjub, err := twistededwards.NewEdCurve(api, curves.BLS12_381)
	if err != nil {
		return err
	}
	hasher, err := mimc.NewMiMC(api)
	if err != nil {
		return err
	}
	return eddsa.Verify(jubjub, c.Signature, c.Message, c.Signer, &hasher)
}

func signedMessage() *signed {
	// A secret in real life.
	key, err := native.GenerateKey(bytes.NewReader([]byte("a signing key of thirty-two bytes")))
	if err != nil {
		log.Fatal(err)
	}
	var message fr.Element
	message.SetBytes([]byte("pay Bob one ether"))
	encoded := message.Bytes()
	signature, err := key.Sign(encoded[:], nativemimc.NewMiMC())
	if err != nil {
		log.Fatal(err)
	}
	known := &signed{Message: message}
	known.Signer.Assign(curves.BLS12_381, key.PublicKey.Bytes())
	known.Signature.Assign(curves.BLS12_381, signature)
	return known
}
