package litebox

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc"

	"litebox.ru/partner/sdk/go/gen/kktv1"
)

// timed is a partner with this limit of a call, and where the time stands that its service was told last.
func timed(t *testing.T, limit time.Duration) (*Partner, *time.Duration) {
	var left time.Duration
	server := &fake{get: func(ctx context.Context, _ *kktv1.GetRequest) (*kktv1.GetResponse, error) {
		deadline, _ := ctx.Deadline()
		left = time.Until(deadline)
		return &kktv1.GetResponse{}, nil
	}}
	partner, _ := connect(t, server.serve(t), func(o *Options) { o.Timeout = limit })
	return partner, &left
}

func TestACallMayTakeTwentySecondsWhenNothingElseIsSaid(t *testing.T) {
	partner, left := timed(t, 0)
	if _, err := partner.Kkts.Get(t.Context(), "k"); err != nil || *left > 20*time.Second || *left < 15*time.Second {
		t.Errorf("the service was told of %s: %v", *left, err)
	}
}

func TestACallTellsTheServiceHowLongItMayTake(t *testing.T) {
	partner, left := timed(t, time.Hour)
	short, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, c := range []struct {
		ctx     context.Context
		options []grpc.CallOption
		longest time.Duration
	}{
		{t.Context(), nil, time.Hour},
		{t.Context(), []grpc.CallOption{WithTimeout(30 * time.Second)}, 30 * time.Second},
		{short, []grpc.CallOption{WithTimeout(time.Hour)}, time.Minute},
	} {
		_, err := partner.Kkts.Get(c.ctx, "k", c.options...)
		if err != nil || *left > c.longest || *left < c.longest/2 {
			t.Errorf("%s were left, not %s: %v", *left, c.longest, err)
		}
	}
}
