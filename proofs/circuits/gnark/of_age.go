package main

import (
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/std/hash/mimc"
	"github.com/consensys/gnark/std/rangecheck"
)

// 18 years with their leap days.
const adultDays = 6575

// The owner of this identity is of age today, and does not say when they were born. The range check commits to what it checks.
type ofAge struct {
	Identity frontend.Variable `gnark:",public"`
	Today    frontend.Variable `gnark:",public"`
	Born     frontend.Variable
	Salt     frontend.Variable
}

func (c *ofAge) Define(api frontend.API) error {
	hasher, err := mimc.NewMiMC(api)
	if err != nil {
		return err
	}
	api.AssertIsEqual(hashOf(&hasher, c.Born, c.Salt), c.Identity)
	// Days since adulthood, of which 2^16 are 179 years: a number below zero would be a large one of the field.
	rangecheck.New(api).Check(api.Sub(c.Today, c.Born, adultDays), 16)
	return nil
}

func knownAdult() *ofAge {
	// Secrets in real life. Days are counted from 1 January 1900.
	const born, today = 36_524, 46_346
	salt := fieldElement([]byte("salt of this identity"))
	day := fieldElement([]byte{born >> 8, born & 0xff})
	return &ofAge{Identity: nativeHash(day, salt), Today: today, Born: born, Salt: salt}
}
