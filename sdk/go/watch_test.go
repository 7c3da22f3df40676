package litebox

import (
	"context"
	"errors"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"litebox.ru/partner/sdk/go/gen/kktv1"
)

type watchStream = grpc.ServerStreamingServer[kktv1.WatchResponse]

// scripted answers the streams in turn and keeps the resume tokens that they were asked with; what comes after the last
// script stands until its caller leaves.
func scripted(scripts ...func(watchStream) error) (*fake, *[]string) {
	var mu sync.Mutex
	asked := &[]string{}
	next := func(r *kktv1.WatchRequest) func(watchStream) error {
		mu.Lock()
		defer mu.Unlock()
		*asked = append(*asked, r.ResumeToken)
		if len(scripts) == 0 {
			return func(stream watchStream) error { <-stream.Context().Done(); return nil }
		}
		script := scripts[0]
		scripts = scripts[1:]
		return script
	}
	return &fake{watch: func(r *kktv1.WatchRequest, stream watchStream) error { return next(r)(stream) }}, asked
}

func change(revision int64, state kktv1.KktState, token string) *kktv1.WatchResponse {
	kkt := &kktv1.Kkt{Id: "k", Revision: revision, State: state}
	return &kktv1.WatchResponse{Event: &kktv1.WatchResponse_Kkt{Kkt: kkt}, ResumeToken: token}
}

func heartbeat(token string) *kktv1.WatchResponse {
	return &kktv1.WatchResponse{Event: &kktv1.WatchResponse_Heartbeat{Heartbeat: &kktv1.Heartbeat{}}, ResumeToken: token}
}

func end(token string) *kktv1.WatchResponse {
	return &kktv1.WatchResponse{Event: &kktv1.WatchResponse_End{End: &kktv1.End{}}, ResumeToken: token}
}

// then sends messages and ends the stream with err.
func then(err error, messages ...*kktv1.WatchResponse) func(watchStream) error {
	return func(stream watchStream) error {
		for _, message := range messages {
			if err := stream.Send(message); err != nil {
				return err
			}
		}
		return err
	}
}

const reserving = kktv1.KktState_KKT_STATE_RESERVING

func TestWatchGoesOnFromTheLastToken(t *testing.T) {
	noLeaks(t)
	server, asked := scripted(
		then(nil, change(1, reserving, "a"), end("b")),
		then(status.Error(codes.Unavailable, "going away"), heartbeat("c")),
		then(status.Error(codes.Canceled, "stream reset")),
		then(status.Error(codes.Internal, "h2 protocol error")),
		then(status.Error(codes.Unknown, "502 of a proxy")),
		then(status.Error(codes.DeadlineExceeded, "the longest time of a stream")),
		then(refusal(codes.ResourceExhausted, ErrRateLimited, retryAfter(7*time.Second))),
		then(nil, change(2, reserving, "d"), change(3, reserving, "e")),
	)
	partner, pauses := connect(t, server.serve(t), nil)
	var reasons []codes.Code
	watch := partner.Kkts.Watch(WatchOptions{ResumeToken: "0", OnReconnect: func(err error) { reasons = append(reasons, status.Code(err)) }})
	var revisions []int64
	var tokens []string
	for kkt, err := range watch.Changes(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		revisions, tokens = append(revisions, kkt.Revision), append(tokens, watch.ResumeToken())
		if kkt.Revision == 3 {
			break
		}
	}
	if !slices.Equal(revisions, []int64{1, 2, 3}) || !slices.Equal(tokens, []string{"a", "d", "e"}) {
		t.Errorf("got %v with %q", revisions, tokens)
	}
	if !slices.Equal(*asked, []string{"0", "b", "c", "c", "c", "c", "c", "c"}) {
		t.Errorf("asked with %q", *asked)
	}
	wanted := []codes.Code{
		codes.OK, codes.Unavailable, codes.Unavailable, codes.Internal, codes.Unknown, codes.DeadlineExceeded, codes.ResourceExhausted,
	}
	if !slices.Equal(reasons, wanted) {
		t.Errorf("reconnected for %v", reasons)
	}
	if len(pauses.waits) != 6 || pauses.waits[0] > 120*time.Millisecond || pauses.waits[5] != 7*time.Second {
		t.Errorf("waited %v", pauses.waits)
	}
}

