package main

import (
	"errors"
	"math/rand"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/std/hash/mimc"
)

const (
	cards   = 52
	players = 2
	// A card and its place in a number of the field: 26 cards of 6 bits each.
	cardSize, cardsOfWord = 64, 26
)

// Two players shuffled a deck one after the other, and hid their orders. Each order is a permutation of the cards if the product
// of its distances to a random point is the deck's. The point is a commitment to the order and its seal, and the second
// player's to the first one's point, too.
type shuffles struct {
	Seals  [players]frontend.Variable `gnark:",public"`
	Orders [players][cards]frontend.Variable
	Salts  [players]frontend.Variable
}

func (c *shuffles) Define(api frontend.API) error {
	committer, ok := api.Compiler().(frontend.Committer)
	if !ok {
		return errors.New("nothing to commit with")
	}
	hasher, err := mimc.NewMiMC(api)
	if err != nil {
		return err
	}
	var before []frontend.Variable
	for player, order := range c.Orders {
		sealed := []frontend.Variable{c.Salts[player]}
		for start := 0; start < cards; start += cardsOfWord {
			var word frontend.Variable = 0
			for _, card := range order[start : start+cardsOfWord] {
				word = api.Add(api.Mul(word, cardSize), card)
			}
			sealed = append(sealed, word)
		}
		api.AssertIsEqual(hashOf(&hasher, sealed...), c.Seals[player])

		committed := append(append(before, c.Seals[player]), order[:]...)
		point, err := committer.Commit(committed...)
		if err != nil {
			return err
		}
		var ofOrder, ofDeck frontend.Variable = 1, 1
		for place, card := range order {
			ofOrder = api.Mul(ofOrder, api.Sub(point, card))
			ofDeck = api.Mul(ofDeck, api.Sub(point, place))
		}
		api.AssertIsEqual(ofOrder, ofDeck)
		before = []frontend.Variable{point}
	}
	return nil
}

func knownShuffles() *shuffles {
	known := &shuffles{}
	// In real life each player knows their own order alone, and it is random.
	source := rand.New(rand.NewSource(1))
	for player := range players {
		salt := fieldElement([]byte{byte(player), 's', 'a', 'l', 't'})
		sealed := []fr.Element{salt}
		var word, card, size fr.Element
		size.SetUint64(cardSize)
		for place, drawn := range source.Perm(cards) {
			known.Orders[player][place] = drawn
			card.SetUint64(uint64(drawn))
			word.Mul(&word, &size).Add(&word, &card)
			if place%cardsOfWord == cardsOfWord-1 {
				sealed = append(sealed, word)
				word.SetZero()
			}
		}
		known.Salts[player] = salt
		known.Seals[player] = nativeHash(sealed...)
	}
	return known
}
