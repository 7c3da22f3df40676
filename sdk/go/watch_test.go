package litebox

import (
	"context"
	"errors"
	"io"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

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
	if !slices.Equal(*asked, []string{"0", "b", "c", "c", "c", "c"}) {
		t.Errorf("asked with %q", *asked)
	}
	wanted := []codes.Code{codes.OK, codes.Unavailable, codes.Unavailable, codes.Internal, codes.ResourceExhausted}
	if !slices.Equal(reasons, wanted) {
		t.Errorf("reconnected for %v", reasons)
	}
	if len(pauses.waits) != 4 || pauses.waits[0] > 120*time.Millisecond || pauses.waits[3] != 7*time.Second {
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

func TestWatchGoesOnAfterAStreamThatHadNothingToTell(t *testing.T) {
	silent := func(stream watchStream) error {
		_ = stream.SendHeader(metadata.Pairs("x-request-id", "r-1"))
		return status.Error(codes.Unavailable, "restart")
	}
	server, _ := scripted(silent, then(nil, change(1, reserving, "a")))
	partner, _ := connect(t, server.serve(t), func(o *Options) { o.Timeout = time.Nanosecond })
	for kkt, err := range partner.Kkts.Watch(WatchOptions{}).Changes(t.Context()) {
		if err != nil || kkt.Revision != 1 {
			t.Errorf("got %v, %v", kkt, err)
		}
		break
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
