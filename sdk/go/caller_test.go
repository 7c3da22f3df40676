package litebox

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
	"google.golang.org/grpc/status"

	"litebox.ru/partner/sdk/go/gen/clientv1"
	"litebox.ru/partner/sdk/go/gen/kktv1"
)

var unavailable = status.Error(codes.Unavailable, "gone for a moment")

// registering answers Register with the errors in turn, and tells the request ids it has seen.
func registering(errs ...error) (*fake, *[]string) {
	next, ids := failing(errs...), &[]string{}
	return &fake{register: func(_ context.Context, r *clientv1.RegisterRequest) (*clientv1.RegisterResponse, error) {
		*ids = append(*ids, r.RequestId)
		if err := next(); err != nil {
			return nil, err
		}
		return &clientv1.RegisterResponse{Client: &clientv1.Client{Id: "c"}}, nil
	}}, ids
}

func TestRepeatsUnavailableUnderOneRequestID(t *testing.T) {
	noLeaks(t)
	server, ids := registering(unavailable, unavailable, unavailable, unavailable)
	partner, pauses := connect(t, server.serve(t), nil)
	request := &clientv1.RegisterRequest{Inn: "7707083893"}
	reply, err := partner.Clients.Register(t.Context(), request)
	if err != nil || reply.Client.Id != "c" {
		t.Fatalf("got %v, %v", reply, err)
	}
	if len(*ids) != 5 || len(slices.Compact(*ids)) != 1 || (*ids)[0] == "" {
		t.Errorf("request ids of five attempts: %q", *ids)
	}
	if request.RequestId != "" {
		t.Error("the request that was handed in was changed")
	}
	for i, base := range []time.Duration{100, 200, 400, 800} {
		if base *= time.Millisecond; pauses.waits[i] < base*8/10 || pauses.waits[i] > base*12/10 {
			t.Errorf("pause %d is %s, not %s ± 20 %%", i+1, pauses.waits[i], base)
		}
	}
}

func TestGivesUpAfterFiveAttemptsAndTellsTheRequestID(t *testing.T) {
	server, ids := registering(unavailable, unavailable, unavailable, unavailable, unavailable, unavailable)
	partner, _ := connect(t, server.serve(t), nil)
	_, err := partner.Clients.Register(t.Context(), &clientv1.RegisterRequest{})
	var failed *Error
	if !errors.As(err, &failed) || failed.Code != codes.Unavailable || failed.Attempts != 5 {
		t.Fatalf("got %v", err)
	}
	if failed.RequestID != (*ids)[0] {
		t.Errorf("the error says request id %q, sent was %q", failed.RequestID, (*ids)[0])
	}
}

func TestKeepsTheRequestIDOfTheCaller(t *testing.T) {
	server, ids := registering()
	partner, _ := connect(t, server.serve(t), nil)
	id := NewRequestID()
	if _, err := partner.Clients.Register(t.Context(), &clientv1.RegisterRequest{RequestId: id}); err != nil {
		t.Fatal(err)
	}
	if (*ids)[0] != id {
		t.Errorf("sent %q, not %q", (*ids)[0], id)
	}
}

func TestWaitsAsLongAsTheServiceAsks(t *testing.T) {
	server, _ := registering(refusal(codes.Unavailable, ErrFnsUnavailable, retryAfter(3*time.Second)))
	partner, pauses := connect(t, server.serve(t), nil)
	if _, err := partner.Clients.Register(t.Context(), &clientv1.RegisterRequest{}); err != nil {
		t.Fatal(err)
	}
	if len(pauses.waits) != 1 || pauses.waits[0] != 3*time.Second {
		t.Errorf("waited %v", pauses.waits)
	}
}

func TestDoesNotWaitLongerThanTheDeadline(t *testing.T) {
	server, _ := registering(refusal(codes.Unavailable, ErrFnsUnavailable, retryAfter(time.Minute)))
	partner, pauses := connect(t, server.serve(t), nil)
	_, err := partner.Clients.Register(t.Context(), &clientv1.RegisterRequest{})
	var failed *Error
	if !errors.As(err, &failed) || !errors.Is(err, ErrFnsUnavailable) || failed.RetryAfter != time.Minute {
		t.Errorf("got %v", err)
	}
	if len(pauses.waits) != 0 {
		t.Errorf("waited %v", pauses.waits)
	}
}

func TestRepeatsNothingElse(t *testing.T) {
	for _, code := range []codes.Code{codes.Aborted, codes.ResourceExhausted, codes.Internal, codes.NotFound, codes.Unauthenticated} {
		server, ids := registering(refusal(code, "ANY", retryAfter(time.Millisecond)))
		partner, _ := connect(t, server.serve(t), nil)
		if _, err := partner.Clients.Register(t.Context(), &clientv1.RegisterRequest{}); status.Code(err) != code {
			t.Errorf("%s: got %v", code, err)
		}
		if len(*ids) != 1 {
			t.Errorf("%s was sent %d times", code, len(*ids))
		}
	}
}

