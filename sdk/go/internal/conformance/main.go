// Command conformance runs the cases that all client libraries share through the Go library, never through raw stubs.
// Cases, steps and expectations are described in sdk/conformance/README.md.
//
//	conformance cases.json CONTROL-URL
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

type object = map[string]any

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: conformance CASES.json CONTROL-URL")
		os.Exit(2)
	}
	if err := run(os.Args[1], control{url: os.Args[2]}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type testCase struct {
	Name  string   `json:"name"`
	Steps []object `json:"steps"`
}

// run tries all cases; what fails in one is a line of its result, not an error.
func run(file string, control control) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var table struct {
		Cases []testCase `json:"cases"`
	}
	if err := decode(text, &table); err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	for _, c := range table.Cases {
		result := object{"case": c.Name, "ok": true}
		if err := try(c, control); err != nil {
			result["ok"], result["why"] = false, err.Error()
		}
		if err := out.Encode(result); err != nil {
			return err
		}
	}
	return nil
}

// try runs one case in its own world.
func try(c testCase, control control) error {
	world, err := control.do(object{"do": "world", "case": c.Name})
	if err != nil {
		return err
	}
	runner := &runner{control: control, vars: vars{}}
	defer runner.close()
	for name, value := range world {
		runner.vars[name] = fmt.Sprint(value)
	}
	if err := runner.open("default", nil); err != nil {
		return err
	}
	return runner.steps(c.Steps)
}

// steps runs steps one after another, until one fails.
func (r *runner) steps(steps []object) error {
	for i, raw := range steps {
		step, err := r.vars.fill(raw)
		if err == nil {
			err = r.step(step.(object))
		}
		if err != nil {
			return fmt.Errorf("step %d %s: %w", i+1, title(raw), err)
		}
	}
	return nil
}

var kinds = []string{"call", "pages", "wait", "watch", "open", "control"}

func title(step object) string {
	for _, kind := range kinds {
		if what, there := step[kind]; there {
			return fmt.Sprint(kind, " ", what)
		}
	}
	return "?"
}

func (r *runner) step(step object) error {
	switch {
	case step["call"] != nil:
		return r.call(step)
	case step["pages"] != nil:
		return r.pages(step)
	case step["wait"] != nil:
		return r.wait(step)
	case step["watch"] != nil:
		return r.watch(step)
	case step["open"] != nil:
		return r.opening(step)
	case step["control"] != nil:
		return r.controlling(step)
	}
	return errors.New("unknown step")
}
