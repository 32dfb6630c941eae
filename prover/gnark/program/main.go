// collimate-gnark: the stages after the wrap, each a process of its own with files in between.
//
//	collimate-gnark compile --constraints IN --witness IN --circuit OUT
//	collimate-gnark setup   --circuit IN --proving-key OUT --verifying-key OUT
//	collimate-gnark prove   --circuit IN --proving-key IN --verifying-key IN --witness IN --proof OUT
//	collimate-gnark verify  --verifying-key IN --proof IN
//	collimate-gnark key     --verifying-key IN --vk-root HEX
//	collimate-gnark version
//
// A stage takes most of a machine's memory, so none shares a process with another. What it is doing goes to standard
// error; what it did, as one line of JSON, to standard output. An output is there whole or not at all. A failure is exit
// status 1 with its reason on standard error; GOGC and GOMEMLIMIT say how much memory a stage takes.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/consensys/gnark/logger"
	"github.com/rs/zerolog"
)

// build names the sources that this program was made from; set by the linker.
var build = "unknown"

// paths are the files of a stage.
type paths struct {
	constraints, witness, circuit, provingKey, verifyingKey, proof, vkRoot string
}

// summary is what a stage did.
type summary struct {
	Stage       string  `json:"stage"`
	Seconds     float64 `json:"seconds"`
	PeakBytes   uint64  `json:"peak_bytes"`
	Constraints int     `json:"constraints,omitempty"`
}

var stages = map[string]struct {
	needs []string
	run   func(paths) (constraints int, err error)
}{
	"compile": {[]string{"constraints", "witness", "circuit"}, compile},
	"setup":   {[]string{"circuit", "proving-key", "verifying-key"}, setup},
	"prove":   {[]string{"circuit", "proving-key", "verifying-key", "witness", "proof"}, prove},
	"verify":  {[]string{"verifying-key", "proof"}, verify},
}

func main() {
	// gnark's own log would be on standard output.
	logger.Set(zerolog.New(os.Stderr).Level(zerolog.WarnLevel))
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(arguments []string, stdin io.Reader, stdout io.Writer) (err error) {
	if len(arguments) == 0 {
		return errors.New("name a stage: compile, setup, prove, verify, key or version")
	}
	name := arguments[0]
	if name == "version" {
		_, err := fmt.Fprintln(stdout, build)
		return err
	}
	var p paths
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.StringVar(&p.constraints, "constraints", "", "the circuit's constraints, as the engine's compiler writes them (JSON)")
	flags.StringVar(&p.witness, "witness", "", "the circuit's witness, as the engine writes it (JSON)")
	flags.StringVar(&p.circuit, "circuit", "", "the compiled circuit")
	flags.StringVar(&p.provingKey, "proving-key", "", "the proving key")
	flags.StringVar(&p.verifyingKey, "verifying-key", "", "the verification key")
	flags.StringVar(&p.proof, "proof", "", "the proof (JSON)")
	flags.StringVar(&p.vkRoot, "vk-root", "", "root of the engine's recursion keys, 32 bytes in hex")
	withStdin := flags.Bool("exit-with-stdin", false, "stop when standard input ends")
	if err := flags.Parse(arguments[1:]); err != nil {
		return err
	}
	if *withStdin {
		go func() {
			// An error means the same as the end: whoever held the other side is gone.
			_, _ = io.Copy(io.Discard, stdin)
			os.Exit(3)
		}()
	}
	if name == "key" {
		return exportKey(p, stdout)
	}
	stage, known := stages[name]
	if !known {
		return fmt.Errorf("there is no stage %q: compile, setup, prove, verify, key or version", name)
	}
	for _, needed := range stage.needs {
		if flags.Lookup(needed).Value.String() == "" {
			return fmt.Errorf("%s needs --%s", name, needed)
		}
	}
	// The circuit's code panics on input that it does not expect.
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("%s panicked: %v", name, reason)
		}
	}()
	start := time.Now()
	constraints, err := stage.run(p)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return json.NewEncoder(stdout).Encode(summary{name, time.Since(start).Seconds(), peakMemory(), constraints})
}
