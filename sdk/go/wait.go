package litebox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"litebox.ru/partner/sdk/go/gen/kktv1"
)

// How a registration can end without a card, for [errors.Is]. What comes is an [*OutcomeError].
var (
	// ErrRejected means that FNS has refused the application. Order anew, with corrected data.
	ErrRejected = errors.New("registration rejected")
	// ErrCancelled means that the registration was given up.
	ErrCancelled = errors.New("registration cancelled")
)

// OutcomeError says that a registration has come to an end without being registered.
type OutcomeError struct {
	// Kkt is the registration; its Rejection says why FNS refused.
	Kkt *kktv1.Kkt
}

// Error is one line without personal data.
func (e *OutcomeError) Error() string {
	text := fmt.Sprintf("litebox: %s: %v", e.Kkt.GetId(), e.Unwrap())
	if reason := e.Kkt.GetRejection().GetReason(); reason != "" {
		text += " (" + reason + ")"
	}
	return text
}

// Unwrap is [ErrRejected] or [ErrCancelled].
func (e *OutcomeError) Unwrap() error {
	if e.Kkt.GetState() == kktv1.KktState_KKT_STATE_REJECTED {
		return ErrRejected
	}
	return ErrCancelled
}

// WaitOptions say what to do while a registration goes on. All may be left out.
type WaitOptions struct {
	// OnChange is called with the registration as it stands first, and after each change. Its error ends the waiting.
	OnChange func(*kktv1.Kkt) error
	// OnBlocked is called when something comes to hold the registration up, and when its reason or who has to act changes:
	// Blocked says what to do. Most registrations go on by themselves once it is done; return an error to wait no longer.
	OnBlocked func(*kktv1.Kkt) error
	// Timeout of the whole waiting; 0 means as long as the context lasts. A registration takes a working day or more.
	Timeout time.Duration
}

// WaitUntilRegistered follows a registration to its end over lost connections and restarts of the service. It returns
// the registration at REGISTERED, without its history, and an [*OutcomeError] at REJECTED or CANCELLED. The registration comes back beside
// an error as well, as it stood last, unless it could not be read at all.
func (k *Kkts) WaitUntilRegistered(ctx context.Context, kktID string, options WaitOptions) (*kktv1.Kkt, error) {
	if options.Timeout > 0 {
		bounded, cancel := context.WithTimeout(ctx, options.Timeout)
		defer cancel()
		ctx = bounded
	}
	first, err := k.Get(ctx, kktID)
	if err != nil {
		return nil, err
	}
	wait := &wait{options: options}
	if final, err := wait.see(first); final || err != nil {
		return wait.kkt, err
	}
	// A watch without a token begins with how things stand, so nothing is missed between the two.
	watch := k.Watch(WatchOptions{KktIDs: []string{kktID}})
	watch.known = true
	for kkt, err := range watch.Changes(ctx) {
		if err != nil {
			return wait.kkt, err
		}
		if final, err := wait.see(kkt); final || err != nil {
			return wait.kkt, err
		}
	}
	return wait.kkt, nil // never: Changes ends with an error
}

// wait is what is known of a registration that is waited for.
type wait struct {
	options WaitOptions
	kkt     *kktv1.Kkt
}

// see takes a registration in and tells whether it is at its end.
func (w *wait) see(kkt *kktv1.Kkt) (final bool, err error) {
	before := w.kkt
	if before != nil && kkt.GetRevision() == before.GetRevision() {
		return false, nil // told twice
	}
	w.kkt = kkt
	if w.options.OnChange != nil {
		if err := w.options.OnChange(kkt); err != nil {
			return false, err
		}
	}
	if newlyBlocked(before.GetBlocked(), kkt.GetBlocked()) && w.options.OnBlocked != nil {
		if err := w.options.OnBlocked(kkt); err != nil {
			return false, err
		}
	}
	return outcome(kkt)
}

// newlyBlocked tells whether something else holds the registration up now, or somebody else has to act.
func newlyBlocked(before, now *kktv1.Blocked) bool {
	return now != nil && (before == nil || before.GetReason() != now.GetReason() || before.GetWaitingFor() != now.GetWaitingFor())
}

// outcome tells whether a registration is final, and with an error when it has no card.
func outcome(kkt *kktv1.Kkt) (final bool, err error) {
	switch kkt.GetState() {
	case kktv1.KktState_KKT_STATE_REGISTERED:
		return true, nil
	case kktv1.KktState_KKT_STATE_REJECTED, kktv1.KktState_KKT_STATE_CANCELLED:
		return true, &OutcomeError{Kkt: kkt}
	}
	return false, nil
}