func TestWatchCanBeWalkedOnAfterItWasLeft(t *testing.T) {
	server, asked := scripted(then(nil, change(1, reserving, "a")), then(nil, change(2, reserving, "b")))
	partner, _ := connect(t, server.serve(t), nil)
	watch := partner.Kkts.Watch(WatchOptions{})
	for revision := int64(1); revision < 3; revision++ {
		for kkt, err := range watch.Changes(t.Context()) {
			if err != nil || kkt.Revision != revision {
				t.Fatalf("got %v, %v", kkt, err)
			}
			break
		}
	}
	if !slices.Equal(*asked, []string{"", "a"}) {
		t.Errorf("asked with %q", *asked)
	}
}

func TestWatchEndsWithWhatIsFinal(t *testing.T) {
	for _, code := range []codes.Code{codes.NotFound, codes.InvalidArgument, codes.PermissionDenied, codes.Unauthenticated, codes.Internal} {
		server, asked := scripted(func(stream watchStream) error {
			_ = stream.SetHeader(metadata.Pairs("x-request-id", "r-1"))
			return refusal(code, "ANY")
		})
		partner, _ := connect(t, server.serve(t), nil)
		for kkt, err := range partner.Kkts.Watch(WatchOptions{}).Changes(t.Context()) {
			var failed *Error
			if kkt != nil || !errors.As(err, &failed) || failed.Code != code || failed.ServerRequestID != "r-1" {
				t.Errorf("%s: got %v, %v", code, kkt, err)
			}
		}
		if len(*asked) != 1 {
			t.Errorf("%s: asked %d times", code, len(*asked))
		}
	}
}

func TestWatchReadsTheTokenFileAnewWhenTheTokenIsRefused(t *testing.T) {
	file := tokenFile(t, "old")
	refused := then(refusal(codes.Unauthenticated, ErrCredentialsInvalid))
	server, _ := scripted(refused, then(nil, change(1, reserving, "a")), refused, refused)
	partner, _ := connect(t, server.serve(t), func(o *Options) { o.TokenFile, o.AllowTokenInPlaintext = file, true })
	write(t, file, "new")
	var last error
	for kkt, err := range partner.Kkts.Watch(WatchOptions{}).Changes(t.Context()) {
		if last = err; kkt != nil {
			write(t, file, "newer")
		}
	}
	sent := server.seen("authorization")
	if !slices.Equal(sent, []string{"Bearer old", "Bearer new", "Bearer new", "Bearer newer"}) || !errors.Is(last, ErrCredentialsInvalid) {
		t.Errorf("sent %q, then %v", sent, last)
	}
}

func TestWatchOfAServerThatWasNeverThereEnds(t *testing.T) {
	partner, pauses := connect(t, "127.0.0.1:1", func(o *Options) { o.Timeout = time.Nanosecond })
	for _, err := range partner.Kkts.Watch(WatchOptions{}).Changes(t.Context()) {
		if status.Code(err) != codes.Unavailable {
			t.Errorf("got %v", err)
		}
	}
	if len(pauses.waits) != 0 {
		t.Errorf("waited %v", pauses.waits)
	}
}

// hanging sends messages and then nothing, until its caller leaves.
func hanging(messages ...*kktv1.WatchResponse) func(watchStream) error {
	return func(stream watchStream) error {
		_ = then(nil, messages...)(stream)
		<-stream.Context().Done()
		return nil
	}
}

// revisions walks until so many changes have come, and dwells on each.
func revisions(t *testing.T, watch *Watch, count int, dwell func()) (seen []int64) {
	t.Helper()
	for kkt, err := range watch.Changes(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		dwell()
		if seen = append(seen, kkt.Revision); len(seen) == count {
			break
		}
	}
	return seen
}

func none() {}

