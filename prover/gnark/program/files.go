package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const bufferBytes = 1 << 20

func read(path string, from func(io.Reader) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := from(bufio.NewReaderSize(file, bufferBytes)); err != nil {
		return fmt.Errorf("%s is damaged: %w", path, err)
	}
	return nil
}

// write puts a file in place when all of it is on disk: a stage that dies leaves none, or the one before.
func write(path string, to func(io.Writer) error) (err error) {
	partial := path + ".part"
	file, err := os.Create(partial)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			file.Close()
			os.Remove(partial)
		}
	}()
	buffer := bufio.NewWriterSize(file, bufferBytes)
	if err := to(buffer); err != nil {
		return err
	}
	if err := buffer.Flush(); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	if err := os.Rename(partial, path); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}

func readJSON(path string, into any) error {
	return read(path, func(r io.Reader) error { return json.NewDecoder(r).Decode(into) })
}

func writeJSON(path string, value any) error {
	return write(path, func(w io.Writer) error { return json.NewEncoder(w).Encode(value) })
}

// peakMemory returns the most memory that this process held, or zero where Linux does not tell.
func peakMemory() uint64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for _, line := range strings.Split(string(status), "\n") {
		if value, found := strings.CutPrefix(line, "VmHWM:"); found {
			kib, _ := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
			return kib << 10
		}
	}
	return 0
}
