package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	litebox "litebox.ru/partner/sdk/go"
)

// decode keeps numbers as they are written.
func decode(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return decoder.Decode(into)
}

// asJSON is a message as protojson has it.
func asJSON(message proto.Message) (value object, err error) {
	text, err := protojson.Marshal(message)
	if err == nil {
		err = decode(text, &value)
	}
	return value, err
}

// fromJSON reads a message, which may be absent.
func fromJSON[M proto.Message](value any, message M) (M, error) {
	if value == nil {
		return message, nil
	}
	text, err := json.Marshal(value)
	if err == nil {
		err = protojson.Unmarshal(text, message)
	}
	return message, err
}

// vars are a case's variables.
type vars map[string]string

var variable = regexp.MustCompile(`\$\{(\w+)\}`)

// fill replaces variables in all strings of a step, but for the steps within it, whose time has not come.
func (v vars) fill(value any) (any, error) {
	switch value := value.(type) {
	case string:
		return v.text(value)
	case []any:
		filled := make([]any, len(value))
		for i, element := range value {
			var err error
			if filled[i], err = v.fill(element); err != nil {
				return nil, err
			}
		}
		return filled, nil
	case object:
		return v.object(value)
	}
	return value, nil
}

func (v vars) object(value object) (object, error) {
	filled := object{}
	for key, element := range value {
		if key == "during" || key == "when_blocked" {
			filled[key] = element
			continue
		}
		var err error
		if filled[key], err = v.fill(element); err != nil {
			return nil, err
		}
	}
	return filled, nil
}

func (v vars) text(text string) (string, error) {
	var err error
	return variable.ReplaceAllStringFunc(text, func(name string) string {
		name = name[2 : len(name)-1]
		value, known := v[name]
		if name == "uuid" {
			return litebox.NewRequestID()
		}
		if !known {
			err = fmt.Errorf("there is no variable %s", name)
		}
		return value
	}), err
}

// save takes values out of what a step has brought.
func (v vars) save(step object, from any) {
	wanted, _ := step["save"].(object)
	for name, path := range wanted {
		v[name] = ""
		if value := at(from, path.(string)); value != nil {
			v[name] = fmt.Sprint(value)
		}
	}
}

// at follows a path like "kkt.history.0.detail".
func at(value any, path string) any {
	for key := range strings.SplitSeq(path, ".") {
		switch inner := value.(type) {
		case object:
			value = inner[key]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(inner) {
				return nil
			}
			value = inner[i]
		default:
			return nil
		}
	}
	return value
}
