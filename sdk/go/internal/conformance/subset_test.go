package main

import (
	"strings"
	"testing"
)

func parse(t *testing.T, text string) (value any) {
	t.Helper()
	if err := decode([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	return value
}

func TestSubsets(t *testing.T) {
	value := parse(t, `{"kkt": {"state": "S", "history": [{"detail": "A"}, {"detail": "B"}], "on": true}, "count": 2}`)
	for text, unlike := range map[string]string{
		`{}`:                                    "",
		`{"count": 2}`:                          "",
		`{"count": 3}`:                          "count is 2, not 3",
		`{"count": "*", "kkt": {"state": "*"}}`: "",
		`{"kkt": {"state": "T"}}`:               "kkt.state is S, not T",
		`{"kkt": {"rnm": "*"}}`:                 "kkt.rnm is <nil>, not *",
		`{"kkt": {"rnm": null, "blocked": null}}`:       "",
		`{"kkt": {"state": null}}`:                      "kkt.state is S, not <nil>",
		`{"kkt": {"fd": 0, "off": false, "rnm": ""}}`:   "",
		`{"kkt": {"on": false}}`:                        "kkt.on is true, not false",
		`{"kkt": {"history": [{"detail": "B"}]}}`:       "",
		`{"kkt": {"history": [{"detail": "C"}]}}`:       "kkt.history has nothing like",
		`{"kkt": {"history": []}}`:                      "",
		`{"count": {"state": "S"}}`:                     "count is 2 and no object",
		`{"preview": {"register": {"serial": "0001"}}}`: "preview.register.serial is <nil>",
	} {
		err := fits(parse(t, text), value, "reply")
		if (err == nil) != (unlike == "") || err != nil && !strings.Contains(err.Error(), unlike) {
			t.Errorf("%s: got %v, not %q", text, err, unlike)
		}
	}
}

func TestVariables(t *testing.T) {
	vars := vars{"kkt": "k-1"}
	vars.save(object{"save": object{"second": "list.1", "none": "list.2.x"}}, object{"list": []any{"a", "b"}})
	step, err := vars.fill(parse(t, `{"a": ["${kkt}-${second}", "${none}", 1], "during": [{"b": "${later}"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if at(step, "a.0") != "k-1-b" || at(step, "a.1") != "" || at(step, "during.0.b") != "${later}" {
		t.Errorf("got %v", step)
	}
	if first, _ := vars.text("${uuid}"); len(first) != 36 {
		t.Errorf("drew %q", first)
	}
	if _, err := vars.text("${later}"); err == nil {
		t.Error("an unknown variable passes")
	}
}
