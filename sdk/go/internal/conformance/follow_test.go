package main

import (
	"errors"
	"testing"

	litebox "litebox.ru/partner/sdk/go"
	"litebox.ru/partner/sdk/go/gen/kktv1"
)

// Each end of a wait fits its own expectation and no other.
func TestEndsOfAWait(t *testing.T) {
	ended := func(state kktv1.KktState) error { return &litebox.OutcomeError{Kkt: &kktv1.Kkt{State: state}} }
	ends := map[string]error{
		"state":     nil,
		"stopped":   errStopped,
		"rejected":  ended(kktv1.KktState_KKT_STATE_REJECTED),
		"cancelled": ended(kktv1.KktState_KKT_STATE_CANCELLED),
		"error":     &litebox.Error{Reason: "DEADLINE_EXCEEDED"},
		"other":     errors.New("something else"),
	}
	for name, expect := range map[string]object{
		"state":     {"state": "KKT_STATE_REGISTERED"},
		"stopped":   {"stopped": true},
		"rejected":  {"ended": "KKT_STATE_REJECTED"},
		"cancelled": {"ended": "KKT_STATE_CANCELLED"},
		"error":     {"error": object{"reason": "DEADLINE_EXCEEDED"}},
		"nothing":   {},
	} {
		for end, err := range ends {
			var kkt *kktv1.Kkt
			if err == nil {
				kkt = &kktv1.Kkt{State: kktv1.KktState_KKT_STATE_REGISTERED}
			}
			runner := &runner{vars: vars{}}
			unlike := runner.waited(object{"expect": expect}, kkt, nil, err)
			if (unlike == nil) != (end == name) {
				t.Errorf("%v of a wait that ended with %s: %v", expect, end, unlike)
			}
		}
	}
}

// A Watch that should fail does not end with a change that fits.
func TestAWatchThatShouldFail(t *testing.T) {
	step := object{"until": object{"state": "S"}}
	if fitting, err := awaited(step, object{"state": "S"}); !fitting || err != nil {
		t.Errorf("what fits is not taken: %v", err)
	}
	step["expect"] = object{"error": object{"code": "NOT_FOUND"}}
	if fitting, err := awaited(step, object{"state": "T"}); fitting || err != nil {
		t.Errorf("what does not fit: %v, %v", fitting, err)
	}
	if _, err := awaited(step, object{"state": "S"}); err == nil {
		t.Error("a change that fits passes for the error")
	}
}