func TestRepeatsWhatAnEndingConnectionHasCancelled(t *testing.T) {
	server, ids := registering(status.Error(codes.Canceled, "stream reset"))
	partner, _ := connect(t, server.serve(t), nil)
	if _, err := partner.Clients.Register(t.Context(), &clientv1.RegisterRequest{}); err != nil || len(*ids) != 2 {
		t.Errorf("got %v after %d attempts", err, len(*ids))
	}
}

func TestTheTimerHereAnswersLikeTheService(t *testing.T) {
	noLeaks(t)
	server := &fake{get: func(ctx context.Context, _ *kktv1.GetRequest) (*kktv1.GetResponse, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	partner, _ := connect(t, server.serve(t), func(o *Options) { o.Timeout = time.Minute })
	_, err := partner.Kkts.Get(t.Context(), "k", WithTimeout(50*time.Millisecond))
	var failed *Error
	if !errors.As(err, &failed) || failed.Code != codes.DeadlineExceeded {
		t.Fatalf("got %v", err)
	}
	if !errors.Is(err, ErrDeadlineExceeded) || !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		t.Errorf("%v is not what it should be", err)
	}
}

func TestTheContextGoesFirst(t *testing.T) {
	partner, _ := connect(t, "127.0.0.1:1", nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := partner.Kkts.Get(ctx, "k")
	if !errors.Is(err, context.Canceled) || status.Code(err) != codes.Canceled {
		t.Errorf("got %v", err)
	}
}

func TestAServerThatIsNotThereIsUnavailable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	partner, pauses := connect(t, address, nil)
	_, err = partner.Kkts.Get(t.Context(), "k")
	if status.Code(err) != codes.Unavailable || len(pauses.waits) != 4 {
		t.Errorf("got %v after %v", err, pauses.waits)
	}
}

func TestHeaders(t *testing.T) {
	server, _ := registering()
	partner, _ := connect(t, server.serve(t), func(o *Options) {
		o.PartnerID, o.Token, o.AllowTokenInPlaintext = "p-1", "secret", true
	})
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: 1})
	ctx := trace.ContextWithSpanContext(t.Context(), span)
	if _, err := partner.Clients.Register(ctx, &clientv1.RegisterRequest{}); err != nil {
		t.Fatal(err)
	}
	for name, wanted := range map[string]string{
		"authorization":        "Bearer secret",
		"x-litebox-partner-id": "p-1",
		"traceparent":          "00-01000000000000000000000000000000-0200000000000000-01",
	} {
		if got := server.seen(name); got[0] != wanted {
			t.Errorf("%s is %q, not %q", name, got[0], wanted)
		}
	}
	if agent := server.seen("user-agent")[0]; agent[:len(userAgent)+1] != userAgent+" " {
		t.Errorf("user agent is %q", agent)
	}
}

func TestManyGoroutinesShareAPartner(t *testing.T) {
	noLeaks(t)
	server := &fake{clients: func(context.Context, *clientv1.ListRequest) (*clientv1.ListResponse, error) {
		return &clientv1.ListResponse{Clients: []*clientv1.Client{{Id: "c"}}}, nil
	}}
	partner, _ := connect(t, server.serve(t), nil)
	request := &clientv1.ListRequest{}
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			for client, err := range partner.Clients.List(t.Context(), request) {
				if err != nil || client.Id != "c" {
					t.Errorf("got %v, %v", client, err)
				}
			}
		})
	}
	group.Wait()
}

func TestNothingIsRepeatedAfterClose(t *testing.T) {
	noLeaks(t)
	server, ids := registering(unavailable, unavailable)
	partner, pauses := connect(t, server.serve(t), nil)
	partner.Kkts.caller.sleep = func(ctx context.Context, pause time.Duration) error {
		_ = partner.Close()
		select {
		case <-ctx.Done():
		case <-time.After(5 * time.Second):
			t.Error("the pause goes on")
		}
		return pauses.sleep(ctx, pause)
	}
	if _, err := partner.Clients.Register(t.Context(), &clientv1.RegisterRequest{}); err == nil || len(*ids) != 1 {
		t.Errorf("got %v after %d attempts", err, len(*ids))
	}
}

func TestCallsGoToAllAddressesOfAName(t *testing.T) {
	for _, address := range []string{"partner.test:443", "dns:///partner.test:443"} {
		get := func(context.Context, *kktv1.GetRequest) (*kktv1.GetResponse, error) { return &kktv1.GetResponse{}, nil }
		one, other := &fake{get: get}, &fake{get: get}
		names := manual.NewBuilderWithScheme("dns")
		names.InitialState(resolver.State{Addresses: []resolver.Address{{Addr: one.serve(t)}, {Addr: other.serve(t)}}})
		partner, _ := connect(t, address, func(o *Options) { o.DialOptions = []grpc.DialOption{grpc.WithResolvers(names)} })
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		for len(one.seen("user-agent")) == 0 || len(other.seen("user-agent")) == 0 {
			if _, err := partner.Kkts.Get(ctx, "k"); err != nil {
				t.Fatalf("%s: one has got %d calls, the other %d: %v", address, len(one.calls), len(other.calls), err)
			}
		}
	}
}
