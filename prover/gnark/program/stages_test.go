package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/succinctlabs/sp1-recursion-gnark/sp1"
)

// A circuit with each kind of operation that takes a hint, and all five public inputs: f, g and e are given, and
// f g = h, h / g = f, e (1/e) = 1, a permutation of 7, 8, 9.
const constraints = `[
 {"opcode":"WitnessV","args":[["v0"],["0"]]}, {"opcode":"WitnessV","args":[["v1"],["1"]]},
 {"opcode":"WitnessV","args":[["v2"],["2"]]}, {"opcode":"WitnessV","args":[["v3"],["3"]]},
 {"opcode":"WitnessV","args":[["v4"],["4"]]},
 {"opcode":"CommitVkeyHash","args":[["v0"]]}, {"opcode":"CommitCommitedValuesDigest","args":[["v1"]]},
 {"opcode":"CommitExitCode","args":[["v2"]]}, {"opcode":"CommitVkRoot","args":[["v3"]]},
 {"opcode":"CommitProofNonce","args":[["v4"]]},
 {"opcode":"WitnessF","args":[["f"],["0"]]}, {"opcode":"WitnessF","args":[["g"],["1"]]},
 {"opcode":"MulF","args":[["h"],["f"],["g"]]}, {"opcode":"DivF","args":[["q"],["h"],["g"]]},
 {"opcode":"AssertEqF","args":[["q"],["f"]]},
 {"opcode":"WitnessE","args":[["e"],["0"]]}, {"opcode":"InvE","args":[["i"],["e"]]},
 {"opcode":"MulE","args":[["p"],["e"],["i"]]}, {"opcode":"ImmE","args":[["one"],["1","0","0","0"]]},
 {"opcode":"AssertEqE","args":[["p"],["one"]]},
 {"opcode":"ImmV","args":[["a"],["7"]]}, {"opcode":"ImmV","args":[["b"],["8"]]}, {"opcode":"ImmV","args":[["c"],["9"]]},
 {"opcode":"Permute","args":[["a"],["b"],["c"]]},
 {"opcode":"WitnessV","args":[["w"],["5"]]}, {"opcode":"AssertEqV","args":[["a"],["w"]]}
]`

// Poseidon2 of 7, 8, 9: the first element of the permuted state.
const permuted = "20985807078256139187244318958214965588299294403525720782905617173271085148352"

func witnessOf(change func(*sp1.WitnessInput)) sp1.WitnessInput {
	input := sp1.WitnessInput{
		Vars:     []string{"11", "12", "0", "14", "15", permuted, "999"},
		Felts:    []string{"2130706432", "1234567890", "999"},
		Exts:     [][]string{{"1", "2130706431", "0", "77"}, {"999", "0", "0", "0"}},
		VkeyHash: "11", CommittedValuesDigest: "12", ExitCode: "0", VkRoot: "14", ProofNonce: "15",
	}
	change(&input)
	return input
}

func same(*sp1.WitnessInput) {}

type stage struct {
	t      *testing.T
	folder string
}

func (s stage) path(name string) string { return filepath.Join(s.folder, name) }

func (s stage) write(name string, value any) {
	if err := writeJSON(s.path(name), value); err != nil {
		s.t.Fatal(err)
	}
}

func (s stage) run(name string, files ...string) (string, error) {
	arguments := []string{name}
	for _, file := range files {
		arguments = append(arguments, "--"+file, s.path(file))
	}
	var out bytes.Buffer
	err := run(arguments, strings.NewReader(""), &out)
	return out.String(), err
}

func (s stage) must(name string, files ...string) summary {
	out, err := s.run(name, files...)
	if err != nil {
		s.t.Fatalf("%s: %v", name, err)
	}
	var done summary
	if err := json.Unmarshal([]byte(out), &done); err != nil || done.Stage != name {
		s.t.Fatalf("%s answered %q, %v", name, out, err)
	}
	return done
}

// prepared has a compiled circuit with its keys.
func prepared(t *testing.T) stage {
	s := stage{t, t.TempDir()}
	if err := os.WriteFile(s.path("constraints"), []byte(constraints), 0o600); err != nil {
		t.Fatal(err)
	}
	s.write("witness", witnessOf(same))
	if done := s.must("compile", "constraints", "witness", "circuit"); done.Constraints < 100 {
		t.Fatalf("%d constraints", done.Constraints)
	}
	s.must("setup", "circuit", "proving-key", "verifying-key")
	return s
}

func TestStages_AProofThatIsMadeVerifies(t *testing.T) {
	s := prepared(t)
	done := s.must("prove", "circuit", "proving-key", "verifying-key", "witness", "proof")
	if done.PeakBytes == 0 || done.Seconds <= 0 {
		t.Fatalf("nothing was measured: %+v", done)
	}
	s.must("verify", "verifying-key", "proof")

	var proof sp1.Proof
	if err := readJSON(s.path("proof"), &proof); err != nil {
		t.Fatal(err)
	}
	if proof.PublicInputs != [5]string{"11", "12", "0", "14", "15"} {
		t.Fatalf("public inputs %v", proof.PublicInputs)
	}
	// Exit code, root and nonce, then eight words of points.
	if encoded, _ := hex.DecodeString(proof.EncodedProof); len(encoded) != 32*(3+8) || encoded[95] != 15 {
		t.Fatalf("encoded proof %s", proof.EncodedProof)
	}
}

