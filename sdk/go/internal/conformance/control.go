package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// control asks the harness for what a client cannot do itself.
type control struct{ url string }

func (c control) do(what any) (reply object, err error) {
	body, err := json.Marshal(what)
	if err != nil {
		return nil, err
	}
	answer, err := http.Post(c.url, "application/json", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("control %s: %s: %s", body, answer.Status, text)
	}
	return reply, decode(text, &reply)
}

func (r *runner) controlling(step object) error {
	reply, err := r.control.do(step["control"])
	if err != nil {
		return err
	}
	r.vars.save(step, reply)
	return check(step["expect"], reply, "control")
}
