package litebox

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// silence ends a stream that says nothing for too long, as when a connection has gone and nobody has said so. Only the
// time in which a message is waited for counts, not that in which one is dealt with.
type silence struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

// errSilent is what a stream has ended with then.
var errSilent = status.Error(codes.Unavailable, "the stream has been silent for too long")

func newSilence(ctx context.Context) (context.Context, *silence) {
	ctx, cancel := context.WithCancelCause(ctx)
	return ctx, &silence{ctx: ctx, cancel: cancel}
}

// begin waits at most so long for the next message.
func (s *silence) begin(longest time.Duration) {
	if s.timer == nil {
		s.timer = time.AfterFunc(longest, func() { s.cancel(errSilent) })
		return
	}
	s.timer.Reset(longest)
}

func (s *silence) pause() { s.timer.Stop() }

// end ends the stream as well.
func (s *silence) end() {
	s.timer.Stop()
	s.cancel(nil)
}

// or is errSilent when that is why the stream has ended.
func (s *silence) or(err error) error {
	if context.Cause(s.ctx) == errSilent {
		return errSilent
	}
	return err
}