func TestWatchLeavesAStreamThatIsSilent(t *testing.T) {
	noLeaks(t)
	server, asked := scripted(hanging(change(1, reserving, "a")), then(nil, change(2, reserving, "b")))
	partner, _ := connect(t, server.serve(t), func(o *Options) { o.WatchSilence = 50 * time.Millisecond })
	var why error
	watch := partner.Kkts.Watch(WatchOptions{OnReconnect: func(reason error) { why = reason }})
	if seen := revisions(t, watch, 2, none); !slices.Equal(seen, []int64{1, 2}) || !slices.Equal(*asked, []string{"", "a"}) {
		t.Errorf("got %v, asked with %q", seen, *asked)
	}
	if status.Code(why) != codes.Unavailable || !strings.Contains(why.Error(), "silent") {
		t.Errorf("reconnected for %v", why)
	}
}

func TestWatchDoesNotCountTheTimeThatItsCallerTakes(t *testing.T) {
	dwelt := make(chan struct{}, 3)
	server, asked := scripted(func(stream watchStream) error {
		for revision := range int64(3) { // the next one comes when the caller is done with the one before
			if err := stream.Send(change(revision+1, reserving, "a")); err != nil {
				return err
			}
			<-dwelt
		}
		return nil
	})
	partner, _ := connect(t, server.serve(t), func(o *Options) { o.WatchSilence = 200 * time.Millisecond })
	dwell := func() { time.Sleep(300 * time.Millisecond); dwelt <- struct{}{} }
	if seen := revisions(t, partner.Kkts.Watch(WatchOptions{}), 3, dwell); len(seen) != 3 || len(*asked) != 1 {
		t.Errorf("got %v, asked with %q", seen, *asked)
	}
}

func TestTheFirstMessageOfAStreamAndTheLaterOnesHaveTimesOfTheirOwn(t *testing.T) {
	slow := func(stream watchStream) error {
		if err := stream.Send(change(1, reserving, "a")); err != nil {
			return err
		}
		time.Sleep(500 * time.Millisecond)
		return stream.Send(change(2, reserving, "b"))
	}
	server, asked := scripted(slow)
	partner, _ := connect(t, server.serve(t), func(o *Options) { o.Timeout, o.WatchSilence = 300*time.Millisecond, time.Minute })
	if seen := revisions(t, partner.Kkts.Watch(WatchOptions{}), 2, none); len(seen) != 2 || len(*asked) != 1 {
		t.Errorf("got %v, asked with %q", seen, *asked)
	}
}

func TestWatchThatIsNeverAnsweredEndsAfterTheTimeout(t *testing.T) {
	noLeaks(t)
	server, _ := scripted(hanging())
	partner, _ := connect(t, server.serve(t), func(o *Options) { o.Timeout = 50 * time.Millisecond })
	for kkt, err := range partner.Kkts.Watch(WatchOptions{}).Changes(t.Context()) {
		if kkt != nil || status.Code(err) != codes.Unavailable {
			t.Errorf("got %v, %v", kkt, err)
		}
	}
	if asked := server.seen("user-agent"); len(asked) > 1 {
		t.Errorf("asked %d times", len(asked))
	}
}

func TestWatchDoesNotAskInALoopWhoeverOnlyEndsItsStreams(t *testing.T) {
	ends := then(nil, end("a"))
	server, asked := scripted(ends, ends, ends, then(nil, change(1, reserving, "b")))
	partner, pauses := connect(t, server.serve(t), nil)
	revisions(t, partner.Kkts.Watch(WatchOptions{}), 1, none)
	if waits := pauses.waits; len(*asked) != 4 || len(waits) != 3 || waits[0] >= waits[1] || waits[1] >= waits[2] {
		t.Errorf("asked with %q, waited %v", *asked, waits)
	}
}

func TestWatchTellsLowerRevisionsAsWell(t *testing.T) {
	server, _ := scripted(then(nil, change(5, reserving, "a"), change(5, reserving, "b"), change(3, reserving, "c")))
	partner, _ := connect(t, server.serve(t), nil)
	if seen := revisions(t, partner.Kkts.Watch(WatchOptions{}), 3, none); !slices.Equal(seen, []int64{5, 5, 3}) {
		t.Errorf("got %v", seen)
	}
}

