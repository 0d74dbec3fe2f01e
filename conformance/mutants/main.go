// Command mutants shows that the tests check what the project promises: it breaks one promise at a time by a small edit
// and runs the tests that must notice. The edits are listed in the *.toml files of this directory.
//
// No file of the tree is changed: the -overlay flag of the go command substitutes the edited file. Run it from the root
// of the repository:
//
//	go run ./conformance/mutants                # all
//	go run ./conformance/mutants -run h2-       # those whose name matches the regular expression
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sync"
)

func main() {
	var (
		match    = flag.String("run", "", "try only the mutants whose name matches this `regexp`")
		parallel = flag.Int("parallel", 2, "try `n` mutants at a time")
	)
	flag.Parse()
	if err := run(*match, *parallel); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// run tries the mutants whose names match, and returns an error unless every one was noticed by all the tests it names.
func run(match string, parallel int) error {
	wanted, err := regexp.Compile(match)
	if err != nil {
		return err
	}
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	all, err := load(filepath.Join(root, "conformance", "mutants"))
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)

	var (
		mu      sync.Mutex
		failed  []error
		tried   int
		running sync.WaitGroup
		slots   = make(chan struct{}, max(1, parallel))
	)
	for i, m := range all {
		if !wanted.MatchString(m.Name) {
			continue
		}
		tried++
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			err := m.try(root, filepath.Join(work, fmt.Sprint(i)))
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = append(failed, fmt.Errorf("%s (%s): %w", m.Name, m.Promise, err))
				fmt.Println("FAIL  ", failed[len(failed)-1])
				return
			}
			fmt.Println("killed", m.Name)
		})
	}
	running.Wait()
	if tried == 0 {
		return fmt.Errorf("no mutant matches %q", match)
	}
	fmt.Printf("%d mutants, %d not killed\n", tried, len(failed))
	return errors.Join(failed...)
}
