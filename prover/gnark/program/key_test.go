package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// SP1's published key, and what contracts/bin/groth16-key, which knows nothing of gnark, makes of it.
func TestKey_IsWhatTheContractTakes(t *testing.T) {
	golden, err := os.ReadFile("sp1-groth16-v6.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("testdata/sp1-groth16-v6.1.0.vk.hex")
	if err != nil {
		t.Fatal(err)
	}
	stored, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	var want contractKey
	if err := json.Unmarshal(golden, &want); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, stored, 0o600); err != nil {
		t.Fatal(err)
	}
	export := func(root string) (key contractKey, err error) {
		var out bytes.Buffer
		if err := run([]string{"key", "--verifying-key", path, "--vk-root", root}, strings.NewReader(""), &out); err != nil {
			return key, err
		}
		return key, json.Unmarshal(out.Bytes(), &key)
	}
	got, err := export(want.VkRoot)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, root := range []string{"", "0x12", "zz"} {
		if _, err := export(root); err == nil {
			t.Errorf("root %q is taken", root)
		}
	}
	for _, changed := range [][]byte{stored[:400], append(bytes.Clone(stored), 0), {}} {
		if err := os.WriteFile(path, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := export(want.VkRoot); err == nil {
			t.Errorf("%d bytes are a key", len(changed))
		}
	}
}