func TestWatchBeginsAnewWhenItsOwnTokenIsNotKnownAnyMore(t *testing.T) {
	unknown := then(refusal(codes.InvalidArgument, ErrValidationFailed,
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "resume_token"}}}))
	restart := then(status.Error(codes.Unavailable, "restart"), change(1, reserving, "own"))
	server, asked := scripted(restart, unknown, then(nil, change(2, reserving, "new")))
	partner, _ := connect(t, server.serve(t), nil)
	seen := revisions(t, partner.Kkts.Watch(WatchOptions{KktIDs: []string{"k"}, ResumeToken: "given"}), 2, none)
	if !slices.Equal(seen, []int64{1, 2}) || !slices.Equal(*asked, []string{"given", "own", ""}) {
		t.Errorf("got %v, asked with %q", seen, *asked)
	}
	for _, options := range []WatchOptions{{KktIDs: []string{"k"}, ResumeToken: "given"}, {ResumeToken: "given"}, {}} {
		scripts := []func(watchStream) error{unknown, unknown}
		if options.ResumeToken == "" {
			scripts[0] = restart // a watch of everything has nothing to begin with in place of its token
		}
		server, _ := scripted(scripts...)
		partner, _ := connect(t, server.serve(t), nil)
		var last error
		for _, err := range partner.Kkts.Watch(options).Changes(t.Context()) {
			last = err
		}
		if !errors.Is(last, ErrValidationFailed) {
			t.Errorf("%+v: got %v", options, last)
		}
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	noLeaks(t)
	server, _ := scripted(func(stream watchStream) error {
		_ = stream.Send(change(1, reserving, "a"))
		<-stream.Context().Done()
		return io.EOF
	})
	partner, _ := connect(t, server.serve(t), nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	for kkt, err := range partner.Kkts.Watch(WatchOptions{}).Changes(ctx) {
		if last = err; kkt != nil {
			cancel()
		}
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("got %v", last)
	}
}

func TestWatchEndsWithItsPartner(t *testing.T) {
	noLeaks(t)
	server, _ := scripted(func(stream watchStream) error {
		_ = stream.Send(change(1, reserving, "a"))
		<-stream.Context().Done()
		return io.EOF
	})
	partner, _ := connect(t, server.serve(t), nil)
	var last error
	for kkt, err := range partner.Kkts.Watch(WatchOptions{}).Changes(t.Context()) {
		if last = err; kkt != nil {
			_ = partner.Close()
		}
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("got %v", last)
	}
}

func TestAHundredWatchesKeepNoCallWaiting(t *testing.T) {
	server, _ := scripted()
	server.get = func(_ context.Context, r *kktv1.GetRequest) (*kktv1.GetResponse, error) {
		return &kktv1.GetResponse{Kkt: &kktv1.Kkt{Id: r.KktId}}, nil
	}
	partner, _ := connect(t, server.serve(t, grpc.MaxConcurrentStreams(1)), nil)
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() {
		for range partner.Kkts.Watch(WatchOptions{}).Changes(ctx) {
		}
	})
	for len(server.seen("user-agent")) == 0 { // until the stream is there
		runtime.Gosched()
	}
	if _, err := partner.Kkts.Get(ctx, "k", WithTimeout(5*time.Second)); err != nil {
		t.Error(err)
	}
	cancel()
	group.Wait()
}

func TestLeavingTheLoopEndsTheStream(t *testing.T) {
	left := make(chan struct{})
	server, _ := scripted(func(stream watchStream) error {
		_ = stream.Send(change(1, reserving, "a"))
		<-stream.Context().Done()
		close(left)
		return nil
	})
	partner, _ := connect(t, server.serve(t), nil)
	for range partner.Kkts.Watch(WatchOptions{}).Changes(t.Context()) {
		break
	}
	select {
	case <-left:
	case <-time.After(10 * time.Second):
		t.Error("the stream goes on")
	}
}