func TestVerify_RejectsEachChangedPartOfAProof(t *testing.T) {
	s := prepared(t)
	s.must("prove", "circuit", "proving-key", "verifying-key", "witness", "proof")
	var honest sp1.Proof
	if err := readJSON(s.path("proof"), &honest); err != nil {
		t.Fatal(err)
	}
	for i := range honest.PublicInputs {
		changed := honest
		changed.PublicInputs[i] = "13"
		s.write("proof", changed)
		if _, err := s.run("verify", "verifying-key", "proof"); err == nil {
			t.Fatalf("public input %d was changed, and the proof verifies", i)
		}
	}
	for at := 0; at < 256; at += 16 {
		raw, _ := hex.DecodeString(honest.RawProof)
		raw[at] ^= 1
		changed := honest
		changed.RawProof = hex.EncodeToString(raw)
		s.write("proof", changed)
		if _, err := s.run("verify", "verifying-key", "proof"); err == nil {
			t.Fatalf("byte %d was changed, and the proof verifies", at)
		}
	}
	// Another set-up of the same circuit has another key.
	s.write("proof", honest)
	s.must("setup", "circuit", "proving-key", "verifying-key")
	if _, err := s.run("verify", "verifying-key", "proof"); err == nil {
		t.Fatal("the proof verifies under another key")
	}
}

func TestProve_RefusesAWitnessThatDoesNotHold(t *testing.T) {
	s := prepared(t)
	for name, change := range map[string]func(*sp1.WitnessInput){
		"another public input":     func(w *sp1.WitnessInput) { w.VkeyHash = "12" },
		"another value":            func(w *sp1.WitnessInput) { w.Vars[5] = "1" },
		"an element not in field":  func(w *sp1.WitnessInput) { w.Felts[0] = "2130706433" },
		"a division by zero":       func(w *sp1.WitnessInput) { w.Felts[1] = "0" },
		"an inverse of zero":       func(w *sp1.WitnessInput) { w.Exts[0] = []string{"0", "0", "0", "0"} },
		"fewer elements":           func(w *sp1.WitnessInput) { w.Felts = w.Felts[:2] },
		"no number":                func(w *sp1.WitnessInput) { w.Vars[0] = "eleven" },
		"no public input":          func(w *sp1.WitnessInput) { w.ProofNonce = "" },
		"an extension of degree 3": func(w *sp1.WitnessInput) { w.Exts[0] = []string{"1", "0", "0"} },
	} {
		s.write("witness", witnessOf(change))
		if _, err := s.run("prove", "circuit", "proving-key", "verifying-key", "witness", "proof"); err == nil {
			t.Errorf("%s: proven", name)
		}
		if _, err := os.Stat(s.path("proof")); err == nil {
			t.Fatalf("%s: a proof was written", name)
		}
	}
}

func TestProve_RefusesKeysOfTwoSetUps(t *testing.T) {
	s := prepared(t)
	key, err := os.ReadFile(s.path("verifying-key"))
	if err != nil {
		t.Fatal(err)
	}
	s.must("setup", "circuit", "proving-key", "verifying-key")
	if err := os.WriteFile(s.path("verifying-key"), key, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.run("prove", "circuit", "proving-key", "verifying-key", "witness", "proof"); err == nil ||
		!strings.Contains(err.Error(), "not of one set-up") {
		t.Fatalf("not refused: %v", err)
	}
}

func TestStages_DamagedFilesAreErrors(t *testing.T) {
	s := prepared(t)
	s.must("prove", "circuit", "proving-key", "verifying-key", "witness", "proof")
	for _, name := range []string{"circuit", "proving-key", "verifying-key", "witness"} {
		whole, err := os.ReadFile(s.path(name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(s.path(name), whole[:len(whole)*2/3], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := s.run("prove", "circuit", "proving-key", "verifying-key", "witness", "proof"); err == nil {
			t.Errorf("half of %s is enough", name)
		}
		if err := os.WriteFile(s.path(name), whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.must("prove", "circuit", "proving-key", "verifying-key", "witness", "proof")
}

func TestCompile_IsTheSameEachTime(t *testing.T) {
	s := prepared(t)
	hash := func() (sum [32]byte) {
		bytes, err := os.ReadFile(s.path("circuit"))
		if err != nil {
			t.Fatal(err)
		}
		return sha256.Sum256(bytes)
	}
	first := hash()
	// The circuit does not depend on the values of the witness that it was compiled with.
	s.write("witness", witnessOf(func(w *sp1.WitnessInput) { w.Felts[0], w.VkeyHash = "5", "6" }))
	s.must("compile", "constraints", "witness", "circuit")
	if hash() != first {
		t.Fatal("another circuit")
	}
}

func TestWrite_LeavesNothingHalfWritten(t *testing.T) {
	s := stage{t, t.TempDir()}
	s.write("file", 1)
	if err := write(s.path("file"), func(w io.Writer) error {
		if _, err := w.Write(make([]byte, 3*bufferBytes)); err != nil {
			t.Fatal(err)
		}
		return io.ErrShortWrite
	}); err == nil {
		t.Fatal("no error")
	}
	if content, err := os.ReadFile(s.path("file")); err != nil || string(content) != "1\n" {
		t.Fatalf("%q, %v", content, err)
	}
	if entries, _ := os.ReadDir(s.folder); len(entries) != 1 {
		t.Fatalf("%v", entries)
	}
}

func TestRun_SaysWhatIsMissing(t *testing.T) {
	for _, arguments := range [][]string{{}, {"wrap"}, {"compile"}, {"prove", "--circuit", "c"}, {"key"}, {"setup", "--no-such"}} {
		if err := run(arguments, strings.NewReader(""), io.Discard); err == nil {
			t.Errorf("%v: no error", arguments)
		}
	}
}
