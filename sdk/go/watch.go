package litebox

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"litebox.ru/partner/sdk/go/gen/kktv1"
)

// WatchOptions say what to watch. The zero value means every registration of the partner, from now on.
type WatchOptions struct {
	// KktIDs are the registrations to watch, 100 at most; each is yielded as it stands first.
	KktIDs []string
	// ResumeToken of an earlier watch, to go on without a gap.
	ResumeToken string
	// OnReconnect is told why a stream has ended before the next is opened; nil when the service has ended it in the
	// usual course.
	OnReconnect func(reason error)
}

// Watch follows changes of registrations. One goroutine at a time may walk over them; the token can be read by any.
type Watch struct {
	kkts    *Kkts
	options WatchOptions

	// The service has answered already: it is waited for from the beginning.
	known bool

	mu    sync.Mutex
	token string
	own   bool // the token comes from a stream of this watch, not from the caller
}

// Watch prepares to follow changes; nothing is sent before [Watch.Changes] is walked.
func (k *Kkts) Watch(options WatchOptions) *Watch {
	return &Watch{kkts: k, options: options, token: options.ResumeToken}
}

// ResumeToken says where to go on after the last change that was yielded. Store it once that change is dealt with.
func (w *Watch) ResumeToken() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.token
}

func (w *Watch) resumeFrom(token string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if token != "" {
		w.token, w.own = token, true
	}
}

// beginAnew forgets a token of ours that the service does not know any more, as when it was set up anew. Where
// registrations are named, a stream without a token begins with how they stand, so that nothing is missed.
func (w *Watch) beginAnew(failed *Error) bool {
	unknown := slices.ContainsFunc(failed.FieldViolations, func(v FieldViolation) bool { return v.Field == "resume_token" })
	w.mu.Lock()
	defer w.mu.Unlock()
	if !unknown || !w.own || len(w.options.KktIDs) == 0 {
		return false
	}
	w.token, w.own = "", false
	return true
}

// Changes yields registrations as they change, without their history, until ctx ends or the Partner is closed. It opens
// a new stream whenever one ends or is silent for too long, and goes on where that one stopped: each change is told at
// least once, several may come as one, and Revision tells a repeat from news. An error is the last thing it yields. That the service cannot be
// reached is one only at the beginning, after the timeout of the options; later Changes waits for it to come back.
func (w *Watch) Changes(ctx context.Context) iter.Seq2[*kktv1.Kkt, error] {
	return func(yield func(*kktv1.Kkt, error) bool) {
		ctx, release := w.kkts.caller.whileOpen(ctx)
		defer release()
		walk := &walk{Watch: w, yield: yield, began: time.Now(), reached: w.known}
		for !walk.done {
			failed := walk.stream(ctx)
			if walk.done {
				return
			}
			if err := walk.rest(ctx, failed); err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

// walk is one loop over the changes.
type walk struct {
	*Watch
	yield    func(*kktv1.Kkt, error) bool
	began    time.Time
	done     bool // the loop was left
	reached  bool // the service has answered at least once
	news     bool // the last stream has brought something
	failures int  // streams in a row that have brought nothing
	repeated bool // after the token was replaced
	anew     bool // without the token that the service does not know any more
}

// stream yields what one stream brings. nil means that the service has ended it in the usual course.
func (w *walk) stream(ctx context.Context) *Error {
	w.news = false
	bounded, silence := newSilence(ctx)
	defer silence.end()
	tracked, token := track(bounded)
	silence.begin(w.kkts.caller.timeout)
	stream, err := w.kkts.streams.Watch(tracked, &kktv1.WatchRequest{KktIds: w.options.KktIDs, ResumeToken: w.ResumeToken()})
	for err == nil && !w.done {
		var message *kktv1.WatchResponse
		if message, err = stream.Recv(); err == nil {
			silence.pause()
			w.take(message)
			silence.begin(w.kkts.caller.silence)
		}
	}
	if err == nil || errors.Is(err, io.EOF) {
		return nil
	}
	failed := streamError(stream, silence.or(err))
	w.anew = w.beginAnew(failed)
	w.repeated = failed.Code == codes.Unauthenticated && !w.repeated && w.kkts.caller.tokens.replaced(token.token)
	return failed.seenFrom(ctx)
}

// streamError makes an error of what a stream, if it was opened at all, has ended with.
func streamError(stream grpc.ClientStream, err error) *Error {
	if stream == nil {
		return newError(kktv1.KktService_Watch_FullMethodName, err)
	}
	header, _ := stream.Header()
	return newError(kktv1.KktService_Watch_FullMethodName, err, header, stream.Trailer())
}

// take hands a change over, with its token in place before: the loop may read it.
func (w *walk) take(message *kktv1.WatchResponse) {
	w.reached, w.repeated = true, false
	if message.GetEnd() == nil { // a stream that only ever ends brings nothing
		w.news, w.failures = true, 0
	}
	w.resumeFrom(message.GetResumeToken())
	if kkt := message.GetKkt(); kkt != nil {
		w.done = !w.yield(kkt, nil)
	}
}

// rest waits before the next stream, or says why there is none.
func (w *walk) rest(ctx context.Context, failed *Error) error {
	if err := ctx.Err(); err != nil {
		return newError(kktv1.KktService_Watch_FullMethodName, err)
	}
	tooLong := !w.reached && time.Since(w.began) >= w.kkts.caller.timeout
	if failed != nil && !w.repeated && !w.anew && (!failed.passing() || tooLong) {
		return failed
	}
	if w.options.OnReconnect != nil {
		w.options.OnReconnect(asError(failed))
	}
	if pause := w.pause(failed); pause > 0 && w.kkts.caller.sleep(ctx, pause) != nil {
		return newError(kktv1.KktService_Watch_FullMethodName, ctx.Err())
	}
	return nil
}

// pause is none after a stream that was ended in the usual course, and grows as those of repeated calls do.
func (w *walk) pause(failed *Error) time.Duration {
	if failed == nil && w.news || failed != nil && (w.repeated || w.anew) {
		return 0
	}
	w.failures++
	pause := w.kkts.caller.policies.of(kktv1.KktService_Get_FullMethodName).pause(w.failures)
	if failed != nil {
		pause = max(pause, failed.RetryAfter)
	}
	return pause
}

// passing tells whether a new stream may bring more: the connection or the server has gone, the time of a stream is over,
// or the service asks to wait. A CANCELLED that nobody here has asked for is UNAVAILABLE by now.
func (e *Error) passing() bool {
	switch e.Code {
	case codes.Unavailable, codes.DeadlineExceeded:
		return true
	case codes.Internal, codes.Unknown:
		return e.Reason == "" // the transport's words, not the service's
	}
	return e.RetryAfter > 0
}

// asError keeps a nil pointer from becoming an error.
func asError(failed *Error) error {
	if failed == nil {
		return nil
	}
	return failed
}
