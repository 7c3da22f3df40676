package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	litebox "litebox.ru/partner/sdk/go"
	"litebox.ru/partner/sdk/go/gen/clientv1"
	"litebox.ru/partner/sdk/go/gen/kktv1"
)

var errStopped = errors.New("stopped by on_blocked")

func (r *runner) pages(step object) error {
	partner, err := r.partner(step)
	if err != nil {
		return err
	}
	items, err := walk(partner, step)
	if wanted, ok := at(step, "expect.error").(object); ok || err != nil {
		return r.failed(step, wanted, err)
	}
	if count := at(step, "expect.count"); fmt.Sprint(count) != fmt.Sprint(len(items)) {
		return fmt.Errorf("%d items, not %v", len(items), count)
	}
	return unique(items, at(step, "expect.unique").(string))
}

func walk(partner *litebox.Partner, step object) ([]object, error) {
	switch step["pages"] {
	case "clients.list":
		request, err := fromJSON(step["request"], &clientv1.ListRequest{})
		if err != nil {
			return nil, err
		}
		return collect(partner.Clients.List(context.Background(), request))
	case "kkts.list":
		request, err := fromJSON(step["request"], &kktv1.ListRequest{})
		if err != nil {
			return nil, err
		}
		return collect(partner.Kkts.List(context.Background(), request))
	}
	return nil, fmt.Errorf("there are no pages of %v", step["pages"])
}

func collect[M proto.Message](all iter.Seq2[M, error]) (items []object, err error) {
	for message, err := range all {
		if err != nil {
			return items, err
		}
		item, err := asJSON(message)
		if err != nil {
			return items, err
		}
		items = append(items, item)
	}
	return items, nil
}

func unique(items []object, field string) error {
	seen := map[any]bool{}
	for _, item := range items {
		if seen[item[field]] {
			return fmt.Errorf("two items have the %s %v", field, item[field])
		}
		seen[item[field]] = true
	}
	return nil
}

// inner runs the steps of during and when_blocked once, and keeps what fails there.
func (r *runner) inner(step object, key string) func() error {
	steps, _ := step[key].([]any)
	return func() error {
		now := steps
		steps = nil
		for _, inner := range now {
			if err := r.steps([]object{inner.(object)}); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
		}
		return nil
	}
}

func (r *runner) wait(step object) error {
	partner, err := r.partner(step)
	if err != nil {
		return err
	}
	var reasons []string
	during, whenBlocked := r.inner(step, "during"), r.inner(step, "when_blocked")
	kkt, err := partner.Kkts.WaitUntilRegistered(context.Background(), step["wait"].(string), litebox.WaitOptions{
		Timeout:  milliseconds(step["timeout_ms"], 0),
		OnChange: func(*kktv1.Kkt) error { return during() },
		OnBlocked: func(kkt *kktv1.Kkt) error {
			reasons = append(reasons, kkt.GetBlocked().GetReason())
			if step["stop_when_blocked"] == true {
				return errStopped
			}
			return whenBlocked()
		},
	})
	return r.waited(step, kkt, reasons, err)
}

// waited compares how a wait has ended with what is wanted.
func (r *runner) waited(step object, kkt *kktv1.Kkt, reasons []string, err error) error {
	expect, _ := step["expect"].(object)
	seen, _ := expect["blocked_seen"].([]any)
	for _, reason := range seen {
		if !slices.Contains(reasons, reason.(string)) {
			return fmt.Errorf("on_blocked was called for %q and not for %v; then: %w", reasons, reason, err)
		}
	}
	switch {
	case expect["error"] != nil:
		return r.failed(step, expect["error"].(object), err)
	case expect["stopped"] == true:
		return same("end of the wait", err, errStopped)
	case expect["ended"] != nil:
		return ended(expect, err)
	case err != nil:
		return err
	}
	return same("state", any(kkt.GetState().String()), expect["state"])
}

// ended wants the typed error of a registration that came to another end.
func ended(expect object, err error) error {
	var outcome *litebox.OutcomeError
	if !errors.As(err, &outcome) {
		return fmt.Errorf("it ended with %w", err)
	}
	wanted := map[any]error{"KKT_STATE_REJECTED": litebox.ErrRejected, "KKT_STATE_CANCELLED": litebox.ErrCancelled}
	if !errors.Is(err, wanted[expect["ended"]]) {
		return fmt.Errorf("errors.Is does not know the end: %w", err)
	}
	kkt, err := asJSON(outcome.Kkt)
	if err != nil {
		return err
	}
	return check(expect["kkt"], kkt, "kkt")
}

func (r *runner) watch(step object) error {
	partner, err := r.partner(step)
	if err != nil {
		return err
	}
	request, err := fromJSON(step["watch"], &kktv1.WatchRequest{})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), milliseconds(step["timeout_ms"], 20*time.Second))
	defer cancel()
	watch := partner.Kkts.Watch(litebox.WatchOptions{KktIDs: request.KktIds, ResumeToken: request.ResumeToken})
	return r.watched(ctx, step, watch)
}

// watched reads changes until one fits.
func (r *runner) watched(ctx context.Context, step object, watch *litebox.Watch) error {
	during, revision := r.inner(step, "during"), int64(0)
	for kkt, err := range watch.Changes(ctx) {
		if err != nil {
			wanted, _ := at(step, "expect.error").(object)
			return r.failed(step, wanted, err)
		}
		if kkt.GetRevision() < revision {
			return fmt.Errorf("revision %d came after %d", kkt.GetRevision(), revision)
		}
		revision = kkt.GetRevision()
		value, err := asJSON(kkt)
		if err != nil {
			return err
		}
		fitting, err := awaited(step, value)
		if err != nil {
			return err
		}
		if fitting {
			r.vars.save(step, object{"kkt": value, "resumeToken": watch.ResumeToken()})
			return same("a token is there", watch.ResumeToken() != "", true)
		}
		if err := during(); err != nil {
			return err
		}
	}
	return errors.New("the watch has ended without an error")
}

// awaited says whether this is the change that is waited for. Where an error is, there must be none.
func awaited(step, value object) (bool, error) {
	fitting := fits(step["until"], value, "kkt") == nil
	if wanted := at(step, "expect.error"); fitting && wanted != nil {
		return false, fmt.Errorf("it told %v and did not fail with %v", value, wanted)
	}
	return fitting, nil
}
