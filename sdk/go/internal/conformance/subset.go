package main

import (
	"encoding/json"
	"fmt"
	"slices"
)

// check is fits for an expectation that may be left out.
func check(wanted, value any, path string) error {
	if wanted == nil {
		return nil
	}
	return fits(wanted, value, path)
}

// fits tells where the value does not fit the subset.
func fits(wanted, value any, path string) error {
	switch wanted := wanted.(type) {
	case object:
		inner, ok := value.(object)
		if !ok && value != nil {
			return fmt.Errorf("%s is %v and no object", path, value)
		}
		for key := range wanted {
			if err := fits(wanted[key], inner[key], path+"."+key); err != nil {
				return err
			}
		}
		return nil
	case []any:
		return contains(wanted, value, path)
	case string:
		if wanted == "*" && !empty(value) {
			return nil
		}
	}
	if wanted == value || wanted != "*" && empty(wanted) && empty(value) {
		return nil
	}
	return fmt.Errorf("%s is %v, not %v", path, value, wanted)
}

// contains tells which wanted element no element of the value fits.
func contains(wanted []any, value any, path string) error {
	elements, _ := value.([]any)
	for _, element := range wanted {
		if !slices.ContainsFunc(elements, func(e any) bool { return fits(element, e, path) == nil }) {
			return fmt.Errorf("%s has nothing like %v", path, element)
		}
	}
	return nil
}

// empty is what protojson leaves out.
func empty(value any) bool {
	switch value := value.(type) {
	case nil:
		return true
	case string:
		return value == ""
	case bool:
		return !value
	case json.Number:
		return value == "0"
	case []any:
		return len(value) == 0
	}
	return false
}
