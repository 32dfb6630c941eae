package main

import (
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/std/hash/mimc"
)

// The group has 2^depth members.
const depth = 8

// Somebody belongs to a group, and does not say who. The group is a Merkle tree over the hashes of its members' secrets. The
// nullifier is another with each topic and the same whenever a member speaks on one, so nobody speaks on it twice unseen.
type membership struct {
	Root      frontend.Variable `gnark:",public"`
	Topic     frontend.Variable `gnark:",public"`
	Nullifier frontend.Variable `gnark:",public"`
	Secret    frontend.Variable
	Siblings  [depth]frontend.Variable
	// The member's place in the tree, lowest bit first: one where the sibling is on the left.
	Place [depth]frontend.Variable
}

func (c *membership) Define(api frontend.API) error {
	hasher, err := mimc.NewMiMC(api)
	if err != nil {
		return err
	}
	node := hashOf(&hasher, c.Secret)
	for level, sibling := range c.Siblings {
		api.AssertIsBoolean(c.Place[level])
		left := api.Select(c.Place[level], sibling, node)
		right := api.Select(c.Place[level], node, sibling)
		node = hashOf(&hasher, left, right)
	}
	api.AssertIsEqual(node, c.Root)
	api.AssertIsEqual(hashOf(&hasher, c.Secret, c.Topic), c.Nullifier)
	return nil
}

func knownMember() *membership {
	const member = 42
	secret := memberSecret(member)
	topic := fieldElement([]byte("shall we meet on Monday?"))
	known := &membership{Topic: topic, Nullifier: nativeHash(secret, topic), Secret: secret}

	nodes := make([]fr.Element, 1<<depth)
	for index := range nodes {
		nodes[index] = nativeHash(memberSecret(index))
	}
	for level, place := 0, member; level < depth; level, place = level+1, place/2 {
		known.Siblings[level] = nodes[place^1]
		known.Place[level] = place & 1
		for index := range len(nodes) / 2 {
			nodes[index] = nativeHash(nodes[2*index], nodes[2*index+1])
		}
		nodes = nodes[:len(nodes)/2]
	}
	known.Root = nodes[0]
	return known
}

// In real life each member knows their own alone, and it is random.
func memberSecret(index int) fr.Element {
	return fieldElement(fmt.Appendf(nil, "secret of member %d", index))
}
