package litebox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"litebox.ru/partner/sdk/go/gen/kktv1"
)

const (
	fiscalizing = kktv1.KktState_KKT_STATE_FISCALIZING
	registered  = kktv1.KktState_KKT_STATE_REGISTERED
	rejected    = kktv1.KktState_KKT_STATE_REJECTED
	cancelled   = kktv1.KktState_KKT_STATE_CANCELLED
)

// standing has a registration that Get shows like this; Watch goes on by the scripts.
func standing(kkt *kktv1.Kkt, scripts ...func(watchStream) error) *fake {
	server, _ := scripted(scripts...)
	server.get = func(context.Context, *kktv1.GetRequest) (*kktv1.GetResponse, error) {
		return &kktv1.GetResponse{Kkt: kkt}, nil
	}
	return server
}

func blocked(revision int64, reason string) *kktv1.WatchResponse {
	message := change(revision, fiscalizing, "t")
	message.GetKkt().Blocked = &kktv1.Blocked{Reason: reason}
	return message
}

func TestWaitTellsEachChangeOnceAndWhatBlocks(t *testing.T) {
	noLeaks(t)
	first := &kktv1.Kkt{Id: "k", Revision: 1, State: reserving}
	server := standing(first,
		then(status.Error(codes.Unavailable, "restart"), change(1, reserving, "t"), blocked(2, "NO_PAPER"), blocked(3, "NO_PAPER")),
		then(nil, blocked(3, "NO_PAPER"), blocked(4, "COVER_OPEN"), change(5, fiscalizing, "t"), blocked(6, "COVER_OPEN")),
		then(nil, change(7, registered, "t"), change(8, rejected, "t")),
	)
	partner, _ := connect(t, server.serve(t), nil)
	var revisions []int64
	var reasons []string
	kkt, err := partner.Kkts.WaitUntilRegistered(t.Context(), "k", WaitOptions{
		OnChange:  func(kkt *kktv1.Kkt) error { revisions = append(revisions, kkt.Revision); return nil },
		OnBlocked: func(kkt *kktv1.Kkt) error { reasons = append(reasons, kkt.Blocked.Reason); return nil },
	})
	if err != nil || kkt.Revision != 7 {
		t.Errorf("got %v, %v", kkt, err)
	}
	if !slices.Equal(revisions, []int64{1, 2, 3, 4, 5, 6, 7}) {
		t.Errorf("told %v", revisions)
	}
	if !slices.Equal(reasons, []string{"NO_PAPER", "COVER_OPEN", "COVER_OPEN"}) {
		t.Errorf("told %q", reasons)
	}
}

func TestWaitTellsWhoHasToActWhenThatChanges(t *testing.T) {
	first := &kktv1.Kkt{Id: "k", Revision: 1, State: reserving}
	device, somebody := blocked(2, "REPORT_FAILED"), blocked(3, "REPORT_FAILED")
	device.GetKkt().Blocked.WaitingFor = kktv1.WaitingFor_WAITING_FOR_DEVICE
	somebody.GetKkt().Blocked.WaitingFor = kktv1.WaitingFor_WAITING_FOR_PARTNER
	partner, _ := connect(t, standing(first, then(nil, device, somebody, change(4, registered, "t"))).serve(t), nil)
	var told []kktv1.WaitingFor
	onBlocked := func(kkt *kktv1.Kkt) error { told = append(told, kkt.Blocked.WaitingFor); return nil }
	if _, err := partner.Kkts.WaitUntilRegistered(t.Context(), "k", WaitOptions{OnBlocked: onBlocked}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(told, []kktv1.WaitingFor{kktv1.WaitingFor_WAITING_FOR_DEVICE, kktv1.WaitingFor_WAITING_FOR_PARTNER}) {
		t.Errorf("told %v", told)
	}
}

func TestWaitForWhatIsFinalOpensNoStream(t *testing.T) {
	for state, wanted := range map[kktv1.KktState]error{registered: nil, rejected: ErrRejected, cancelled: ErrCancelled} {
		server := standing(&kktv1.Kkt{Id: "k", Revision: 9, State: state, Rejection: &kktv1.Rejection{Reason: "WHY"}})
		partner, _ := connect(t, server.serve(t), nil)
		kkt, err := partner.Kkts.WaitUntilRegistered(t.Context(), "k", WaitOptions{})
		if kkt.GetState() != state || !errors.Is(err, wanted) {
			t.Errorf("%s: got %v, %v", state, kkt, err)
		}
		var outcome *OutcomeError
		if errors.As(err, &outcome) != (wanted != nil) || outcome != nil && outcome.Kkt != kkt {
			t.Errorf("%s: got %#v", state, err)
		}
		if calls := len(server.seen("user-agent")); calls != 1 {
			t.Errorf("%s: %d calls", state, calls)
		}
	}
}

func TestACallbackEndsTheWaiting(t *testing.T) {
	enough := errors.New("enough")
	for name, options := range map[string]WaitOptions{
		"OnChange":  {OnChange: func(kkt *kktv1.Kkt) error { return map[bool]error{true: enough}[kkt.Revision == 2] }},
		"OnBlocked": {OnBlocked: func(*kktv1.Kkt) error { return enough }},
	} {
		server := standing(&kktv1.Kkt{Id: "k", Revision: 1, State: reserving}, then(nil, blocked(2, "NO_PAPER")))
		partner, _ := connect(t, server.serve(t), nil)
		kkt, err := partner.Kkts.WaitUntilRegistered(t.Context(), "k", options)
		if err != enough || kkt.GetBlocked().GetReason() != "NO_PAPER" {
			t.Errorf("%s: got %v, %v", name, kkt, err)
		}
	}
}

func TestWaitEndsInTimeWithWhatIsKnown(t *testing.T) {
	noLeaks(t)
	server := standing(&kktv1.Kkt{Id: "k", Revision: 1, State: reserving})
	partner, _ := connect(t, server.serve(t), nil)
	kkt, err := partner.Kkts.WaitUntilRegistered(t.Context(), "k", WaitOptions{Timeout: 200 * time.Millisecond})
	if kkt.GetRevision() != 1 || !errors.Is(err, ErrDeadlineExceeded) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, %v", kkt, err)
	}
}

func TestWaitGoesOnLongerThanACallForAServiceThatItHasSeen(t *testing.T) {
	var began time.Time
	away := func(stream watchStream) error {
		if time.Since(began) < 1500*time.Millisecond {
			return unavailable
		}
		return stream.Send(change(2, registered, "a"))
	}
	server := standing(&kktv1.Kkt{Id: "k", Revision: 1, State: reserving})
	server.watch = func(_ *kktv1.WatchRequest, stream watchStream) error { return away(stream) }
	partner, _ := connect(t, server.serve(t), func(o *Options) { o.Timeout = time.Second })
	if _, err := partner.Kkts.Get(t.Context(), "k", WithTimeout(20*time.Second)); err != nil { // connected by now
		t.Fatal(err)
	}
	began = time.Now()
	if kkt, err := partner.Kkts.WaitUntilRegistered(t.Context(), "k", WaitOptions{}); err != nil || kkt.GetState() != registered {
		t.Errorf("got %v, %v", kkt, err)
	}
}

func TestOutcomeErrorTellsNoPersonalData(t *testing.T) {
	err := &OutcomeError{Kkt: &kktv1.Kkt{Id: "k", State: rejected, Rejection: &kktv1.Rejection{Reason: "WHY", Message: "Иванов"}}}
	if text := fmt.Sprint(err); text != "litebox: k: registration rejected (WHY)" {
		t.Errorf("got %q", text)
	}
}
